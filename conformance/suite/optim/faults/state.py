"""How AdamWState and init_adamw_state go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from conformance.faults import fault


@dataclass
class AdamWState:
    """A right state, for the steps below."""

    m: Tensor
    v: Tensor
    t: int


@fault("AdamWState", "takes v before m, so that positions mean something else")
@dataclass
class SwappedFields:
    v: Tensor
    m: Tensor
    t: int


@fault("AdamWState", "keeps its fields on the class, so that all states are one")
class SharedFields:
    def __init__(self, m: Tensor, v: Tensor, t: int) -> None:
        cls: Any = type(self)
        cls.m, cls.v, cls.t = m, v, t


@fault("AdamWState", "casts the moments to float32")
class Float32Fields:
    def __init__(self, m: Tensor, v: Tensor, t: int) -> None:
        self.m, self.v, self.t = m.float(), v.float(), t


@fault("AdamWState", "keeps the count as a tensor instead of an int")
class CountAsTensor:
    def __init__(self, m: Tensor, v: Tensor, t: int) -> None:
        self.m, self.v, self.t = m, v, torch.tensor(t)


@fault("AdamWState", "raises v to 1e-8 at least, as if to keep the step from dividing by zero")
class ClampedFields:
    def __init__(self, m: Tensor, v: Tensor, t: int) -> None:
        self.m, self.v, self.t = m, v.clamp(min=1e-8), t


@fault("init_adamw_state", "makes m and v one tensor under two names")
def one_tensor(p: Tensor) -> AdamWState:
    m = v = torch.zeros_like(p)
    return AdamWState(m, v, 0)


@fault("init_adamw_state", "multiplies p by zero, which keeps its NaNs and its graph")
def times_zero(p: Tensor) -> AdamWState:
    return AdamWState(p * 0, p * 0, 0)


@fault("init_adamw_state", "makes float32 zeros whatever dtype p has")
def default_dtype(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros(p.shape, device=p.device), torch.zeros(p.shape, device=p.device), 0)


@fault("init_adamw_state", "makes the zeros on the CPU wherever p lies")
def default_device(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros(p.shape, dtype=p.dtype), torch.zeros(p.shape, dtype=p.dtype), 0)


@fault("init_adamw_state", "starts the count at 1")
def starts_at_one(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 1)


@fault("init_adamw_state", "starts the second moment at one")
def ones_for_v(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros_like(p), torch.ones_like(p), 0)


@fault("init_adamw_state", "takes memory as it is instead of filling it with zeros")
def never_filled(p: Tensor) -> AdamWState:
    return AdamWState(torch.empty_like(p), torch.empty_like(p), 0)


@fault("init_adamw_state", "makes the moments require grad as p does")
def requires_grad(p: Tensor) -> AdamWState:
    found = AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)
    found.m.requires_grad_(p.requires_grad)
    return found


@fault("init_adamw_state", "zeroes p to have zeros like it")
def zeroes_p(p: Tensor) -> AdamWState:
    return AdamWState(p.detach().mul_(0).clone(), torch.zeros_like(p), 0)


@fault("init_adamw_state", "switches requires_grad off for p, which is no parameter to train from then on")
def freezes_p(p: Tensor) -> AdamWState:
    p.requires_grad_(False)
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)


@fault("init_adamw_state", "clears p.grad, which the first step is to follow")
def fresh_clears_grad(p: Tensor) -> AdamWState:
    p.grad = None
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)


@fault("init_adamw_state", "makes one number for each moment instead of a tensor like p")
def scalars(p: Tensor) -> AdamWState:
    zero = torch.zeros((), dtype=p.dtype, device=p.device)
    return AdamWState(zero, zero.clone(), 0)


@fault("init_adamw_state", "keeps the zeros of each shape and hands them out again")
def cached(p: Tensor) -> AdamWState:
    key = (p.shape, p.dtype, p.device)
    if key not in _CACHE:
        _CACHE[key] = (torch.zeros_like(p), torch.zeros_like(p))
    return AdamWState(*_CACHE[key], 0)


_CACHE: dict[Any, tuple[Tensor, Tensor]] = {}


@fault("init_adamw_state", "gives every state of a shape the same second moment")
def cached_v(p: Tensor) -> AdamWState:
    return AdamWState(torch.zeros_like(p), _SECOND.setdefault((p.shape, p.dtype, p.device), torch.zeros_like(p)), 0)


_SECOND: dict[Any, Tensor] = {}


@fault("init_adamw_state", "expands one zero to the shape of p, which no update in place can write to")
def expanded(p: Tensor) -> AdamWState:
    return AdamWState(p.new_zeros(()).expand(p.shape), p.new_zeros(()).expand(p.shape), 0)


@fault("AdamWState", "needs a learning rate that no text mentions")
@dataclass
class NeedsMore:
    m: Tensor
    v: Tensor
    t: int
    lr: float


@fault("init_adamw_state", "needs to be told beta1 and beta2, which a fresh state has no use for")
def needs_betas(p: Tensor, betas: tuple[float, float]) -> AdamWState:
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)


_EVERYBODYS = AdamWState(torch.zeros(()), torch.zeros(()), 0)


@fault("init_adamw_state", "hands out one state object, which forgets the parameter before")
def one_object(p: Tensor) -> AdamWState:
    _EVERYBODYS.m, _EVERYBODYS.v, _EVERYBODYS.t = torch.zeros_like(p), torch.zeros_like(p), 0
    return _EVERYBODYS


@fault("init_adamw_state", "makes moments of the parameter's own class, which require grad as it does")
def moments_as_parameters(p: Tensor) -> AdamWState:
    def zeros() -> Tensor:
        return nn.Parameter(torch.zeros_like(p)) if isinstance(p, nn.Parameter) else torch.zeros_like(p)

    return AdamWState(zeros(), zeros(), 0)


@fault("init_adamw_state", "turns autograd off and not on again")
def leaves_autograd_off(p: Tensor) -> AdamWState:
    torch.set_grad_enabled(False)
    return AdamWState(torch.zeros_like(p), torch.zeros_like(p), 0)
