"""Cases for LayerNorm and RMSNorm: rows of many widths and kinds, eps over its whole range."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from conformance.suite.strategies import HALVES, NARROW, WIDTHS, a_tensor, leading, log_uniform, ordinary, regimes
from conformance.suite.tensors import Case, TensorSpec

# Kinds of rows whose gradient is well conditioned in float32: no offsets, of the constant rows only those of zeros.
SMOOTH = ("quarters", "ordinary", "integers", "outlier", "zeros", "zeros")
# Below this, float16 and bfloat16 lose eps, or the square of an ordinary deviation, altogether.
HALF_EPS = 1e-3
_SCALES = st.sampled_from((1.0, 0.1, 0.01, 1e-3))


@dataclass(frozen=True, repr=False)
class NormCase(Case):
    """A norm of ``width`` features built with ``eps`` (None: its default), applied to ``x``.

    ``upstream`` is what the output's gradient is taken with; None where no gradient is asked.
    """

    width: int
    eps: float | None
    x: TensorSpec
    weight: TensorSpec
    bias: TensorSpec
    upstream: TensorSpec | None = None
    training: bool = True


@dataclass(frozen=True, repr=False)
class WidthCase(Case):
    """A norm of ``width`` features, just built."""

    width: int


@functools.cache
def _eps(dtype: str) -> st.SearchStrategy[float | None]:
    if dtype in HALVES:
        return log_uniform(HALF_EPS, 1.0)
    return st.one_of(st.none(), st.sampled_from((1e-5, 1e-3, 0.1)), log_uniform(1e-12, 1.0))


@st.composite
def _case(
    draw: st.DrawFn,
    dtype: str,
    widths: st.SearchStrategy[int],
    among: tuple[str, ...],
    eps: st.SearchStrategy[float | None],
    *,
    upstream: bool = False,
    scaled: bool = False,
) -> NormCase:
    width = draw(widths)
    scale = draw(_SCALES) if scaled else 1.0
    x = a_tensor(draw, (*draw(leading()), width), dtype, among, requires_grad=None, scale=scale)
    if draw(st.booleans()):
        weight = a_tensor(draw, (width,), dtype, ("ordinary",), ("contiguous",))
        bias = a_tensor(draw, (width,), dtype, ("quarters",), ("contiguous",))
    else:
        weight, bias = TensorSpec((width,), dtype, "ones"), TensorSpec((width,), dtype, "zeros")
    above = a_tensor(draw, x.shape, dtype, ("ordinary",)) if upstream else None
    return NormCase(width, draw(eps), x, weight, bias, above, draw(st.booleans()))


def any_rows(dtype: str) -> st.SearchStrategy[NormCase]:
    """Rows of every width and kind."""
    return _case(dtype, WIDTHS, regimes(dtype), _eps(dtype))


def far_out_rows(dtype: str) -> list[NormCase]:
    """Rows of numbers beyond those of 16 bits."""
    x, weight, bias = ordinary((3, 4), (4,), (4,), dtype=dtype)
    return [NormCase(4, None, replace(x, scale=1e6), weight, bias)]


def without_eps() -> st.SearchStrategy[NormCase]:
    """Small numbers and an eps of zero, beside which the default would show; the same in each exam."""
    x, weight, bias = ordinary((3, 4), (4,), (4,))
    return st.just(NormCase(4, 0.0, replace(x, scale=1e-3), weight, bias))


def narrow_rows(dtype: str) -> st.SearchStrategy[NormCase]:
    """Rows of two to five ordinary numbers, with an eps far below their variance."""
    return _case(dtype, st.integers(2, 5), ("quarters", "ordinary"), st.sampled_from((None, 1e-6)))


def flat_rows(dtype: str) -> st.SearchStrategy[NormCase]:
    """Rows whose variance is of the size of eps, or below."""
    eps = log_uniform(1e-6, 1.0)
    return _case(dtype, NARROW, ("quarters", "ordinary", "constant", "zeros"), eps, scaled=True)


def offset_rows(dtype: str) -> st.SearchStrategy[NormCase]:
    """Rows with a common offset of 100 to 10,000."""
    return _case(dtype, st.integers(2, 64), ("offset", "far"), st.sampled_from((None, 1e-3)))


def differentiated(dtype: str) -> st.SearchStrategy[NormCase]:
    """Well-conditioned rows, with a gradient to take."""
    return _case(dtype, st.one_of(NARROW, st.sampled_from((16, 31, 1024, 64, 257))), SMOOTH, _eps(dtype), upstream=True)


def one_row(dtype: str) -> list[NormCase]:
    """One row without a batch, with a gradient to take."""
    x, weight, bias, above = ordinary((5,), (5,), (5,), (5,), dtype=dtype)
    return [NormCase(5, None, x, weight, bias, above)]


def large() -> st.SearchStrategy[NormCase]:
    """More features, or more rows, than others have, with a gradient to take; the same in each exam.

    Not both at once: a finding carries its case, number by number.
    """
    return st.sampled_from([_ordinary(2, 2100), _ordinary(70, 3)])


def _ordinary(rows: int, width: int) -> NormCase:
    x, weight, bias, above = ordinary((rows, width), (width,), (width,), (rows, width))
    return NormCase(width, None, x, weight, bias, above)


def built() -> st.SearchStrategy[WidthCase]:
    """Norms of every width, before their first call."""
    return WIDTHS.map(WidthCase)
