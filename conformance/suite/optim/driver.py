"""Builds states, takes AdamW steps, and reports what became of every tensor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

# What every entry of p.grad holds where it is not the gradient that is given.
STALE = 7.0


@dataclass
class State:
    """Stands in for ``AdamWState`` where a submission has none."""

    m: torch.Tensor
    v: torch.Tensor
    t: int


def state(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Makes two states, one by position and one by keyword, and reports the first before and after the second."""
    first = items.AdamWState(case.m, case.v, case.t)
    before = _fields(first)
    second = items.AdamWState(m=case.other_m, v=case.other_v, t=case.other_t)
    return {"first": before, "second": _fields(second), "first_again": _fields(first)}


def init(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Makes a state, adds 1 to its m and then to its v, and reports everything around each, then makes the next.

    Memory that nobody wrote holds NaN here.
    """
    p = case.p
    if case.poison is not None:
        p.detach().fill_(case.poison)
    if case.held:  # as in a model, after backward
        p = nn.Parameter(p.detach()) if p.requires_grad else p
        p.grad = torch.full_like(p.detach(), STALE)
    before, held = p.detach().clone(), p.grad
    found = items.init_adamw_state(p)
    seen = {**_fields(found), "p": p, "before": before, "held": held, "held_kept": p.grad is held}
    seen |= {"requires_grad": p.requires_grad, "is_leaf": p.is_leaf, "autograd": torch.is_grad_enabled()}
    seen = {name: _copied(value) for name, value in seen.items()}
    seen["refused"] = {}
    for name, other in (("m", "v"), ("v", "m")):
        seen["refused"][name] = _added_to(getattr(found, name, None))
        seen[f"{other}_after_{name}"] = _copied(getattr(found, other, None))
    again = items.init_adamw_state(p)
    moments = {"m": found, "v": found, "next m": again, "next v": again}
    seen["after"] = {"p": p, **{name: getattr(state, name[-1], None) for name, state in moments.items()}}
    return seen


def step(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes one step and reports p, a view of it made before, what lies around it, the gradient and the state."""
    p, grad = case.p, case.grad
    if case.not_finite is not None:
        grad = grad.clone().reshape(-1)
        grad[::3] = case.not_finite
        grad = grad.view(case.grad.shape)
    p, held = _parameter(p, grad, case.held)
    view = p.detach()
    before = view.clone()
    state = _made(items, case.m, case.v, case.t)
    with _as_trained(case.t) as autograd:
        came_back = items.adamw_step_(p, grad, state, case.lr, **_options(case))
        kept = torch.is_grad_enabled() is autograd
    return {
        **_moved(p, view, before),
        "grad": grad,
        "held": held,
        "held_kept": p.grad is held,
        "state": _fields(came_back),
        "autograd": kept,
    }


def step_without_eps(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes one step; or reports how it is refused, by an implementation whose eps has to be above zero."""
    try:
        return {**step(items, case), "refused": None}
    except (ValueError, AssertionError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}


def program(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes the steps of a program, each with the state that the last one of its parameter returned."""
    current = [_made(items, torch.zeros_like(p), torch.zeros_like(p), 0) for p in case.params]
    path = []
    for which, grad, lr in case.moves:
        p = case.params[which]
        current[which] = items.adamw_step_(p, grad, current[which], lr, **_options(case))
        path.append(p.clone())
    return {"path": path, "states": [_fields(found) for found in current]}


def many(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes one step of many parameters and reports each as ``step`` does, and what came back."""
    pairs = [_parameter(p, grad, case.held) for p, grad, *_ in case.slots]
    params, held = [p for p, _ in pairs], [other for _, other in pairs]
    grads = [grad for _, grad, *_ in case.slots]
    states = [_made(items, m, v, t) for _, _, m, v, t in case.slots]
    views = [p.detach() for p in params]
    before = [view.clone() for view in views]
    lists = [list(params), list(grads), list(states)]
    came_back = items.adamw_step_many_(*lists, case.lr, **_options(case))
    return {
        "params": [_moved(p, view, old) for p, view, old in zip(params, views, before, strict=True)],
        "grads": grads,
        "held": held,
        "held_kept": [p.grad is other for p, other in pairs],
        "lengths": [len(given) for given in lists],
        "same": {
            name: len(given) == len(own) and all(a is b for a, b in zip(given, own, strict=True))
            for name, given, own in (("params", lists[0], params), ("grads", lists[1], grads))
        },
        "autograd": torch.is_grad_enabled(),
        **_listed(came_back),
    }


def rounds(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes a program's moves as calls of ``adamw_step_many_``, all parameters in each that have a gradient."""
    current = [_made(items, torch.zeros_like(p), torch.zeros_like(p), 0) for p in case.params]
    path: list[list[torch.Tensor]] = []
    before, came_back = [], None
    for which, grad, lr in case.moves:
        # The parameters from `which` on take part; those of another shape get a gradient of ones.
        chosen = list(range(which, len(case.params)))
        # What came back goes in again as it is, if it is of these.
        again = isinstance(came_back, list) and chosen == before
        states = came_back if again else [current[place] for place in chosen]
        before = chosen
        grads = [grad if place == which else torch.ones_like(case.params[place]) for place in chosen]
        params = [case.params[place] for place in chosen]
        came_back = items.adamw_step_many_(params, grads, states, lr, **_options(case))
        path.append([p.clone() for p in case.params])
        if not isinstance(came_back, list | tuple) or len(came_back) != len(chosen):
            return {"path": path, "stopped": f"{type(came_back).__name__} instead of {len(chosen)} states"}
        for place, found in zip(chosen, came_back, strict=True):
            current[place] = found
    return {"path": path, "stopped": None}


def lengths(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls with lists of different lengths and reports the exception, if any."""
    params = [torch.ones(2) for _ in range(case.params)]
    grads = [torch.ones(2) for _ in range(case.grads)]
    states = [_made(items, torch.zeros(2), torch.zeros(2), 0) for _ in range(case.states)]
    try:
        items.adamw_step_many_(params, grads, states, 0.1)
    except Exception as error:
        return {"refused": type(error).__name__}
    return {"refused": None}


@contextmanager
def _as_trained(t: int) -> Iterator[bool]:
    """Has autograd on in the body, or off at every third count, as where steps are taken under no_grad; tells which."""
    with torch.set_grad_enabled(t % 3 > 0):
        yield t % 3 > 0


def _parameter(p: torch.Tensor, grad: torch.Tensor, held: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Returns p, as a Parameter if it requires grad, and what its p.grad is: nothing, the gradient, or another."""
    if not p.requires_grad:
        return p, None
    p = nn.Parameter(p)
    p.grad = {"another": torch.full_like(p.detach(), STALE), "the gradient": grad}.get(held)
    return p, p.grad


def _added_to(moment: Any) -> str | None:
    """Adds 1 to every entry, in place; returns what was raised, as by one number that is expanded.

    Zeros made under inference_mode are written to under it: a step that makes new moments is content with them.
    """
    if isinstance(moment, torch.Tensor):
        try:
            with torch.no_grad(), torch.inference_mode(moment.is_inference()):
                moment.add_(1)
        except RuntimeError as error:
            return str(error)
    return None


def _made(items: SimpleNamespace, m: torch.Tensor, v: torch.Tensor, t: int) -> Any:
    """Returns a state of the submission's own class, if it has one."""
    return (items.AdamWState or State)(m=m, v=v, t=t)


def _options(case: SimpleNamespace) -> dict[str, Any]:
    """Returns the hyper-parameters that are not left to their defaults."""
    given = {"betas": case.betas, "eps": case.eps, "weight_decay": case.weight_decay}
    return {name: value for name, value in given.items() if value is not None}


def _fields(found: Any) -> dict[str, Any]:
    """Returns m, v and t of a state, with its type; a name that is not there is left out."""
    present = {name: getattr(found, name) for name in ("m", "v", "t") if hasattr(found, name)}
    return {"type": type(found).__name__, **present}


def _listed(came_back: Any) -> dict[str, Any]:
    """Returns the states that came back, and in what."""
    entries = came_back if isinstance(came_back, list | tuple) else []
    kind = "list" if isinstance(came_back, list) else type(came_back).__name__
    return {"kind": kind, "states": [_fields(found) for found in entries]}


def _moved(p: torch.Tensor, view: torch.Tensor, before: torch.Tensor) -> dict[str, Any]:
    """Returns a parameter after its step, as itself and through a view that was made before."""
    return {
        "p": p,
        "view": view,
        "before": before,
        "around": _around(view),
        "requires_grad": p.requires_grad,
        "is_leaf": p.is_leaf,
    }


def _around(view: torch.Tensor) -> torch.Tensor | None:
    """Returns what lies in the memory of a tensor outside its entries."""
    if view.device.type == "meta" or view.numel() == 0:
        return None
    size = view.untyped_storage().nbytes() // view.element_size()
    inside = torch.zeros(size, dtype=torch.bool, device=view.device)
    inside.as_strided(view.shape, view.stride(), view.storage_offset()).fill_(True)
    return view.as_strided((size,), (1,), 0)[~inside]


def _copied(value: Any) -> Any:
    """Returns a tensor's values as they are now, with what its autograd state is."""
    if not isinstance(value, torch.Tensor):
        return value
    return value.detach().clone().requires_grad_(value.requires_grad)
