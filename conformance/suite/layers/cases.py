"""Cases for Linear, Embedding and Dropout."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from conformance.suite.strategies import MOST_ENTRIES, NARROW, SEEDS, WIDE, indices, leading, ordinary, tensors
from conformance.suite.tensors import Case, TensorSpec

# Entries that one case drops or keeps, over repeated calls: enough that a rate off by 0.1, or a mask shared along any
# dimension, stays unseen with a probability below 10^-15.
MARKS = 2500
# Calls at least, so that a number of dropped entries that never changes shows.
LEAST_CALLS = 40
# A few thousand entries, in rows of a width that is a power of two or none.
LARGE = st.sampled_from(((4, 512), (3, 700), (2, 33, 31), (2100,), (2, 1024)))
RATES = (0.3, 0.5, 0.2, 0.6, 0.97, 0.75, 0.1, 0.9, 0.45)
# Of so rare an event, only a few ten thousand entries tell what a grid of whole percents makes of its rate.
RARE = 0.005


@dataclass(frozen=True, repr=False)
class LinearCase(Case):
    """A Linear with this weight and bias (None: built with ``bias=False``), applied to ``x``.

    ``upstream`` is what the output's gradient is taken with; None where no gradient is asked.
    """

    x: TensorSpec
    weight: TensorSpec
    bias: TensorSpec | None
    upstream: TensorSpec | None = None
    training: bool = True


@dataclass(frozen=True, repr=False)
class SizeCase(Case):
    """A layer from ``first`` to ``second`` features, or with a table of ``first`` rows of ``second`` entries."""

    first: int
    second: int
    bias: bool = True


@dataclass(frozen=True, repr=False)
class EmbeddingCase(Case):
    """An Embedding with this table, asked for the rows of ``idx``."""

    table: TensorSpec
    idx: TensorSpec
    upstream: TensorSpec | None = None
    training: bool = True


@dataclass(frozen=True, repr=False)
class RefusedCase(Case):
    """An Embedding of ``rows`` rows asked for the row ``idx``, which it does not have."""

    rows: int
    idx: int


@dataclass(frozen=True, repr=False)
class DropoutCase(Case):
    """A Dropout applied to ``x``, after torch's generator was seeded with ``seed``.

    ``nested`` says whether it sits in a module on which the mode is set; ``calls`` how often it is called; ``grad``
    whether autograd is on during these calls.
    """

    p: float
    x: TensorSpec
    seed: int
    nested: bool = False
    calls: int = 1
    upstream: TensorSpec | None = None
    grad: bool = True


@dataclass(frozen=True, repr=False)
class RateCase(Case):
    """A p that is no probability."""

    p: float


@st.composite
def linears(draw: st.DrawFn, dtype: str, bias: bool = True, upstream: bool = False) -> LinearCase:
    """Linears between narrow and wide, on any number of leading dimensions, of any layout."""
    narrow, wide = st.tuples(NARROW, NARROW), st.tuples(WIDE, NARROW)
    square = st.integers(2, 9).map(lambda size: (size, size))  # no shape tells it from its transpose
    inner, outer = draw(st.one_of(narrow, square, narrow, wide, wide.map(lambda sizes: sizes[::-1])))
    x = draw(tensors((*draw(leading()), inner), dtype, requires_grad=None))
    outer = min(outer, MOST_ENTRIES // max(inner, math.prod(x.shape[:-1])))
    weight = draw(tensors((outer, inner), dtype, ("ordinary", "quarters", "mixed"), ()))
    # A gradient is asked at zero too, where many biases start.
    offsets = ("ordinary", "zeros", "quarters") if upstream else ("ordinary", "quarters", "large")
    offset = draw(tensors((outer,), dtype, offsets, ())) if bias else None
    above = draw(tensors((*x.shape[:-1], outer), dtype, ("ordinary", "quarters"))) if upstream else None
    return LinearCase(x, weight, offset, above, draw(st.booleans()))


def biasless(dtype: str) -> st.SearchStrategy[LinearCase]:
    """Linears without a bias."""
    return linears(dtype, bias=False)


def large_linear() -> st.SearchStrategy[LinearCase]:
    """A Linear of more features, or on more rows, than others have, with a gradient to take; the same in each exam."""
    return st.sampled_from([_ordinary(2, 1100), _ordinary(70, 5)])


def _ordinary(rows: int, features: int) -> LinearCase:
    x, weight, bias, above = ordinary((rows, features), (3, features), (3,), (rows, 3))
    return LinearCase(x, weight, bias, above)


def differentiated(dtype: str) -> st.SearchStrategy[LinearCase]:
    """Linears with a gradient to take, one in three of them without a bias."""
    return st.sampled_from((True, True, False)).flatmap(lambda bias: linears(dtype, bias, upstream=True))


def sizes() -> st.SearchStrategy[SizeCase]:
    """Layers and tables of unequal sizes, just built; many have a side of one, which has no standard deviation."""
    side = st.one_of(st.just(1), st.integers(2, 40))
    return st.tuples(side, side, st.booleans()).filter(lambda s: s[0] != s[1]).map(lambda s: SizeCase(*s))


@st.composite
def lookups(draw: st.DrawFn, dtype: str, upstream: bool = False, ids: str = "int64") -> EmbeddingCase:
    """Tables of unequal sides, and ids of any shape that repeat more often than not."""
    rows, width = draw(
        st.one_of(
            st.tuples(NARROW, NARROW),
            st.tuples(NARROW, NARROW),
            st.sampled_from([(1000, 3), (257, 4), (5, 64), (128, 16), (2, 512)]),
        ).filter(lambda s: s[0] != s[1])
    )
    table = draw(tensors((rows, width), dtype, ("ordinary", "quarters", "mixed"), ()))
    most = MOST_ENTRIES // width
    shape = draw(st.one_of(leading(most=4), leading(most=4), st.just(())))
    shape = shape if math.prod(shape) <= most else shape[-1:]
    idx = draw(indices(shape, rows, ids))
    above = draw(tensors((*idx.shape, width), dtype, ("ordinary", "quarters"))) if upstream else None
    return EmbeddingCase(table, idx, above, draw(st.booleans()))


def large_lookup() -> st.SearchStrategy[EmbeddingCase]:
    """More ids, of a larger table, than others have, the same in each exam."""
    table, idx = TensorSpec((3000, 2), regime="ordinary"), TensorSpec((70, 5), "int64", "index", high=3000)
    many = TensorSpec((70, 50), "int64", "index", high=5)
    return st.sampled_from([EmbeddingCase(table, idx), EmbeddingCase(TensorSpec((5, 3), regime="ordinary"), many)])


def long_tables(dtype: str) -> list[EmbeddingCase]:
    """Ids beyond what 8 bits hold, and beyond what 16 bits do."""
    sizes = (300, 70_000)
    return [
        EmbeddingCase(TensorSpec((rows, 2), dtype, "ordinary"), TensorSpec((40,), "int64", "index", high=rows))
        for rows in sizes
    ]


def often_looked_up(dtype: str) -> list[EmbeddingCase]:
    """A few ids again and again, with a gradient to take."""
    table, above = ordinary((5, 3), (90, 3), dtype=dtype)
    return [EmbeddingCase(table, TensorSpec((90,), "int64", "index", high=5), above)]


def looked_up_with_gradient(dtype: str) -> st.SearchStrategy[EmbeddingCase]:
    """Lookups with a gradient to take."""
    return lookups(dtype, upstream=True)


def int32_lookups() -> st.SearchStrategy[EmbeddingCase]:
    """Lookups of int32 ids."""
    return lookups("float32", ids="int32")


def missing_rows() -> st.SearchStrategy[RefusedCase]:
    """Ids just outside of a table, and far outside."""
    rows = st.integers(1, 9)
    return rows.flatmap(lambda n: st.sampled_from([n, n + 1, -1, -n, -n - 1, 10**6]).map(lambda i: RefusedCase(n, i)))


@st.composite
def dropouts(
    draw: st.DrawFn,
    dtype: str,
    rates: tuple[float, ...] = (0.5, 0.25, 0.1, 0.3, 0.9, 0.99, 0.01, 1 / 3),
    among: tuple[str, ...] | None = None,
    upstream: bool = False,
) -> DropoutCase:
    """Dropouts of inputs of every shape, kind and layout."""
    shape = (*draw(leading(most=3)), *draw(st.one_of(st.just(()), st.tuples(NARROW), st.tuples(WIDE))))
    x = draw(tensors(shape, dtype, among, requires_grad=None))
    above = draw(tensors(x.shape, dtype, ("ordinary",))) if upstream else None
    return DropoutCase(draw(st.sampled_from(rates)), x, draw(SEEDS), draw(st.booleans()), 1, above)


def differentiated_dropouts(dtype: str) -> st.SearchStrategy[DropoutCase]:
    """Dropouts of inputs without a zero, with a gradient to take."""
    return dropouts(dtype, among=("positive", "ordinary"), upstream=True)


def keeping_all() -> st.SearchStrategy[DropoutCase]:
    """Dropouts that drop nothing, called a few times, since an entry may be zero by chance once."""
    dtypes = st.sampled_from(("float32", "float64"))
    once = dtypes.flatmap(lambda dtype: dropouts(dtype, (0.0,), ("ordinary", "positive")))
    return once.map(lambda case: replace(case, calls=4))


def dropping_all() -> st.SearchStrategy[DropoutCase]:
    """Dropouts that drop everything."""
    return dropouts("float32", (1.0,), ("ordinary", "positive"))


@st.composite
def repeated(draw: st.DrawFn, dtype: str) -> DropoutCase:
    """Dropouts called again and again on one input, small or large, none of its entries zero."""
    count = draw(st.sampled_from((3, 2, 4, 5, 1, 0, 0)))
    small = tuple(draw(st.integers(2, 9 if count < 3 else 4)) for _ in range(count))
    shape = small or draw(LARGE)
    x = draw(tensors(shape, dtype, ("ordinary",), ("contiguous", "transposed", "strided"), requires_grad=None))
    calls = max(LEAST_CALLS, -(-MARKS // math.prod(shape)))
    rate = draw(st.sampled_from(RATES if small else (0.3, RARE, 0.97)))
    seed, nested, grad = draw(SEEDS), draw(st.booleans()), draw(st.booleans())
    return DropoutCase(rate, x, seed, nested, calls, grad=grad)


def rare(dtype: str) -> list[DropoutCase]:
    """Dropouts that drop, or keep, one entry in two hundred of many."""
    x = TensorSpec((4, 512), dtype, "ordinary")
    return [DropoutCase(rate, x, 0, calls=LEAST_CALLS) for rate in (RARE, 1 - RARE)]


def no_probabilities() -> st.SearchStrategy[RateCase]:
    """Numbers just outside of [0, 1], and far outside."""
    return st.sampled_from((-0.1, 1.1, -1.0, 2.0)).map(RateCase)
