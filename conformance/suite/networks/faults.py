"""How MLP, FeedForward and Residual go wrong."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from conformance.faults import fault


class _MLP(nn.Module):
    """A right MLP in steps that a fault can replace."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        self.use_layernorm = use_layernorm
        self.in_dim, self.out_dim = in_dim, out_dim
        self.build([in_dim, *[hidden_dim] * (depth - 1), out_dim])

    def build(self, dims: list[int]) -> None:
        self.linears: Any = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dims))
        self.norms: Any = nn.ModuleList(nn.LayerNorm(b) for b in dims[1:-1] if self.use_layernorm)

    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x)

    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return self.act(self.norms[place](x) if self.use_layernorm else x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for place, linear in enumerate(self.linears):
            x = linear(x)
            if place < len(self.linears) - 1:
                x = self.between(x, place)
        return x


@fault("MLP", "counts hidden layers: it has depth + 1 Linears instead of depth")
class DepthPlusOne(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build([dims[0], dims[1] if len(dims) > 2 else dims[-1], *dims[1:]])


@fault("MLP", "has two Linears, one in and one out, where depth is 1")
class NeverSingle(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims if len(dims) > 2 else [dims[0], dims[1], dims[1]])


@fault("MLP", "applies GELU after the single Linear where depth is 1")
class ActivatedSingle(_MLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = super().forward(x)
        return self.act(y) if len(self.linears) == 1 else y


@fault("MLP", "is two Linears whatever the depth")
class TwoWhateverDepth(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims if len(dims) < 3 else [dims[0], dims[1], dims[-1]])


@fault("MLP", "has depth - 1 Linears where depth is more than 2")
class DepthMinusOne(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims if len(dims) < 4 else dims[1:] if dims[0] == dims[1] else [dims[0], *dims[2:]])


@fault("MLP", "applies GELU after the last Linear as well")
class ActivationAtEnd(_MLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(super().forward(x))


@fault("MLP", "uses ReLU instead of GELU")
class ReluBetween(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x)


@fault("MLP", "uses SiLU instead of GELU")
class SiluBetween(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.silu(x)


@fault("MLP", "approximates GELU by x sigmoid(1.702 x), which is off by two hundredths")
class SigmoidGelu(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


@fault("MLP", "has no activation between the Linears")
class NoActivation(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return x


@fault("MLP", "applies GELU after the first Linear only")
class FirstActivationOnly(_MLP):
    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        x = self.norms[place](x) if self.use_layernorm else x
        return self.act(x) if place == 0 else x


@fault("MLP", "ignores use_layernorm")
class NormIgnored(_MLP):
    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return self.act(x)


@fault("MLP", "applies LayerNorm whether asked or not")
class NormAlways(_MLP):
    def build(self, dims: list[int]) -> None:
        self.use_layernorm = True
        super().build(dims)


@fault("MLP", "normalises after the last Linear as well")
class NormAtEnd(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        self.end = nn.LayerNorm(dims[-1]) if self.use_layernorm else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.end(super().forward(x))
        return y


@fault("MLP", "normalises the input before the first Linear")
class NormAtStart(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        self.start = nn.LayerNorm(dims[0]) if self.use_layernorm else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.start(x))


@fault("MLP", "uses RMSNorm where LayerNorm was asked")
class RmsBetween(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        self.norms = nn.ModuleList(nn.RMSNorm(b) for b in dims[1:-1] if self.use_layernorm)


@fault("MLP", "normalises over the batch instead of the features")
class BatchNormBetween(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        self.norms = nn.ModuleList(nn.BatchNorm1d(b) for b in dims[1:-1] if self.use_layernorm)


@fault("MLP", "uses one Linear for every hidden layer")
class SharedHidden(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        if len(dims) > 4:
            self.linears = nn.ModuleList([self.linears[0], *[self.linears[1]] * (len(dims) - 3), self.linears[-1]])


@fault("MLP", "uses one LayerNorm for every place")
class SharedNorm(_MLP):
    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return self.act(self.norms[0](x) if self.use_layernorm else x)


@fault("MLP", "keeps its layers in a plain list, so that their parameters are not found")
class PlainList(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        linears, norms = list(self.linears), list(self.norms)
        del self.linears, self.norms
        self.linears, self.norms = linears, norms


@fault("MLP", "registers the last Linear only; the hidden ones sit in a plain list")
class HiddenUnregistered(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        self.last = self.linears[-1]
        linears = list(self.linears)
        del self.linears
        self.linears = linears

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for linear in self.linears[:-1]:
            linear.to(x.device, x.dtype)
        return super().forward(x)


@fault("MLP", "leaves its weights as they were in memory")
class Uninitialised(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        for linear in self.linears:
            linear.weight = nn.Parameter(torch.empty(linear.weight.shape))


@fault("MLP", "cuts the gradient between layers")
class DetachedBetween(_MLP):
    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return super().between(x, place).detach()


@fault("MLP", "cuts the gradient to its input")
class DetachedInput(_MLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.detach())


@fault("MLP", "computes in float32 whatever the dtype of the input")
class SingleOnly(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x.float()).to(x.dtype)


@fault("MLP", "freezes all but the last Linear")
class Frozen(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build(dims)
        for linear in list(self.linears)[:-1]:
            linear.requires_grad_(False)


@fault("MLP", "drops activations in train mode")
class DropsOut(_MLP):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(F.gelu(x), 0.1, self.training)


@fault("MLP", "adds a skip connection around layers of one width")
class Skips(_MLP):
    def between(self, x: torch.Tensor, place: int) -> torch.Tensor:
        return super().between(x, place) + x


@fault("MLP", "zeroes what is negative in its input, in place")
class ChangesInput(_MLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        x.detach().clamp_(min=0)
        return y


@fault("MLP", "swaps hidden_dim and out_dim")
class SwappedDims(_MLP):
    def build(self, dims: list[int]) -> None:
        super().build([dims[0], *[dims[-1]] * (len(dims) - 2), dims[1]])


class _FeedForward(nn.Module):
    """A right FeedForward in steps that a fault can replace."""

    factor = 4

    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        self.build(d_model, d_ff or self.factor * d_model)

    def build(self, d_model: int, d_ff: int) -> None:
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.down(self.act(self.up(x)))
        return y


@fault("FeedForward", "uses ReLU instead of GELU")
class ReluForward(_FeedForward):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x)


@fault("FeedForward", "is 2 d_model wide by default instead of 4 d_model")
class TwiceAsWide(_FeedForward):
    factor = 2


@fault("FeedForward", "ignores d_ff")
class WidthIgnored(_FeedForward):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__(d_model)


@fault("FeedForward", "takes d_ff = 0 as a width instead of as not given")
class WidthZero(_FeedForward):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__(d_model, d_ff)
        if d_ff == 0:
            self.build(d_model, 0)


@fault("FeedForward", "applies GELU after the second Linear as well")
class ActivatedTwice(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(super().forward(x))


@fault("FeedForward", "has no activation between its Linears")
class Linears(_FeedForward):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return x


@fault("FeedForward", "contains the residual connection that belongs around it")
class WithResidual(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


@fault("FeedForward", "contains the LayerNorm that belongs before it")
class WithNorm(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.layer_norm(x, x.shape[-1:]))


@fault("FeedForward", "mixes the tokens of a sequence by a mean over them")
class MixesTokens(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return y + y.mean(-2, keepdim=True) * 1e-3 if x.ndim > 1 else y


@fault("FeedForward", "drops activations in train mode")
class DropsOutForward(_FeedForward):
    def act(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(F.gelu(x), 0.1, self.training)


@fault("FeedForward", "detaches its input, so that no gradient flows below")
class DetachedForward(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.detach())


@fault("FeedForward", "flattens leading dimensions and does not give them back")
class Flattened(_FeedForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.reshape(-1, x.shape[-1]))


@fault("FeedForward", "leaves its weights as they were in memory")
class UninitialisedForward(_FeedForward):
    def build(self, d_model: int, d_ff: int) -> None:
        super().build(d_model, d_ff)
        self.up.weight = nn.Parameter(torch.empty(d_ff, d_model))


class _Residual(nn.Module):
    """A right Residual in steps that a fault can replace."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        y: torch.Tensor = x + self.fn(x, *args, **kwargs)
        return y


@fault("Residual", "adds in place, so that the caller's tensor changes")
class AddsInPlace(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        y = self.fn(x, *args, **kwargs)
        if x.requires_grad and x.is_leaf:
            return x + y  # type: ignore[no-any-return]
        x += y
        return x


@fault("Residual", "adds the input in place to what the function returned, which may be the input itself")
class AddsToBranch(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        y: torch.Tensor = self.fn(x, *args, **kwargs)
        return y.add_(x) if not (y.requires_grad and y.is_leaf) else y + x


@fault("Residual", "leaves the input out: it returns fn(x)")
class BranchOnly(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return self.fn(x, *args, **kwargs)  # type: ignore[no-any-return]


@fault("Residual", "does not hand on further arguments")
class DropsArguments(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fn(x)  # type: ignore[no-any-return]


@fault("Residual", "does not hand on arguments by name")
class DropsNames(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fn(x, *args)  # type: ignore[no-any-return]


@fault("Residual", "hands kwargs on as one positional dict")
class NamesAsDict(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fn(x, *args, *([kwargs] if kwargs else []))  # type: ignore[no-any-return]


@fault("Residual", "keeps the function where it is not registered, so that its parameters are not found")
class HiddenFunction(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fns: list[Callable[..., torch.Tensor]] = [fn]

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fns[0](x, *args, **kwargs)


@fault("Residual", "wraps a copy of the function, so that training it leaves the original alone")
class CopiesFunction(_Residual):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__(copy.deepcopy(fn))


@fault("Residual", "calls the function twice")
class CallsTwice(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.fn(x, *args, **kwargs).shape != x.shape:
            raise ValueError("fn must keep the shape of x")
        return super().forward(x, *args, **kwargs)


@fault("Residual", "cuts the gradient of the skip connection")
class DetachedSkip(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x.detach() + self.fn(x, *args, **kwargs)  # type: ignore[no-any-return]


@fault("Residual", "cuts the gradient of the function")
class DetachedBranch(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fn(x, *args, **kwargs).detach()  # type: ignore[no-any-return]


@fault("Residual", "halves the sum")
class Halves(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return super().forward(x, *args, **kwargs) / 2


@fault("Residual", "normalises the input before the function")
class PreNorm(_Residual):
    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return x + self.fn(F.layer_norm(x, x.shape[-1:]), *args, **kwargs)  # type: ignore[no-any-return]
