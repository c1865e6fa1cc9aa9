"""What must hold of fan_in_fan_out, xavier_uniform_, kaiming_uniform_ and init_linear_."""

from __future__ import annotations

from typing import Any

import torch

from conformance.engine.checking import Check, Seen, kind_of
from conformance.engine.properties import FLOATS, HALVES, holds
from conformance.suite.common.properties import has_signature, leaves_autograd_as_it_was
from conformance.suite.init import cases, checks, oracle
from conformance.suite.init.cases import DrawCase, FanCase, LayerCase, RefusedCase

test_fan_in_fan_out_has_its_signature = has_signature("fan_in_fan_out")
test_xavier_uniform_has_its_signature = has_signature("xavier_uniform_")
test_kaiming_uniform_has_its_signature = has_signature("kaiming_uniform_")
test_init_linear_has_its_signature = has_signature("init_linear_")


@holds(
    item="fan_in_fan_out",
    name="linear",
    driver="init.fans",
    cases=cases.looked_at,
    always=cases.large_looked_at,
    requirements=("formula", "form", "untouched"),
    meta=True,
    share=0.5,
)
def test_the_fans_of_a_linear_are_in_and_out(case: FanCase, seen: Seen, check: Check) -> None:
    _fans_are_right("formula", case, seen, check)
    check.bits("untouched", seen.weight, case.weight.value, path="the weight after the call")


@holds(
    item="fan_in_fan_out",
    name="conv",
    driver="init.fans",
    cases=cases.looked_at_conv,
    requirements=("convolution",),
    share=0.2,
)
def test_the_fans_of_a_convolution_count_its_kernel(case: FanCase, seen: Seen, check: Check) -> None:
    _fans_are_right("convolution", case, seen, check)


@holds(
    item="fan_in_fan_out",
    name="refuses",
    driver="init.fans_refused",
    cases=cases.refused,
    requirements=("refuses",),
    share=0.1,
)
def test_a_bias_has_no_fans(case: RefusedCase, seen: Seen, check: Check) -> None:
    _refused(seen, check)


@holds(
    item="xavier_uniform_",
    name="draws",
    driver="init.xavier",
    cases=cases.xavier,
    always=cases.of_one_unit,
    requirements=("bound", "uniform", "independent", "in-place", "leaf", "form", "views"),
    dtypes=FLOATS,
    meta=True,
    share=0.3,
)
def test_xavier_uniform_draws_from_its_distribution(case: DrawCase, seen: Seen, check: Check) -> None:
    _fills(case, seen, check)
    checks.draws_from("bound", seen.drawn, oracle.xavier_bound(case), check)


@holds(
    item="xavier_uniform_",
    name="large",
    driver="init.xavier",
    cases=cases.large,
    requirements=("bound", "uniform", "independent"),
    share=0.05,
    seconds=30.0,
)
def test_xavier_uniform_finds_its_bound_to_three_digits(case: DrawCase, seen: Seen, check: Check) -> None:
    checks.draws_from("bound", seen.drawn, oracle.xavier_bound(case), check)


@holds(
    item="xavier_uniform_",
    name="half",
    driver="init.xavier",
    cases=cases.xavier,
    requirements=("bound", "form"),
    dtypes=HALVES,
    share=0.1,
)
def test_xavier_uniform_keeps_its_bound_in_half_precision(case: DrawCase, seen: Seen, check: Check) -> None:
    _keeps_within(case, seen, check, oracle.xavier_bound(case))


@holds(
    item="xavier_uniform_",
    name="conv",
    driver="init.xavier",
    cases=cases.xavier_conv,
    requirements=("convolution",),
    share=0.1,
)
def test_xavier_uniform_counts_the_kernel(case: DrawCase, seen: Seen, check: Check) -> None:
    checks.reaches("convolution", seen.drawn, oracle.xavier_bound(case), check)


