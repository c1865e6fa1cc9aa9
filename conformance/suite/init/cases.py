"""Cases for the initialisers: weights of unequal fans in every layout, drawn often enough to see a distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.suite.strategies import SEEDS, WIDE, tensors
from conformance.suite.tensors import LAYOUTS, Case, TensorSpec

# Entries drawn in one case, over repeated calls: a bound that is off by 2 % stays unseen with a probability of
# 0.98^2000, less than 10^-17.
ENTRIES = 2000
# One weight of 150,000 entries: a bound that is off by 0.02 %, as that with 1.414 for a root is, stays unseen with a
# probability below 10^-12.
LARGE = (300, 500)
# As many in a square.
LARGE_SQUARE = (388, 388)
# Memory that can be written to: an expanded tensor cannot.
WRITABLE = ("transposed", "strided")
# What a weight holds before: nothing that an initialiser could have drawn.
BEFORE = ("integers",)
GAINS = (None, 0.5, 2.0, 5 / 3, math.sqrt(2), 0.1, 10.0, 3.7, 50.0)
NONLINEARITIES = ("linear", "sigmoid", "tanh", "selu", "leaky_relu", "relu")


@dataclass(frozen=True, repr=False)
class FanCase(Case):
    """A weight to look at; as an ``nn.Parameter`` where ``parameter`` says so."""

    weight: TensorSpec
    parameter: bool


@dataclass(frozen=True, repr=False)
class DrawCase(Case):
    """A weight to fill ``draws`` times, after torch's generator was seeded with ``seed``.

    ``given`` is the gain or the nonlinearity; None leaves it to the default.
    """

    weight: TensorSpec
    parameter: bool
    given: float | str | None
    draws: int
    seed: int


@dataclass(frozen=True, repr=False)
class LayerCase(Case):
    """An ``nn.Linear`` with this weight and bias to initialise ``draws`` times by a scheme (None: the default)."""

    weight: TensorSpec
    bias: TensorSpec
    scheme: str | None
    draws: int
    seed: int


@dataclass(frozen=True, repr=False)
class RefusedCase(Case):
    """What is to be refused: a weight of this many dimensions, or a name that nobody knows."""

    shape: tuple[int, ...]
    name: str = "no such thing"


def linear_shapes() -> st.SearchStrategy[tuple[int, int]]:
    """Shapes (out, in), of unequal fans more often than not."""
    narrow = st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda shape: math.prod(shape) >= 8)
    wide = st.sampled_from([(64, 3), (3, 64), (40, 50), (2, 300), (200, 5), (1, 16), (20, 1)])
    return st.one_of(narrow, narrow, wide)


def conv_shapes() -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes (out, in, *kernel) of one to three kernel dimensions."""
    kernel = st.lists(st.integers(1, 4), min_size=1, max_size=3)
    return st.tuples(st.integers(1, 5), st.integers(2, 6), kernel).map(lambda s: (s[0], s[1], *s[2]))


@st.composite
def looked_at(draw: st.DrawFn) -> FanCase:
    """Weights of a Linear, of any size, in any layout and dtype.

    No Linear has a side of zero, and the count of entries divided by one side is a right way to the other.
    """
    size = st.one_of(st.integers(1, 9), st.integers(1, 9), st.integers(1, 2), WIDE)
    shape = draw(st.tuples(size, size).filter(lambda s: math.prod(s) <= 8192))
    dtype = draw(st.sampled_from(("float32", "float64")))
    weight = draw(tensors(shape, dtype, BEFORE, LAYOUTS, requires_grad=None))
    return FanCase(weight, draw(st.booleans()))


def large_looked_at() -> list[FanCase]:
    """A larger weight than others."""
    return [FanCase(TensorSpec((80, 70), regime="integers"), False)]


def looked_at_conv() -> st.SearchStrategy[FanCase]:
    """Weights of a convolution."""
    return conv_shapes().map(lambda shape: FanCase(TensorSpec(shape, regime="integers"), False))


