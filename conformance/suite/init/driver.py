"""Fills weights and layers again and again, and reports what lay in them each time."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from conformance.runner.guard import paused


def fans(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Asks for the fans of a weight; whole numbers of every kind are reported as int."""
    weight = nn.Parameter(case.weight) if case.parameter else case.weight
    found = items.fan_in_fan_out(weight)
    if isinstance(found, tuple):
        whole = tuple(int(n) if isinstance(n, numbers.Integral) else n for n in found)
        return {"fans": whole, "weight": weight}
    return {"fans": found, "weight": weight}


def fans_refused(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Asks for the fans of a weight of fewer than two dimensions."""
    return {"error": _error(lambda: items.fan_in_fan_out(torch.zeros(case.shape)))}


def xavier(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Fills a weight by ``xavier_uniform_``."""
    options = {} if case.given is None else {"gain": case.given}
    return _filled(lambda weight: items.xavier_uniform_(weight, **options), case)


def kaiming(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Fills a weight by ``kaiming_uniform_``."""
    options = {} if case.given is None else {"nonlinearity": case.given}
    return _filled(lambda weight: items.kaiming_uniform_(weight, **options), case)


def kaiming_refused(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Asks for a nonlinearity that nobody knows."""
    return {"error": _error(lambda: items.kaiming_uniform_(torch.zeros(3, 2), case.name))}


def layer(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Initialises a Linear, and one of a class of its own without a bias.

    Every other time their parameters hold NaN before, and are not trained.
    """
    torch.manual_seed(case.seed)
    options = {} if case.scheme is None else {"scheme": case.scheme}
    made, plain = _linear(case.weight, case.bias), _linear(case.weight, None, Plain)
    weight, bias, plain_weight = made.weight, made.bias, plain.weight
    drawn, biases, returned, plain_drawn, plain_returned = [], [], [], [], []
    trainable: list[dict[str, bool]] = []
    for turn in range(_draws(case)):
        for each in (made, plain):
            for parameter in each.parameters():
                parameter.requires_grad_(turn % 2 == 0)
                if turn % 2:
                    parameter.detach().fill_(torch.nan)
        returned.append(items.init_linear_(made, **options))
        drawn.append(_copied(made.weight))
        biases.append(_copied(made.bias))
        with torch.no_grad():
            if isinstance(made.bias, torch.Tensor):
                made.bias.copy_(case.bias)
        plain_returned.append(items.init_linear_(plain, **options))
        plain_drawn.append(_copied(plain.weight))
        trainable = trainable or [_trainable(made), _trainable(plain)]  # of the first time, when they were before
    return {
        "drawn": _stacked(drawn),
        "biases": _stacked(biases),
        "returned": _same(returned, made),
        "autograd": torch.is_grad_enabled(),
        "kept": made.weight is weight and made.bias is bias and plain.weight is plain_weight,
        "training": made.training and plain.training,
        "trainable": trainable[0],
        "plain_drawn": _stacked(plain_drawn),
        "plain_returned": _same(plain_returned, plain),
        "plain_trainable": trainable[1],
        "plain_bias": plain.bias,
    }


def layer_refused(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Asks for a scheme that nobody knows."""
    made = _linear(torch.zeros(3, 2), None)
    return {"error": _error(lambda: items.init_linear_(made, case.name))}


def _filled(fill: Callable[[torch.Tensor], Any], case: SimpleNamespace) -> dict[str, Any]:
    """Fills a weight again and again: what it held before is what the case says, or, every other time, NaN.

    Memory that nobody wrote may hold that; and one and the same content must not lead to one and the same draw.
    """
    torch.manual_seed(case.seed)
    weight = nn.Parameter(case.weight) if case.parameter else case.weight
    view = weight.detach()
    before, drawn, returned = view.clone(), [], []
    for turn in range(_draws(case)):
        weight.detach().copy_(torch.full_like(before, torch.nan) if turn % 2 else before)
        returned.append(fill(weight))
        drawn.append(_copied(weight))
    return {
        "drawn": _stacked(drawn),
        "returned": _same(returned, weight),
        "leaf": bool(weight.is_leaf),
        "requires_grad": bool(weight.requires_grad),
        "autograd": torch.is_grad_enabled(),
        "view": view,
    }


def _draws(case: SimpleNamespace) -> int:
    """Returns how often to draw: where there are no values, once says as much as a thousand times."""
    return 1 if case.device == "meta" else int(case.draws)


class Plain(nn.Linear):
    """A Linear of another class, as people make them."""


def _linear(weight: torch.Tensor, bias: torch.Tensor | None, kind: type[nn.Linear] = nn.Linear) -> nn.Linear:
    """Returns a Linear with copies of these, the weight laid out as it is given."""
    with paused():
        made = kind(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
    own = torch.empty_strided(weight.shape, weight.stride(), dtype=weight.dtype, device=weight.device)
    made.weight = nn.Parameter(own.copy_(weight))
    if bias is not None:
        made.bias = nn.Parameter(bias.clone())
    return made


def _trainable(layer: nn.Linear) -> dict[str, bool]:
    return {str(name): bool(p.requires_grad and p.is_leaf) for name, p in layer.named_parameters()}


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _stacked(values: list[Any]) -> Any:
    """Returns equal tensors stacked; the first that is none, or another, where they are not."""
    first = values[0]
    for value in values:
        if not isinstance(value, torch.Tensor) or (value.shape, value.dtype) != (first.shape, first.dtype):
            return value
    return torch.stack(values)


def _same(returned: list[Any], asked: Any) -> Any:
    """Returns True where each call returned the object that it was given; else the first that it returned instead."""
    return next((other for other in returned if other is not asked), True)


def _error(call: Callable[[], Any]) -> str | None:
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return None
