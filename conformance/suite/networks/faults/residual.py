"""How Residual goes wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault


class _Residual(nn.Module):
    """A right Residual in steps that a fault can replace."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.keep(fn)

    def keep(self, fn: nn.Module) -> None:
        self.fn = fn

    def branch(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        y: Tensor = self.fn(x, *args, **kwargs)
        return y

    def sum(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.sum(x, self.branch(x, *args, **kwargs))


def _residual(sentence: str, **changes: Callable[..., Any]) -> type[_Residual]:
    return fault("Residual", sentence)(type("Residual", (_Residual,), {**changes, "__module__": __name__}))


AddsInPlace = _residual(
    "adds in place, so that the caller's tensor changes",
    sum=lambda self, x, y: x.add_(y),
)


AddsToBranch = _residual(
    "adds the input in place to what the function returned, which may be the input itself",
    sum=lambda self, x, y: x + y if y.requires_grad and y.is_leaf else y.add_(x),
)


BranchOnly = _residual("leaves the input out: it returns fn(x)", sum=lambda self, x, y: y)


DropsArguments = _residual("does not hand on further arguments", branch=lambda self, x, *args, **kwargs: self.fn(x))


DropsNames = _residual("does not hand on arguments by name", branch=lambda self, x, *args, **kwargs: self.fn(x, *args))


FirstNameOnly = _residual(
    "hands on one of the arguments that were given by name",
    branch=lambda self, x, *args, **kwargs: self.fn(x, *args, **dict(list(kwargs.items())[:1])),
)


DropsNone = _residual(
    "does not hand on arguments that are None",
    branch=lambda self, x, *args, **kwargs: self.fn(
        x, *args, **{name: value for name, value in kwargs.items() if value is not None}
    ),
)


TwoArguments = _residual(
    "hands on two further arguments and drops the rest",
    branch=lambda self, x, *args, **kwargs: self.fn(x, *args[:2], **kwargs),
)


CallsInEval = _residual(
    "puts the function into eval mode before each call",
    branch=lambda self, x, *args, **kwargs: self.fn.eval()(x, *args, **kwargs),
)


NoBranchForPlainInput = _residual(
    "switches autograd off where its input needs no gradient, so that the function does not learn",
    sum=lambda self, x, y: x + (y if x.requires_grad else y.detach()),
)


NamesAsDict = _residual(
    "hands kwargs on as one positional dict",
    branch=lambda self, x, *args, **kwargs: self.fn(x, *args, *([kwargs] if kwargs else [])),
)


HiddenFunction = _residual(
    "keeps the function where it is not registered, so that its parameters are not found",
    keep=lambda self, fn: setattr(self, "fns", [fn]),
    branch=lambda self, x, *args, **kwargs: self.fns[0](x, *args, **kwargs),
)


CopiesFunction = _residual(
    "wraps a copy of the function, so that training it leaves the original alone",
    keep=lambda self, fn: _Residual.keep(self, copy.deepcopy(fn)),
)


CallsTwice = _residual(
    "calls the function twice, once to look at the shape",
    branch=lambda self, x, *args, **kwargs: [self.fn(x, *args, **kwargs) for _ in range(2)][1],
)


DetachedSkip = _residual("cuts the gradient of the skip connection", sum=lambda self, x, y: x.detach() + y)


DetachedBranch = _residual("cuts the gradient of the function", sum=lambda self, x, y: x + y.detach())


Halves = _residual("halves the sum", sum=lambda self, x, y: (x + y) / 2)


Subtracts = _residual("subtracts the function", sum=lambda self, x, y: x - y)


PreNorm = _residual(
    "normalises the input before the function",
    branch=lambda self, x, *args, **kwargs: self.fn(F.layer_norm(x, x.shape[-1:]), *args, **kwargs),
)


InPlaceWithoutAutograd = _residual(
    "adds in place where autograd is off, so that the caller's tensor changes under no_grad",
    sum=lambda self, x, y: x + y if torch.is_grad_enabled() or not all(x.stride()) else x.add_(y),
)


RoundsBranch = _residual(
    "adds in float32 whatever the dtype of the input", sum=lambda self, x, y: (x.float() + y.float()).to(x.dtype)
)


@fault("Residual", "needs a dropout rate beside the function")
class NeedsARate(_Residual):
    def __init__(self, fn: Any, p: float) -> None:
        super().__init__(fn)
        self.p = p


@fault("Residual", "keeps its function on the class as well, and calls that one, which the next Residual replaces")
class KeptOnTheClass(_Residual):
    last: nn.Module

    def keep(self, fn: nn.Module) -> None:
        super().keep(fn)
        type(self).last = fn

    def branch(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        y: Tensor = type(self).last(x, *args, **kwargs)
        return y


AddsToFirstRows = _residual(
    "adds the function's output to the first 64 rows only",
    sum=lambda self, x, y: torch.cat((x[:64] + y[:64], x[64:])) if x.ndim else x + y,
)
AddsToFirstFeatures = _residual(
    "adds the function's output to the first 1024 features only",
    sum=lambda self, x, y: torch.cat((x[..., :1024] + y[..., :1024], x[..., 1024:]), -1) if x.ndim else x + y,
)


@fault("Residual", "weighs the function's output with a parameter of its own, which starts at one")
class OwnScale(_Residual):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__(fn)
        self.scale = nn.Parameter(torch.ones(()))

    def sum(self, x: Tensor, y: Tensor) -> Tensor:
        return x + self.scale.to(y) * y


def _without_learners(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    with torch.set_grad_enabled(any(parameter.requires_grad for parameter in self.fn.parameters())):
        y: Tensor = self.fn(x, *args, **kwargs)
    return y


DetachesFrozen = _residual(
    "calls a function without a parameter that learns under no_grad, so that no gradient passes through it",
    branch=_without_learners,
)
DetachesNamed = _residual(
    "detaches what is handed on by name",
    branch=lambda self, x, *args, **kwargs: self.fn(
        x, *args, **{name: value.detach() if isinstance(value, Tensor) else value for name, value in kwargs.items()}
    ),
)


def _clipped(y: Tensor) -> Tensor:
    if y.requires_grad:
        y.register_hook(lambda gradient: gradient.clamp(-100, 100))  # type: ignore[no-untyped-call]
    return y


ClipsGradients = _residual("clips the gradient that comes back to [-100, 100]", sum=lambda self, x, y: _clipped(x + y))
