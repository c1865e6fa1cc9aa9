"""Other right ways to write AdamW."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from conformance.faults import honest

Betas = tuple[float, float]
BETAS = (0.9, 0.999)


@honest("AdamWState", "a NamedTuple")
class AsTuple(NamedTuple):
    m: Tensor
    v: Tensor
    t: int


@honest("AdamWState", "a frozen dataclass with slots")
@dataclass(frozen=True, slots=True)
class Frozen:
    m: Tensor
    v: Tensor
    t: int


@honest("AdamWState", "a dataclass with defaults, one more field, and a method")
@dataclass
class AdamWState:
    m: Tensor
    v: Tensor
    t: int = 0
    history: list[float] = field(default_factory=list)

    def clone(self) -> AdamWState:
        return AdamWState(self.m.clone(), self.v.clone(), self.t)


@honest("AdamWState", "a plain class with properties")
class WithProperties:
    def __init__(self, m: Tensor, v: Tensor, t: int) -> None:
        self._moments, self._t = [m, v], t

    m = property(lambda self: self._moments[0])
    v = property(lambda self: self._moments[1])

    @property
    def t(self) -> int:
        return self._t


@honest("init_adamw_state", "new_zeros")
def new_zeros(p: Tensor) -> AdamWState:
    return AdamWState(p.new_zeros(p.shape), p.new_zeros(p.shape), 0)


@honest("init_adamw_state", "zeros made under inference_mode, for a step that makes new moments")
@torch.inference_mode()
def in_inference_mode(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)


@honest("init_adamw_state", "torch.zeros with everything spelt out")
def spelt_out(p: Tensor) -> AdamWState:
    m, v = (torch.zeros(*p.size(), dtype=p.dtype, device=p.device) if p.ndim else p.new_zeros(()) for _ in range(2))
    return AdamWState(t=0, v=v, m=m)


@honest("init_adamw_state", "a copy that is filled with zeros, without no_grad")
def filled(p: Tensor) -> AdamWState:
    return AdamWState(p.detach().clone().fill_(0), torch.empty_like(p.data).zero_(), int(p.requires_grad) * 0)


@honest("init_adamw_state", "zeros_like of an nn.Parameter's data, contiguous whatever p is, with a print")
@torch.no_grad()
def contiguous(p: Tensor) -> AdamWState:
    print("state for", p.shape, p.dtype, p.device)
    make = torch.zeros_like
    state = AdamWState(make(p, memory_format=torch.contiguous_format), make(p, requires_grad=False), 0)
    assert state.m.shape == p.shape, "m must look like p"
    return state


@honest("adamw_step_", "refuses hyper-parameters outside of their ranges, an eps of zero among them")
@torch.no_grad()
def with_ranges(
    p: Tensor, grad: Tensor, state: Any, lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> Any:  # fmt: skip
    if lr < 0 or eps <= 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay}")
    state.t += 1
    p.mul_(1 - lr * weight_decay)
    state.m.mul_(betas[0]).add_(grad, alpha=1 - betas[0])
    state.v.mul_(betas[1]).addcmul_(grad, grad, value=1 - betas[1])
    denominator = state.v.sqrt().div_(math.sqrt(1 - betas[1] ** state.t)).add_(eps)
    p.addcdiv_(state.m, denominator, value=-lr / (1 - betas[0] ** state.t))
    return state


@honest("adamw_step_", "in place throughout: lerp_, addcmul_, addcdiv_, p decayed first")
@torch.no_grad()
def in_place(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    beta1, beta2 = betas
    state.t += 1
    p.mul_(1 - lr * weight_decay)
    state.m.lerp_(grad, 1 - beta1)
    state.v.lerp_(grad.square(), 1 - beta2)
    root = state.v.sqrt().div_(math.sqrt(1 - beta2**state.t)).add_(eps)
    p.addcdiv_(state.m, root, value=-lr / (1 - beta1**state.t))
    return state


@honest("adamw_step_", "in float64 and back, a new state object, p.data instead of no_grad")
def upcast(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    t, g, wide = state.t + 1, grad.detach().double(), p.data.double()
    m, v = betas[0] * state.m + (1 - betas[0]) * g, betas[1] * state.v + (1 - betas[1]) * g**2
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    p.data.copy_(wide - lr * (m_hat / (v_hat**0.5 + eps) + weight_decay * wide))
    return AdamWState(m.to(p.dtype), v.to(p.dtype), t)


@honest("adamw_step_", "numbers as tensors of p's dtype, powers as exp(t log(beta)), reciprocals multiplied")
def tensor_numbers(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    dtype = torch.promote_types(p.dtype, torch.float32)
    beta1, beta2, rate, small, decay = (
        torch.tensor(x, dtype=dtype, device=p.device) for x in (*betas, lr, eps, weight_decay)
    )
    t = state.t + 1
    c1, c2 = 1 - torch.exp(t * torch.log(beta1)), 1 - torch.exp(t * torch.log(beta2))
    with torch.no_grad():
        m = (beta1 * state.m + (1 - beta1) * grad).to(p.dtype)
        v = (beta2 * state.v + (1 - beta2) * grad * grad).to(p.dtype)
        direction = m * c1.reciprocal() * (torch.sqrt(v * c2.reciprocal()) + small).reciprocal()
        p -= (rate * (direction + decay * p)).to(p.dtype)
    return replace(state, m=m, v=v, t=t)


@honest("adamw_step_", "the correction folded into the rate and into eps, p taken apart into rows")
@torch.no_grad()
def folded(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    state.t, root = state.t + 1, math.sqrt(1 - betas[1] ** (state.t + 1))
    rows = zip(p, grad, state.m, state.v, strict=True) if p.ndim else [(p, grad, state.m, state.v)]
    for row, g, m, v in rows:
        m.copy_(g + betas[0] * (m - g))
        v.copy_(betas[1] * v + (g * (1 - betas[1])) * g)
        row.sub_(row * (lr * weight_decay))
        row.sub_((lr * root / (1 - betas[0] ** state.t)) * m / (v.sqrt() + eps * root))
    return state


@honest("adamw_step_", "Python's own numbers, entry by entry, with checks of every argument and a warning")
def entry_by_entry(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1 and eps >= 0 and lr >= 0 and weight_decay >= 0):
        raise ValueError("a hyper-parameter is out of range")
    if p.numel() > 1000:
        warnings.warn("this will take a moment", stacklevel=2)
    t, moments, after = state.t + 1, [], []
    columns = [x.detach().flatten().tolist() for x in (p, grad, state.m, state.v)]
    for x, g, m, v in zip(*columns, strict=True):
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        direction = m / (1 - betas[0] ** t) / (math.sqrt(v / (1 - betas[1] ** t)) + eps)
        moments.append((m, v))
        after.append(x - lr * (direction + weight_decay * x))
    like: Any = {"dtype": p.dtype, "device": p.device}
    p.detach().copy_(torch.tensor(after, **like).reshape(p.shape))
    m_new, v_new = (torch.tensor([pair[k] for pair in moments], **like).reshape(p.shape) for k in range(2))
    return AdamWState(m_new, v_new, t)


@honest("adamw_step_", "_foreach on lists of one, bias corrections of its own for weights and sums")
@torch.no_grad()
def foreach(
    p: Tensor, grad: Tensor, state: Any, lr: float, betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01
) -> Any:
    _foreach_step([p], [grad], [state], lr, betas, eps, weight_decay)
    return state


def _foreach_step(
    ps: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, betas: Betas, eps: float, weight_decay: float
) -> None:
    ms, vs = [state.m for state in states], [state.v for state in states]
    for state in states:
        state.t += 1
    torch._foreach_mul_(ms, betas[0])
    torch._foreach_add_(ms, grads, alpha=1 - betas[0])
    torch._foreach_mul_(vs, betas[1])
    torch._foreach_addcmul_(vs, grads, grads, value=1 - betas[1])
    roots = torch._foreach_sqrt(torch._foreach_div(vs, [1 - betas[1] ** state.t for state in states]))
    torch._foreach_add_(roots, eps)
    steps = torch._foreach_div(torch._foreach_div(ms, [1 - betas[0] ** state.t for state in states]), roots)
    torch._foreach_add_(steps, ps, alpha=weight_decay)
    torch._foreach_add_(ps, steps, alpha=-lr)


@honest("adamw_step_many_", "_foreach over all at once, in groups of one dtype")
@torch.no_grad()
def foreach_groups(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> list[Any]:  # fmt: skip
    assert len(params) == len(grads) == len(states), "one gradient and one state for each parameter"
    for dtype in {p.dtype for p in params}:
        chosen = [place for place, p in enumerate(params) if p.dtype == dtype]
        ps, gs, ss = ([given[place] for place in chosen] for given in (params, grads, states))
        _foreach_step(ps, gs, ss, lr, betas, eps, weight_decay)
    return list(states)


@honest("adamw_step_many_", "_foreach over all at once, which takes no empty list")
@torch.no_grad()
def foreach_all(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> list[Any]:  # fmt: skip
    assert len(params) == len(grads) == len(states), "one gradient and one state for each parameter"
    _foreach_step(params, grads, states, lr, betas, eps, weight_decay)
    return states


@honest("adamw_step_many_", "a loop that makes new states, by index, last parameter first")
def backwards(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, *hyper: Any, **named: Any
) -> list[Any]:
    if len({len(params), len(grads), len(states)}) > 1:
        raise IndexError(f"{len(params)} params, {len(grads)} grads, {len(states)} states")
    found: list[Any] = [None] * len(params)
    for i in reversed(range(len(params))):
        found[i] = upcast(params[i], grads[i], states[i], lr, *hyper, **named)
    return found


@honest("adamw_step_many_", "everything of one dtype and one count in one flat vector, and back")
@torch.no_grad()
def flat(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> list[Any]:  # fmt: skip
    done: dict[int, Any] = {}
    for key in {(p.dtype, state.t) for p, state in zip(params, states, strict=True)}:
        chosen = [i for i, p in enumerate(params) if (p.dtype, states[i].t) == key]
        columns = ([params[i] for i in chosen], [grads[i] for i in chosen])
        p, grad = (torch.cat([x.reshape(-1) for x in column]) for column in columns)
        m, v = (torch.cat([getattr(states[i], name).reshape(-1) for i in chosen]) for name in "mv")
        state = in_place(p, grad, AdamWState(m, v, key[1]), lr, betas, eps, weight_decay)
        sizes = [params[i].numel() for i in chosen]
        pieces = (torch.split(x, sizes) for x in (p, state.m, state.v))
        for i, x, m_i, v_i in zip(chosen, *pieces, strict=True):
            params[i].copy_(x.view(params[i].shape))
            done[i] = AdamWState(m_i.view(params[i].shape), v_i.view(params[i].shape), state.t)
    return [done[i] for i in range(len(params))]


@honest("adamw_step_many_", "a partial of a step of one, mapped over the lists")
def mapped(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float, *hyper: Any, **named: Any
) -> list[Any]:
    step = partial(_rate_first, lr, hyper, named)
    return list(map(step, params, grads, states))


def _rate_first(lr: float, hyper: Any, named: Any, p: Tensor, grad: Tensor, state: Any) -> Any:
    return in_place(p, grad, state, lr, *hyper, **named)
