"""Cases for the datasets, the padding and the loader."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from conformance.suite.strategies import FLOATS, SEEDS, indices, ordinary, tensors
from conformance.suite.tensors import Case, TensorSpec

INTEGERS = ("int64", "int64", "int32", "int16", "uint8", "int8")
# Largest numbers, by dtype: beyond what a float, float64 included, holds exactly where the dtype goes that far.
HIGHEST = {"int64": 2**60, "int32": 2**30, "int16": 2**14, "uint8": 200, "int8": 100}
# The last token of a vocabulary, and numbers that float32 does not hold; float64 does, in which F.pad takes them.
FAR_PADS = (50_256, 2**40 + 1, -(2**40) - 1)
# Its odd multiples have more digits than float32.
NO_FLOAT32 = 2.0**24 + 1
# Rows whose starts are counted; see the error rates in oracle.py.
ROWS = 768
# With so many, one of twelve starts that is half as likely again as it should be is missed in a fifth of the cases.
MANY_ROWS = 3072
# The parts of a long sequence in which starts are counted together.
SHARES = 20


@dataclass(frozen=True, repr=False)
class PairCase(Case):
    """A dataset of the rows of x and y; ``batch`` is what a DataLoader of it takes at a time."""

    x: TensorSpec
    y: TensorSpec
    batch: int


@dataclass(frozen=True, repr=False)
class TokensCase(Case):
    """A dataset of the rows of ``tokens``; ``batch`` is what a DataLoader of it takes at a time."""

    tokens: TensorSpec
    batch: int


@dataclass(frozen=True, repr=False)
class CropCase(Case):
    """Crops of ``crop_len`` tokens, taken from the rows ``accesses`` in this order.

    ``noise`` is what the global generators are seeded with for a second dataset of the same seed.
    """

    tokens: TensorSpec
    crop_len: int
    seed: int
    accesses: tuple[int, ...]
    noise: int


@dataclass(frozen=True, repr=False)
class StartsCase(Case):
    """Crops of every row of ``tokens``, with a seed and another one, or, with None, without."""

    tokens: TensorSpec
    crop_len: int
    seed: int | None
    other_seed: int | None
    noise: int

    @property
    def starts(self) -> int:
        """How many starts there are to choose from."""
        return self.tokens.shape[1] - self.crop_len + 1


@dataclass(frozen=True, repr=False)
class BatchCase(Case):
    """The three parts of a PaddedBatch."""

    tokens: TensorSpec
    lengths: TensorSpec
    padding_mask: TensorSpec


@dataclass(frozen=True, repr=False)
class PadCase(Case):
    """Sequences to pad with ``pad_value``, and without one."""

    seqs: tuple[TensorSpec, ...]
    pad_value: int


@dataclass(frozen=True, repr=False)
class CollateCase(Case):
    """Samples (input_ids, target_ids) to collate with ``pad_value``, and without one."""

    batch: tuple[tuple[TensorSpec, TensorSpec], ...]
    pad_value: int


@dataclass(frozen=True, repr=False)
class LoaderCase(Case):
    """A loader of the numbers from 0 to ``count`` - 1; None stands for an argument that is not given.

    ``pairs``: of pairs of such a number and the same negated, as a dataset of inputs and targets has. The loader loads
    in its own process; ``workers`` is what a second one is asked for, which then loads there too.
    """

    count: int
    batch_size: int
    shuffle: bool | None
    drop_last: bool | None
    collate: bool
    workers: int | None
    pairs: bool


@st.composite
def _values(draw: st.DrawFn, shape: tuple[int, ...]) -> TensorSpec:
    # No bfloat16: 16-bit dtypes are parity, and a dataset may keep NumPy's arrays, which have none.
    dtype = draw(st.sampled_from(("float32", "float64", "int64", "uint8", "bool")))
    if dtype in FLOATS:
        return draw(tensors(shape, dtype, ("ordinary", "counting")))
    return draw(indices(shape, 2 if dtype == "bool" else HIGHEST[dtype], dtype))


@st.composite
def pairs(draw: st.DrawFn) -> PairCase:
    """Rows of any shape and dtype, those of x of another than those of y."""
    n = draw(st.integers(1, 5))
    x, y = (draw(_values((n, *draw(st.lists(st.integers(1, 3), max_size=3))))) for _ in range(2))
    return PairCase(x, y, draw(st.integers(1, 3)))


def large_pairs() -> list[PairCase]:
    """More rows, and more numbers in one, than others have; and rows that are all the same."""
    x, y, larger, wider = ordinary((300, 2), (300, 1), (3, 70, 50), (3, 1100))
    same = TensorSpec((4, 2), "float32", "ones")
    return [PairCase(x, y, 7), PairCase(larger, wider, 2), PairCase(same, same, 3)]


@st.composite
def sequences(draw: st.DrawFn) -> TokensCase:
    """Sequences of two or more integers of any dtype."""
    dtype = draw(st.sampled_from(INTEGERS))
    shape = (draw(st.integers(1, 5)), draw(st.one_of(st.integers(2, 6), st.sampled_from((17, 300, 1100)))))
    # Below 3, many rows begin or end in what others take for padding.
    high = draw(st.sampled_from((3, HIGHEST[dtype])))
    tokens = draw(indices(shape, high, dtype))
    if dtype != "uint8" and draw(st.sampled_from((False, False, True))):
        tokens = _negated(tokens)
    return TokensCase(tokens, draw(st.integers(1, 3)))


def other_sequences() -> list[TokensCase]:
    """Sequences that are all the same."""
    return [TokensCase(TensorSpec((4, 5), "int64", "ones"), 3)]


def _negated(tokens: TensorSpec) -> TensorSpec:
    """Returns the tokens with the other sign, as one that is to be ignored has it."""
    return replace(tokens, scale=-1.0)


@st.composite
def _counted(draw: st.DrawFn, rows: int, length: int) -> TensorSpec:
    dtype = draw(st.sampled_from(("int64", "int32", "int16")))
    layout = draw(st.sampled_from(("contiguous", "transposed", "strided", "offset")))
    return TensorSpec((rows, length), dtype, "counting", layout=layout)


_SEEDS = st.one_of(st.just(0), SEEDS)


@st.composite
def crops(draw: st.DrawFn) -> CropCase:
    """A handful of crops with at least three starts to choose from."""
    rows, crop_len = draw(st.integers(2, 5)), draw(st.integers(1, 6))
    tokens = draw(_counted(rows, crop_len + draw(st.integers(2, 9))))
    accesses = tuple(draw(st.lists(st.integers(0, rows - 1), min_size=6, max_size=10)))
    return CropCase(tokens, crop_len, draw(_SEEDS), accesses, draw(SEEDS))


def other_crops() -> list[CropCase]:
    """Crops out of more rows than others have, and of tokens that float32 does not hold, or that are below zero."""
    tokens = [TensorSpec((4, 12), "int64", "counting", scale=scale) for scale in (NO_FLOAT32, -1.0)]
    of_many = CropCase(TensorSpec((300, 12), "int64", "counting"), 5, 0, (0, 299, 70, 299, 0, 1), 1)
    return [of_many, *(CropCase(each, 5, 0, (0, 1, 2, 3, 0, 1), 1) for each in tokens)]


@st.composite
def whole_sequences(draw: st.DrawFn) -> CropCase:
    """Crops as long as the sequences."""
    rows, length = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    return CropCase(draw(_counted(rows, length)), length, draw(_SEEDS), tuple(range(rows)), draw(SEEDS))


@st.composite
def starts(draw: st.DrawFn, *, seeded: bool, rows: int = ROWS) -> StartsCase:
    """Crops of many rows; most have three starts, where an uneven choice shows most."""
    count, crop_len = draw(st.sampled_from((3, 3, 3, 3, 3, 2, 5, 8))), draw(st.integers(1, 4))
    tokens = TensorSpec((rows, crop_len + count - 1), "int64", "counting")
    seed = draw(_SEEDS) if seeded else None
    return StartsCase(tokens, crop_len, seed, seed + 1 + draw(SEEDS) if seed is not None else None, draw(SEEDS))


def few_seeded_starts() -> st.SearchStrategy[StartsCase]:
    """Crops of as many rows as two datasets hardly ever agree in by chance, with a seed."""
    return starts(seeded=True, rows=64)


def starts_of_many_rows() -> st.SearchStrategy[StartsCase]:
    """Crops of enough rows to see whether each of twelve starts is as likely as another, the same in each exam."""
    return st.just(StartsCase(TensorSpec((MANY_ROWS, 13), "int32", "counting"), 2, 0, 1, 2))


def more_starts_of_many_rows() -> list[StartsCase]:
    """Crops of as many rows, with forty starts; one that never occurs would by chance in exp(-77) of the exams."""
    return [StartsCase(TensorSpec((MANY_ROWS, 42), "int32", "counting"), 3, 0, 1, 2)]


def starts_in_long_rows() -> st.SearchStrategy[StartsCase]:
    """Crops of sequences with twenty thousand places to start at, without a seed, the same in each exam."""
    return st.just(StartsCase(TensorSpec((512, 20_001), "int32", "counting", layout="expanded"), 2, None, None, 0))


def few_starts() -> st.SearchStrategy[StartsCase]:
    """Crops of a few rows, with a seed or without."""
    return st.booleans().flatmap(lambda seeded: starts(seeded=seeded, rows=8))


@st.composite
def batches(draw: st.DrawFn) -> BatchCase:
    """The parts of a batch: rows that need no padding, or rows of 0, 1, 2, ... tokens and some other pad than 0."""
    b, t, even = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.booleans())
    if not even:
        b += 1
        parts = TensorSpec((b,), "int64", "counting"), TensorSpec((b, b - 1), "bool", "staircase")
    else:
        parts = TensorSpec((b,), "int64", "ones", scale=float(t)), TensorSpec((b, t), "bool", "zeros")
    return BatchCase(draw(indices(parts[1].shape, draw(st.sampled_from((1000, 3))), "int64")), *parts)


def large_batches() -> list[BatchCase]:
    """A batch of more rows, and of longer ones, than others have."""
    parts = TensorSpec((81,), "int64", "counting"), TensorSpec((81, 80), "bool", "staircase")
    return [BatchCase(TensorSpec((81, 80), "int64", "index", high=1000), *parts)]


@st.composite
def _lengths(draw: st.DrawFn) -> list[int]:
    """Lengths of the sequences of a batch: any, in any order, at least one of them not zero."""
    most = draw(st.sampled_from((4, 4, 4, 12)))
    lengths = draw(st.lists(st.integers(0, 6), min_size=most - 4, max_size=most))
    longest = draw(st.one_of(st.integers(1, 7), st.integers(1, 7), st.sampled_from((33, 1500))))
    lengths.insert(draw(st.integers(0, len(lengths))), longest)
    return lengths


@st.composite
def sequences_to_pad(draw: st.DrawFn) -> PadCase:
    """Sequences of different lengths, of one integer dtype, with a pad value that it can hold."""
    dtype = draw(st.sampled_from(INTEGERS))
    high = draw(st.sampled_from((3, HIGHEST[dtype])))
    # Where rows may be padded before they are cast, none that their dtype does not hold.
    pads = [0, 1, 2, 99, *(() if dtype == "uint8" else (-1, -100)), *(FAR_PADS if dtype == "int64" else ())]
    seqs = tuple(draw(indices((length,), high, dtype)) for length in draw(_lengths()))
    if dtype != "uint8" and draw(st.sampled_from((False, False, True))):
        seqs = tuple(_negated(seq) for seq in seqs)
    return PadCase(seqs, draw(st.sampled_from(pads)))


def many_sequences_to_pad() -> list[PadCase]:
    """More sequences, and longer ones, than others have; and one of each length, which shares of the longest blur.

    The longest is longer than 16 bits count.
    """
    many, longest = (*(place % 7 for place in range(80)), 4000), (2, 2**16 + 3)
    even = (4, 4, 4)
    return [
        PadCase(tuple(_tokens(length) for length in lengths), -1000) for lengths in (many, longest, range(30), even)
    ]


def _tokens(length: int, seed: int = 0) -> TensorSpec:
    return TensorSpec((length,), "int64", "index", seed, high=1000)


@st.composite
def sequences_of_pads(draw: st.DrawFn) -> PadCase:
    """Sequences of zeros and ones, padded with one of these."""
    seqs = tuple(draw(indices((length,), 2)) for length in [*draw(_lengths()), 3, 5])
    return PadCase(seqs, draw(st.sampled_from((0, 1))))


@st.composite
def samples(draw: st.DrawFn) -> CollateCase:
    """Samples of different lengths, the two of a sample equally long; targets are no shift of the inputs."""
    dtype = draw(st.sampled_from(("int64", "int64", "int32")))
    high = draw(st.sampled_from((3, HIGHEST[dtype])))
    batch = tuple(
        (draw(indices((length,), high, dtype)), draw(indices((length,), high, dtype))) for length in draw(_lengths())
    )
    if draw(st.sampled_from((False, False, True))):
        batch = tuple((ids, _negated(targets)) for ids, targets in batch)
    pads = (0, 1, 2, -1, -100, *(FAR_PADS if dtype == "int64" else ()))
    return CollateCase(batch, draw(st.sampled_from(pads)))


def many_samples() -> list[CollateCase]:
    """More samples, and a longer one, than others have; samples that need no padding; and with pads among tokens."""
    many, even = (*(1 + place % 7 for place in range(80)), 4000), (4, 4, 4)
    ones = [(_negated(TensorSpec((length,), "int64", "ones")), _tokens(length)) for length in (2, 4)]
    found = [
        CollateCase(tuple((_tokens(length), _tokens(length, 1)) for length in lengths), 2) for lengths in (many, even)
    ]
    return [*found, CollateCase(tuple(ones), -1)]


@st.composite
def loaders(draw: st.DrawFn) -> LoaderCase:
    """Loaders that do not shuffle, with any of the other arguments."""
    return LoaderCase(
        count=draw(st.integers(1, 12)),
        batch_size=draw(st.integers(1, 5)),
        shuffle=False,
        drop_last=draw(st.sampled_from((None, False, True, True))),
        collate=draw(st.booleans()),
        workers=draw(st.sampled_from((None, 0, 1, 2, 3))),
        pairs=draw(st.booleans()),
    )


def loaders_of_all_sorts() -> list[LoaderCase]:
    """Loaders with a function that collates and any of the other arguments, one of them of single samples."""
    ways = itertools.product((None, True), (True,), (None, 2), (False, True))
    return [LoaderCase(3, 1, False, None, True, 2, False), *(LoaderCase(5, 2, False, *way) for way in ways)]


def large_loader() -> st.SearchStrategy[LoaderCase]:
    """A loader of some hundred samples in large batches, by many workers, the same in each exam."""
    return st.just(LoaderCase(300, 128, False, None, False, 7, False))


def loaders_of_one_batch() -> list[LoaderCase]:
    """Loaders that shuffle fewer samples than a batch has."""
    return [LoaderCase(40, 64, True, None, False, None, False)]


def shuffled_loaders() -> st.SearchStrategy[LoaderCase]:
    """Loaders that shuffle enough samples for an order that is not random never to come up by chance."""
    counts, sizes = st.one_of(st.integers(30, 60), st.just(100)), st.sampled_from((2, 3, 4, 5, 7, 8, 32))
    shuffle = st.sampled_from((True, None))
    drop_last, workers = st.sampled_from((True, None, True)), st.sampled_from((None, 2))
    return st.builds(LoaderCase, counts, sizes, shuffle, drop_last, st.booleans(), workers, st.booleans())
