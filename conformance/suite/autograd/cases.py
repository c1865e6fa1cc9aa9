"""Cases for the gradients: inputs that require grad or not, leaves or not, with or without something in ``.grad``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.suite.strategies import HALVES, WIDTHS, leading, ordinary, tensors
from conformance.suite.tensors import Case, TensorSpec

# Most of these have digits beyond float32, so that float64 input rounded to it shows.
KINDS = ("quarters", "ordinary", "mixed", "large", "offset", "tiny")
HALF_KINDS = ("quarters", "ordinary", "integers")


@dataclass(frozen=True, repr=False)
class GradCase(Case):
    """Inputs to differentiate at, twice, and then others.

    Attributes:
        inputs: what the function is called with.
        others: what it is called with afterwards.
        stale: for each input, what is in its ``.grad`` before the first call; None for nothing.
        leaf: whether the inputs are leaves, or results of an operation on leaves.
        poison: what each ``.grad`` is filled with instead, where it holds anything; None for nothing.
    """

    inputs: tuple[TensorSpec, ...]
    others: tuple[TensorSpec, ...]
    stale: tuple[TensorSpec | None, ...]
    leaf: bool = True
    poison: float | None = None


_ENDS = st.sampled_from(("leading", "row", "leading", "row", "number"))


@st.composite
def _shapes(draw: st.DrawFn, smallest: int = 0) -> tuple[int, ...]:
    end = draw(_ENDS)
    if end == "number":
        return ()
    shape = draw(leading(smallest=smallest))
    return (*shape, draw(WIDTHS)) if end == "row" else shape


@st.composite
def _inputs(
    draw: st.DrawFn,
    dtype: str,
    count: int,
    requires_grad: tuple[bool | None, ...] | None = None,
    *,
    smallest: int = 0,
) -> GradCase:
    kinds = HALF_KINDS if dtype in HALVES else KINDS
    shape, leaf = draw(_shapes(smallest)), True
    if requires_grad is None:
        requires_grad, leaf = (None,) * count, draw(st.sampled_from((True, True, False)))
    asked = requires_grad if leaf else (True,) * count
    inputs = tuple(draw(tensors(shape, dtype, kinds, requires_grad=asked[k])) for k in range(count))
    others = tuple(draw(tensors(shape, dtype, kinds, requires_grad=asked[k])) for k in range(count))
    stale: tuple[TensorSpec | None, ...] = (None,) * count
    poison = None
    if leaf and draw(st.booleans()):
        stale = tuple(draw(tensors(inputs[k].shape, dtype, ("ordinary",), ())) for k in range(count))
        poison = draw(st.sampled_from((None, None, math.nan, math.inf)))
    return GradCase(inputs, others, stale, leaf, poison)


def one_input(dtype: str) -> st.SearchStrategy[GradCase]:
    """One input of any kind."""
    return _inputs(dtype, 1)


def two_inputs(dtype: str) -> st.SearchStrategy[GradCase]:
    """Two inputs of one shape, of any kind."""
    return _inputs(dtype, 2)


def large_input(dtype: str) -> list[GradCase]:
    """One input larger than others, and one of zeros, where the root of a sum of squares has no gradient."""
    x, zeros = TensorSpec((80, 70), dtype, "ordinary"), TensorSpec((3,), dtype, "zeros")
    return [GradCase((x,), (x,), (None,)), GradCase((zeros,), (zeros,), (None,))]


def large_inputs(dtype: str) -> list[GradCase]:
    """Two inputs larger than others, and two of zeros."""
    a, b = ordinary((80, 70), (80, 70), dtype=dtype)
    zeros = TensorSpec((3,), dtype, "zeros")
    return [GradCase((a, b), (b, a), (None, None)), GradCase((zeros, zeros), (a, b), (None, None))]


def filled_inputs(count: int) -> st.SearchStrategy[GradCase]:
    """So many inputs of one shape, none of them empty: of an empty one there is nothing to differentiate."""
    return _inputs("float32", count, smallest=1)


def one_plain_input() -> st.SearchStrategy[GradCase]:
    """One input that does not require grad."""
    return _inputs("float32", 1, (False,))


def two_inputs_not_all_marked() -> st.SearchStrategy[GradCase]:
    """Two inputs of which one or neither requires grad."""
    marks = st.sampled_from(((False, False), (True, False), (False, True)))
    return marks.flatmap(lambda asked: _inputs("float32", 2, asked))


@st.composite
def broadcast_inputs(draw: st.DrawFn) -> GradCase:
    """Two inputs, the second of which has to be repeated along the first dimension."""
    row = (draw(st.integers(1, 5)),)
    a = draw(tensors((draw(st.integers(2, 4)), *row), "float64", ("ordinary",)))
    b = draw(tensors(row, "float64", ("ordinary",)))
    return GradCase((a, b), (a, b), (None, None))
