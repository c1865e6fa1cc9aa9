"""How a step of many parameters goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from conformance.faults import fault
from conformance.suite.optim.faults.state import AdamWState
from conformance.suite.optim.faults.step import BETAS, Betas, Step


def _right(p: Tensor, grad: Tensor, state: Any, hyper: Any) -> Any:
    return Step(*hyper).take(p, grad, state)


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


_last: list[Any] = []


def _into_one_list(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    _last.clear()
    _last.extend(Step(*hyper).take(*each) for each in zip(params, grads, states, strict=False))
    return _last


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


def _drops_grads(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    found = _all(params, grads, states, hyper)
    grads[:] = [None] * len(grads)  # type: ignore[list-item]
    return found


def _sorts(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    found = _all(params, grads, states, hyper)
    params.sort(key=Tensor.numel)
    return found


def _one_buffer(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    olds = [p.detach().clone() for p in params]
    found = _all(params, grads, states, hyper)
    for p, old in zip(params, olds, strict=True):
        if p.numel() > 2**17:
            p.detach().view(-1)[2**17 :] = old.view(-1)[2**17 :]
    return found


def _zeroes(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    found = _all(params, grads, states, hyper)
    for p in params:
        if p.grad is not None:
            p.grad.detach().mul_(0)
    return found


def _along_p_grad(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    held = [grad if p.grad is None else p.grad for p, grad in zip(params, grads, strict=True)]
    return _all(params, held, states, hyper)


def _clears(params: list[Tensor], grads: list[Tensor], states: list[Any], hyper: Any) -> list[Any]:
    for p in params:
        p.grad = None
    return _all(params, grads, states, hyper)


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
drops_grads = _wrong_many("puts None in place of each gradient once it is used", _drops_grads)
sorts = _wrong_many("sorts the caller's list of parameters by size", _sorts)
matrices_only = _wrong_many("steps no parameter with fewer than two dimensions", _matrices)
through_float32 = _wrong_many("gathers everything in float32", _through_float32)
one_buffer = _wrong_many("works in a buffer of 131072 entries, and leaves what goes beyond it as it was", _one_buffer)
by_shape = _wrong_many("finds the gradient of a parameter by its shape, which another may share", _by_shape)
many_take_p_grad = _wrong_many(
    "steps along each p.grad, where there is one, instead of the gradients that are given", _along_p_grad
)
many_zero_grad = _wrong_many("zeroes each p.grad, which may be the gradient that was given", _zeroes)
first_eight = _wrong_many(
    "steps the first eight parameters and forgets the others",
    lambda params, grads, states, hyper: [*_all(params[:8], grads[:8], states[:8], hyper), *states[8:]],
)
many_clear_grad = _wrong_many("clears each p.grad", _clears)
many_turn_autograd_off = _wrong_many(
    "turns autograd off and not on again, so that nothing after the first step can be differentiated",
    lambda params, grads, states, hyper: (torch.set_grad_enabled(False), _all(params, grads, states, hyper))[1],
)
beyond_five = _wrong_many(
    "from the sixth parameter on, takes the state of the one before where both have the same shape",
    lambda params, grads, states, hyper: _all(params, grads, _beyond_five(states), hyper),
)
in_one_list = _wrong_many(
    "returns one list for all calls and clears it first, though it may be given as the states", _into_one_list
)
clipped = _wrong_many("clips the gradients to a norm of one over all parameters", _clipped)
many_no_no_grad = _wrong_many(
    "updates without no_grad, which leaves that require grad refuse",
    lambda params, grads, states, hyper: [Step(*hyper).all(*each) for each in zip(params, grads, states, strict=True)],
)


def _beyond_five(states: list[Any]) -> list[Any]:
    pairs = enumerate(zip([states[0], *states], states, strict=False))
    return [before if place > 4 and before.m.shape == own.m.shape else own for place, (before, own) in pairs]


@fault("adamw_step_many_", "hands the lists to torch's own AdamW")
def many_by_torch(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
    betas: Betas = BETAS, eps: float = 1e-8, weight_decay: float = 0.01,
) -> Any:  # fmt: skip
    counts = [torch.tensor(float(state.t)) for state in states]
    moments = [state.m for state in states], [state.v for state in states]
    with torch.no_grad():
        adamw(
            params, grads, *moments, [], counts, amsgrad=False, beta1=betas[0], beta2=betas[1],
            lr=lr, weight_decay=weight_decay, eps=eps, maximize=False,
        )  # fmt: skip
    for state in states:
        state.t += 1
    return states


@fault("adamw_step_many_", "has no default for betas")
def many_without_default(
    params: list[Tensor], grads: list[Tensor], states: list[Any], lr: float,
    betas: Betas, eps: float = 1e-8, weight_decay: float = 0.01,
) -> Any:  # fmt: skip
    return _all(params, grads, states, (lr, betas, eps, weight_decay))
