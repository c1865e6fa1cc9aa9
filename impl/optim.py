"""AdamW from scratch: one formula, worked through in blocks that stay in the cache.

impl.compiled takes the same step in one compiled loop, which large parameters gain from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

# Elements to work through at once on a CPU, whose operations each pass over memory: five float32 tensors of this size
# (2.5 MiB) stay in the cache from one pass to the next, and dispatching the passes costs little beside them.
_BLOCK = 2**17


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


class _Piece(NamedTuple):
    """What one step reads and writes of one parameter, or of a block of it."""

    p: Tensor
    grad: Tensor
    m: Tensor
    v: Tensor


@torch.no_grad()
def init_adamw_state(p: Tensor) -> AdamWState:
    """The state before the first step: m = 0, v = 0, t = 0."""
    return AdamWState(m=torch.zeros_like(p), v=torch.zeros_like(p), t=0)


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
        eps: added outside the square root, > 0. It counts in 16-bit parameters too, where torch rounds 1e-8 to zero.
        weight_decay: >= 0, 0.01 as in torch.

    Returns:
        The state, with t one higher.
    """
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
    groups: defaultdict[tuple[torch.device, torch.dtype, int], list[_Piece]] = defaultdict(list)
    for p, grad, state in together(params, grads, states):
        state.t += 1
        groups[p.device, p.dtype, state.t].append(_Piece(p, grad, state.m, state.v))
    for (device, _, t), pieces in groups.items():
        for batch in _batches(pieces, _BLOCK if device.type == "cpu" else inf):
            _update_(batch, t, lr, betas, eps, weight_decay)
    return states


def together(
    params: list[Tensor], grads: list[Tensor], states: list[AdamWState]
) -> list[tuple[Tensor, Tensor, AdamWState]]:
    """Each parameter with its gradient and its state.

    Raises:
        ValueError: the three lists are not equally long.
    """
    if not len(params) == len(grads) == len(states):
        raise ValueError(
            f"{len(params)} params, {len(grads)} grads and {len(states)} states: "
            "each parameter needs one gradient and one state"
        )
    return list(zip(params, grads, states, strict=True))


def _batches(pieces: list[_Piece], block: float) -> Iterator[list[_Piece]]:
    """The same work, at most `block` elements at a time: small pieces together, large contiguous ones cut."""
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        n = piece.p.numel()
        if n > block and all(x.is_contiguous() for x in piece):
            flat = (torch.split(x.view(-1), int(block)) for x in piece)
            yield from ([_Piece(*part)] for part in zip(*flat, strict=True))
            continue
        if batch and size + n > block:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += n
    if batch:
        yield batch


def _update_(
    batch: list[_Piece], t: int, lr: float, betas: tuple[float, float], eps: float, weight_decay: float
) -> None:
    """The equations, each line one pass over all tensors of the batch; they share device, dtype and t.

    With c = sqrt(1 - beta2^t), the last step is taken in an equal form that saves a pass:
    lr m_hat / (sqrt(v_hat) + eps) = (lr c / (1 - beta1^t)) m / (sqrt(v) + c eps).
    """
    beta1, beta2 = betas
    c = sqrt(1 - beta2**t)
    p, grad, m, v = (list(tensors) for tensors in zip(*batch, strict=True))
    torch._foreach_lerp_(m, grad, 1 - beta1)  # m + (1 - beta1) (grad - m)
    torch._foreach_mul_(v, beta2)
    torch._foreach_addcmul_(v, grad, grad, 1 - beta2)
    # In float16 c eps would lose its digits, or all of itself: the denominator of 16-bit parameters is float32.
    denominator = torch._foreach_sqrt([x.float() for x in v] if v[0].itemsize == 2 else v)
    torch._foreach_add_(denominator, c * eps)
    torch._foreach_mul_(p, 1 - lr * weight_decay)
    torch._foreach_addcdiv_(p, m, denominator, -lr * c / (1 - beta1**t))
