"""AdamW from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor


@dataclass
class AdamWState:
    """What AdamW remembers of one parameter.

    Attributes:
        m: first moment, the moving average of the gradients; shape, dtype and device of the parameter.
        v: second moment, the moving average of their squares; likewise.
        t: steps taken so far.
    """

    m: Tensor
    v: Tensor
    t: int


@torch.no_grad()
def init_adamw_state(p: Tensor) -> AdamWState:
    """The state before the first step: m = 0, v = 0, t = 0."""
    return AdamWState(m=torch.zeros_like(p), v=torch.zeros_like(p), t=0)


@torch.no_grad()
def adamw_step_(
    p: Tensor,
    grad: Tensor,
    state: AdamWState,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> AdamWState:
    """One AdamW step on p, in place.

        t = t + 1
        m = beta1 m + (1 - beta1) grad
        v = beta2 v + (1 - beta2) grad^2
        m_hat = m / (1 - beta1^t),    v_hat = v / (1 - beta2^t)
        p = p - lr (m_hat / (sqrt(v_hat) + eps) + weight_decay p)

    Args:
        p: the parameter, floating point, any shape and strides; changed.
        grad: its gradient; not changed.
        state: changed in place, and returned.
        lr: learning rate, >= 0. It scales the weight decay too, as in torch, unlike in Loshchilov and Hutter (2019).
        betas: decay rates of the two moments, in [0, 1).
        eps: added outside the square root, > 0.
        weight_decay: >= 0, 0.01 as in torch.

    Returns:
        The state, with t one higher.
    """
    beta1, beta2 = betas
    state.t += 1
    m, v, t = state.m, state.v, state.t
    m.mul_(beta1).add_(grad, alpha=1 - beta1)
    v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    denominator = v.sqrt().div_(sqrt(1 - beta2**t)).add_(eps)
    p.mul_(1 - lr * weight_decay).addcdiv_(m, denominator, value=-lr / (1 - beta1**t))
    return state


def adamw_step_many_(
    params: list[Tensor],
    grads: list[Tensor],
    states: list[AdamWState],
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> list[AdamWState]:
    """One AdamW step on each of many parameters, in place; see adamw_step_ for the equations and arguments.

    Args:
        params: the parameters; they may differ in shape, dtype, device and step count.
        grads: one gradient for each.
        states: one state for each.

    Returns:
        The states, each with t one higher.

    Raises:
        ValueError: the three lists are not equally long.
    """
    if not len(params) == len(grads) == len(states):
        raise ValueError(
            f"{len(params)} params, {len(grads)} grads and {len(states)} states: "
            "each parameter needs one gradient and one state"
        )
    return [
        adamw_step_(p, grad, state, lr, betas, eps, weight_decay)
        for p, grad, state in zip(params, grads, states, strict=True)
    ]
