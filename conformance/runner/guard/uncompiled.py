"""torch without its compiler: what that builds goes past the dispatcher, and importing it takes a second or two.

torch.optim imports ``torch._dynamo`` when the first optimizer is made, only to tell the compiler to keep away. In a
process that is forked for each property, that would be paid each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any, cast

import torch

from conformance.runner.guard.swap import swap


def run_uncompiled() -> None:
    """Makes ``torch.compile`` hand back what it is given, and torch.optim leave ``torch._dynamo`` alone; for good.

    The static runtime, a second executor of TorchScript with kernels of its own, is refused.
    """
    # torch._dynamo reads this when it is first imported: the same for those who go to it directly.
    os.environ["TORCH_COMPILE_DISABLE"] = "1"
    swap(cast(FunctionType, torch.compile), lambda original: _compile)
    core: Any = torch._C
    if hasattr(core, "_jit_to_static_module"):
        core._jit_to_static_module = _no_static_module
    for function in vars(torch.optim.Optimizer).values():
        if isinstance(function, FunctionType) and function.__globals__["__name__"] == "torch._compile":
            # Where torch._compile keeps the function that the compiler keeps away from, once it has one.
            function.__wrapped__.__dict__["__dynamo_disable"] = function.__wrapped__  # type: ignore[attr-defined]
    for optimizer in subclasses(torch.optim.Optimizer):
        step = vars(optimizer).get("step")
        if isinstance(step, FunctionType) and step.__code__.co_name == "_use_grad":
            swap(step, partial(_plain, step.__wrapped__))  # type: ignore[attr-defined]


def subclasses(parent: type) -> Iterator[type]:
    """Returns torch.optim's own subclasses of a class, at any depth."""
    child: type
    for child in parent.__subclasses__():
        if child.__module__.startswith("torch.optim"):
            yield child
            yield from subclasses(child)


def _compile(model: Callable[..., Any] | None = None, **options: Any) -> Any:
    return (lambda later: later) if model is None else model


def _no_static_module(*_: Any, **__: Any) -> Any:
    raise RuntimeError("torch's static runtime is off beside the judge, as its compiler is")


def _plain(step: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """Returns an optimizer's step under ``no_grad`` unless it is to be differentiated, as torch.optim has it."""

    def plain(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(optimizer.defaults["differentiable"]):
            return step(optimizer, *args, **kwargs)

    return plain
