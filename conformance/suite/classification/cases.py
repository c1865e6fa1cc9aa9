"""Cases for the loss, the head and the loop: logits of every size, heads of every width, small problems to train on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st

from conformance.runner.loading.digits import digits as digits_of
from conformance.runner.protocol import Strided
from conformance.suite.strategies import HALVES, MOST_ENTRIES, SEEDS, indices, leading, ordinary, regimes, tensors
from conformance.suite.tensors import Case, TensorSpec

CLASSES = st.sampled_from((3, 2, 1, 5, 10, 4, 33, 100, 1000, 4096))
# Beyond 64, what goes through the rows in chunks shows; the largest comes twice, since it fits few classes only.
BATCHES = st.sampled_from((3, 2, 1, 4, 7, 32, 64, 65, 131, 257, 1025, 1025))
HALF_BATCHES = st.sampled_from((3, 2, 1, 4, 7, 32, 64))
# The sum of the exponentials has no digit left in 16 bits beyond this many classes.
HALF_CLASSES = st.sampled_from((3, 2, 1, 5, 10))
WIDTHS = st.sampled_from((3, 2, 1, 5, 8, 16, 33))
# Outputs that a head is asked for, with other parameters each time, so that chance gives no sign to all of them; and
# draws of the parameters at least, so that it does not make one small each time that all outputs are multiplied with.
SIGNS, FILLS = 300, 30
# Draws for the gradient of each part; a head whose parts all learn ends after one or two.
MOST_FILLS = 200


@dataclass(frozen=True, repr=False)
class LogitsCase(Case):
    """Logits (B, C) and targets (B,); ``ruled_out`` classes are set to -inf wherever they are not the target.

    The gradient that is asked for is that of ``upstream`` times the loss.
    """

    logits: TensorSpec
    targets: TensorSpec
    ruled_out: tuple[int, ...] = ()
    upstream: float = 1.0


@dataclass(frozen=True, repr=False)
class HeadCase(Case):
    """A head whose parameters are filled from ``seed``, applied to ``x``; and ``fills`` times more, to other inputs."""

    d_in: int
    num_classes: int
    x: TensorSpec
    seed: int = 0
    fills: int = 0
    upstream: TensorSpec | None = None
    training: bool = True


@dataclass(frozen=True, repr=False)
class BuiltHeadCase(Case):
    """A head just built."""

    d_in: int
    num_classes: int


@dataclass(frozen=True, repr=False)
class LoopCase(Case):
    """A training run: images whose first pixels are ``x`` (at most 1) with the labels ``y``, and others for testing.

    ``seed`` None leaves the argument out; ``training`` is the mode that the model comes in.
    """

    x: TensorSpec
    y: TensorSpec
    test_x: TensorSpec
    test_y: TensorSpec
    batch: int
    test_batch: int
    epochs: int
    lr: float
    shuffle: bool = False
    seed: int | None = None
    training: bool = True


@dataclass(frozen=True, repr=False)
class SeparableCase(Case):
    """Clusters of ``classes`` classes, one pixel each, to be learned at one of the learning rates ``lrs`` at least.

    Those that learn at none of them have ``last_resort``.
    """

    classes: int
    lrs: tuple[float, ...]
    last_resort: float
    epochs: int
    batch: int
    noise: TensorSpec


@dataclass(frozen=True, repr=False)
class DigitsCase(Case):
    """Handwritten digits, to be learned by the submission's own MLP and head at one of the rates at least.

    ``rates`` pairs learning rates and epochs, the likeliest first. The first ``samples`` of the embedded digits are
    trained on, ``tests`` others are for testing; every other pixel of their middle.
    """

    rates: tuple[tuple[float, int], ...]
    batch: int
    samples: int
    tests: int

    def ship(self, device: str = "cpu") -> dict[str, Any]:
        """Returns the fields, and the digits themselves."""
        shipped = super().ship(device)
        for name, train, count in (("train", True, self.samples), ("test", False, self.tests)):
            images, labels = digits_of(train)
            shipped[f"{name}_x"] = _flat(images[:count, 4:24:2, 4:24:2].contiguous())
            shipped[f"{name}_y"] = _flat(labels[:count])
        return shipped


def _flat(tensor: torch.Tensor) -> Strided:
    return Strided(tensor.reshape(-1), tuple(tensor.shape), tuple(tensor.stride()))


@st.composite
def _logits(
    draw: st.DrawFn,
    dtype: str,
    among: tuple[str, ...],
    classes: st.SearchStrategy[int],
    requires_grad: bool | None = None,
) -> LogitsCase:
    count = draw(classes)
    batch = min(draw(HALF_BATCHES if dtype in HALVES else BATCHES), max(1, MOST_ENTRIES // count))
    logits = draw(tensors((batch, count), dtype, among, requires_grad=requires_grad))
    return LogitsCase(logits, draw(indices((batch,), count)))


def any_logits(dtype: str) -> st.SearchStrategy[LogitsCase]:
    """Logits of every size and number."""
    return _logits(dtype, regimes(dtype), HALF_CLASSES if dtype in HALVES else CLASSES)


def further_logits(dtype: str) -> list[LogitsCase]:
    """More rows than others have; labels beyond what 16 bits hold; and logits that one may take for probabilities."""
    rows, classes = ordinary((2**13 + 1, 3), (2, 70_000), dtype=dtype)
    likely = TensorSpec((1, 2), dtype, "counting")
    return [
        LogitsCase(logits, TensorSpec(logits.shape[:1], "int64", "index", high=logits.shape[1]))
        for logits in (rows, classes, likely)
    ]


def extreme_logits(dtype: str) -> st.SearchStrategy[LogitsCase]:
    """Logits whose exponentials overflow, or vanish beside those of other rows, without the right shift."""
    return _logits(dtype, ("huge", "far", "outlier", "large"), st.sampled_from((3, 2, 5, 10)))


@st.composite
def masked_logits(draw: st.DrawFn, dtype: str) -> LogitsCase:
    """Logits of which some are -inf, never that of the target."""
    case = draw(_logits(dtype, ("quarters", "ordinary", "large"), st.sampled_from((3, 2, 5, 10))))
    out = draw(st.lists(st.integers(0, case.logits.shape[1] - 1), min_size=1, max_size=3, unique=True))
    return LogitsCase(case.logits, case.targets, tuple(out))


@st.composite
def differentiated_logits(draw: st.DrawFn, dtype: str) -> LogitsCase:
    """Logits whose gradient is asked for, of the loss or of a multiple of it."""
    among = ("quarters", "ordinary", "constant", "large", "huge", "offset")
    case = draw(_logits(dtype, among, st.sampled_from((3, 2, 1, 5, 10, 100)), True))
    return replace(case, upstream=draw(st.sampled_from((1.0, 2.5))))


def turned_logits(dtype: str) -> list[LogitsCase]:
    """Logits whose gradient is asked for, of a loss that is to grow."""
    targets = TensorSpec((4,), "int64", "index", high=3)
    return [LogitsCase(TensorSpec((4, 3), dtype, "ordinary", requires_grad=True), targets, upstream=-3.0)]


@st.composite
def _head(draw: st.DrawFn, dtype: str, lead: st.SearchStrategy[tuple[int, ...]], upstream: bool = False) -> HeadCase:
    d_in, classes = draw(WIDTHS), draw(st.sampled_from((3, 2, 10, 1, 5, 33)))
    x = draw(tensors((*draw(lead), d_in), dtype, ("ordinary", "quarters", "mixed"), requires_grad=None))
    above = draw(tensors((*x.shape[:-1], classes), dtype, ("ordinary",), ())) if upstream else None
    return HeadCase(d_in, classes, x, draw(SEEDS), 0, above, draw(st.booleans()))


def features(dtype: str) -> st.SearchStrategy[HeadCase]:
    """Features with any leading dimensions."""
    return _head(dtype, leading())


def large_features(dtype: str) -> list[HeadCase]:
    """More rows, features and classes than others have."""
    rows, features = ordinary((80, 70), (2, 1100), dtype=dtype)
    return [HeadCase(70, 80, rows), HeadCase(1100, 7, features)]


@st.composite
def signed_features(draw: st.DrawFn, dtype: str) -> HeadCase:
    """Features for heads that are filled again and again."""
    case = draw(_head(dtype, st.sampled_from(((1,), (2,)))))
    x = draw(tensors(case.x.shape, dtype, ("ordinary",), ()))
    return replace(case, x=x, fills=max(FILLS, math.ceil(SIGNS / case.num_classes)))


def large_signed_features(dtype: str) -> list[HeadCase]:
    """More features and classes than others have, for a head that is filled again and again."""
    wide, many = ordinary((1, 70), (1, 5), dtype=dtype)
    return [HeadCase(70, 80, wide, fills=FILLS), HeadCase(5, 1000, many, fills=FILLS)]


def differentiated_features(dtype: str) -> st.SearchStrategy[HeadCase]:
    """Features, with a gradient to take."""
    return _head(dtype, leading(smallest=1), upstream=True)


@st.composite
def learning_heads(draw: st.DrawFn, dtype: str) -> HeadCase:
    """Heads of which every part is asked for a gradient; a norm of fewer than three features may have none."""
    d_in, classes = draw(st.sampled_from((3, 5, 8, 16))), draw(st.sampled_from((3, 2, 10)))
    return HeadCase(d_in, classes, draw(tensors((8, d_in), dtype, ("ordinary",), ())), draw(SEEDS), MOST_FILLS)


def built_heads() -> st.SearchStrategy[BuiltHeadCase]:
    """Heads of every size, before their first call."""
    return st.builds(BuiltHeadCase, WIDTHS, st.sampled_from((3, 2, 10, 1)))


# So many images come in one order twice less often than a right submission may fail by chance.
SHUFFLED = 14
# What the logits of the model under training are made from, and how many classes MNIST has.
PIXELS = 4
DIGITS = 10


@st.composite
def loops(
    draw: st.DrawFn, epochs: tuple[int, ...] = (2, 1, 3, 8), shuffles: tuple[bool, ...] = (False, True)
) -> LoopCase:
    """Training runs of a handful of updates, with batches that do not come out even; some have a few dozen."""
    shuffle = draw(st.sampled_from(shuffles))
    if draw(st.sampled_from((False, False, False, True))):
        batch, test_batch, samples, tests, epochs = 1, 1, 64, 14, (1,)
    else:
        batch, test_batch = draw(st.sampled_from((2, 3, 5))), draw(st.sampled_from((2, 4)))
        samples = draw(st.integers(SHUFFLED, 24) if shuffle else st.integers(2 * batch, 5 * batch - 1))
        tests = draw(st.integers(3, 7))
    return LoopCase(
        x=draw(tensors((samples, PIXELS), "float32", ("positive",), (), scale=0.25)),
        y=TensorSpec((samples,), "int64", "index", draw(SEEDS), high=DIGITS),
        test_x=draw(tensors((tests, PIXELS), "float32", ("positive",), (), scale=0.25)),
        test_y=TensorSpec((tests,), "int64", "index", draw(SEEDS), high=DIGITS),
        batch=batch,
        test_batch=test_batch,
        epochs=draw(st.sampled_from(epochs)),
        lr=draw(st.sampled_from((0.05, 0.01))),
        shuffle=shuffle,
        seed=draw(st.sampled_from((None, 0, 7))),
        training=draw(st.booleans()),
    )


def long_loop() -> st.SearchStrategy[LoopCase]:
    """One training run of more updates and test batches than one would try things out with."""
    x, test_x = (TensorSpec((count, PIXELS), regime="positive", seed=count, scale=0.25) for count in (210, 110))
    y, test_y = (TensorSpec((count,), "int64", "index", seed=count, high=DIGITS) for count in (210, 110))
    return st.just(LoopCase(x, y, test_x, test_y, batch=1, test_batch=1, epochs=1, lr=0.01))


def one_epoch_loops() -> st.SearchStrategy[LoopCase]:
    """Training runs of one epoch."""
    return loops(epochs=(1,))


def shuffled_loops() -> st.SearchStrategy[LoopCase]:
    """Training runs whose order of batches is drawn."""
    return loops(shuffles=(True,))


def separable() -> st.SearchStrategy[SeparableCase]:
    """Three problems that anything learns which goes downhill."""
    # Adadelta's own learning rate is one, and some divide it by the batch.
    lrs, last_resort = (0.1, 0.01, 0.001), 1.0
    noises = [TensorSpec((40, PIXELS), regime="ordinary", seed=seed, scale=0.1) for seed in range(3)]
    return st.sampled_from(
        [SeparableCase(classes, lrs, last_resort, 5, 8, noises[classes - 2]) for classes in (3, 2, 4)]
    )


def digits() -> st.SearchStrategy[DigitsCase]:
    """The one problem of real digits: small enough for a second or two."""
    # Plain gradient descent from a small start needs a large rate and the most updates; LBFGS on batches, without a
    # line search, learns at 0.03 from most starts, and at the others from some; of Adadelta 1 is the ordinary rate.
    rates = ((1e-3, 6), (1e-2, 6), (0.03, 6), (1.0, 6), (0.1, 24))
    return st.just(DigitsCase(rates, batch=32, samples=640, tests=300))