@holds(
    item="xavier_uniform_",
    name="from-scratch",
    driver="init.xavier",
    cases=lambda: cases.xavier("float32"),
    requirements=("from-scratch",),
    share=0.05,
)
def test_xavier_uniform_is_made_from_scratch(case: DrawCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


@holds(
    item="kaiming_uniform_",
    name="draws",
    driver="init.kaiming",
    cases=cases.kaiming,
    always=cases.of_one_unit,
    requirements=("bound", "uniform", "independent", "in-place", "leaf", "form", "views"),
    dtypes=FLOATS,
    meta=True,
    share=0.3,
)
def test_kaiming_uniform_draws_from_its_distribution(case: DrawCase, seen: Seen, check: Check) -> None:
    _fills(case, seen, check)
    checks.draws_from("bound", seen.drawn, oracle.kaiming_bound(case), check)


@holds(
    item="kaiming_uniform_",
    name="large",
    driver="init.kaiming",
    cases=cases.large,
    requirements=("bound", "uniform", "independent"),
    share=0.05,
    seconds=30.0,
)
def test_kaiming_uniform_finds_its_bound_to_three_digits(case: DrawCase, seen: Seen, check: Check) -> None:
    checks.draws_from("bound", seen.drawn, oracle.kaiming_bound(case), check)


@holds(
    item="kaiming_uniform_",
    name="half",
    driver="init.kaiming",
    cases=cases.kaiming,
    requirements=("bound", "form"),
    dtypes=HALVES,
    share=0.1,
)
def test_kaiming_uniform_keeps_its_bound_in_half_precision(case: DrawCase, seen: Seen, check: Check) -> None:
    _keeps_within(case, seen, check, oracle.kaiming_bound(case))


@holds(
    item="kaiming_uniform_",
    name="conv",
    driver="init.kaiming",
    cases=cases.kaiming_conv,
    requirements=("convolution",),
    share=0.1,
)
def test_kaiming_uniform_counts_the_kernel(case: DrawCase, seen: Seen, check: Check) -> None:
    checks.reaches("convolution", seen.drawn, oracle.kaiming_bound(case), check)


@holds(
    item="kaiming_uniform_",
    name="nonlinearities",
    driver="init.kaiming",
    cases=cases.kaiming_before_others,
    requirements=("nonlinearities",),
    share=0.2,
)
def test_kaiming_uniform_knows_other_gains(case: DrawCase, seen: Seen, check: Check) -> None:
    checks.reaches("nonlinearities", seen.drawn, oracle.kaiming_bound(case), check)


@holds(
    item="kaiming_uniform_",
    name="refuses",
    driver="init.kaiming_refused",
    cases=cases.refused,
    requirements=("refuses",),
    share=0.1,
)
def test_kaiming_uniform_refuses_what_it_does_not_know(case: RefusedCase, seen: Seen, check: Check) -> None:
    _refused(seen, check)


@holds(
    item="kaiming_uniform_",
    name="from-scratch",
    driver="init.kaiming",
    cases=lambda: cases.kaiming("float32"),
    requirements=("from-scratch",),
    share=0.05,
)
def test_kaiming_uniform_is_made_from_scratch(case: DrawCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


@holds(
    item="init_linear_",
    name="draws",
    driver="init.layer",
    cases=cases.layers,
    always=cases.layers_of_one_unit,
    requirements=("bound", "uniform", "independent", "bias", "no-bias", "in-place", "form", "same-parameters"),
    dtypes=FLOATS,
    meta=True,
    share=0.3,
)
def test_init_linear_draws_by_its_scheme(case: LayerCase, seen: Seen, check: Check) -> None:
    _initialises(case, seen, check)
    bound, own = oracle.layer_bound(case), "no-bias"
    checks.draws_from("bound", seen.drawn, bound, check)
    checks.draws_from(
        own, seen.plain_drawn, bound, check, uniform=own, independent=own, path="weight of a layer without"
    )


@holds(
    item="init_linear_",
    name="large",
    driver="init.layer",
    cases=cases.large_layers,
    requirements=("bound", "uniform", "independent"),
    share=0.05,
    seconds=30.0,
)
def test_init_linear_finds_its_bound_to_three_digits(case: LayerCase, seen: Seen, check: Check) -> None:
    checks.draws_from("bound", seen.drawn, oracle.layer_bound(case), check)


@holds(
    item="init_linear_",
    name="default",
    driver="init.layer",
    cases=cases.layers_by_default,
    requirements=("default",),
    share=0.05,
)
def test_init_linear_draws_xaviers_weights_by_default(case: LayerCase, seen: Seen, check: Check) -> None:
    checks.reaches("default", seen.drawn, oracle.layer_bound(case), check)


@holds(
    item="init_linear_",
    name="zero",
    driver="init.layer",
    cases=cases.zeroed_layers,
    requirements=("zero", "bias", "no-bias", "in-place", "form"),
    share=0.3,
)
def test_init_linear_can_zero_a_layer(case: LayerCase, seen: Seen, check: Check) -> None:
    _initialises(case, seen, check)
    checks.all_zero("zero", seen.drawn, "the weight", check)
    checks.all_zero("zero", seen.plain_drawn, "the weight of a layer without a bias", check)


@holds(
    item="init_linear_",
    name="refuses",
    driver="init.layer_refused",
    cases=cases.refused,
    requirements=("refuses",),
    share=0.1,
)
def test_init_linear_refuses_what_it_does_not_know(case: RefusedCase, seen: Seen, check: Check) -> None:
    _refused(seen, check)


def _fans_are_right(requirement: str, case: FanCase, seen: Seen, check: Check) -> None:
    fan_in, fan_out = oracle.fans(case.weight.shape)
    whole = isinstance(seen.fans, tuple) and len(seen.fans) == 2 and all(type(n) is int for n in seen.fans)
    form = "form" if requirement == "formula" else requirement
    got = f"{kind_of(seen.fans)}: {seen.fans!r}"
    if check.that(form, whole, got=got, expected="a tuple of two ints", path="fans"):
        expected = f"fan_in = {fan_in}, fan_out = {fan_out}"
        check.that(requirement, seen.fans == (fan_in, fan_out), got=seen.fans, expected=expected, path="fans")


def _fills(case: DrawCase, seen: Seen, check: Check) -> None:
    """Checks that the tensor itself was filled, and is still what it was otherwise."""
    _form(case.weight.dtype, (_draws(case, check), *case.weight.shape), seen.drawn, check)
    _same_object(seen.returned, "the weight", check)
    _changed(seen.drawn, case.weight.value, check)
    grad = case.parameter or case.weight.requires_grad
    left = f"is_leaf={seen.leaf}, requires_grad={seen.requires_grad}, autograd {'on' if seen.autograd else 'off'}"
    as_was = seen.leaf is True and seen.requires_grad is grad and seen.autograd is True
    check.that("leaf", as_was, got=left, expected=f"a leaf with requires_grad={grad}, autograd on", path="the weight")
    if check.variant.device != "meta" and isinstance(seen.drawn, torch.Tensor) and seen.drawn.ndim:
        check.bits("views", seen.view, seen.drawn[-1], path="a view taken before the call")


def _initialises(case: LayerCase, seen: Seen, check: Check) -> None:
    """Checks all of a layer but the distribution of its weight."""
    shape = case.weight.shape
    draws = _draws(case, check)
    _form(case.weight.dtype, (draws, *shape), seen.drawn, check)
    check.tensor("form", seen.biases, shape=(draws, shape[0]), dtype=case.weight.dtype, path="the bias")
    asked = {"weight": True, "bias": True}
    check.that("form", seen.trainable == asked, got=seen.trainable, expected="a trainable weight and bias, leaves both")
    leaves_autograd_as_it_was(check, "form", seen)
    check.that("form", seen.training is True, got="eval mode", expected="the mode it was in", path="the layer")
    _same_object(seen.returned, "the layer", check)
    _changed(seen.drawn, case.weight.value, check)
    checks.all_zero("bias", seen.biases, "the bias", check)
    _same_object(seen.plain_returned, "the layer without a bias", check)
    path = "weight of a layer without"
    check.that("no-bias", seen.plain_bias is None, got=seen.plain_bias, expected="None", path="bias of a layer without")
    check.tensor("no-bias", seen.plain_drawn, shape=(draws, *shape), dtype=case.weight.dtype, path=path)
    trains = seen.plain_trainable == {"weight": True}
    check.that("no-bias", trains, got=seen.plain_trainable, expected="a trainable weight, a leaf", path="parameters")
    _changed(seen.plain_drawn, case.weight.value, check, "no-bias")
    if case.scheme != "zero" and check.variant.device != "meta":
        check.that("same-parameters", seen.kept is True, got="new Parameters", expected="the Parameters as they were")


def _draws(case: DrawCase | LayerCase, check: Check) -> int:
    return 1 if check.variant.device == "meta" else case.draws


def _form(dtype: str, shape: tuple[int, ...], drawn: Any, check: Check) -> None:
    check.tensor("form", drawn, shape=shape, dtype=dtype, path="the weight, call by call")


def _same_object(returned: Any, what: str, check: Check) -> None:
    check.that("in-place", returned is True, got=kind_of(returned), expected=f"{what} itself", path="what it returned")


def _changed(drawn: Any, before: torch.Tensor, check: Check, requirement: str = "in-place") -> None:
    if check.variant.device != "meta" and isinstance(drawn, torch.Tensor) and drawn.ndim:
        new = not torch.equal(drawn[0].double(), before.double())
        check.that(requirement, new, got="the values as they were", expected="new values in the tensor that was given")


def _keeps_within(case: DrawCase, seen: Seen, check: Check, bound: float) -> None:
    _form(case.weight.dtype, (_draws(case, check), *case.weight.shape), seen.drawn, check)
    checks.within("bound", seen.drawn, bound, check)


def _refused(seen: Seen, check: Check) -> None:
    check.that("refuses", seen.error is not None, got="an answer", expected="an exception", path="the call")
