"""What every area draws from: shapes, widths, regimes, layouts, tensors, hyper-parameters."""

from __future__ import annotations

import functools
import math
from typing import Any

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


@functools.cache
def _one_of(choices: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Returns the strategy of some choices, made once: making it costs more than drawing from it."""
    return st.sampled_from(choices)


@functools.cache
def leading(most: int = 4, smallest: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    """Returns up to ``most`` leading dimensions of size ``smallest`` to 4; zero only now and then."""
    few: list[tuple[int, ...]] = [(2,), (1,), (3,), (), (4,), (2, 3), (1, 2), (3, 1), (4, 4), (2, 2, 3), (1, 3, 2, 2)]
    shapes = [shape for shape in few if len(shape) <= most]
    # Twice, so that a zero-size shape is one in some twenty.
    shapes += [shape for shape in [*few[4:], (2, 1, 4), (3, 2, 1, 2)] if len(shape) <= most]
    if smallest == 0 and most > 0:
        shapes += [(0,), (0, 2)][:most]
    return _one_of(tuple(shapes))


@functools.cache
def _kinds(among: tuple[str, ...], layouts: tuple[str, ...]) -> st.SearchStrategy[tuple[str, str]]:
    """Returns pairs of regime and layout in one draw: contiguous twice as often as any other, and simplest first."""
    others = [layout for layout in layouts if layout != "contiguous"]
    pairs = [(regime, layout) for layout in ("contiguous", "contiguous", *others) for regime in among]
    return st.sampled_from(pairs)


_EITHER = st.booleans()


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
    return a_tensor(draw, shape, dtype, among, layouts, requires_grad, scale)


def a_tensor(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    dtype: str = "float32",
    among: tuple[str, ...] | None = None,
    layouts: tuple[str, ...] = LAYOUTS,
    requires_grad: bool | None = False,
    scale: float = 1.0,
) -> TensorSpec:
    """Returns what ``tensors`` draws, inside a composite strategy and at a third of the cost."""
    regime, layout = draw(_kinds(tuple(among or regimes(dtype)), tuple(layouts)))
    seed = draw(SEEDS)
    grad = draw(_EITHER) if requires_grad is None else requires_grad
    return TensorSpec(fitted(shape), dtype, regime, seed, layout, grad, scale)


def ordinary(*shapes: tuple[int, ...], dtype: str = "float32") -> list[TensorSpec]:
    """Returns a tensor of ordinary values for each shape, the same ones each time: nothing is drawn."""
    return [TensorSpec(shape, dtype, "ordinary", seed) for seed, shape in enumerate(shapes)]


@st.composite
def indices(draw: st.DrawFn, shape: tuple[int, ...], high: int, dtype: str = "int64") -> TensorSpec:
    """Draws integers in [0, ``high``)."""
    layout = draw(_one_of(("contiguous", "contiguous", "transposed", "strided", "offset")))
    return TensorSpec(fitted(shape), dtype, "index", draw(SEEDS), layout, high=high)


def fitted(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape with leading dimensions cut to 1 from the front until it has at most ``MOST_ENTRIES``."""
    shape = tuple(shape)
    for place in range(len(shape) - 1):
        if math.prod(shape) <= MOST_ENTRIES:
            break
        shape = (*shape[:place], 1, *shape[place + 1 :])
    return shape


@functools.cache
def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Returns numbers spread evenly over the decades from ``low`` to ``high``: two digits times a power of ten."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [float(f"{digits}e{decade}") for digits in ("1", "2", "5", "1.5", "3.7") for decade in reversed(decades)]
    return st.sampled_from([number for number in numbers if low <= number <= high])
