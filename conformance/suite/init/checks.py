"""Checks of what an initialiser drew, which several properties share."""

from __future__ import annotations

from typing import Any

from conformance.engine.checking import Check
from conformance.suite.init import oracle


def all_zero(requirement: str, value: Any, what: str, check: Check) -> None:
    if not check.tensor(requirement, value, path=what) or check.variant.device == "meta":
        return
    worst = float(value.detach().double().abs().max()) if value.numel() else 0.0
    check.that(requirement, worst == 0, got=f"an entry of size {worst:.6g}", expected="zeros", path=what)


def within(requirement: str, drawn: Any, bound: float, check: Check, path: str = "the weight") -> bool:
    """Checks that no draw lies beyond the bound; False where nothing more can be said of the draws."""
    if not check.tensor(requirement, drawn, path=path) or check.variant.device == "meta" or not drawn.numel():
        return False
    beyond = drawn.detach().double().abs()
    ok = bool((beyond <= oracle.furthest(bound, drawn.dtype)).all())
    got = f"an entry of size {float(beyond.max()):.6g}"
    return check.that(requirement, ok, got=got, expected=f"every entry within ±{bound:.6g}", path=path)


def reaches(requirement: str, drawn: Any, bound: float, check: Check, path: str = "the weight") -> bool:
    """Checks that the draws reach up to the bound, and not beyond."""
    if not within(requirement, drawn, bound, check, path):
        return False
    low, high = float(drawn.min()), float(drawn.max())
    size = max(-low, high)
    got = f"no entry below {low:.6g} and none above {high:.6g} in {drawn.numel()} draws"
    p_value = oracle.short_of(drawn, bound)
    return check.chance(requirement, p_value, got=got, expected=f"entries up to ±{bound:.6g}", path=path, size=size)


def draws_from(
    requirement: str,
    drawn: Any,
    bound: float,
    check: Check,
    *,
    uniform: str = "uniform",
    independent: str = "independent",
    path: str = "the weight",
) -> None:
    """Checks the draws' distribution, each side of it for the requirement that it serves."""
    if not reaches(requirement, drawn, bound, check, path):
        return
    mean, deviation = float(drawn.double().mean()), float(drawn.double().std(correction=0))
    got = f"{drawn.numel()} draws of mean {mean:.4g} and standard deviation {deviation:.4g}"
    expected = f"draws from U(-{bound:.6g}, {bound:.6g}), of mean 0 and standard deviation {bound / 3**0.5:.4g}"
    check.chance(uniform, oracle.uniform(drawn, bound), got=got, expected=expected, path=path, size=deviation)
    got = "the first or last row, column or entry drawn otherwise than the rest"
    check.chance(
        uniform, oracle.uniform_at_the_edges(drawn, bound), got=got, expected=expected, path=f"edges of {path}"
    )
    sizes = drawn.abs().unique().numel()
    got = (
        f"{drawn.numel()} entries of {sizes} sizes, whose signs follow those of their neighbours or of the draw before"
    )
    if drawn.numel() - sizes < drawn.numel() // 10:
        got = "entries whose signs follow those of their neighbours, or of the draw before"
    check.chance(independent, oracle.independent(drawn), got=got, expected="independent draws", path=path)
