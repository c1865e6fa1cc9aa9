"""What must hold of MLP, FeedForward and Residual."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen
from conformance.engine.properties import ALL_FLOATS, FLOATS, holds
from conformance.numerics.bounded import Bounded
from conformance.suite.common.gradients import are_handed_back
from conformance.suite.common.parameters import start_at_numbers
from conformance.suite.common.properties import has_signature
from conformance.suite.networks import cases, oracle, readings
from conformance.suite.networks.cases import BuiltCase, FeedForwardCase, MLPCase, ResidualCase

test_mlp_has_its_signature = has_signature("MLP")
test_feed_forward_has_its_signature = has_signature("FeedForward")
test_residual_has_its_signature = has_signature("Residual")


@holds(
    item="MLP",
    name="forward",
    driver="networks.mlp",
    cases=cases.stacks,
    always=cases.large_stacks,
    requirements=(
        "formula",
        "layernorm",
        "layers",
        "gradient",
        "exact-gelu",
        "nothing-idle",
        "form",
        "untouched",
        "repeatable",
    ),
    dtypes=ALL_FLOATS,
    meta=True,
    individual=True,
)
def test_mlp_is_a_stack_of_linears_with_gelu_between(case: MLPCase, seen: Seen, check: Check) -> None:
    formed = _formed(seen, check, (*case.x.shape[:-1], case.out_dim), case.x.dtype)
    asked = "layernorm" if case.use_layernorm else "formula"
    norm = case.use_layernorm
    found = _stacked(seen, check, case.x.value, _dims(case), norm, asked, "layers") if formed else None
    _left_alone(case, seen, check)
    _as_torch_does(seen, check, found)


@holds(
    item="MLP",
    name="single",
    driver="networks.mlp",
    cases=cases.singles,
    requirements=("depth-one",),
    dtypes=FLOATS,
    share=0.3,
    individual=True,
)
def test_mlp_of_depth_one_is_a_linear(case: MLPCase, seen: Seen, check: Check) -> None:
    shape = (*case.x.shape[:-1], case.out_dim)
    if check.tensor("depth-one", seen.output, shape=shape, dtype=case.x.dtype):
        _stacked(seen, check, case.x.value, _dims(case), False, "depth-one", "depth-one")


@holds(
    item="MLP",
    name="leading",
    driver="networks.mlp",
    cases=cases.shaped_stacks,
    requirements=("leading-dims",),
    share=0.2,
    individual=True,
)
def test_mlp_takes_any_leading_dimensions(case: MLPCase, seen: Seen, check: Check) -> None:
    shape = (*case.x.shape[:-1], case.out_dim)
    if check.tensor("leading-dims", seen.output, shape=shape, dtype=case.x.dtype):
        _stacked(seen, check, case.x.value, _dims(case), case.use_layernorm, "leading-dims", "leading-dims")


@holds(
    item="MLP",
    name="gradient",
    driver="networks.mlp",
    cases=cases.differentiated_stacks,
    requirements=("gradient", "second-order"),
    dtypes=("float64", "float32"),
    share=0.3,
    individual=True,
)
def test_mlp_hands_gradients_back(case: MLPCase, seen: Seen, check: Check) -> None:
    shape = (*case.x.shape[:-1], case.out_dim)
    if check.tensor("gradient", seen.output, shape=shape, dtype=case.x.dtype):
        _differentiated(case, seen, check, _dims(case), case.use_layernorm)


@holds(
    item="MLP",
    name="built",
    driver="networks.mlp_built",
    cases=cases.built_stacks,
    requirements=("initialised",),
    share=0.2,
)
def test_mlp_starts_at_numbers(case: BuiltCase, seen: Seen, check: Check) -> None:
    start_at_numbers(check, seen)


@holds(
    item="FeedForward",
    name="forward",
    driver="networks.feed_forward",
    cases=cases.tokens,
    always=cases.large_tokens,
    requirements=("formula", "width", "gradient", "exact-gelu", "nothing-idle", "form", "untouched", "repeatable"),
    dtypes=ALL_FLOATS,
    meta=True,
    share=0.6,
    individual=True,
)
def test_feed_forward_follows_its_formula(case: FeedForwardCase, seen: Seen, check: Check) -> None:
    formed = _formed(seen, check, case.x.shape, case.x.dtype)
    found = _stacked(seen, check, case.x.value, _widths(case), False, "formula", "width") if formed else None
    _left_alone(case, seen, check)
    _as_torch_does(seen, check, found)


@holds(
    item="FeedForward",
    name="positions",
    driver="networks.feed_forward_in_company",
    cases=cases.sequences,
    requirements=("position-wise",),
    share=0.2,
    individual=True,
)
def test_feed_forward_looks_at_one_token_at_a_time(case: FeedForwardCase, seen: Seen, check: Check) -> None:
    alike = check.tensor("position-wise", seen.output, shape=case.x.shape, dtype=case.x.dtype)
    company = "output among other tokens"
    if alike and check.tensor("position-wise", seen.in_company, shape=case.x.shape, dtype=case.x.dtype, path=company):
        alone = seen.output[..., -1, :].detach()
        scale = 1 + float(alone.abs().max()) if alone.numel() else 1.0
        expected = Bounded.to_half_digits(alone, scale, alone.dtype)
        check.close("position-wise", seen.in_company[..., -1, :], expected, path=f"last token of the {company}")


@holds(
    item="FeedForward",
    name="gradient",
    driver="networks.feed_forward",
    cases=cases.differentiated_tokens,
    requirements=("gradient", "second-order"),
    dtypes=("float64", "float32"),
    share=0.2,
    individual=True,
)
def test_feed_forward_hands_gradients_back(case: FeedForwardCase, seen: Seen, check: Check) -> None:
    if check.tensor("gradient", seen.output, shape=case.x.shape, dtype=case.x.dtype):
        _differentiated(case, seen, check, _widths(case), False)


@holds(
    item="FeedForward",
    name="built",
    driver="networks.feed_forward_built",
    cases=cases.built_feed_forwards,
    requirements=("initialised",),
    share=0.2,
)
def test_feed_forward_starts_at_numbers(case: BuiltCase, seen: Seen, check: Check) -> None:
    start_at_numbers(check, seen)


@holds(
    item="Residual",
    name="forward",
    driver="networks.residual",
    cases=cases.wrapped,
    always=cases.large_wrapped,
    requirements=("formula", "arguments", "once", "registered", "form", "untouched", "repeatable"),
    dtypes=FLOATS,
    meta=True,
    share=0.6,
)
def test_residual_adds_its_input(case: ResidualCase, seen: Seen, check: Check) -> None:
    got = f"{seen.parameters} parameters, {'that of the function' if seen.registered else 'none of the function'}"
    check.that("registered", seen.registered is True, got=got, expected="the parameter of the function given")
    asked = [not case.training, case.training]
    expected = f"a function whose training flag is {asked} after train({asked[0]}) and train({asked[1]})"
    check.that("registered", seen.modes == asked, got=seen.modes, expected=expected)
    check.that("once", len(seen.calls) == 1, got=f"{len(seen.calls)} calls of the function", expected="one call")
    for call in seen.calls[:1]:
        _handed_on(case, call, check)
    check.close("formula", seen.output, oracle.residual(case), dtype=case.x.dtype, form="form")
    check.bits("untouched", seen.x, case.x.value, path="x after the call")
    for got, spec in zip(seen.args, case.args, strict=True):
        check.bits("untouched", got, spec.value, path="an argument after the call")
    check.bits("untouched", seen.kept, torch.ones_like(case.x.value), path="the tensor that the function keeps")
    if isinstance(seen.output, torch.Tensor):
        check.bits("repeatable", seen.again, seen.output, path="output of the second call")


@holds(
    item="Residual",
    name="gradient",
    driver="networks.residual",
    cases=cases.differentiated_wrapped,
    requirements=("gradient",),
    dtypes=("float64", "float32"),
    share=0.2,
)
def test_residual_lets_gradients_through_and_around(case: ResidualCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    # What leaves the input out has the gradients of what detaches it, but not its output.
    check.close("gradient", seen.output, oracle.residual(case), dtype=case.x.dtype)
    arguments = [f"argument {place + 1}" for place in range(len(case.args))]
    names = ["x", "the function's weight", *arguments, "shift, an argument by name"]
    are_handed_back(check, seen, case.upstream, names, oracle.residual_gradients(case), case.x.dtype)


def _dims(case: MLPCase) -> list[int]:
    return [case.in_dim, *[case.hidden_dim] * (case.depth - 1), case.out_dim]


def _widths(case: FeedForwardCase) -> list[int]:
    return [case.d_model, case.d_ff or 4 * case.d_model, case.d_model]


def _formed(seen: Seen, check: Check, shape: tuple[int, ...], dtype: str) -> bool:
    """Checks shape and dtype; returns whether there are values to look at."""
    formed = check.tensor("form", seen.output, shape=shape, dtype=dtype)
    return formed and check.variant.device != "meta"


def _stacked(
    seen: Seen, check: Check, x: torch.Tensor, dims: list[int], norm: bool, formula: str, layers: str
) -> tuple[readings.Reading, Bounded] | None:
    """Checks that the parameters are those of a stack over ``dims`` and that the output is the stack's.

    Returns:
        How the stack is to be read, and its output; None where the output is another.
    """
    if not _reached(seen, check):
        return None  # nothing tells how it is wired
    shapes = [tuple(weight.shape) for weight in seen.weights]
    what = "weight matrices that the output depends on, by shape"
    got, asked = f"{what}: {shapes or 'none'}", f"{what}: {readings.shapes(dims)} (out, in)"
    if not check.that(layers, readings.fits(seen, dims), got=got, expected=asked):
        return None
    found = oracle.right(seen, x, dims, norm)
    if found is None:
        vectors = [[tuple(vector.shape) for vector in gap] for gap in seen.gaps]
        got = f"vectors before, between and after the matrices, of shapes {vectors}"
        norms = " and a LayerNorm between each two" if norm else ""
        check.that(formula, False, got=got, expected=f"a bias for each Linear{norms}")
        return None
    return found if check.close(formula, seen.output, found[1], dtype=str(x.dtype)) else None


def _reached(seen: Seen, check: Check) -> bool:
    """Checks that the output's gradient finds its way back to the input, where that is asked."""
    if "gradient" not in check.prop.requirements:
        return bool(seen.reached)
    got = "an output from which no gradient flows back to the input"
    return check.that("gradient", seen.reached is True, got=got, expected="a gradient of the input")


