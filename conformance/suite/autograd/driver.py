"""Calls a function that differentiates, and reports what it returned and what it left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch


def autograd_grad(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_autograd_grad three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_with_autograd_grad, case)


def backward(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_backward three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_with_backward, case)


def multiple(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_wrt_multiple_inputs three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_wrt_multiple_inputs, case)


def autograd_grad_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_autograd_grad and reports how often autograd's engine ran."""
    return {"runs": _engine_runs(items.grad_with_autograd_grad, case.inputs)}


def backward_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_backward and reports how often autograd's engine ran."""
    return {"runs": _engine_runs(items.grad_with_backward, case.inputs)}


def multiple_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_wrt_multiple_inputs and reports how often autograd's engine ran."""
    return {"runs": _engine_runs(items.grad_wrt_multiple_inputs, case.inputs)}


def _called(function: Callable[..., Any], case: SimpleNamespace) -> dict[str, Any]:
    # A copy of a leaf is no leaf, and its history saves nothing that a second backward would miss.
    inputs = [x if case.leaf else x.clone() for x in case.inputs]
    for x, stale in zip(inputs, case.stale, strict=True):
        if stale is not None:
            x.grad = stale
    first = function(*inputs)
    seen: dict[str, Any] = {"first": _copied(first), "again": _copied(function(*inputs))}
    seen["other"] = _copied(function(*case.others))
    seen["kept"] = _copied(first)
    seen["inputs"] = [x.detach() for x in inputs]
    seen["marked"] = [bool(x.requires_grad) for x in inputs]
    seen["grads"] = [x.grad for x in inputs] if case.leaf else [None for _ in inputs]
    seen["below"] = [x.grad for x in case.inputs]
    return seen


def _copied(value: Any) -> Any:
    """Returns the tensors of a result as they are now, so that later calls cannot change them."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple):
        return tuple(_copied(entry) for entry in value)
    return [_copied(entry) for entry in value] if isinstance(value, list) else value


class _Counted:
    """Autograd's engine, counting how often it is asked to run; the engine's own method is what runs."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.runs = 0

    def __getattr__(self, name: str) -> Any:
        self.runs += name == "run_backward"
        return getattr(self.engine, name)


def _engine_runs(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> int:
    variable: Any = torch.autograd.Variable
    counted = _Counted(variable._execution_engine)
    variable._execution_engine = counted
    try:
        function(*inputs)
    finally:
        variable._execution_engine = counted.engine
    return counted.runs
