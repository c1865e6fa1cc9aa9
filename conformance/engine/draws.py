"""Has Hypothesis draw the same cases from a seed wherever the judge runs, and each of them once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hypothesis import core
from hypothesis.internal.conjecture import engine, providers

# Cases of as many passes are kept for the next submission: those of a class at `standard` take some 100 MiB.
MOST_KEPT = 1000
# Passes of more cases than this are for overnight, one submission at a time.
MOST_CASES = 100

_drawn: dict[tuple[str, int, int], tuple[Any, ...]] = {}


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
    """Keeps Hypothesis from making most examples out of the one before, and from what these properties do not need.

    After the first ten it takes each fresh example and copies parts of it over other parts, up to five times: a good
    way to find two equal things in a large structure. Here a case is a handful of independent choices, and what one
    case in seven has, such as a transposed parameter, was in none of 25 cases under 15 % of the seeds; now under 2 %.

    Around each example it also sets Python's and NumPy's global generators and puts them back, a tenth of what an
    example costs; nothing that the judge runs draws from these.
    """
    runner: Any = engine.ConjectureRunner
    kept, prng = runner.generate_mutations_from, vars(core)["deterministic_PRNG"]
    runner.generate_mutations_from = lambda self, data: None
    vars(core)["deterministic_PRNG"] = contextlib.nullcontext
    try:
        yield
    finally:
        runner.generate_mutations_from = kept
        vars(core)["deterministic_PRNG"] = prng


def drawn(name: str, count: int, seed: int) -> tuple[Any, ...]:
    """Returns the cases drawn for a property before, as many and from the same seed; none if there are none."""
    return _drawn.get((name, count, seed), ())


def remember(name: str, count: int, seed: int, cases: tuple[Any, ...]) -> None:
    """Keeps the cases of a pass in which nothing failed, so that the next submission need not have them drawn again."""
    if count <= MOST_CASES and len(_drawn) < MOST_KEPT:
        _drawn[name, count, seed] = cases
