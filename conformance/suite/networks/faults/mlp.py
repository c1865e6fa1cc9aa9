"""How MLP goes wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault


class _MLP(nn.Module):
    """A right MLP in steps that a fault can replace."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        self.use_layernorm = use_layernorm
        self.build([in_dim, *[hidden_dim] * (depth - 1), out_dim])

    def build(self, dims: list[int]) -> None:
        self.linears: Any = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dims))
        self.norms: Any = nn.ModuleList(self.norm(b) for b in dims[1:-1] if self.use_layernorm)
        self.built(dims)

    def norm(self, width: int) -> nn.Module:
        return nn.LayerNorm(width)

    def built(self, dims: list[int]) -> Any:
        """What a fault does to the layers."""

    def act(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def between(self, x: Tensor, place: int) -> Tensor:
        return self.act(self.norms[place](x) if self.use_layernorm else x)

    def before(self, x: Tensor) -> Tensor:
        return x

    def after(self, y: Tensor) -> Tensor:
        return y

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        for place, linear in enumerate(self.linears):
            x = linear(x)
            if place < len(self.linears) - 1:
                x = self.between(x, place)
        return self.after(x)


def _mlp(sentence: str, **changes: Callable[..., Any]) -> type[_MLP]:
    return fault("MLP", sentence)(type("MLP", (_MLP,), {**changes, "__module__": __name__}))


def _normalised(mlp: _MLP, x: Tensor, place: int) -> Tensor:
    y: Tensor = mlp.norms[place](x) if mlp.use_layernorm else x
    return y


DepthPlusOne = _mlp(
    "counts hidden layers: it has depth + 1 Linears instead of depth",
    build=lambda self, dims: _MLP.build(self, [dims[0], dims[1], *dims[1:]]),
)


TwoWhateverDepth = _mlp(
    "is two Linears whatever the depth",
    build=lambda self, dims: _MLP.build(self, dims if len(dims) < 3 else [*dims[:2], dims[-1]]),
)


DepthPlusTwo = _mlp(
    "counts the hidden layers between the first and the last: it has depth + 2 Linears instead of depth",
    build=lambda self, dims: _MLP.build(self, [dims[0], dims[1], dims[1], *dims[1:]]),
)


DepthMinusOne = _mlp(
    "has depth - 1 Linears where depth is more than 2",
    build=lambda self, dims: _MLP.build(self, dims if len(dims) < 4 else [dims[0], *dims[2:]]),
)


ActivatedSingle = _mlp(
    "applies GELU after the single Linear where depth is 1",
    after=lambda self, y: self.act(y) if len(self.linears) == 1 else y,
)


NormalisedSingle = _mlp(
    "normalises the output where depth is 1",
    after=lambda self, y: F.layer_norm(y, y.shape[-1:]) if self.use_layernorm and len(self.linears) == 1 else y,
)


ActivationAtEnd = _mlp("applies GELU after the last Linear as well", after=lambda self, y: self.act(y))


ReluBetween = _mlp("uses ReLU instead of GELU", act=lambda self, x: F.relu(x))


SiluBetween = _mlp("uses SiLU instead of GELU", act=lambda self, x: F.silu(x))


ReluThenNorm = _mlp(
    "uses ReLU instead of GELU, with LayerNorm after it",
    between=lambda self, x, place: _normalised(self, F.relu(x), place),
)


SiluThenNorm = _mlp(
    "uses SiLU instead of GELU, with LayerNorm after it",
    between=lambda self, x, place: _normalised(self, F.silu(x), place),
)


SigmoidGelu = _mlp(
    "approximates GELU by x sigmoid(1.702 x), which is off by two hundredths",
    act=lambda self, x: x * torch.sigmoid(1.702 * x),
)


NoActivation = _mlp("has no activation between the Linears", act=lambda self, x: x)


FirstActivationOnly = _mlp(
    "applies GELU after the first Linear only",
    between=lambda self, x, place: _MLP.between(self, x, place) if place == 0 or self.use_layernorm else x,
)


NormIgnored = _mlp(
    "ignores use_layernorm",
    built=lambda self, dims: setattr(self, "norms", nn.ModuleList()),
    between=lambda self, x, place: self.act(x),
)


NormFirstOnly = _mlp(
    "normalises after the first Linear only",
    between=lambda self, x, place: _MLP.between(self, x, place) if place == 0 else self.act(x),
)


NormAtEnd = _mlp(
    "normalises after the last Linear as well",
    built=lambda self, dims: self.add_module("end", nn.LayerNorm(dims[-1])),
    after=lambda self, y: self.end(y) if self.use_layernorm else y,
)


NormAtStart = _mlp(
    "normalises the input before the first Linear",
    built=lambda self, dims: self.add_module("start", nn.LayerNorm(dims[0])),
    before=lambda self, x: self.start(x) if self.use_layernorm else x,
)


RmsBetween = _mlp("uses RMSNorm where LayerNorm was asked", norm=lambda self, width: nn.RMSNorm(width))


BatchNormBetween = _mlp(
    "normalises over the batch instead of the features", norm=lambda self, width: nn.BatchNorm1d(width)
)


NormUnbiased = _mlp(
    "divides by a standard deviation with D - 1",
    between=lambda self, x, place: self.act(
        (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5) if self.use_layernorm else x
    ),
)


Uninitialised = _mlp(
    "leaves its weights as they were in memory",
    built=lambda self, dims: [
        linear.register_parameter("weight", nn.Parameter(torch.empty(linear.weight.shape))) for linear in self.linears
    ],
)


OnMeta = _mlp(
    "leaves its parameters on the meta device, where nothing has a value",
    built=lambda self, dims: self.to("meta"),
)


Frozen = _mlp(
    "freezes all but the last Linear",
    built=lambda self, dims: [linear.requires_grad_(False) for linear in list(self.linears)[:-1]],
)


DetachedBetween = _mlp(
    "cuts the gradient between layers", between=lambda self, x, place: _MLP.between(self, x, place).detach()
)


DetachedInput = _mlp("cuts the gradient to its input", before=lambda self, x: x.detach())


SingleOnly = _mlp(
    "computes in float32 whatever the dtype of the input", act=lambda self, x: F.gelu(x.float()).to(x.dtype)
)


DropsOut = _mlp("drops activations in train mode", act=lambda self, x: F.dropout(F.gelu(x), 0.1, self.training))


Skips = _mlp(
    "adds a skip connection around activations", between=lambda self, x, place: _MLP.between(self, x, place) + x
)


RectifiesInput = _mlp(
    "zeroes what is negative in its input, in place", before=lambda self, x: x.detach().clamp_(min=0) * 0 + x
)


SwappedDims = _mlp(
    "swaps hidden_dim and out_dim",
    build=lambda self, dims: _MLP.build(self, [dims[0], *[dims[-1]] * (len(dims) - 2), dims[1]]),
)


SoftmaxedWithoutAutograd = _mlp(
    "returns probabilities where autograd is off, as under no_grad",
    after=lambda self, y: y if torch.is_grad_enabled() else torch.softmax(y, -1),
)


@fault("MLP", "keeps the weights of its first call, whatever they have become since")
class KeepsWeights(_MLP):
    kept: list[Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.kept = self.kept or [linear.weight * 1 for linear in self.linears]
        for place, (linear, weight) in enumerate(zip(self.linears, self.kept, strict=True)):
            x = F.linear(x, weight, linear.bias)
            if place < len(self.linears) - 1:
                x = self.between(x, place)
        return x


@fault("MLP", "has two Linears, one in and one out, where depth is 1")
class NeverSingle(_MLP):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__(in_dim, hidden_dim, out_dim, max(depth, 2), use_layernorm)


@fault("MLP", "applies LayerNorm whether asked or not")
class NormAlways(_MLP):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__(in_dim, hidden_dim, out_dim, depth, True)


@fault("MLP", "uses one Linear for every hidden layer")
class SharedHidden(_MLP):
    def built(self, dims: list[int]) -> None:
        if len(dims) > 4:
            self.linears = nn.ModuleList([self.linears[0], *[self.linears[1]] * (len(dims) - 3), self.linears[-1]])


@fault("MLP", "keeps its layers in a plain list, so that their parameters are not found")
class PlainList(_MLP):
    def built(self, dims: list[int]) -> None:
        linears, norms = list(self.linears), list(self.norms)
        del self.linears, self.norms
        self.linears, self.norms = linears, norms


@fault("MLP", "registers the last Linear only; the hidden ones sit in a plain list")
class HiddenUnregistered(_MLP):
    def built(self, dims: list[int]) -> None:
        linears = list(self.linears)
        del self.linears
        self.last, self.linears = linears[-1], linears

    def before(self, x: Tensor) -> Tensor:
        for linear in self.linears[:-1]:
            linear.to(x.device, x.dtype)
        return x


@fault("MLP", "has LayerNorm on by default")
class NormByDefault(_MLP):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = True) -> None:
        super().__init__(in_dim, hidden_dim, out_dim, depth, use_layernorm)


@fault("MLP", "switches autograd off where its input needs no gradient, so that its layers do not learn")
class NoGradientForPlainInput(_MLP):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if x.requires_grad else y.detach()


RowsLeftOut = _mlp(
    "works on the first 64 rows and leaves zeros for the others",
    after=lambda self, y: y * (torch.arange(len(y)) < 64).to(y).reshape(-1, *[1] * (y.ndim - 1)) if y.ndim > 1 else y,
)


@fault("MLP", "keeps its layers by their names and goes through them in alphabetical order, where 10 comes before 2")
class Alphabetical(_MLP):
    def built(self, dims: list[int]) -> None:
        self.linears = nn.ModuleList(linear for _, linear in sorted(self.linears.named_children()))
