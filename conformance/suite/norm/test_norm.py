"""What must hold of LayerNorm and RMSNorm."""

from __future__ import annotations

import torch

from conformance.engine.checking import Check, Seen
from conformance.engine.properties import ALL_FLOATS, FLOATS, holds
from conformance.suite.common.gradients import are_handed_back
from conformance.suite.common.properties import has_signature
from conformance.suite.norm import cases, oracle
from conformance.suite.norm.cases import NormCase, WidthCase

test_layer_norm_has_its_signature = has_signature("LayerNorm")
test_rms_norm_has_its_signature = has_signature("RMSNorm")


@holds(
    item="LayerNorm",
    name="forward",
    driver="norm.layer_norm",
    cases=cases.any_rows,
    always=cases.far_out_rows,
    requirements=("formula", "form", "untouched", "repeatable"),
    dtypes=ALL_FLOATS,
    meta=True,
)
def test_layer_norm_follows_its_formula(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("formula", seen.output, oracle.layer_norm(case), dtype=case.x.dtype, form="form")
    check.bits("untouched", seen.x, case.x.value, path="x after the call")
    check.bits("repeatable", seen.again, seen.output, path="output of the second call")


@holds(
    item="LayerNorm",
    name="narrow",
    driver="norm.layer_norm",
    cases=cases.narrow_rows,
    requirements=("biased-variance",),
    dtypes=FLOATS,
    share=0.25,
)
def test_layer_norm_divides_the_variance_by_the_width(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("biased-variance", seen.output, oracle.layer_norm(case))


@holds(
    item="LayerNorm",
    name="eps",
    driver="norm.layer_norm",
    cases=cases.flat_rows,
    requirements=("eps-inside-root",),
    dtypes=FLOATS,
    share=0.25,
)
def test_layer_norm_adds_eps_to_the_variance(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("eps-inside-root", seen.output, oracle.layer_norm(case))


@holds(
    item="LayerNorm",
    name="offset",
    driver="norm.layer_norm",
    cases=cases.offset_rows,
    requirements=("stable",),
    dtypes=FLOATS,
    share=0.25,
)
def test_layer_norm_survives_a_common_offset(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("stable", seen.output, oracle.layer_norm(case))


@holds(
    item="LayerNorm",
    name="without-eps",
    driver="norm.layer_norm_without_eps",
    cases=cases.without_eps,
    requirements=("eps-inside-root",),
    share=0.1,
)
def test_layer_norm_takes_an_eps_of_zero_or_refuses_it(case: NormCase, seen: Seen, check: Check) -> None:
    if seen.refused is None:
        check.close("eps-inside-root", seen.output, oracle.layer_norm(case))
    else:
        check.that("eps-inside-root", True, got=seen.refused, expected="an output, or an eps of zero refused")


@holds(
    item="LayerNorm",
    name="gradient",
    driver="norm.layer_norm",
    cases=cases.differentiated,
    always=cases.one_row,
    requirements=("gradient", "second-order"),
    dtypes=("float64", "float32"),
    share=0.4,
)
def test_layer_norm_hands_gradients_back(case: NormCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    names = ("x", "the scale", "the shift")
    are_handed_back(check, seen, case.upstream, names, oracle.layer_norm_gradients(case), case.x.dtype)
    _differentiable_twice(seen, check)


@holds(
    item="LayerNorm",
    name="large",
    driver="norm.layer_norm",
    cases=cases.large,
    requirements=("formula", "gradient"),
    share=0.05,
)
def test_layer_norm_does_so_on_a_larger_scale(case: NormCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    check.close("formula", seen.output, oracle.layer_norm(case), dtype=case.x.dtype)
    names = ("x", "the scale", "the shift")
    are_handed_back(check, seen, case.upstream, names, oracle.layer_norm_gradients(case), case.x.dtype)


@holds(
    item="LayerNorm",
    name="built",
    driver="norm.layer_norm_built",
    cases=cases.built,
    requirements=("parameters", "names"),
    share=0.2,
)
def test_layer_norm_starts_as_ones_and_zeros(case: WidthCase, seen: Seen, check: Check) -> None:
    _starts_as(case, seen, check, {"weight": 1.0, "bias": 0.0}, ((case.width,),))


@holds(
    item="LayerNorm",
    name="from-scratch",
    driver="norm.layer_norm",
    cases=lambda: cases.any_rows("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_layer_norm_is_made_from_scratch(case: NormCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


@holds(
    item="RMSNorm",
    name="forward",
    driver="norm.rms_norm",
    cases=cases.any_rows,
    always=cases.far_out_rows,
    requirements=("formula", "form", "untouched", "repeatable"),
    dtypes=ALL_FLOATS,
    meta=True,
)
def test_rms_norm_follows_its_formula(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("formula", seen.output, oracle.rms_norm(case), dtype=case.x.dtype, form="form")
    check.bits("untouched", seen.x, case.x.value, path="x after the call")
    check.bits("repeatable", seen.again, seen.output, path="output of the second call")


@holds(
    item="RMSNorm",
    name="eps",
    driver="norm.rms_norm",
    cases=cases.flat_rows,
    requirements=("eps-inside-root",),
    dtypes=FLOATS,
    share=0.25,
)
def test_rms_norm_adds_eps_to_the_mean_square(case: NormCase, seen: Seen, check: Check) -> None:
    check.close("eps-inside-root", seen.output, oracle.rms_norm(case))


@holds(
    item="RMSNorm",
    name="without-eps",
    driver="norm.rms_norm_without_eps",
    cases=cases.without_eps,
    requirements=("eps-inside-root",),
    share=0.1,
)
def test_rms_norm_takes_an_eps_of_zero_or_refuses_it(case: NormCase, seen: Seen, check: Check) -> None:
    if seen.refused is None:
        check.close("eps-inside-root", seen.output, oracle.rms_norm(case))
    else:
        check.that("eps-inside-root", True, got=seen.refused, expected="an output, or an eps of zero refused")


@holds(
    item="RMSNorm",
    name="gradient",
    driver="norm.rms_norm",
    cases=cases.differentiated,
    always=cases.one_row,
    requirements=("gradient", "second-order"),
    dtypes=("float64", "float32"),
    share=0.4,
)
def test_rms_norm_hands_gradients_back(case: NormCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    are_handed_back(check, seen, case.upstream, ("x", "the scale"), oracle.rms_norm_gradients(case), case.x.dtype)
    _differentiable_twice(seen, check)


@holds(
    item="RMSNorm",
    name="large",
    driver="norm.rms_norm",
    cases=cases.large,
    requirements=("formula", "gradient"),
    share=0.05,
)
def test_rms_norm_does_so_on_a_larger_scale(case: NormCase, seen: Seen, check: Check) -> None:
    assert case.upstream is not None
    check.close("formula", seen.output, oracle.rms_norm(case), dtype=case.x.dtype)
    names = ("x", "the scale")
    are_handed_back(check, seen, case.upstream, names, oracle.rms_norm_gradients(case), case.x.dtype)


@holds(
    item="RMSNorm",
    name="built",
    driver="norm.rms_norm_built",
    cases=cases.built,
    requirements=("parameters", "names"),
    share=0.2,
)
def test_rms_norm_starts_as_ones(case: WidthCase, seen: Seen, check: Check) -> None:
    # Of its shape the text says nothing: it may be a row or a column.
    _starts_as(case, seen, check, {"weight": 1.0}, ((case.width,), (1, case.width), (case.width, 1)))


@holds(
    item="RMSNorm",
    name="from-scratch",
    driver="norm.rms_norm",
    cases=lambda: cases.any_rows("float32"),
    requirements=("from-scratch",),
    share=0.2,
)
def test_rms_norm_is_made_from_scratch(case: NormCase, seen: Seen, check: Check) -> None:
    """Whether the reference was reached is judged by the engine, on every call."""


def _differentiable_twice(seen: Seen, check: Check) -> None:
    twice = isinstance(seen.second, torch.Tensor)
    check.that("second-order", twice, got=seen.second, expected="a gradient that can be differentiated again")


def _starts_as(
    case: WidthCase, seen: Seen, check: Check, asked: dict[str, float], among: tuple[tuple[int, ...], ...]
) -> None:
    """Checks that the parameters are those asked for, by shape, one of some, and value at the start, in any order."""
    lost = [name for name, p in seen.parameters if p.device.type == "meta"]
    there = "parameters with a value"
    if not check.that("parameters", not lost, got=f"{lost} on the meta device, where nothing has one", expected=there):
        return
    means = [(name, float(p.detach().double().mean()) if p.numel() else 0.0) for name, p in seen.parameters]
    found = sorted(mean for _, mean in means)
    starts_at = " and ".join(f"one that starts at {value:g}" for value in asked.values())
    number = "one trainable parameter" if len(asked) == 1 else f"{len(asked)} trainable parameters"
    expected = f"{number} of shape ({case.width},), {starts_at}"
    got = [f"{name}: shape {tuple(p.shape)}" for name, p in seen.parameters]
    shapes = all(tuple(p.shape) in among for _, p in seen.parameters) and len(seen.parameters) == len(asked)
    check.that("parameters", shapes and all(seen.trainable), got=", ".join(got) or "no parameter", expected=expected)
    flat = all(p.numel() == 0 or bool((p == p.reshape(-1)[0]).all()) for _, p in seen.parameters)
    starts = ", ".join(f"{name} = {mean:.3g}" for name, mean in means) + ("" if flat else " in the mean")
    values = flat and found == sorted(asked.values())
    check.that("parameters", values, got=f"parameters that start at {starts}", expected=expected)
    names = sorted(name for name, _ in seen.parameters)
    check.that("names", names == sorted(asked), got=str(names), expected=str(sorted(asked)))
