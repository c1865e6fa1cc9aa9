"""Other right ways to write MLP, FeedForward and Residual."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import honest


class OwnLinear(nn.Module):
    """Stored the other way round, its bias registered first."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(n_out))
        self.kernel = nn.Parameter(torch.randn(n_in, n_out) / n_in**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("...i,io->...o", x, self.kernel) + self.offset


class OwnNorm(nn.Module):
    """Its shift registered first, another eps."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(width))
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        var, mean = torch.var_mean(x, -1, unbiased=False, keepdim=True)
        return (x - mean) * torch.rsqrt(var + 1e-6) * self.gamma + self.beta


def own_gelu(x: torch.Tensor) -> torch.Tensor:
    """GELU by the normal distribution's own function."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


@honest("MLP", "one Sequential of torch's parts")
class InSequence(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        width = in_dim
        for _ in range(depth - 1):
            parts.append(nn.Linear(width, hidden_dim))
            if use_layernorm:
                parts.append(nn.LayerNorm(hidden_dim))
            parts.append(nn.GELU())
            width = hidden_dim
        self.network = nn.Sequential(*parts, nn.Linear(width, out_dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.network(x)
        return y


@honest("MLP", "own parts, the last layer registered first, LayerNorm after GELU, prints and warns")
class OwnParts(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        self.norms = nn.ModuleDict()
        self.last = OwnLinear(hidden_dim if depth > 1 else in_dim, out_dim)
        self.hidden = nn.ModuleDict()
        for place in reversed(range(depth - 1)):
            self.hidden[f"layer {place}"] = OwnLinear(hidden_dim if place else in_dim, hidden_dim)
            if use_layernorm:
                self.norms[f"norm {place}"] = OwnNorm(hidden_dim)
        print(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        warnings.warn("slow on purpose", stacklevel=1)
        assert x.shape[-1] > 0
        for place in range(len(self.hidden)):
            x = own_gelu(self.hidden[f"layer {place}"](x))
            if self.norms:
                x = self.norms[f"norm {place}"](x)
        y: torch.Tensor = self.last(x)
        return y


@honest("MLP", "functional, tanh GELU, no bias, a LayerNorm without scale and shift")
class Functional(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        dims = [in_dim] + [hidden_dim] * (depth - 1) + [out_dim]
        self.ws = nn.ParameterList(torch.randn(b, a) * 0.1 for a, b in itertools.pairwise(dims))
        self.use_layernorm = use_layernorm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *hidden, last = self.ws
        for w in hidden:
            x = x @ w.mT
            if self.use_layernorm:
                x = F.layer_norm(x, (x.shape[-1],))
            x = 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))
        y: torch.Tensor = x @ last.mT
        return y


@honest("MLP", "starts at zero, and builds a norm that it does not use for the last layer")
class Wasteful(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for i in range(depth):
            n_in = in_dim if i == 0 else hidden_dim
            n_out = out_dim if i == depth - 1 else hidden_dim
            linear = nn.Linear(n_in, n_out)
            nn.init.zeros_(linear.weight)
            self.layers.append(linear)
            self.norms.append(nn.LayerNorm(n_out, eps=1e-12))
        self.use_layernorm, self.act = use_layernorm, nn.GELU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i != len(self.layers) - 1:
                if self.use_layernorm:
                    x = self.norms[i](x)
                x = self.act(x)
        return x


@honest("MLP", "flattens an image before the first Linear, as classifiers do")
class Flattens(InSequence):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.reshape(x.shape[0], -1))


@honest("FeedForward", "an MLP of depth 2")
class AsMLP(OwnParts):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__(d_model, d_ff or 4 * d_model, d_model, 2)


@honest("FeedForward", "a Sequential with tanh GELU")
class TanhForward(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        if not d_ff:
            d_ff = 4 * d_model
        self.net = nn.Sequential(nn.Linear(d_model, d_ff), nn.GELU(approximate="tanh"), nn.Linear(d_ff, d_model))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)  # type: ignore[no-any-return]


@honest("FeedForward", "einsum on parameters of its own, without bias, the second registered first")
class Einsum(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        d_ff = d_ff or 4 * d_model
        self.w2 = nn.Parameter(torch.randn(d_ff, d_model) * 0.02)
        self.w1 = nn.Parameter(torch.randn(d_model, d_ff) * 0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.einsum("...d,df->...f", x, self.w1)
        h = h * torch.special.ndtr(h)
        return torch.einsum("...f,fd->...d", h, self.w2)


@honest("MLP", "TorchScript, whose graph becomes a single node once it is warm")
class Scripted(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        whole = InSequence(in_dim, hidden_dim, out_dim, depth, use_layernorm)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is on its way out
            self.network = torch.jit.script(whole.network)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.network(x)
        return y


class _BothAtOnce(torch.autograd.Function):
    """Both Linears and the GELU between them, with a backward pass by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        h = x @ w1.T + b1
        below = 0.5 * (1 + torch.erf(h / math.sqrt(2)))
        ctx.save_for_backward(x, w1, w2, h, below)
        return (h * below) @ w2.T + b2

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        x, w1, w2, h, below = ctx.saved_tensors
        slope = below + h * torch.exp(-0.5 * h * h) / math.sqrt(2 * math.pi)
        at_h = (g @ w2) * slope
        rows, gs, hs = (t.reshape(-1, t.shape[-1]) for t in (x, g, at_h))
        inner = (h * below).reshape(-1, h.shape[-1])
        return at_h @ w1, hs.T @ rows, hs.sum(0), gs.T @ inner, gs.sum(0)


@honest("FeedForward", "one autograd.Function for all of it")
class Fused(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(d_model, d_ff or 4 * d_model), nn.Linear(d_ff or 4 * d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = _BothAtOnce.apply(x, self.up.weight, self.up.bias, self.down.weight, self.down.bias)  # type: ignore[no-untyped-call]
        return y


@honest("FeedForward", "tanh GELU with its constant as a tensor, which is a float32 whatever the data is")
class FloatConstant(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(d_model, d_ff or 4 * d_model), nn.Linear(d_ff or 4 * d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.up(x)
        inner = torch.sqrt(torch.tensor(2.0 / math.pi)) * (h + 0.044715 * h**3)
        y: torch.Tensor = self.down(0.5 * h * (1 + torch.tanh(inner)))
        return y


@honest("Residual", "the function under another name, the branch added first, float64 inside")
class OtherWayRound(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.block = nn.ModuleList([fn])

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        skip = x.clone()
        (block,) = self.block
        return torch.add(block(x, *args, **kwargs), skip)


@honest("Residual", "torch.add with a factor, and a check of shapes")
class AddsChecked(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        out = self.fn.forward(x, *args, **kwargs)
        if out.shape != x.shape:
            raise ValueError("shapes must agree")
        return torch.add(out, x, alpha=1)


@honest("Residual", "stacks the two and sums")
class Stacked(nn.Module):
    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.inner: nn.Module
        self.add_module("inner", fn)

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.stack([x, self.inner(x, *args, **kwargs)]).sum(0)


@honest("FeedForward", "asks whether d_ff is None, and writes GELU with erf")
class AsksForNone(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        hidden = 4 * d_model if d_ff is None else d_ff
        self.net = nn.ModuleDict({"up": nn.Linear(d_model, hidden), "down": nn.Linear(hidden, d_model)})

    def forward(self, x: torch.Tensor) -> Any:
        h = self.net["up"](x)
        return self.net["down"](0.5 * h * (1 + torch.erf(h / math.sqrt(2))))


@honest("MLP", "normalises between all layers with one and the same LayerNorm")
class OneNorm(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        self.act = nn.GELU()
        self.norm = nn.LayerNorm(hidden_dim) if use_layernorm and depth > 1 else nn.Identity()
        dims = [in_dim, *[hidden_dim] * (depth - 1), out_dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dims))

    def forward(self, x: torch.Tensor) -> Any:
        for layer in list(self.layers)[:-1]:
            x = self.act(self.norm(layer(x)))
        return self.layers[-1](x)


@honest("MLP", "one row of the batch after the other, in a recursive call")
class RowByRow(InSequence):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.ndim > 1 and x.numel() > 0
        return torch.stack([self.forward(row) for row in x]) if rows else super().forward(x)


@honest("FeedForward", "one token after the other, in a recursive call")
class TokenByToken(TanhForward):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.ndim > 1 and x.numel() > 0
        return torch.stack([self.forward(token) for token in x]) if tokens else super().forward(x)


@honest("MLP", "one Sequential in which the same LayerNorm stands in every gap, registered after the first Linear")
class OneNormInSequence(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        dims = [in_dim, *[hidden_dim] * (depth - 1), out_dim]
        first, *others = (nn.Linear(a, b) for a, b in itertools.pairwise(dims))
        between = [nn.LayerNorm(hidden_dim), nn.GELU()] if use_layernorm else [nn.GELU()]
        self.layers = nn.Sequential(first, *(part for linear in others for part in (*between, linear)))

    def forward(self, x: torch.Tensor) -> Any:
        return self.layers(x)


@honest("MLP", "the norms registered after the first Linear and before the others")
class NormsAfterTheFirst(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        dims = [hidden_dim] * (depth - 1) + [out_dim]
        self.entry = nn.Linear(in_dim, dims[0])
        self.norms = nn.ModuleList(nn.LayerNorm(width) if use_layernorm else nn.Identity() for width in dims[:-1])
        self.others = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dims))

    def forward(self, x: torch.Tensor) -> Any:
        x = self.entry(x)
        for norm, linear in zip(self.norms, self.others, strict=True):
            x = linear(F.gelu(norm(x)))
        return x


@honest("FeedForward", "lazy parts, which take their sizes from their first input")
class Lazy(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.LazyLinear(d_ff or 4 * d_model), nn.GELU(), nn.LazyLinear(d_model))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


@honest("MLP", "lazy parts, which take their sizes from their first input")
class LazyStack(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for _ in range(depth - 1):
            parts += [nn.LazyLinear(hidden_dim), nn.GELU(), *([nn.LayerNorm(hidden_dim)] if use_layernorm else [])]
        self.net = nn.Sequential(*parts, nn.LazyLinear(out_dim))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


@honest("FeedForward", "tokens as columns, and biases that are columns too")
class Columns(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        wide = d_ff or 4 * d_model
        self.w1, self.b1 = nn.Parameter(torch.randn(wide, d_model)), nn.Parameter(torch.zeros(wide, 1))
        self.w2, self.b2 = nn.Parameter(torch.randn(d_model, wide)), nn.Parameter(torch.zeros(d_model, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.w2 @ F.gelu(self.w1 @ x.unsqueeze(-1) + self.b1) + self.b2).squeeze(-1)


@honest("FeedForward", "two convolutions over one place, as in the paper's other description")
class Convolved(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        wide = d_ff or 4 * d_model
        self.up, self.down = nn.Conv1d(d_model, wide, 1), nn.Conv1d(wide, d_model, 1)

    def forward(self, x: Tensor) -> Tensor:
        columns = x.reshape(-1, x.shape[-1], 1)
        return self.down(F.gelu(self.up(columns))).reshape(x.shape) if x.numel() else x


@honest("FeedForward", "baddbmm on one batch, for which weights and biases are kept as batches of one")
class BatchOfOne(nn.Module):
    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        wide = d_ff or 4 * d_model
        self.w1, self.b1 = nn.Parameter(torch.randn(1, d_model, wide)), nn.Parameter(torch.zeros(1, 1, wide))
        self.w2, self.b2 = nn.Parameter(torch.randn(1, wide, d_model)), nn.Parameter(torch.zeros(1, 1, d_model))

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(torch.baddbmm(self.b1, x.reshape(1, -1, x.shape[-1]), self.w1))
        return torch.baddbmm(self.b2, h, self.w2).reshape(x.shape)
