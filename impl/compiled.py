"""AdamW's step with each large parameter in one compiled loop: a single pass over memory, like torch's fused kernel.

The first step compiles for some seconds, and needs a C++ compiler; after it, learning rate and time may change freely.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from impl import optim
from impl.optim import AdamWState, init_adamw_state

__all__ = ["AdamWState", "adamw_step_", "adamw_step_many_", "init_adamw_state"]

# On smaller ones the eager step's passes stay in the cache, and looking up what was compiled costs as much as they do.
LARGE = 2**17


def adamw_step_(
    p: Tensor,
    grad: Tensor,
    state: AdamWState,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> AdamWState:
    """One AdamW step on p, in place; see impl.optim.adamw_step_ for the equations and arguments."""
    return adamw_step_many_([p], [grad], [state], lr, betas, eps, weight_decay)[0]


@torch.no_grad()
def adamw_step_many_(
    params: list[Tensor],
    grads: list[Tensor],
    states: list[AdamWState],
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> list[AdamWState]:
    """One AdamW step on each of many parameters, in place; see impl.optim.adamw_step_many_ for arguments and errors.

    Parameters that are large and contiguous, with all that belongs to them, take the compiled loop, others the eager
    step.
    """
    beta1, beta2 = betas
    small: list[tuple[Tensor, Tensor, AdamWState]] = []
    for p, grad, state in optim.together(params, grads, states):
        tensors = p, grad, state.m, state.v
        if p.numel() < LARGE or not all(x.is_contiguous() for x in tensors):
            small.append((p, grad, state))
            continue
        state.t += 1
        c = sqrt(1 - beta2**state.t)
        decay, rate = 1 - lr * weight_decay, lr * c / (1 - beta1**state.t)
        # As a tensor: a number would be compiled into the loop, and each step compiled again.
        numbers = (beta1, 1 - beta1, beta2, 1 - beta2, c * eps, decay, rate)
        scalars = torch.tensor(numbers, dtype=torch.promote_types(p.dtype, torch.float32), device=p.device)
        _compiled()(*map(_flat, tensors), scalars)
        increment_version((p, state.m, state.v))  # so that a backward pass that still needs the old values says so
    if small:
        p_small, grad_small, state_small = (list(each) for each in zip(*small, strict=True))
        optim.adamw_step_many_(p_small, grad_small, state_small, lr, betas, eps, weight_decay)
    return states


def _flat(x: Tensor) -> Tensor:
    """The same memory in one dimension; no view, for each form of whose base there would be a loop of its own."""
    return x.new_empty(0).set_(x.untyped_storage(), x.storage_offset(), (x.numel(),), (1,))


@cache
def _compiled() -> Any:
    return torch.compile(_update_, dynamic=True)


def _update_(p: Tensor, grad: Tensor, m: Tensor, v: Tensor, scalars: Tensor) -> None:
    """The equations as impl.optim has them; what is computed lives in registers, in float32 where p has 16 bits."""
    beta1, rest1, beta2, rest2, c_eps, decay, rate = scalars.unbind()
    m_new = beta1 * m + rest1 * grad
    v_new = beta2 * v + rest2 * grad * grad
    root = (v_new.float() if v_new.itemsize == 2 else v_new).sqrt()
    p_new = decay * p - rate * (m_new / (root + c_eps))
    # Written last: what is read again after it was written would be another pass.
    m.copy_(m_new)
    v.copy_(v_new)
    p.copy_(p_new)
