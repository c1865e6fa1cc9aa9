"""Builds networks, fills their parameters, finds out how these are wired, and reports what the networks give."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import or_
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from conformance.runner.roles import (
    as_used,
    call_with_others,
    fill,
    frozen_gradients,
    gradients,
    observed,
    parameters_of,
    plain_gradients,
    second_order,
    sized,
)


def mlp(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies an MLP twice and reports both outputs, its parameters as they are wired, and the gradients asked for."""
    module, other = (
        items.MLP(case.in_dim, case.hidden_dim, case.out_dim, case.depth, use_layernorm=case.use_layernorm)
        for _ in range(2)
    )
    return _apply(module, other, case, case.depth)


def feed_forward(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Does for a FeedForward what ``mlp`` does for an MLP."""
    return _apply(_feed_forward(items, case), _feed_forward(items, case), case, 2)


def feed_forward_in_company(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies a FeedForward to ``x``, and to ``x`` with every token but the last replaced."""
    module = _feed_forward(items, case)
    seen = _apply(module, _feed_forward(items, case), case, 2)
    company = case.other.clone()
    company[..., -1, :] = case.x[..., -1, :].detach()
    with as_used(case):
        seen["in_company"] = module(company)
    return seen


def mlp_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds an MLP and reports its parameters."""
    *dims, use_layernorm = case.arguments
    return _built(items.MLP(*dims, use_layernorm=use_layernorm))


def feed_forward_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds a FeedForward and reports its parameters."""
    return _built(items.FeedForward(*case.arguments))


class Wrapped(nn.Module):
    """What a Residual is put around; notes each call."""

    def __init__(self, kind: str, weight: torch.Tensor) -> None:
        super().__init__()
        self.kind = kind
        self.weight = nn.Parameter(weight.detach().clone())
        self.calls: list[dict[str, Any]] = []

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls.append({"x": x, "args": list(args), "named": kwargs, "training": self.training})
        if self.kind == "itself":
            return x
        if self.kind == "kept":
            return self.kept
        y = x @ self.weight
        for arg in args:
            y = y + arg
        y = y * kwargs["scale"] if kwargs.get("scale") is not None else y
        return y + kwargs["shift"] if kwargs.get("shift") is not None else y


def residual(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies a Residual and reports its output, what its function was given, and whether it holds that function."""
    inner = Wrapped(case.kind, case.weight).to(case.device)
    inner.kept = torch.ones_like(case.x)
    module = items.Residual(inner)
    items.Residual(nn.Identity())  # another beside it, around a function of its own
    held = list(module.parameters()) if isinstance(module, nn.Module) else []
    seen: dict[str, Any] = {
        "registered": any(parameter is inner.weight for parameter in held),
        "parameters": len(held),
        "modes": [],
    }
    for parameter in held:
        if parameter is not inner.weight:  # one of its own, whatever it starts at
            fill(parameter, torch.full_like(parameter.detach(), 3.0))
    for mode in (not case.training, case.training):
        module.train(mode)
        seen["modes"].append(inner.training)
    named = dict(case.named)
    with as_used(case):
        seen["output"] = module(case.x, *case.args, **named)
        seen["calls"] = [_call(call, case) for call in inner.calls]
        seen["again"] = module(case.x, *case.args, **named)
    seen.update({"x": case.x, "args": list(case.args), "kept": inner.kept})
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        arguments = [arg.detach().clone().requires_grad_() for arg in case.args]
        named["shift"] = torch.full_like(x, named.get("shift") or 0.0).requires_grad_()
        others = [*arguments, named["shift"]]
        y = module(x, *arguments, **named)
        seen["gradients"] = gradients(y, [x, inner.weight, *others], case.upstream)
        wrt = [inner.weight, *others]
        seen["plain"] = plain_gradients(module, case.x, wrt, case.upstream, *arguments, **named)
        seen["frozen"] = frozen_gradients(module, inner.weight, x, others, case.upstream, *arguments, **named)
        seen["upstream"] = case.upstream
    return seen


def _call(call: dict[str, Any], case: SimpleNamespace) -> dict[str, Any]:
    """Returns what is sent of a call: its arguments in words, further ones as they are called in the case."""
    known = {id(arg): f"args[{place}]" for place, arg in enumerate(case.args)}
    return {
        "x": call["x"],
        "args": [known.get(id(arg), _said(arg)) for arg in call["args"]],
        "named": [f"{name}={_said(value)}" for name, value in sorted(call["named"].items())],
        "training": call["training"],
    }


def _said(value: Any) -> str:
    """Returns a plain number, or None, as it is written; of all else the type."""
    return repr(value) if type(value) in (int, float, type(None)) else f"a {type(value).__name__}"


def _feed_forward(items: SimpleNamespace, case: SimpleNamespace) -> Any:
    return items.FeedForward(case.d_model) if case.d_ff is None else items.FeedForward(case.d_model, case.d_ff)


def _apply(module: Any, other: Any, case: SimpleNamespace, depth: int) -> dict[str, Any]:
    sized(module, case.x.shape)
    module.to(device=case.device, dtype=case.x.dtype)
    module.train(case.training)
    meta = case.device == "meta"
    with as_used(case):
        if case.training and not meta:  # as what was loaded from a file, before the first call
            _fill(module, case.seed)
        call_with_others(module, case.x)
        if not case.training and not meta:
            _fill(module, case.seed)
        seen = {**observed(module, case.x, other), "x": case.x}
    if meta:
        return seen
    wiring = _wiring(module, case.x.shape[-1], depth)
    seen.update(wiring)
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        parameters = list(module.parameters())
        wired = [parameters[place - 1] for place in wiring["places"]]
        seen["gradients"] = gradients(module(x), [x, *wired], case.upstream)
        seen["plain"] = plain_gradients(module, case.x, wired, case.upstream)
        seen["upstream"] = case.upstream
        seen["second"] = second_order(lambda: (module(x) * case.upstream.to(case.x.dtype)).sum(), x)
    return seen


def _fill(module: nn.Module, seed: int) -> None:
    """Gives every parameter telling values: products that keep their size, and vectors away from zero."""
    g = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        value = torch.randn(parameter.shape, generator=g, dtype=torch.float64)
        if parameter.ndim > 1:
            fill(parameter, value * 1.5 / max(parameter.shape[-1], 1) ** 0.5)
        else:
            fill(parameter, value.sign() * (0.3 + value.abs()))


def _wiring(module: nn.Module, width: int, depth: int) -> dict[str, Any]:
    """Returns the matrices in the order in which data passes them, and the vectors before, between and after them.

    Read off autograd's graph: what lies on the data's side of the node where a matrix meets the data is before it.
    """
    parameters = list(module.parameters())
    dtype = parameters[0].dtype if parameters else torch.float32
    x = torch.linspace(-1.0, 1.0, 2 * width).reshape(2, width).to(dtype).requires_grad_()
    reach = _reach(module(x), [x, *parameters])
    reached = {leaf for leaves in reach.values() for leaf in leaves}
    used = reached - {0}
    matrices = [place for place in sorted(used) if parameters[place - 1].ndim > 1]
    if len(matrices) > depth:  # a bias may be kept as a row or a column
        matrices = [p for p in matrices if 1 not in parameters[p - 1].shape or not _entrywise(p, reach)]
    vectors = [place for place in sorted(used) if place not in matrices]
    if len({id(_meeting(place, reach)) for place in matrices}) < len(matrices):
        # One node holds several of them (a Function of one's own, TorchScript): they are taken as they are registered.
        before = {place: set(range(place)) for place in matrices}
    else:
        before = {place: _before(place, reach).intersection(used) for place in matrices}
    matrices = sorted(matrices, key=lambda place: len(before[place].intersection(matrices)))
    after = {place: sum(place not in before[matrix] for matrix in matrices) for place in vectors}
    # As the data meets them, what serves several gaps last: in whatever order they are registered, all gaps are alike.
    uses = _uses(reach)
    vectors = sorted((place for place in uses if place in vectors), key=lambda place: uses[place])
    # One norm may serve several gaps, from the first on.
    places = [[p for p in vectors if after[p] <= gap < after[p] + uses[p]] for gap in range(len(matrices) + 1)]
    return {
        "weights": [_matrix(parameters[p - 1]) for p in matrices],
        "gaps": [[parameters[p - 1] for p in gap] for gap in places],
        "places": [*matrices, *(p for gap in places for p in gap)],
        "idle": len(parameters) - len(used),
        "reached": 0 in reached,
    }


def _matrix(parameter: torch.Tensor) -> torch.Tensor:
    """Returns a matrix as such where it is kept as a convolution over one place, or as a batch of one."""
    if parameter.ndim > 2 and set(parameter.shape[2:]) == {1}:
        return parameter.reshape(parameter.shape[:2])
    alone = parameter.ndim > 2 and set(parameter.shape[:-2]) == {1}
    return parameter.reshape(parameter.shape[-2:]) if alone else parameter


def _reach(y: Any, leaves: list[torch.Tensor]) -> dict[Any, set[int]]:
    """Returns, for each node of the graph behind ``y``, the places of the leaves that it can reach."""
    places = {id(leaf): place for place, leaf in enumerate(leaves)}
    reach: dict[Any, set[int]] = {}
    stack: list[Any] = [y.grad_fn] if isinstance(y, torch.Tensor) and y.grad_fn is not None else []
    while stack:
        node = stack[-1]
        children = [child for child, _ in node.next_functions if child is not None]
        waiting = [child for child in children if child not in reach]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        own = places.get(id(getattr(node, "variable", None)))
        reach[node] = ({own} if own is not None else set()).union(*(reach[child] for child in children))
    return reach


def _uses(reach: dict[Any, set[int]]) -> Counter[int]:
    """Returns how many times the data meets each leaf on one way to the output, in the order in which it meets them.

    Rows that go their ways one by one meet each leaf once.
    """
    met: dict[Any, Counter[int]] = {None: Counter()}
    for node, leaves in reach.items():  # each after those below it
        if 0 in leaves:
            below = [child for child, _ in node.next_functions if child is not None]
            beside = {place for child in below if child not in met for place in reach[child]}
            ways = [met[child] for child in below if child in met]
            met[node] = reduce(or_, ways, Counter[int]()) + Counter(sorted(beside))
    *_, last = met.values()
    return last


def _before(place: int, reach: dict[Any, set[int]]) -> set[int]:
    """Returns the places of what comes before the leaf at ``place`` on the way of the data, which is leaf 0."""
    meeting = _meeting(place, reach)
    sides = [reach[child] for child, _ in meeting.next_functions if child is not None] if meeting is not None else []
    return set().union(*(side for side in sides if 0 in side and place not in side))


def _entrywise(place: int, reach: dict[Any, set[int]]) -> bool:
    """Returns whether the leaf at ``place`` is added to the data or multiplied entry by entry."""
    meeting = _meeting(place, reach)
    name = "" if meeting is None else meeting.name()
    own = [child is not None and place in reach[child] for child, _ in meeting.next_functions] if name else []
    return name.startswith(("AddBackward", "MulBackward")) or (
        name.startswith(("Add", "Baddbmm")) and own[:1] == [True]
    )


def _meeting(place: int, reach: dict[Any, set[int]]) -> Any:
    """Returns the node of the graph where the leaf at ``place`` meets the data; None if they do not meet."""
    both = [node for node, leaves in reach.items() if {0, place} <= leaves]
    return min(both, key=lambda node: len(reach[node]), default=None)


def _built(module: Any) -> dict[str, Any]:
    return {
        "parameters": parameters_of(module),
        "trainable": [bool(parameter.requires_grad) for parameter in module.parameters()],
    }
