"""A tensor's code makes that very tensor; what is shipped is what was drawn; strategies reach every corner."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from conformance.numerics.compare import same_bits
from conformance.runner.protocol import encode, loads
from conformance.suite import strategies
from conformance.suite.tensors import LAYOUTS, REGIMES, TensorSpec, made

SPECS = st.builds(
    TensorSpec,
    shape=st.lists(st.integers(0, 4), max_size=4).map(tuple),
    dtype=st.sampled_from(("float32", "float64", "bfloat16", "float16")),
    regime=st.sampled_from(list(REGIMES)),
    seed=st.integers(0, 99),
    layout=st.sampled_from(LAYOUTS),
    requires_grad=st.booleans(),
    scale=st.sampled_from((1.0, 0.1)),
)


@given(SPECS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_code_of_a_tensor_makes_that_tensor(spec: TensorSpec) -> None:
    again = eval(repr(spec), {"torch": torch, "made": made, "float": float})
    assert same_bits(again.detach().contiguous(), spec.value)
    assert again.requires_grad == spec.requires_grad


@given(SPECS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_is_shipped_is_what_was_drawn(spec: TensorSpec) -> None:
    arrived = loads(encode({"x": spec.ship("cpu")}))["x"]
    assert same_bits(arrived.detach().contiguous(), spec.value)
    assert arrived.is_leaf
    assert arrived.requires_grad == spec.requires_grad


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_every_layout_is_what_it_says(layout: str) -> None:
    x = loads(encode(TensorSpec((3, 4), layout=layout).ship("cpu")))
    assert {
        "transposed": x.stride() == (1, 3),
        "strided": x.stride() == (8, 2),
        "offset": x.storage_offset() == 3,
        "expanded": x.stride()[0] == 0,
    }[layout]


def test_shapes_reach_from_empty_to_four_leading_dimensions() -> None:
    assert find(strategies.leading(), lambda shape: 0 in shape) == (0,)
    assert find(strategies.leading(), lambda shape: 0 in shape and len(shape) > 1) == (0, 2)
    assert len(find(strategies.leading(), lambda shape: len(shape) == 4)) == 4
    assert find(strategies.leading(), lambda shape: True) == (2,)


def test_widths_reach_from_one_to_thousands() -> None:
    assert find(strategies.WIDTHS, lambda width: True) == 1
    assert find(strategies.WIDTHS, lambda width: width > 2000) == 2047


@given(strategies.tensors((2, 3), requires_grad=None))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_drawn_tensors_are_finite(spec: TensorSpec) -> None:
    assert bool(spec.value.isfinite().all())


@pytest.mark.parametrize("decade", range(-11, 0))
def test_hyper_parameters_are_spread_over_the_decades(decade: int) -> None:
    find(strategies.log_uniform(1e-12, 1.0), lambda x: math.floor(math.log10(x)) == decade)
