"""What must hold of the three functions that differentiate."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import ALL_FLOATS, holds
from conformance.numerics.bounded import Bounded
from conformance.numerics.compare import close, same_bits
from conformance.suite.autograd import cases, oracle
from conformance.suite.autograd.cases import GradCase
from conformance.suite.common.properties import has_signature, leaves_autograd_as_it_was
from conformance.suite.tensors import TensorSpec

test_grad_with_autograd_grad_has_its_signature = has_signature("grad_with_autograd_grad")
test_grad_with_backward_has_its_signature = has_signature("grad_with_backward")
test_grad_wrt_multiple_inputs_has_its_signature = has_signature("grad_wrt_multiple_inputs")


@holds(
    item="grad_with_autograd_grad",
    name="gradient",
    driver="autograd.autograd_grad",
    cases=cases.one_input,
    always=cases.large_input,
    requirements=("formula", "form", "repeatable", "untouched", "no-accumulation"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.5,
)
def test_autograd_grad_gives_twice_x_and_leaves_no_trace(case: GradCase, seen: Seen, check: Check) -> None:
    _three_calls(case, seen, check, "repeatable")
    _untouched(case, seen, check)
    _no_grad_added("no-accumulation", case, seen, check, None)


@holds(
    item="grad_with_autograd_grad",
    name="plain-input",
    driver="autograd.autograd_grad",
    cases=cases.one_plain_input,
    requirements=("requires-grad",),
    share=0.2,
)
def test_autograd_grad_takes_an_input_that_does_not_require_grad(case: GradCase, seen: Seen, check: Check) -> None:
    check.close("requires-grad", seen.first, oracle.of_square(case.inputs[0]), path="gradient")


@holds(
    item="grad_with_autograd_grad",
    name="no-backward",
    driver="autograd.autograd_grad",
    cases=lambda: cases.one_input("float32"),
    requirements=("no-backward",),
    share=0.2,
)
def test_autograd_grad_does_not_call_backward(case: GradCase, seen: Seen, check: Check) -> None:
    """Whether backward was called is judged by the engine, on every call."""


@holds(
    item="grad_with_autograd_grad",
    name="engine",
    driver="autograd.autograd_grad_runs",
    cases=lambda: cases.filled_inputs(1),
    requirements=("engine",),
    share=0.2,
)
def test_autograd_grad_runs_the_engine(case: GradCase, seen: Seen, check: Check) -> None:
    _engine_ran(seen, check)


@holds(
    item="grad_with_backward",
    name="gradient",
    driver="autograd.backward",
    cases=cases.one_input,
    always=cases.large_input,
    requirements=("formula", "form", "no-leak", "untouched", "no-leak-below"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.5,
)
def test_backward_gives_twice_x_and_leaks_nothing(case: GradCase, seen: Seen, check: Check) -> None:
    _three_calls(case, seen, check, "no-leak")
    _untouched(case, seen, check)
    _no_grad_added("no-leak", case, seen, check, oracle.of_square(case.inputs[0]))
    below = None if case.leaf else seen.below[0]
    check.that("no-leak-below", below is None, got=below, expected="no gradient in what x was computed from")


@holds(
    item="grad_with_backward",
    name="plain-input",
    driver="autograd.backward",
    cases=cases.one_plain_input,
    requirements=("requires-grad",),
    share=0.2,
)
def test_backward_takes_an_input_that_does_not_require_grad(case: GradCase, seen: Seen, check: Check) -> None:
    check.close("requires-grad", seen.first, oracle.of_square(case.inputs[0]), path="gradient")


@holds(
    item="grad_with_backward",
    name="no-autograd-grad",
    driver="autograd.backward",
    cases=lambda: cases.one_input("float32"),
    requirements=("no-autograd-grad",),
    share=0.2,
)
def test_backward_does_not_call_autograd_grad(case: GradCase, seen: Seen, check: Check) -> None:
    """Whether torch.autograd.grad was called is judged by the engine, on every call."""


@holds(
    item="grad_with_backward",
    name="engine",
    driver="autograd.backward_runs",
    cases=lambda: cases.filled_inputs(1),
    requirements=("engine",),
    share=0.2,
)
def test_backward_runs_the_engine(case: GradCase, seen: Seen, check: Check) -> None:
    _engine_ran(seen, check)


@holds(
    item="grad_wrt_multiple_inputs",
    name="gradients",
    driver="autograd.multiple",
    cases=cases.two_inputs,
    always=cases.large_inputs,
    requirements=("formula", "form", "repeatable", "untouched", "no-accumulation"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.5,
)
def test_multiple_gives_both_gradients_and_leaves_no_trace(case: GradCase, seen: Seen, check: Check) -> None:
    if _both(case.inputs, seen.first, check, "formula", "gradients"):
        _both(case.inputs, seen.again, check, "repeatable", "gradients of the second call")
        _both(case.others, seen.other, check, "repeatable", "gradients at other inputs")
        _both(case.inputs, seen.kept, check, "repeatable", "first gradients after the other calls")
    _untouched(case, seen, check)
    _no_grad_added("no-accumulation", case, seen, check, None)


@holds(
    item="grad_wrt_multiple_inputs",
    name="plain-inputs",
    driver="autograd.multiple",
    cases=cases.two_inputs_not_all_marked,
    requirements=("requires-grad",),
    share=0.2,
)
def test_multiple_takes_inputs_that_do_not_require_grad(case: GradCase, seen: Seen, check: Check) -> None:
    _both(case.inputs, seen.first, check, "requires-grad", "gradients", form="requires-grad")


@holds(
    item="grad_wrt_multiple_inputs",
    name="broadcast",
    driver="autograd.multiple",
    cases=cases.broadcast_inputs,
    requirements=("broadcast",),
    share=0.2,
)
def test_multiple_sums_the_gradient_of_what_was_repeated(case: GradCase, seen: Seen, check: Check) -> None:
    if _pair(seen.first, check, "broadcast", "gradients"):
        for name, got, expected in zip("ab", seen.first, oracle.of_both_broadcast(*case.inputs), strict=True):
            check.close("broadcast", got, expected, path=f"df/d{name}")


@holds(
    item="grad_wrt_multiple_inputs",
    name="no-backward",
    driver="autograd.multiple",
    cases=lambda: cases.two_inputs("float32"),
    requirements=("no-backward",),
    share=0.2,
)
def test_multiple_does_not_call_backward(case: GradCase, seen: Seen, check: Check) -> None:
    """Whether backward was called is judged by the engine, on every call."""


@holds(
    item="grad_wrt_multiple_inputs",
    name="engine",
    driver="autograd.multiple_runs",
    cases=lambda: cases.filled_inputs(2),
    requirements=("engine",),
    share=0.2,
)
def test_multiple_runs_the_engine(case: GradCase, seen: Seen, check: Check) -> None:
    _engine_ran(seen, check)


def _three_calls(case: GradCase, seen: Seen, check: Check, repeatable: str) -> None:
    """Checks the gradient of each call; ``repeatable`` is the requirement that calls after a right one serve."""
    x, other = case.inputs[0], case.others[0]
    if not check.close("formula", seen.first, oracle.of_square(x), dtype=x.dtype, path="gradient", form="form"):
        return
    later = (("of the second call", seen.again, x), ("at another x", seen.other, other), ("kept", seen.kept, x))
    for name, got, spec in later:
        check.close(repeatable, got, oracle.of_square(spec), dtype=x.dtype, path=f"gradient {name}")


def _both(
    inputs: tuple[TensorSpec, ...], got: Any, check: Check, requirement: str, path: str, form: str = "form"
) -> bool:
    """Checks both gradients, and returns whether they are right."""
    if not _pair(got, check, form, path):
        return False
    parts = zip("ab", got, oracle.of_both(*inputs), strict=True)
    dtype = inputs[0].dtype
    right = [check.close(requirement, g, exact, dtype=dtype, path=f"df/d{n}", form=form) for n, g, exact in parts]
    return all(right)


def _pair(got: Any, check: Check, requirement: str, path: str) -> bool:
    pair = isinstance(got, tuple) and len(got) == 2
    return check.that(requirement, pair, got=kind_of(got), expected="a tuple (df/da, df/db) of two tensors", path=path)


def _untouched(case: GradCase, seen: Seen, check: Check) -> None:
    leaves_autograd_as_it_was(check, "untouched", seen)
    for spec, x, marked in zip(case.inputs, seen.inputs, seen.marked, strict=True):
        check.bits("untouched", x, spec.value, path="the input after the calls")
        still = marked or not spec.requires_grad
        check.that("untouched", still, got="an input that requires grad no more", expected="one that still does")


def _no_grad_added(requirement: str, case: GradCase, seen: Seen, check: Check, fresh: Bounded | None) -> None:
    """Checks that each ``.grad`` holds nothing, zeros, what it held before, or, where that is fine, ``fresh``."""
    may = "nothing, zeros, or what it held before" + ("" if fresh is None else ", or df/dx")
    for stale, grad in zip(case.stale, seen.grads, strict=True):
        before = None if stale is None else stale.value
        if before is not None and case.poison is not None:
            before = torch.full_like(before, case.poison)
        check.that(requirement, _harmless(grad, before, fresh), got=grad, expected=may, path=".grad after the calls")


def _harmless(grad: Any, before: torch.Tensor | None, fresh: Bounded | None) -> bool:
    if grad is None or (isinstance(grad, torch.Tensor) and grad.device.type == "meta"):
        return True
    if not isinstance(grad, torch.Tensor):
        return False
    if before is not None and same_bits(grad, before):
        return True
    alike = fresh is not None and tuple(grad.shape) == fresh.shape and close(grad, fresh).violations == 0
    return alike or not grad.any()


def _engine_ran(seen: Seen, check: Check) -> None:
    ran = type(seen.runs) is int and seen.runs > 0
    check.that("engine", ran, got="no run of autograd's engine that reaches every input", expected="at least one")
