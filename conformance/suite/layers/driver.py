"""Builds a layer, sets its parameters by shape, calls it, and reports what it did."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from conformance.runner.guard import Family, reference_bases
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
)

# Changes of mode before Dropout's draws are looked at; more would tell nothing more of what counts them.
EPOCHS = 5


def linear(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies Linear twice and reports both outputs, the input afterwards, and the gradients asked for."""
    outer, inner = case.weight.shape
    options = {} if case.bias is not None else {"bias": False}
    module, other = (items.Linear(inner, outer, **options) for _ in range(2))
    module.to(device=case.device, dtype=case.x.dtype)
    module.train(case.training)
    # Half the time as what was loaded from a file: before the first call.
    weight, bias = _filled(module, case) if case.training else (None, None)
    with as_used(case):
        call_with_others(module, case.x)
    if weight is None:
        weight, bias = _filled(module, case)
    with as_used(case):
        seen = {**observed(module, case.x, other), "x": case.x}
    seen["bases"] = reference_bases(type(module), Family.LINEAR)
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        y = module(x)
        call_with_others(module, x)  # what is kept for the backward pass belongs to its own call
        seen["gradients"] = gradients(y, [x, weight, bias], case.upstream)
        seen["plain"] = plain_gradients(module, case.x, [weight, bias], case.upstream)
        seen["frozen"] = frozen_gradients(module, weight, x, [bias], case.upstream)
        seen["upstream"] = case.upstream
        seen["second"] = second_order(lambda: module(x).square().sum(), x)
    return seen


