"""Has Hypothesis draw the same cases from a seed wherever the judge runs."""

from __future__ import annotations

from typing import Any

from hypothesis.internal.conjecture import providers


def forget_local_constants() -> None:
    """Keeps Hypothesis from drawing constants out of the source of modules that happen to be imported.

    One draw in twenty is a constant, half of these from modules that are not installed (Hypothesis 6.131 and later):
    the same seed would be another exam from a checkout than installed, under pytest than on a cluster, and whenever
    somebody changes a number anywhere. Older versions have no such function.
    """
    if hasattr(providers, "_get_local_constants"):
        empty: Any = type(providers.GLOBAL_CONSTANTS)()
        vars(providers)["_get_local_constants"] = lambda: empty
