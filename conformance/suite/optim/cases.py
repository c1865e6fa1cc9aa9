"""Cases for AdamW: any legal state, hyper-parameters over their whole range, every layout that a caller can make."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.suite.strategies import FLOATS, HALVES, a_tensor
from conformance.suite.tensors import LAYOUTS, Case, TensorSpec

# Memory that can be written to: an expanded tensor has one number in many places. Transposed tells most.
WRITABLE = ("contiguous", "transposed", "strided", "offset", "transposed")
PARAMETERS = ("quarters", "ordinary", "zeros", "integers", "small", "mixed")
GRADIENTS = ("ordinary", "quarters", "zeros", "constant", "outlier", "mixed")
# On these, no square of float16 overflows or is lost.
HALF_GRADIENTS = ("ordinary", "quarters")
HALF_PARAMETERS = ("quarters", "ordinary", "zeros")
# Sizes at which kernels change their ways: longer than a vector register, and longer than a block.
LONG = ((33,), (1000,), (2049,), (4096,), (3, 700), (40, 60), (2, 5, 128))
# A parameter larger than the blocks that a step may be taken in, up to 2^17 entries, and no multiple of one.
LARGE = (3, 43_701)
# The default of the exercise's signature.
EPS = 1e-8
# Numbers this small have no digits to spare; a state has them where gradients were tiny.
SUBNORMAL = {"float32": 1e-40, "float64": 1e-310}
NOT_FINITE = (math.nan, math.inf, -math.inf)
# What p.grad is for a parameter that requires grad: another tensor than the gradient that is given, nothing, or it.
HELD = ("another", "nothing", "the gradient")

Betas = tuple[float, float]
# A parameter with its gradient, m, v, and t.
Slot = tuple[TensorSpec, TensorSpec, TensorSpec, TensorSpec, int]
# The place of the parameter that moves, its gradient, and the learning rate.
Move = tuple[int, TensorSpec, float]


@dataclass(frozen=True, repr=False)
class TensorsCase(Case):
    """Two pairs of moments with their counts."""

    m: TensorSpec
    v: TensorSpec
    t: int
    other_m: TensorSpec
    other_v: TensorSpec
    other_t: int


@dataclass(frozen=True, repr=False)
class InitCase(Case):
    """A parameter to make a state for; ``poison`` is written over its entries, if any, before.

    ``held``: whether p.grad holds numbers.
    """

    p: TensorSpec
    poison: float | None = None
    held: bool = False


@dataclass(frozen=True, repr=False)
class Hyper(Case):
    """The hyper-parameters of a step but for its learning rate; None leaves one to its default."""

    betas: Betas | None
    eps: float | None
    weight_decay: float | None


@dataclass(frozen=True, repr=False)
class StepCase(Hyper):
    """One step of one parameter; ``focus`` names the requirement that the case was drawn for.

    ``not_finite`` goes to every third entry of the gradient; None leaves it as it is. ``held``: one of ``HELD``.
    """

    lr: float
    p: TensorSpec
    grad: TensorSpec
    m: TensorSpec
    v: TensorSpec
    t: int
    focus: str = "formula"
    not_finite: float | None = None
    held: str = "the gradient"


@dataclass(frozen=True, repr=False)
class ManyCase(Hyper):
    """One step of many parameters; ``held``: one of ``HELD``."""

    lr: float
    slots: tuple[Slot, ...]
    held: str = "nothing"


@dataclass(frozen=True, repr=False)
class ProgramCase(Hyper):
    """Steps of several parameters in any order, from fresh states; each move has a learning rate of its own."""

    params: tuple[TensorSpec, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, repr=False)
class LengthsCase(Case):
    """Lists of different lengths."""

    params: int
    grads: int
    states: int


# Twice each, against seven long ones: about one in five is long, and one in ten has no dimension, four, or no entries.
_SHORT = (
    (3,), (2, 3), (), (4, 1, 2), (2, 1, 3, 2), (5,), (3, 4), (1,), (1, 3), (), (2, 2, 3), (7,), (1, 2, 2, 1), (0,),
    (5, 3), (2, 0, 3),
)  # fmt: skip
FILLED = tuple(shape for shape in _SHORT if 0 not in shape)
SHORT = st.sampled_from(_SHORT)
SHAPES = st.sampled_from((*_SHORT, *_SHORT, *LONG))


_HALF_BETAS = st.sampled_from([(a, b) for b in (0.999, 0.9, 0.99) for a in (0.9, 0.5, 0.95)])
_BETAS = st.sampled_from(
    [
        (a, b)
        for b in (0.999, 0.99, 0.9, 0.5, 1e-3, 0.9999, 0.999999, 0.0)
        for a in (0.9, 0.5, 1e-3, 0.95, 0.99, 0.999, 0.0)
    ]
)
_HALF_EPS = st.sampled_from((1e-3, 0.1, 1.0))
_EPS = st.sampled_from((1e-8, 1e-3, 0.1, 1.0, 1e-12, 1e-10, 2e-7, 1e-6, 1e-5, 1e-4, 0.02, 0.5))
# Below 1e-2 a step of a 16-bit parameter disappears in its rounding.
_HALF_RATES = st.sampled_from((0.1, 1.0, 0.01))
# A rate of zero moves nothing, and tells little: one draw in thirteen.
_RATES = st.sampled_from((0.1, 0.01, 1.0, 1e-3, 0.3, 1e-5) * 2 + (0.0,))
_DECAYS = st.sampled_from((0.01, 0.0, 0.1, 2.0, 10.0, 0.5))
_COUNTS = st.sampled_from((0, 1, 2, 5, *range(3, 31), 100, 999, 2500, 10_000, 70_000))
_SCALES = st.sampled_from((1.0, 1e-3, 1e-7, 100.0))


def _hyper(draw: st.DrawFn, dtype: str) -> tuple[Betas, float, float, float]:
    """Returns betas, eps, weight decay and learning rate."""
    half = dtype in HALVES
    betas, eps, rates = (_HALF_BETAS, _HALF_EPS, _HALF_RATES) if half else (_BETAS, _EPS, _RATES)
    return draw(betas), draw(eps), draw(_DECAYS), draw(rates)


def _slot(
    draw: st.DrawFn,
    shape: tuple[int, ...],
    dtype: str,
    *,
    leaf: bool = False,
    scale: float = 1.0,
    counts: st.SearchStrategy[int] = _COUNTS,
    params: tuple[str, ...] = PARAMETERS,
) -> Slot:
    """Returns a parameter, its gradient of the size of ``scale``, and a state that such gradients could leave."""
    half = dtype in HALVES
    p = a_tensor(draw, shape, dtype, HALF_PARAMETERS if half else params, WRITABLE, leaf)
    grad = a_tensor(draw, shape, dtype, HALF_GRADIENTS if half else GRADIENTS, LAYOUTS, scale=scale)
    m = a_tensor(draw, shape, dtype, ("ordinary", "zeros"), WRITABLE, scale=scale)
    v = a_tensor(draw, shape, dtype, ("positive", "zeros"), WRITABLE, scale=scale * scale)
    return p, grad, m, v, draw(counts)


@st.composite
def any_step(draw: st.DrawFn, dtype: str) -> StepCase:
    """Draws one step from any legal state with any legal hyper-parameters."""
    scale = 1.0 if dtype in HALVES else draw(_SCALES)
    p, grad, m, v, t = _slot(draw, draw(SHAPES), dtype, scale=scale)
    betas, eps, decay, lr = _hyper(draw, dtype)
    if eps == EPS:  # now and then, everything is left to its default
        return StepCase(None, None, None, lr, p, grad, m, v, t)
    return StepCase(betas, eps, decay, lr, p, grad, m, v, t)


def without_eps() -> st.SearchStrategy[StepCase]:
    """A step with an eps of zero, along a gradient so small that the default would show, the same in each exam."""
    return st.just(StepCase((0.9, 0.99), 0.0, 0.1, 0.1, *_in_one_piece((2, 3), scale=1e-7)))


def late_step(dtype: str) -> list[StepCase]:
    """A step after so many that most moments would have forgotten where they started; these have not."""
    return [StepCase((0.999, 0.9999), 1e-3, 0.1, 0.1, *_in_one_piece((2, 3), dtype)[:4], 700)]


def _in_one_piece(shape: tuple[int, ...], dtype: str = "float32", *, scale: float = 1.0) -> Slot:
    """Returns a contiguous parameter, which is what is cut into blocks, a gradient of size ``scale``, and a state."""
    kinds = (("ordinary", 1.0), ("ordinary", scale), ("ordinary", scale), ("positive", scale * scale))
    p, grad, m, v = (TensorSpec(shape, dtype, kind, seed, scale=size) for seed, (kind, size) in enumerate(kinds))
    return p, grad, m, v, 3


def large_step() -> st.SearchStrategy[StepCase]:
    """One step of a large parameter, the same in each exam."""
    return st.just(StepCase(None, None, None, 0.1, *_in_one_piece(LARGE)))


def large_among_small() -> st.SearchStrategy[ManyCase]:
    """One step of a large parameter between two small ones, the same in each exam."""
    slots = tuple(_in_one_piece(shape) for shape in ((2, 3), LARGE, (5,)))
    return st.just(ManyCase(None, None, None, 0.1, slots))


def a_dozen() -> st.SearchStrategy[ManyCase]:
    """One step of as many parameters as a small network has, one of them a number, the same in each exam.

    Most are of the shape of one beside them.
    """
    slots = tuple(_in_one_piece((1 + place // 2 % 3, 2) if place != 5 else ()) for place in range(12))
    return st.just(ManyCase(None, None, None, 0.1, slots))


@st.composite
def telling_step(draw: st.DrawFn, dtype: str) -> StepCase:
    """Draws a step with the hyper-parameters that tell one part of the formula from the usual mistakes in it."""
    focus = draw(st.sampled_from(("bias-correction", "eps-outside-root", "decoupled-decay")))
    scale = draw(_SCALES)
    lr, betas, eps, decay = 0.1, (0.9, 0.99), 1e-3 * scale, 0.0
    counts: st.SearchStrategy[int] = st.integers(0, 9)
    if focus == "bias-correction":
        counts = st.integers(0, 4)
        betas = (draw(st.sampled_from((0.9, 0.99))), draw(st.sampled_from((0.999, 0.99, 0.5))))
    elif focus == "eps-outside-root":
        eps = scale * draw(st.sampled_from((1.0, 0.1, 0.03)))
    else:
        lr, decay = draw(st.sampled_from((0.1, 0.5))), draw(st.sampled_from((2.0, 1.0, 10.0)))
    params = ("ordinary", "quarters") if focus == "decoupled-decay" else ("zeros", "quarters", "ordinary")
    p, grad, m, v, t = _slot(draw, draw(SHORT), dtype, scale=scale, counts=counts, params=params)
    return StepCase(betas, eps, decay, lr, p, grad, m, v, t, focus)


@st.composite
def leaf_step(draw: st.DrawFn, dtype: str = "float32") -> StepCase:
    """Draws a step of a leaf that requires grad."""
    p, grad, m, v, t = _slot(draw, draw(SHORT), dtype, leaf=True)
    held = draw(st.sampled_from(HELD))
    return StepCase((0.9, 0.99), 1e-3, draw(_DECAYS), 0.1, p, grad, m, v, t, "leaf", held=held)


@st.composite
def not_finite_step(draw: st.DrawFn, dtype: str = "float32") -> StepCase:
    """Draws a step whose gradient is not finite in some entries."""
    p, grad, m, v, t = _slot(draw, draw(st.sampled_from(FILLED)), dtype)
    value = draw(st.sampled_from(NOT_FINITE))
    return StepCase((0.9, 0.99), 1e-3, 0.01, 0.1, p, grad, m, v, t, "non-finite", value)


@st.composite
def many(draw: st.DrawFn, dtype: str = "float32", *, leaf: bool = False) -> ManyCase:
    """Draws one step of one to five parameters, of one shape or of several, each with a count of its own.

    Never of none: nobody asks for that, torch's own AdamW refuses it, and so do the ``torch._foreach`` functions.
    """
    count, alike = draw(st.sampled_from([(n, alike) for n in (2, 3, 1, 4, 5) for alike in (False, True)]))
    slots: list[Slot] = []
    for _ in range(count):
        # Now and then a parameter of the other precision stands among them.
        own = dtype if alike else draw(st.sampled_from((dtype, dtype, dtype, *FLOATS)))
        shape = slots[0][0].shape if alike and slots else draw(SHAPES)
        slots.append(_slot(draw, shape, own, leaf=leaf))
    return ManyCase(*_hyper(draw, dtype), tuple(slots), draw(st.sampled_from(HELD)) if leaf else "nothing")


@st.composite
def programs(draw: st.DrawFn, dtype: str) -> ProgramCase:
    """Draws two to eight steps of up to three parameters, in any order, with a changing learning rate."""
    count, alike = draw(st.sampled_from([(n, alike) for n in (1, 2, 3) for alike in (False, True)]))
    shapes = [draw(SHORT)] * count if alike else [draw(SHORT) for _ in range(count)]
    params = [a_tensor(draw, shape, dtype, ("quarters", "ordinary"), WRITABLE) for shape in shapes]
    moves = []
    for _ in range(draw(st.integers(2, 8))):
        which, lr = draw(st.sampled_from([(place, lr) for place in range(count) for lr in (0.1, 0.01, 0.5)]))
        moves.append((which, a_tensor(draw, params[which].shape, dtype, ("ordinary", "quarters")), lr))
    betas = draw(st.sampled_from(((0.9, 0.99), (0.9, 0.999), (0.5, 0.9))))
    eps, decay = draw(st.sampled_from((1e-3, 1e-8, 0.1))), draw(st.sampled_from((0.0, 0.1, 1.0)))
    return ProgramCase(betas, eps, decay, tuple(params), tuple(moves))


@st.composite
def states(draw: st.DrawFn) -> TensorsCase:
    """Draws what two states are made of."""
    dtype = draw(st.sampled_from(FLOATS))
    found = []
    for _ in range(2):
        shape = draw(SHORT)
        kind, scale = draw(st.sampled_from(("positive", "zeros"))), draw(st.sampled_from((1.0, SUBNORMAL[dtype])))
        found += [a_tensor(draw, shape, dtype, ("ordinary",)), a_tensor(draw, shape, dtype, (kind,), scale=scale)]
    m, v, other_m, other_v = found
    return TensorsCase(m, v, draw(st.integers(0, 50)), other_m, other_v, draw(st.integers(51, 99)))


def large_states() -> list[TensorsCase]:
    """What two states of a larger parameter than others are made of."""
    _, m, other_m, v, _ = _in_one_piece((80, 70))
    return [TensorsCase(m, v, 3, other_m, v, 51)]


@st.composite
def fresh(draw: st.DrawFn, dtype: str) -> InitCase:
    """Draws a parameter of any shape and layout, some of them holding what is not finite."""
    p = a_tensor(draw, draw(SHAPES), dtype, ("ordinary", "quarters", "zeros"), LAYOUTS, None)
    poison, held = draw(st.sampled_from([(None, True), (None, False), *((value, False) for value in NOT_FINITE)]))
    return InitCase(p, poison, held)


def large_fresh(dtype: str) -> list[InitCase]:
    """A larger parameter than others."""
    return [InitCase(TensorSpec((80, 70), dtype, "ordinary"))]


@st.composite
def lengths(draw: st.DrawFn) -> LengthsCase:
    """Draws three lengths that are not all the same."""
    short, more = draw(st.integers(0, 3)), draw(st.integers(1, 2))
    odd = draw(st.integers(0, 2))
    longer = draw(st.booleans())
    counts = [short + more * (longer if place == odd else not longer) for place in range(3)]
    return LengthsCase(*counts)
