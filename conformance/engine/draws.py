"""Has Hypothesis draw the same cases from a seed wherever the judge runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hypothesis.internal.conjecture import engine, providers


def forget_local_constants() -> None:
    """Keeps Hypothesis from drawing constants out of the source of modules that happen to be imported.

    One draw in twenty is a constant, half of these from modules that are not installed (Hypothesis 6.131 and later):
    the same seed would be another exam from a checkout than installed, under pytest than on a cluster, and whenever
    somebody changes a number anywhere. Older versions have no such function.
    """
    if hasattr(providers, "_get_local_constants"):
        empty: Any = type(providers.GLOBAL_CONSTANTS)()
        vars(providers)["_get_local_constants"] = lambda: empty


@contextlib.contextmanager
def every_example_its_own() -> Iterator[None]:
    """Keeps Hypothesis from making most examples out of the one before.

    After the first ten it takes each fresh example and copies parts of it over other parts, up to five times: a good
    way to find two equal things in a large structure. Here a case is a handful of independent choices, and what one
    case in seven has, such as a transposed parameter, was in none of 25 cases under 15 % of the seeds; now under 2 %.
    """
    runner: Any = engine.ConjectureRunner
    kept = runner.generate_mutations_from
    runner.generate_mutations_from = lambda self, data: None
    try:
        yield
    finally:
        runner.generate_mutations_from = kept
