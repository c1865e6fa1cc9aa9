"""What every area draws from: shapes, widths, regimes, layouts, tensors, hyper-parameters."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from conformance.suite.tensors import LAYOUTS, TensorSpec

FLOATS = ("float32", "float64")
HALVES = ("bfloat16", "float16")
# Entries in one drawn tensor at most: enough for a row of a few thousand, small enough to cost microseconds.
MOST_ENTRIES = 8192

# Narrow rows shrink best and find most; the others are where kernels change their ways (vector widths, blocks).
NARROW = st.integers(1, 9)
WIDE = st.sampled_from([13, 16, 31, 32, 64, 127, 128, 257, 512, 1000, 1024, 2047, 4096])
WIDTHS = st.one_of(NARROW, NARROW, NARROW, WIDE)

# Float regimes that leave every dtype room, and those that only the wide exponents of float32 and float64 do.
MILD = ("quarters", "ordinary", "integers", "constant", "zeros", "small", "outlier", "mixed")
WILD = (*MILD, "tiny", "large", "huge", "offset", "far")

SEEDS = st.integers(0, 2**16)


def regimes(dtype: str) -> tuple[str, ...]:
    """Returns the value regimes that are fair in a dtype."""
    return WILD if dtype in FLOATS else MILD


@st.composite
def leading(draw: st.DrawFn, most: int = 4, smallest: int = 0) -> tuple[int, ...]:
    """Draws up to ``most`` leading dimensions; each of size ``smallest`` to 4, zero only now and then."""
    count = draw(st.sampled_from([1, 1, 0, 2, 3, 4][: 3 + most if most < 3 else 6]))
    count = min(count, most)
    if smallest == 0 and draw(st.integers(0, 19)) == 19:
        return (0,) * min(count, 1) + (2,) * max(count - 1, 0)
    return tuple(draw(st.integers(1, 4)) for _ in range(count))


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    dtype: str = "float32",
    among: tuple[str, ...] | None = None,
    layouts: tuple[str, ...] = LAYOUTS,
    requires_grad: bool | None = False,
    scale: float = 1.0,
) -> TensorSpec:
    """Draws a tensor of a shape: its regime, its seed, its layout, and whether it requires grad (None: either)."""
    return TensorSpec(
        shape=fitted(shape),
        dtype=dtype,
        regime=draw(st.sampled_from(among or regimes(dtype))),
        seed=draw(SEEDS),
        layout=draw(st.sampled_from(("contiguous", *layouts))),
        requires_grad=draw(st.booleans()) if requires_grad is None else requires_grad,
        scale=scale,
    )


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...], high: int, dtype: str = "int64") -> TensorSpec:
    """Draws integers in [0, ``high``)."""
    layout = draw(st.sampled_from(("contiguous", "contiguous", "transposed", "strided", "offset")))
    return TensorSpec(fitted(shape), dtype, "index", draw(SEEDS), layout, high=high)


def fitted(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape with leading dimensions cut to 1 from the front until it has at most ``MOST_ENTRIES``."""
    shape = tuple(shape)
    for place in range(len(shape) - 1):
        if math.prod(shape) <= MOST_ENTRIES:
            break
        shape = (*shape[:place], 1, *shape[place + 1 :])
    return shape


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Returns numbers of even spread over the decades from ``low`` to ``high``: two digits times a power of ten."""
    decades = st.integers(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    numbers = st.tuples(st.sampled_from((1.0, 2.0, 5.0, 1.5, 3.7)), decades).map(lambda d: float(f"{d[0]}e{d[1]}"))
    return numbers.filter(lambda x: low <= x <= high)
