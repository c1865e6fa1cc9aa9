"""Every honest way to compute a formula lies inside the bound, and other formulas do not."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.numerics.bounded import Bounded
from conformance.numerics.compare import close
from conformance.suite.strategies import tensors
from conformance.suite.tensors import TensorSpec

DTYPES = ("float64", "float32", "bfloat16", "float16")
ROWS = st.sampled_from(DTYPES).flatmap(lambda dtype: tensors((3, 7), dtype, layouts=("contiguous",)))


def within(got: torch.Tensor, expected: Bounded) -> bool:
    return close(got, expected).violations == 0


@given(ROWS, ROWS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_elementwise_operations_are_within_their_bounds(left: TensorSpec, right: TensorSpec) -> None:
    x, y = left.value, right.value.to(left.value.dtype)
    a, b = Bounded.exact(x), Bounded.exact(y)
    assert within(x + y, a + b)
    assert within(x - y, a - b)
    assert within(x * y, a * b)
    assert within(x / y, a / b) or bool((y == 0).any())
    assert within(x.abs().sqrt(), a.abs().sqrt())
    assert within(torch.tanh(x), a.tanh())
    assert within(torch.erf(x), a.erf())
    assert within(x.exp(), a.exp())
    assert within(x.abs().log(), a.abs().log())


@given(ROWS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_sums_in_any_order_are_within_their_bounds(rows: TensorSpec) -> None:
    x = rows.value
    one_by_one = x[:, 0].clone()
    for column in x[:, 1:].T:
        one_by_one += column
    for got in (x.sum(-1), x.flip(-1).sum(-1), x.double().sum(-1).to(x.dtype), one_by_one):
        assert within(got, Bounded.exact(x).sum(-1))
    for got in (x.mean(-1), x.sum(-1) / 7, x.sum(-1) * (1 / 7)):
        assert within(got, Bounded.exact(x).mean(-1))


@given(ROWS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_matrix_products_are_within_their_bounds(rows: TensorSpec) -> None:
    x = rows.value
    product = Bounded.exact(x) @ Bounded.exact(x).transpose(0, 1)
    for got in (x @ x.T, torch.einsum("ik,jk->ij", x, x), (x[:, None] * x[None]).sum(-1)):
        assert within(got, product)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bound_is_narrow_enough_to_tell_formulas_apart(dtype: str) -> None:
    x = TensorSpec((4, 5), dtype, "ordinary").value
    assert not within(x.sum(-1) / 4, Bounded.exact(x).mean(-1))
    assert not within(x * 1.05, Bounded.exact(x))
    assert not within(torch.zeros_like(x), Bounded.exact(x))


def test_overflow_makes_the_bound_infinite() -> None:
    huge = torch.full((3,), 1e30)
    assert math.isinf(float(Bounded.exact(huge).square().bound[0]))
    assert close(torch.full((3,), math.nan), Bounded.exact(huge).square()).judged == 0


def test_nan_is_right_only_where_nan_is_expected() -> None:
    expected = Bounded.exact(torch.tensor([1.0, math.nan, math.inf]))
    assert close(torch.tensor([1.0, math.nan, math.inf]), expected).violations == 0
    assert close(torch.tensor([math.nan, 1.0, -math.inf]), expected).violations == 3


def test_a_nan_or_zero_answer_never_passes_for_an_ordinary_one() -> None:
    x = TensorSpec((4, 5), "float32", "ordinary").value
    for answer in (torch.full_like(x, math.nan), torch.zeros_like(x), torch.full_like(x, math.inf)):
        assert close(answer, Bounded.exact(x) + 1.0).violations == x.numel()


def test_half_of_the_digits_are_asked_of_a_reference() -> None:
    reference = Bounded.to_half_digits(torch.ones(3, dtype=torch.float64), 1.0, torch.float64)
    assert close(torch.full((3,), 1 + 1e-9, dtype=torch.float64), reference).violations == 0
    assert close(torch.full((3,), 1 + 1e-7, dtype=torch.float64), reference).violations == 3
