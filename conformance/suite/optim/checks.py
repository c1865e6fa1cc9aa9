"""Checks that several properties of the optimizer share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.numerics.bounded import Bounded, as_array
from conformance.numerics.compare import same_bits
from conformance.suite.optim import oracle
from conformance.suite.optim.cases import ManyCase
from conformance.suite.optim.driver import STALE
from conformance.suite.optim.oracle import Moments
from conformance.suite.tensors import TensorSpec

# What the case layer writes between the entries of a tensor with gaps.
GAP = 77


def holds_fields(
    requirement: str, fields: dict[str, Any], asked: tuple[TensorSpec, TensorSpec, int], check: Check, which: str
) -> None:
    """Checks that a state holds what it was given."""
    m, v, t = asked
    if not complete(requirement, fields, check):
        return
    check.bits(requirement, fields["m"], m.value, path=f"m of {which}")
    check.bits(requirement, fields["v"], v.value, path=f"v of {which}")
    right = type(fields["t"]) is int and fields["t"] == t
    check.that(requirement, right, got=kind_of(fields["t"]), expected=f"the int {t}", path=f"t of {which}")


def stays_its_own(moment: Any, expected: torch.Tensor, path: str, check: Check) -> None:
    """Checks that a moment is what it is expected to be after another was changed."""
    check.close("own-memory", moment, Bounded.exact(expected), dtype=expected.dtype, path=path)


def all_step(case: ManyCase, seen: Seen, check: Check) -> None:
    """Checks that each of many parameters took its step, and that each of its states is updated."""
    count, got = len(case.slots), f"{len(seen.states)} states"
    whole = check.that("states", len(seen.states) == count, got=got, expected=f"{count} states", path="what came back")
    for place, (slot, after) in enumerate(zip(case.slots, oracle.steps_of(case), strict=True)):
        check.close("formula", seen.params[place]["view"], after.p, path=f"params[{place}]")
        if whole and complete("states", seen.states[place], check):
            holds_moments("states", "states", seen.states[place], after, slot[0], check, f"states[{place}].")


def complete(requirement: str, fields: dict[str, Any], check: Check) -> bool:
    """Checks that what came back has the fields of a state."""
    missing = [name for name in ("m", "v", "t") if name not in fields]
    got = f"an object of type {fields['type']} without {', '.join(missing)}"
    return check.that(requirement, not missing, got=got, expected="a state with m, v and t", path="state")


def counts_on(requirement: str, fields: dict[str, Any], after: Moments, check: Check, of: str = "state.") -> None:
    """Checks that the count of a state is that of the steps taken."""
    right = type(fields["t"]) is int and fields["t"] == after.t
    check.that(requirement, right, got=kind_of(fields["t"]), expected=f"the int {after.t}", path=f"{of}t")


def holds_moments(
    requirement: str, form: str, fields: dict[str, Any], after: Moments, p: TensorSpec, check: Check, of: str = "state."
) -> None:
    """Checks that a state holds the moments after a step."""
    check.close(requirement, fields["m"], after.m, dtype=p.dtype, path=f"{of}m", form=form)
    check.close(requirement, fields["v"], after.v, dtype=p.dtype, path=f"{of}v", form=form)


def moves(
    formula: str, in_place: str, seen: dict[str, Any], after: Bounded, spec: TensorSpec, check: Check, name: str = "p"
) -> None:
    """Checks that a parameter was changed where it lies, and to the right values."""
    view = seen["view"]
    takes_a_step(in_place, view, after, spec, check, name)
    check.close(formula, view, after, dtype=spec.dtype, path=name)
    check.bits(in_place, seen["p"], view, path=f"{name} itself, against a view made before the step")
    if seen["around"] is not None:
        gaps = torch.full(tuple(seen["around"].shape), GAP).to(view.dtype)
        check.bits(in_place, seen["around"], gaps, path=f"what lies around the entries of {name}")


def takes_a_step(
    requirement: str, view: torch.Tensor, after: Bounded, spec: TensorSpec, check: Check, name: str = "p"
) -> None:
    """Checks that a parameter is not what it was, where its step is larger than its rounding."""
    if view.device.type == "meta":
        return
    with np.errstate(invalid="ignore"):
        moves = bool((np.abs(after.value - as_array(spec.value)) > after.bound).any())
    stays = moves and same_bits(view, spec.value)
    check.that(requirement, not stays, got="its memory holds what it held", expected="the step in place", path=name)


def stays_a_leaf(requirement: str, seen: dict[str, Any], check: Check) -> None:
    """Checks that a parameter is the leaf that it was."""
    right = seen["requires_grad"] is True and seen["is_leaf"] is True
    got = f"requires_grad={seen['requires_grad']}, is_leaf={seen['is_leaf']}"
    check.that(requirement, right, got=got, expected="requires_grad=True, is_leaf=True", path="p after the call")


def keeps_its_grad(asked: str, p: TensorSpec, held: Any, kept: Any, check: Check, path: str = "p.grad") -> None:
    """Checks that p.grad is what it was: the tensor is the same, and so are its numbers."""
    check.that("untouched", kept is True, got="something else", expected="what it was before", path=path)
    if asked == "another":
        check.bits("untouched", held, torch.full_like(p.value, STALE), path=f"{path} after the call")
