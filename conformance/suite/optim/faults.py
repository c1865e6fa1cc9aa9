"""How AdamW goes wrong: its state, one step, and a step of many parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from conformance.faults import fault

Betas = tuple[float, float]
BETAS = (0.9, 0.999)


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


class _Step:
    """A right step, in parts that a fault can replace."""

    def __init__(self, lr: float, betas: Betas, eps: float, weight_decay: float) -> None:
        self.lr, (self.beta1, self.beta2), self.eps, self.weight_decay = lr, betas, eps, weight_decay

    def take(self, p: Tensor, grad: Tensor, state: Any) -> Any:
        with torch.no_grad():
            return self.all(p, grad, state)

    def all(self, p: Tensor, grad: Tensor, state: Any) -> Any:
        m, v = self.moments(p, grad, state)
        self.move(p, self.direction(m, v, state.t + 1, state))
        state.m, state.v, state.t = m, v, state.t + 1
        return state

    def moments(self, p: Tensor, grad: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        m = self.beta1 * state.m + (1 - self.beta1) * grad
        return m, self.beta2 * state.v + (1 - self.beta2) * grad * grad

    def direction(self, m: Tensor, v: Tensor, t: int, state: Any) -> Tensor:
        return m / (1 - self.beta1**t) / self.denominator(v, 1 - self.beta2**t)

    def denominator(self, v: Tensor, correction: float) -> Tensor:
        return (v / correction).sqrt() + self.eps

    def decay(self, p: Tensor) -> Any:
        return self.weight_decay * p

    def move(self, p: Tensor, direction: Tensor) -> None:
        p.sub_(self.lr * (direction + self.decay(p)))


def _wrong(sentence: str, **parts: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a step with some parts replaced, marked as a fault."""
    step = type("WrongStep", (_Step,), parts)

    @fault("adamw_step_", sentence)
    def adamw_step_(
        p: Tensor, grad: Tensor, state: Any, lr: float,
        betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
    ) -> Any:  # fmt: skip
        return step(lr, betas, eps, weight_decay).take(p, grad, state)

    return adamw_step_