def embedding(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Looks the ids up twice and reports both outputs, ids and table afterwards, and the table's gradient."""
    rows, width = case.table.shape
    module, other = (items.Embedding(rows, width) for _ in range(2))
    module.to(device=case.device, dtype=case.table.dtype)
    module.train(case.training)
    # Half the time as what was loaded from a file: before the first call.
    table = _filled_table(module, case) if case.training else None
    with as_used(case):
        call_with_others(module, case.idx)
    if table is None:
        table = _filled_table(module, case)
    with as_used(case):
        seen = {**observed(module, case.idx, other), "idx": case.idx}
    seen["table"] = _as_asked(table, (rows, width))
    seen["bases"] = reference_bases(type(module), Family.EMBEDDING)
    if case.upstream is not None:
        y = module(case.idx)
        call_with_others(module, case.idx)
        (gradient,) = gradients(y, [table], case.upstream)
        seen["gradient"] = _as_asked(gradient, (rows, width))
        seen["upstream"] = case.upstream
    return seen


def linear_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds two Linears and reports the parameters of one, and whether the other is its own."""
    return _built(items.Linear, (case.first, case.second, case.bias), torch.ones(2, case.first))


def embedding_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds two Embeddings and reports the parameters of one, and whether the other is its own."""
    return _built(items.Embedding, (case.first, case.second), torch.arange(case.first))


def embedding_refused(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Asks for a row that is not there."""
    module = items.Embedding(case.rows, 2)
    try:
        module(torch.tensor([case.idx]))
    except Exception as error:
        return {"error": type(error).__name__}
    return {"error": None}


def dropout(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies Dropout in eval, train and eval mode again, and takes the gradients asked for."""
    torch.manual_seed(case.seed)
    module = items.Dropout(case.p)
    items.Dropout(1 - case.p)  # another beside it, whose p is its own
    holder = _held(module, case)
    holder.eval()
    seen: dict[str, Any] = {"before": holder(case.x)}
    holder.train()
    seen["output"] = holder(case.x)
    holder.eval()
    seen |= {"after": holder(case.x), "x": case.x}
    seen["bases"] = reference_bases(type(module), Family.DROPOUT)
    seen["trained"] = [str(name) for name, p in module.named_parameters() if p.requires_grad]
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        (seen["eval_gradient"],) = gradients(holder(x), [x], case.upstream)
        holder.train()
        seen["kept"] = holder(x)
        call_with_others(holder, x)
        (seen["gradient"],) = gradients(seen["kept"], [x], case.upstream)
        seen["upstream"] = case.upstream
    return seen


def dropout_repeated(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies two Dropouts in turn, after some epochs of training and evaluation, and reports all the outputs."""
    torch.manual_seed(case.seed)
    holders = [_held(items.Dropout(case.p), case) for _ in range(2)]
    for holder in holders * EPOCHS:
        holder.train()
        holder.eval()
        holder(case.x)
    for holder in holders:
        holder.train()
    with torch.set_grad_enabled(case.grad):
        outputs = [holders[call % 2](case.x) for call in range(case.calls)]
    alike = all(isinstance(y, torch.Tensor) and y.shape == case.x.shape for y in outputs)
    return {"outputs": torch.stack([y.detach() for y in outputs]) if alike else outputs[0]}


def dropout_edge(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds a Dropout of any p and applies it; reports its error if there is one."""
    try:
        module = items.Dropout(case.p)
        module.train()
        return {"error": None, "output": module(case.x if hasattr(case, "x") else torch.ones(3))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "output": None}


def _filled(module: nn.Module, case: SimpleNamespace) -> tuple[nn.Parameter | None, nn.Parameter | None]:
    """Gives weight and bias the values of the case and returns them; None for one that is not there."""
    outer, inner = case.weight.shape
    weight = _weight_of(module, (outer, inner))
    bias = next((p for p in module.parameters() if p is not weight and p.numel() == outer), None)
    _set(weight, case.weight)
    if case.bias is not None:
        _set(bias, case.bias)
    return weight, bias


def _filled_table(module: nn.Module, case: SimpleNamespace) -> nn.Parameter | None:
    """Gives the table the values of the case and returns it; None if there is none."""
    rows, width = case.table.shape
    table = _of_shape(module, (rows, width))
    if table is None:  # in another layout
        alone = [parameter for parameter in module.parameters() if parameter.numel() == rows * width]
        table = alone[0] if len(alone) == 1 else None
    _set(table, case.table)
    return table


def _weight_of(module: nn.Module, shape: tuple[int, int]) -> nn.Parameter | None:
    """Returns a Linear's weight: the parameter of its shape, of several the one that an input of zeros hides."""
    found = [parameter for parameter in module.parameters() if tuple(parameter.shape) == shape]
    if len(found) < 2 or found[0].device.type == "meta":
        return _of_shape(module, shape)
    output = module(torch.zeros(1, shape[1], dtype=found[0].dtype, device=found[0].device))
    slopes = torch.autograd.grad(output.sum(), found, allow_unused=True)
    return next((p for p, slope in zip(found, slopes, strict=True) if slope is None or not slope.any()), found[0])


def _of_shape(module: nn.Module, shape: tuple[int, int]) -> nn.Parameter | None:
    """Returns the parameter of a shape, or else of the same shape transposed."""
    for asked in (shape, shape[::-1]):
        for parameter in module.parameters():
            if tuple(parameter.shape) == asked:
                return parameter
    return None


def _set(parameter: torch.Tensor | None, value: torch.Tensor) -> None:
    """Fills a parameter with a value, turned round if it lies the other way."""
    if parameter is not None:
        other_way = value.ndim == 2 and parameter.shape != value.shape and parameter.shape == value.mT.shape
        fill(parameter, value.mT if other_way else value)


def _as_asked(table: Any, shape: tuple[int, int]) -> Any:
    """Returns a table turned round if it lies the other way, or laid out as asked if it is kept in another form."""
    if not isinstance(table, torch.Tensor) or table.numel() != shape[0] * shape[1]:
        return table
    return table.mT if tuple(table.shape) == shape[::-1] else table.reshape(shape)


def _built(layer: Any, arguments: tuple[Any, ...], x: torch.Tensor) -> dict[str, Any]:
    module, other = layer(*arguments), layer(*arguments)
    seen: dict[str, Any] = {
        "parameters": [(name, parameter.detach().clone()) for name, parameter in parameters_of(module)],
        "trainable": [bool(parameter.requires_grad) for parameter in module.parameters()],
        "others_before": [parameter.detach().clone() for parameter in other.parameters()],
    }
    try:
        copied = copy.deepcopy(module)
        seen["copied"], seen["output"] = copied(x), module(x)
    except Exception as error:
        seen["copied"], seen["output"] = f"{type(error).__name__}: {error}", None
    for parameter in module.parameters():
        fill(parameter, torch.full_like(parameter, 12345.0))
    seen["others_after"] = [parameter.detach().clone() for parameter in other.parameters()]
    return seen


def _held(module: nn.Module, case: SimpleNamespace) -> nn.Module:
    """Returns the module, or one around one around it."""
    return nn.Sequential(nn.Sequential(module)) if case.nested else module