def _left_alone(case: MLPCase | FeedForwardCase, seen: Seen, check: Check) -> None:
    check.bits("untouched", seen.x, case.x.value, path="x after the call")
    if isinstance(seen.output, torch.Tensor):
        check.bits("repeatable", seen.again, seen.output, path="output of the second call")


def _as_torch_does(seen: Seen, check: Check, found: tuple[readings.Reading, Bounded] | None) -> None:
    """Checks what is mere parity, last: a finding ends the example."""
    if check.variant.device == "meta":
        return
    tanh = found is not None and found[0].tanh and not found[0].norm
    check.that("exact-gelu", not tanh, got="the tanh form of GELU", expected="nn.GELU() as it is by default")
    got = f"{seen.idle} parameters that the output does not depend on"
    check.that("nothing-idle", seen.idle == 0, got=got, expected="none")


def _differentiated(case: MLPCase | FeedForwardCase, seen: Seen, check: Check, dims: list[int], norm: bool) -> None:
    assert case.upstream is not None
    expected = f"{len(dims) - 1} matrices with a gradient, of shapes {readings.shapes(dims)} (out, in)"
    fits = _reached(seen, check) and readings.fits(seen, dims)
    got = f"those that have one are of shapes {[tuple(weight.shape) for weight in seen.weights]}"
    if not check.that("gradient", fits, got=got, expected=expected):
        return
    bounds = oracle.gradients(seen, case.x.value, case.upstream.value, dims, norm)
    if bounds is None:
        check.that("gradient", False, got="parameters in other places", expected=expected)
        return
    vectors = [f"vector {place + 1}" for place in range(len(bounds) - 1 - len(seen.weights))]
    names = ["x", *(f"matrix {place + 1}" for place in range(len(seen.weights))), *vectors]
    are_handed_back(check, seen, case.upstream, names, bounds, case.x.dtype)
    if len(dims) > 2:  # one Linear's gradient does not depend on x
        twice = isinstance(seen.second, torch.Tensor)
        check.that("second-order", twice, got=seen.second, expected="a gradient that can be differentiated again")


def _handed_on(case: ResidualCase, call: dict[str, Any], check: Check) -> None:
    args = [f"args[{place}]" for place in range(len(case.args))]
    named = [f"{name}={value!r}" for name, value in case.named]
    right = call["args"] == args and call["named"] == named
    check.that("arguments", right, got=_call(call["args"], call["named"]), expected=_call(args, named))
    check.bits("arguments", call["x"], case.x.value, path="what the function got as x")
    got, expected = (f"a call in {'train' if mode else 'eval'} mode" for mode in (call["training"], case.training))
    check.that("registered", call["training"] is case.training, got=got, expected=expected)


def _call(args: list[str], named: list[str]) -> str:
    return f"fn was called as fn({', '.join(['x', *args, *named])})"
