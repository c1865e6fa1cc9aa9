"""What an AdamW step gives, and within what bound, however its formula is arranged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from conformance.numerics.bounded import Bounded
from conformance.suite.optim.cases import EPS, Hyper, ManyCase, ProgramCase, StepCase
from conformance.suite.optim.scalars import Scalar
from conformance.suite.tensors import TensorSpec

# The defaults of the exercise's signature.
BETAS = (0.9, 0.999)
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Moments:
    """A parameter and its state, each entry with its bound."""

    p: Bounded
    m: Bounded
    v: Bounded
    t: int


def start(p: torch.Tensor) -> Moments:
    """Returns a parameter before its first step."""
    zeros = Bounded.exact(torch.zeros_like(p))
    return Moments(Bounded.exact(p), zeros, zeros, 0)


def step_of(case: StepCase) -> Moments:
    """Returns what one step gives."""
    grad = case.grad.value
    lost = torch.zeros(grad.shape, dtype=torch.bool)
    if case.not_finite is not None:
        lost.view(-1)[::3] = True
        grad = grad.masked_fill(lost, 0.0)
    after = step(_before(case.p, case.m, case.v, case.t), grad, case.lr, case)
    if case.not_finite is None:
        return after
    p = Bounded(np.where(lost.numpy(), math.nan, after.p.value), after.p.bound, after.p.precision)
    return Moments(p, after.m, after.v, after.t)


def steps_of(case: ManyCase) -> list[Moments]:
    """Returns what one step of each parameter gives."""
    return [step(_before(p, m, v, t), grad.value, case.lr, case) for p, grad, m, v, t in case.slots]


def _before(p: TensorSpec, m: TensorSpec, v: TensorSpec, t: int) -> Moments:
    return Moments(Bounded.exact(p.value), Bounded.exact(m.value), Bounded.exact(v.value), t)


def path_of(case: ProgramCase) -> tuple[list[Bounded], list[Moments]]:
    """Returns the parameter that moved after each move, and every parameter with its state at the end."""
    current = [start(spec.value) for spec in case.params]
    path = []
    for which, grad, lr in case.moves:
        current[which] = step(current[which], grad.value, lr, case)
        path.append(current[which].p)
    return path, current


def rounds_of(case: ProgramCase) -> list[list[Bounded]]:
    """Returns all parameters after each round: from the move's own on they step, the others with a gradient of ones."""
    current = [start(spec.value) for spec in case.params]
    path = []
    for which, grad, lr in case.moves:
        for place in range(which, len(current)):
            given = grad.value if place == which else torch.ones_like(case.params[place].value)
            current[place] = step(current[place], given, lr, case)
        path.append([slot.p for slot in current])
    return path


def step(before: Moments, grad: torch.Tensor, lr: float, hyper: Hyper) -> Moments:
    """Returns one AdamW step, with the widest of the bounds that its honest arrangements have.

    m = beta1 m + (1 - beta1) grad,           v = beta2 v + (1 - beta2) grad^2
    p = p - lr (m / c1 / (sqrt(v / c2) + eps) + weight_decay p),    c1 = 1 - beta1^t, c2 = 1 - beta2^t
    """
    dtype, t = grad.dtype, before.t + 1
    beta1, beta2 = (Scalar.of(beta, dtype) for beta in hyper.betas or BETAS)
    g = Bounded.exact(grad)
    m, v = _average(before.m, g, beta1, dtype), _average(before.v, g.square(), beta2, dtype)
    eps = Scalar.of(EPS if hyper.eps is None else hyper.eps, dtype)
    decay = Scalar.of(WEIGHT_DECAY if hyper.weight_decay is None else hyper.weight_decay, dtype)
    c1, c2 = beta1.power(t).one_minus(), beta2.power(t).one_minus()
    return Moments(_moved(before.p, m, v, (c1, c2, Scalar.of(lr, dtype), eps, decay), dtype), m, v, t)


def _average(old: Bounded, new: Bounded, beta: Scalar, dtype: torch.dtype) -> Bounded:
    """Returns ``beta old + (1 - beta) new``, spelt out or as one of the two forms of a lerp."""
    taken = beta.one_minus()
    kept, kept_again, taken_ = (scalar.handed_on(dtype) for scalar in (beta, taken.one_minus(), taken))
    change = new - old
    return _widest(kept * old + taken_ * new, old + taken_ * change, new - kept_again * change)


def _moved(p: Bounded, m: Bounded, v: Bounded, numbers: tuple[Scalar, ...], dtype: torch.dtype) -> Bounded:
    """Returns p after its step: as the formula is written; decayed first, as torch does; and with eps scaled instead.

    The forms differ in what is folded into a number: nothing; lr / c1 and sqrt(c2) (torch); lr sqrt(c2) / c1 and
    sqrt(c2) eps. Each reciprocal is multiplied, which rounds once more than dividing.
    """
    c1, c2, rate, eps, decay = numbers
    folded, root_c2 = rate * c1.reciprocal(), c2.sqrt()
    lr, added, decayed = (scalar.handed_on(dtype) for scalar in (rate, eps, decay))
    root = v.sqrt()
    corrected = (v * c2.reciprocal().handed_on(dtype)).sqrt()
    written = (m * c1.reciprocal().handed_on(dtype)) * (1.0 / (corrected + added))
    torchs = m * (1.0 / (root * root_c2.reciprocal().handed_on(dtype) + added))
    scaled = m * (1.0 / (root + (root_c2 * eps).handed_on(dtype)))
    change = _widest(written * lr, torchs * folded.handed_on(dtype), scaled * (folded * root_c2).handed_on(dtype))
    return _widest(p - (written + p * decayed) * lr, p * (rate * decay).one_minus().handed_on(dtype) - change)


def _widest(first: Bounded, *others: Bounded) -> Bounded:
    """Returns the first of several forms of one value, with the widest of their bounds."""
    bound = first.bound
    for other in others:
        bound = np.maximum(bound, other.bound)
    return Bounded(first.value, bound, first.precision)
