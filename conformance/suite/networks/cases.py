"""Cases for MLP, FeedForward and Residual: small dimensions of every kind, and inputs where GELU shows its curve."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.suite.strategies import HALVES, SEEDS, leading, ordinary, tensors
from conformance.suite.tensors import Case, TensorSpec

# Inputs of a size at which GELU is neither zero nor the identity, and some at which it nearly is.
CURVED = ("quarters", "ordinary", "ordinary", "mixed", "outlier")
HIDDEN = st.sampled_from((5, 3, 8, 2, 1, 4, 6, 7, 12, 16, 33))
ENDS = st.sampled_from((3, 2, 1, 4, 5, 8, 13, 32))
# What a Residual is to hand on by name; None is an argument like others.
NAMED: tuple[tuple[tuple[str, float | None], ...], ...] = (
    (),
    (("scale", 2.0),),
    (("mask", None), ("scale", -0.5), ("shift", 0.25)),
    (("mask", None), ("scale", 2.0)),
)
# In 16 bits a sum of more terms than this has no digit left that is sure.
HALF_WIDTHS = st.sampled_from((3, 2, 4, 8))


@dataclass(frozen=True, repr=False)
class MLPCase(Case):
    """An MLP whose parameters are filled from ``seed``, applied to ``x``.

    ``upstream`` is what the output's gradient is taken with; None where no gradient is asked.
    """

    in_dim: int
    hidden_dim: int
    out_dim: int
    depth: int
    use_layernorm: bool
    x: TensorSpec
    seed: int = 0
    training: bool = True
    upstream: TensorSpec | None = None


@dataclass(frozen=True, repr=False)
class FeedForwardCase(Case):
    """A FeedForward whose parameters are filled from ``seed``, applied to ``x``; ``other`` has other tokens but one."""

    d_model: int
    d_ff: int | None
    x: TensorSpec
    seed: int = 0
    training: bool = True
    upstream: TensorSpec | None = None
    other: TensorSpec | None = None


@dataclass(frozen=True, repr=False)
class BuiltCase(Case):
    """A network just built, with ``arguments`` for its constructor."""

    arguments: tuple[int | bool | None, ...]


@dataclass(frozen=True, repr=False)
class ResidualCase(Case):
    """A Residual around a function: ``(x @ weight + sum(args)) * scale + shift``, ``x`` itself, or ones that it keeps.

    ``kind`` says which ("product", "itself", "kept"); ``named`` holds the arguments that go by name: ``scale``,
    ``shift``, and ``mask``, which is None and means nothing.
    """

    kind: str
    x: TensorSpec
    weight: TensorSpec
    args: tuple[TensorSpec, ...] = ()
    named: tuple[tuple[str, float | None], ...] = ()
    training: bool = True
    upstream: TensorSpec | None = None


@st.composite
def _mlp(
    draw: st.DrawFn,
    dtype: str,
    depths: st.SearchStrategy[int],
    lead: st.SearchStrategy[tuple[int, ...]],
    upstream: bool = False,
) -> MLPCase:
    half = dtype in HALVES
    ends, hidden = (HALF_WIDTHS, HALF_WIDTHS) if half else (ENDS, HIDDEN)
    in_dim, hidden_dim, out_dim = draw(ends), draw(hidden), draw(ends)
    if draw(st.integers(0, 3)) == 3:
        in_dim = out_dim = hidden_dim  # no shape tells one layer from another
    depth = min(draw(depths), 3) if half else draw(depths)
    x = draw(tensors((*draw(lead), in_dim), dtype, CURVED[:3] if half else CURVED, requires_grad=None))
    above = draw(tensors((*x.shape[:-1], out_dim), dtype, ("ordinary",))) if upstream else None
    norm, seed, training = draw(st.booleans()), draw(SEEDS), draw(st.booleans())
    if norm:
        hidden_dim = max(hidden_dim, 2)  # over one feature a LayerNorm forgets all that came before
    return MLPCase(in_dim, hidden_dim, out_dim, depth, norm, x, seed, training, above)


_BATCH = st.sampled_from(((3,), (2,), (5,), (1,), (16,)))


def stacks(dtype: str) -> st.SearchStrategy[MLPCase]:
    """Two to five layers on a batch of rows."""
    return _mlp(dtype, st.sampled_from((2, 3, 4, 3, 2, 5)), _BATCH)


def large_stacks(dtype: str) -> list[MLPCase]:
    """More rows, features and layers than others have."""
    rows, features, few = ordinary((80, 70), (2, 1100), (3, 4), dtype=dtype)
    deep = MLPCase(4, 4, 3, 12, False, few)
    return [MLPCase(70, 130, 66, 3, True, rows), MLPCase(1100, 5, 70, 2, False, features), deep]


def singles(dtype: str) -> st.SearchStrategy[MLPCase]:
    """One layer: the case that most get wrong."""
    return _mlp(dtype, st.just(1), _BATCH)


def shaped_stacks() -> st.SearchStrategy[MLPCase]:
    """Inputs with no leading dimension, with several, or with no row at all."""
    lead = leading().filter(lambda shape: len(shape) != 1 or shape == (0,))
    return _mlp("float64", st.integers(1, 3), lead)


def differentiated_stacks(dtype: str) -> st.SearchStrategy[MLPCase]:
    """One to four layers, with a gradient to take."""
    return _mlp(dtype, st.sampled_from((2, 3, 1, 4)), _BATCH, upstream=True)


def built_stacks() -> st.SearchStrategy[BuiltCase]:
    """MLPs of every size, before their first call."""
    arguments = st.tuples(ENDS, HIDDEN, ENDS, st.integers(1, 4), st.booleans())
    return arguments.map(BuiltCase)


@st.composite
def _feed_forward(
    draw: st.DrawFn, dtype: str, lead: st.SearchStrategy[tuple[int, ...]], upstream: bool = False, other: bool = False
) -> FeedForwardCase:
    d_model = draw(HALF_WIDTHS if dtype in HALVES else ENDS)
    # Not 0: `d_ff or 4 * d_model` takes it for "not given", `if d_ff is None` for a width that nobody wants.
    d_ff = draw(st.sampled_from((None, d_model, 2 * d_model, 5, 1)))
    regimes = CURVED[:3] if dtype in HALVES else CURVED
    x = draw(tensors((*draw(lead), d_model), dtype, regimes, requires_grad=None))
    above = draw(tensors(x.shape, dtype, ("ordinary",))) if upstream else None
    more = draw(tensors(x.shape, dtype, regimes, ())) if other else None
    return FeedForwardCase(d_model, d_ff, x, draw(SEEDS), draw(st.booleans()), above, more)


def tokens(dtype: str) -> st.SearchStrategy[FeedForwardCase]:
    """Tokens with any leading dimensions."""
    return _feed_forward(dtype, leading())


def large_tokens(dtype: str) -> list[FeedForwardCase]:
    """More tokens, and more features, than others have."""
    many, wide = ordinary((5, 80, 10), (2, 600), dtype=dtype)
    return [FeedForwardCase(10, None, many), FeedForwardCase(600, 70, wide)]


def sequences() -> st.SearchStrategy[FeedForwardCase]:
    """At least two tokens, and others to put around the last one."""
    lead = st.tuples(st.integers(1, 3), st.integers(2, 4))
    return _feed_forward("float64", lead, other=True)


def differentiated_tokens(dtype: str) -> st.SearchStrategy[FeedForwardCase]:
    """Tokens, with a gradient to take."""
    return _feed_forward(dtype, leading(smallest=1), upstream=True)


def built_feed_forwards() -> st.SearchStrategy[BuiltCase]:
    """FeedForwards of every size, before their first call."""
    return st.tuples(ENDS, st.one_of(st.none(), HIDDEN)).map(BuiltCase)


@st.composite
def _residual(draw: st.DrawFn, dtype: str, kinds: tuple[str, ...], upstream: bool = False) -> ResidualCase:
    width = draw(st.sampled_from((3, 2, 1, 5, 8)))
    x = draw(tensors((*draw(leading(smallest=int(upstream))), width), dtype, CURVED[:3], requires_grad=None))
    weight = draw(tensors((width, width), dtype, ("quarters", "ordinary"), ()))
    kind = draw(st.sampled_from(kinds))
    count = draw(st.sampled_from((0, 1, 3))) if kind == "product" else 0
    args = tuple(draw(tensors(x.shape, dtype, ("quarters",), ())) for _ in range(count))
    named = draw(st.sampled_from(NAMED)) if kind == "product" else ()
    above = draw(tensors(x.shape, dtype, ("ordinary",))) if upstream else None
    return ResidualCase(kind, x, weight, args, named, draw(st.booleans()), above)


def wrapped(dtype: str) -> st.SearchStrategy[ResidualCase]:
    """Functions that compute something new, hand their input back, or hand back a tensor that they keep."""
    return _residual(dtype, ("product", "itself", "product", "kept"))


def large_wrapped(dtype: str) -> list[ResidualCase]:
    """More rows and features than others have."""
    x, weight = ordinary((80, 70), (70, 70), dtype=dtype)
    wide, unused = ordinary((3, 1100), (1, 1), dtype=dtype)
    return [ResidualCase("product", x, weight), ResidualCase("itself", wide, unused)]


def differentiated_wrapped(dtype: str) -> st.SearchStrategy[ResidualCase]:
    """Functions with a parameter, with a gradient to take."""
    return _residual(dtype, ("product",), upstream=True)