no_no_grad = _wrong("updates p without no_grad, which a leaf that requires grad refuses", take=_Step.all)
not_in_place = _wrong(
    "computes a new p and binds it to the name, so that the caller's p stays",
    move=lambda s, p, direction: p - s.lr * (direction + s.decay(p)),
)
other_memory = _wrong(
    "gives p other memory through p.data, which views of p do not see",
    move=lambda s, p, direction: setattr(p, "data", p - s.lr * (direction + s.decay(p))),
)
flat_copy = _wrong(
    "flattens p for the update, which is a copy where p is not contiguous",
    move=lambda s, p, direction: _Step.move(s, p.reshape(-1), direction.reshape(-1)),
)
walks_memory = _wrong(
    "walks through the memory of p instead of its entries, which mixes them up where p is transposed",
    move=lambda s, p, direction: _Step.move(s, _in_memory(p), direction.reshape(_in_memory(p).shape)),
)
first_thousand = _wrong(
    "steps the first 1024 entries only, as a kernel whose grid is too small",
    direction=lambda s, m, v, t, state: _head(_Step.direction(s, m, v, t, state)),
)
eps_inside = _wrong("adds eps inside the square root", denominator=lambda s, v, c: (v / c + s.eps).sqrt())
eps_scaled = _wrong(
    "adds eps before the bias correction, which scales it up on early steps",
    denominator=lambda s, v, c: (v.sqrt() + s.eps) / c**0.5,
)
eps_fixed = _wrong("ignores the eps given and takes 1e-8", denominator=lambda s, v, c: (v / c).sqrt() + 1e-8)
eps_as_floor = _wrong(
    "takes eps as a floor of the denominator instead of adding it",
    denominator=lambda s, v, c: (v / c).sqrt().clamp_min(s.eps),
)
no_correction = _wrong("leaves out the bias correction", direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps))
one_correction = _wrong("corrects the bias of the first moment only", denominator=lambda s, v, c: v.sqrt() + s.eps)
corrects_stored = _wrong(
    "stores the corrected moments, which the next step corrects again",
    moments=lambda s, p, grad, state: _corrected(s, _Step.moments(s, p, grad, state), state.t + 1),
    direction=lambda s, m, v, t, state: m / (v.sqrt() + s.eps),
)
counts_twice = _wrong(
    "corrects the bias with a t that is one too high",
    direction=lambda s, m, v, t, state: _Step.direction(s, m, v, t + 1, state),
)
counts_late = _wrong(
    "corrects the bias before t counts this step",
    direction=lambda s, m, v, t, state: _Step.direction(s, m, v, max(t - 1, 1), state),
)
never_counts = _wrong(
    "never counts the step in the state",
    take=lambda s, p, grad, state: AdamWState((new := _Step.take(s, p, grad, state)).m, new.v, new.t - 1),
)
swapped_betas = _wrong(
    "swaps the two betas", __init__=lambda s, lr, betas, *rest: _Step.__init__(s, lr, (betas[1], betas[0]), *rest)
)
swapped_weights = _wrong(
    "weights the gradient by beta and the old moment by 1 - beta",
    moments=lambda s, p, grad, state: (
        (1 - s.beta1) * state.m + s.beta1 * grad,
        (1 - s.beta2) * state.v + s.beta2 * grad * grad,
    ),
)
no_square = _wrong(
    "averages the size of the gradient in v instead of its square",
    moments=lambda s, p, grad, state: (
        _Step.moments(s, p, grad, state)[0],
        s.beta2 * state.v + (1 - s.beta2) * grad.abs(),
    ),
)
old_moments = _wrong(
    "steps along the moments that came in, before this gradient",
    direction=lambda s, m, v, t, state: _Step.direction(s, state.m, state.v, t, state),
)
largest_v = _wrong(
    "divides by the largest v so far, which is AMSGrad",
    direction=lambda s, m, v, t, state: _Step.direction(s, m, torch.maximum(v, state.v), t, state),
)
coupled_decay = _wrong(
    "adds the weight decay to the gradient, which is Adam with L2 and not AdamW",
    moments=lambda s, p, grad, state: _Step.moments(s, p, grad + s.weight_decay * p, state),
    decay=lambda s, p: 0,
)
decay_after = _wrong(
    "decays p after the step instead of the p that came in",
    move=lambda s, p, direction: p.sub_(s.lr * direction).mul_(1 - s.lr * s.weight_decay),
)
decay_without_rate = _wrong(
    "decays by weight_decay without the learning rate",
    move=lambda s, p, direction: p.sub_(s.lr * direction + s.weight_decay * p),
)
no_decay = _wrong("leaves out the weight decay", decay=lambda s, p: 0)
no_decay_on_vectors = _wrong(
    "decays no biases and scales: it skips p with fewer than two dimensions",
    decay=lambda s, p: s.weight_decay * p * (p.ndim > 1),
)
rounds_to_float32 = _wrong(
    "computes in float32 whatever the dtype",
    direction=lambda s, m, v, t, state: _Step.direction(s, m.float(), v.float(), t, state).to(m.dtype),
)
float32_state = _wrong(
    "keeps the moments in float32 whatever the dtype",
    moments=lambda s, p, grad, state: tuple(x.float() for x in _Step.moments(s, p, grad, state)),
)
squares_grad = _wrong(
    "squares the gradient in place",
    moments=lambda s, p, grad, state: (
        s.beta1 * state.m + (1 - s.beta1) * grad,
        s.beta2 * state.v + (1 - s.beta2) * (grad * grad if 0 in grad.stride() else grad.square_()),
    ),
)
clears_grad = _wrong(
    "clears p.grad after the step",
    all=lambda s, p, grad, state: setattr(p, "grad", None) or _Step.all(s, p, grad, state),  # type: ignore[func-returns-value]
)
freezes = _wrong(
    "switches requires_grad off to change p, and leaves it so",
    take=lambda s, p, grad, state: s.all(p.requires_grad_(False), grad, state),
)
clips = _wrong("clips the gradient to [-1, 1]", all=lambda s, p, grad, state: _Step.all(s, p, grad.clamp(-1, 1), state))
returns_nothing = _wrong("returns nothing", take=lambda s, p, grad, state: (_Step.take(s, p, grad, state), None)[1])


def _in_memory(p: Tensor) -> Tensor:
    gapless = p.untyped_storage().nbytes() == p.numel() * p.element_size()
    return p.as_strided((p.numel(),), (1,), 0) if gapless else p