@st.composite
def _drawn(
    draw: st.DrawFn, dtype: str, shapes: st.SearchStrategy[tuple[int, ...]], given: tuple[float | str | None, ...]
) -> DrawCase:
    shape = draw(shapes)
    weight = draw(tensors(shape, dtype, BEFORE, WRITABLE, requires_grad=None))
    parameter, argument, seed = draw(st.booleans()), draw(st.sampled_from(given)), draw(SEEDS)
    return DrawCase(weight, parameter, argument, _draws(shape), seed)


def xavier(dtype: str) -> st.SearchStrategy[DrawCase]:
    """Weights of a Linear, with and without a gain."""
    return _drawn(dtype, linear_shapes(), GAINS)


def of_one_unit(dtype: str) -> list[DrawCase]:
    """Weights of one output, or of one input, which are one row or one column."""
    shapes = ((1, 300), (300, 1))
    return [DrawCase(TensorSpec(shape, dtype, "integers"), False, None, _draws(shape), 0) for shape in shapes]


def kaiming(dtype: str) -> st.SearchStrategy[DrawCase]:
    """Weights of a Linear before a ReLU, which is the default."""
    return _drawn(dtype, linear_shapes(), (None, "relu"))


def large() -> st.SearchStrategy[DrawCase]:
    """A weight of many entries, drawn once."""
    return st.builds(
        DrawCase, st.just(TensorSpec(LARGE, regime="integers")), st.booleans(), st.none(), st.just(1), SEEDS
    )


def xavier_conv() -> st.SearchStrategy[DrawCase]:
    """Weights of a convolution."""
    return _drawn("float32", conv_shapes(), (None, 2.0))


def kaiming_conv() -> st.SearchStrategy[DrawCase]:
    """Weights of a convolution before a ReLU."""
    return _drawn("float32", conv_shapes(), (None,))


def kaiming_before_others() -> st.SearchStrategy[DrawCase]:
    """Weights of a Linear before every nonlinearity that is known by name."""
    return _drawn("float32", linear_shapes(), NONLINEARITIES)


@st.composite
def _layer(draw: st.DrawFn, dtype: str, schemes: tuple[str | None, ...], draws: int | None) -> LayerCase:
    shape = draw(linear_shapes())
    weight = draw(tensors(shape, dtype, BEFORE, WRITABLE))
    # Never zero before, so that a bias that was left alone shows.
    bias = draw(tensors(shape[:1], dtype, ("positive",), ()))
    return LayerCase(weight, bias, draw(st.sampled_from(schemes)), draws or _draws(shape), draw(SEEDS))


def layers(dtype: str) -> st.SearchStrategy[LayerCase]:
    """Layers to draw the weights of, under each scheme that draws."""
    return _layer(dtype, ("xavier", "kaiming_relu"), None)


def layers_of_one_unit(dtype: str) -> list[LayerCase]:
    """A layer with one output."""
    weight, bias = TensorSpec((1, 300), dtype, "integers"), TensorSpec((1,), dtype, "positive")
    return [LayerCase(weight, bias, scheme, _draws((1, 300)), 0) for scheme in ("xavier", "kaiming_relu")]


def large_layers() -> st.SearchStrategy[LayerCase]:
    """A layer of many weights, drawn once under each scheme that draws."""
    weight, bias = TensorSpec(LARGE_SQUARE, regime="integers"), TensorSpec(LARGE_SQUARE[:1], regime="positive")
    schemes = st.sampled_from(("xavier", "kaiming_relu"))
    return st.builds(LayerCase, st.just(weight), st.just(bias), schemes, st.just(1), st.just(0))


def layers_by_default() -> st.SearchStrategy[LayerCase]:
    """Layers to draw the weights of, without naming a scheme."""
    return _layer("float32", (None,), None)


def zeroed_layers() -> st.SearchStrategy[LayerCase]:
    """Layers to fill with zeros."""
    return st.sampled_from(("float32", "float64")).flatmap(lambda dtype: _layer(dtype, ("zero",), 1))


def refused() -> st.SearchStrategy[RefusedCase]:
    """Weights that have no fans, and names that nobody knows."""
    return st.sampled_from([(), (1,), (5,)]).map(RefusedCase)


def _draws(shape: tuple[int, ...]) -> int:
    return max(2, -(-ENTRIES // math.prod(shape)))