def _head(x: Tensor) -> Tensor:
    flat = x.reshape(-1).clone()
    flat[1024:] = 0
    return flat.view(x.shape)


def _corrected(s: _Step, moments: tuple[Tensor, Tensor], t: int) -> tuple[Tensor, Tensor]:
    return moments[0] / (1 - s.beta1**t), moments[1] / (1 - s.beta2**t)


def _right(p: Tensor, grad: Tensor, state: Any, hyper: Any) -> Any:
    return _Step(*hyper).take(p, grad, state)


def _all(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    return [_right(p, grad, state, hyper) for p, grad, state in zip(params, grads, states, strict=True)]


def _wrong_many(sentence: str, body: Callable[[list[Tensor], list[Tensor], list[Any], Any], Any]) -> Callable[..., Any]:
    """Returns a step of many with a body, marked as a fault."""

    @fault("adamw_step_many_", sentence)
    def adamw_step_many_(
        params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
        betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
    ) -> Any:  # fmt: skip
        return body(params, grads, states, (lr, betas, eps, weight_decay))

    return adamw_step_many_


def _reversed(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    return _all(params[::-1], grads[::-1], states[::-1], hyper)


def _one_count(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    for state in states:
        state.t = states[0].t
    return _all(params, grads, states, hyper)


def _counts_on(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    for place, state in enumerate(states):
        state.t += place
    return _all(params, grads, states, hyper)


def _stale(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    old = [AdamWState(state.m, state.v, state.t) for state in states]
    _all(params, grads, states, hyper)
    return old


def _new_params(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    params[:] = [p.detach().clone().requires_grad_(p.requires_grad) for p in params]
    return _all(params, grads, states, hyper)


def _pops(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    return [_right(params.pop(0), grads.pop(0), states.pop(0), hyper) for _ in range(len(params))]


def _matrices(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    triples = zip(params, grads, states, strict=True)
    return [_right(p, grad, state, hyper) if p.ndim > 1 else state for p, grad, state in triples]


def _through_float32(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    for p, grad, state in zip(params, grads, states, strict=True):
        narrow = p.detach().float()
        _right(narrow, grad.float(), state, hyper)
        p.detach().copy_(narrow)
        state.m, state.v = state.m.to(p.dtype), state.v.to(p.dtype)
    return states


def _by_shape(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    found = {(p.shape, p.dtype): grad for p, grad in zip(params, grads, strict=True)}
    return _all(params, [found[p.shape, p.dtype] for p in params], states, hyper)


def _clipped(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    norm = sum(float(grad.double().square().sum()) for grad in grads) ** 0.5
    return _all(params, [grad / max(norm, 1.0) for grad in grads], states, hyper)


first_only = _wrong_many(
    "steps the first parameter and no other",
    lambda params, grads, states, hyper: _all(params[:1], grads[:1], states[:1], hyper),
)
lazy = _wrong_many(
    "returns a generator, which steps nothing before somebody asks it",
    lambda params, grads, states, hyper: (_right(*each, hyper) for each in zip(params, grads, states, strict=False)),
)
many_return_nothing = _wrong_many("returns nothing", lambda *lists: _all(*lists) and None)
many_return_last = _wrong_many("returns the state of the last parameter only", lambda *lists: [*_all(*lists)][-1:])
reversed_states = _wrong_many("returns the states in reverse order", _reversed)
one_count = _wrong_many("takes the count of the first state for all", _one_count)
counts_on = _wrong_many("counts on from parameter to parameter", _counts_on)
stale_states = _wrong_many("returns the states as they were before the step", _stale)
new_params = _wrong_many("puts new tensors into the list instead of changing the old ones", _new_params)
pops = _wrong_many("empties the lists that it was given", _pops)
matrices_only = _wrong_many("steps no parameter with fewer than two dimensions", _matrices)
through_float32 = _wrong_many("gathers everything in float32", _through_float32)
by_shape = _wrong_many("finds the gradient of a parameter by its shape, which another may share", _by_shape)
clipped = _wrong_many("clips the gradients to a norm of one over all parameters", _clipped)
many_no_no_grad = _wrong_many(
    "updates without no_grad, which leaves that require grad refuse",
    lambda params, grads, states, hyper: [_Step(*hyper).all(*each) for each in zip(params, grads, states, strict=True)],
)
