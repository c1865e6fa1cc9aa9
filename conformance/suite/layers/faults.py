"""How Linear, Embedding and Dropout go wrong."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from conformance.faults import fault


class _Linear(nn.Module):
    """A right Linear in steps that a fault can replace."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / in_features)
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.product(x)
        return y if self.bias is None else y + self.bias


@fault("Linear", "leaves out the bias")
class NoBias(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x) if self.bias is None else self.product(x) + 0 * self.bias


@fault("Linear", "has a bias whether or not one was asked for")
class AlwaysBias(_Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features)
        with torch.no_grad():
            self.bias.fill_(0.1)  # type: ignore[union-attr]


@fault("Linear", "adds a None where there is no bias")
class AddsNone(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x) + self.bias  # type: ignore[operator]


@fault("Linear", "stores the weight as (in_features, out_features)")
class StoredTransposed(_Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = nn.Parameter(torch.randn(in_features, out_features))

    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


@fault("Linear", "multiplies by the weight without transposing it")
class NotTransposed(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


@fault("Linear", "takes two dimensions only: transposes W x^T back")
class TwoDimensionsOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (self.weight @ x.T).T


@fault("Linear", "views x as rows, which only contiguous memory allows")
class ContiguousOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (x.view(x.shape[:-1].numel(), x.shape[-1]) @ self.weight.T).view(*x.shape[:-1], len(self.weight))


@fault("Linear", "keeps weight and bias as plain tensors, so that they are no parameters")
class Unregistered(_Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features)
        del self.weight, self.bias
        self.w = torch.randn(out_features, in_features, requires_grad=True)
        self.b = torch.zeros(out_features, requires_grad=True) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.w.T.to(x.dtype)
        return y if self.b is None else y + self.b.to(x.dtype)


@fault("Linear", "leaves the weight as the memory was found")
class Uninitialised(_Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = nn.Parameter(torch.empty(out_features, in_features))


@fault("Linear", "computes in float32 whatever the dtype of the input")
class RoundsToFloat32(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() @ self.weight.T.float()).to(x.dtype)


@fault("Linear", "uses weight.data, so that neither parameter learns")
class ThroughData(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.weight.data.T
        return y if self.bias is None else y + self.bias.data


@fault("Linear", "scales its input in place")
class ScalesInPlace(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        if not x.requires_grad and all(x.stride()):
            y = super().product(x)
            x.mul_(2)
            return y
        return super().product(x)


@fault("Linear", "lets every layer of one size share one weight")
class SharedWeight(_Linear):
    known: ClassVar[dict[tuple[int, int], nn.Parameter]] = {}

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.weight = self.known.setdefault((out_features, in_features), self.weight)


@fault("Linear", "gives the first answer again on the second call")
class FirstAnswer(_Linear):
    first: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        if self.first is None or self.first.shape != y.shape:
            self.first = y.detach()
            return y
        return y + self.first


@fault("Linear", "leaves out the last features of wide rows")
class NarrowOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., :16] @ self.weight[:, :16].T


class _Embedding(nn.Module):
    """A right Embedding in steps that a fault can replace."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx]


@fault("Embedding", "counts the ids from one")
class CountsFromOne(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx - 1]


@fault("Embedding", "takes id 0 for padding, which does not learn")
class PaddingZero(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        rows = self.weight[idx]
        return torch.where((idx == 0).unsqueeze(-1), rows.detach(), rows)


@fault("Embedding", "scales the vectors by the root of their width, as a transformer does later")
class Scaled(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx] * math.sqrt(self.weight.shape[1])


@fault("Embedding", "keeps the table as a plain tensor, so that it is no parameter")
class PlainTable(_Embedding):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        del self.weight
        self.table = torch.randn(num_embeddings, embedding_dim)

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.table[idx]


@fault("Embedding", "leaves the table as the memory was found")
class UninitialisedTable(_Embedding):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim))


@fault("Embedding", "averages the gradient over the places of an id, as with scale_grad_by_freq")
class AveragesGradient(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        flat = idx.reshape(-1)
        share = 1 / (flat[:, None] == flat[None, :]).sum(1).reshape((*idx.shape, 1)).to(self.weight.dtype)
        rows = self.weight[idx]
        return rows.detach() + (rows - rows.detach()) * share


@fault("Embedding", "returns float32 whatever the dtype of the table")
class FloatRows(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx].float()


@fault("Embedding", "shrinks rows longer than one in the table itself, as with max_norm")
class MaxNorm(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.div_(self.weight.norm(dim=-1, keepdim=True).clamp_min(1))
        return self.weight[idx]


@fault("Embedding", "takes at most two dimensions of ids")
class TwoDimensionsOfIds(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        batch, time = idx.shape
        return self.weight[idx.reshape(-1)].view(batch, time, -1)


@fault("Embedding", "lets every table of one size be the same one")
class SharedTable(_Embedding):
    known: ClassVar[dict[tuple[int, int], nn.Parameter]] = {}

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        self.weight = self.known.setdefault((num_embeddings, embedding_dim), self.weight)


class _Dropout(nn.Module):
    """A right Dropout in steps that a fault can replace."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) >= self.p

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x / (1 - self.p)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x) if self.training else x


@fault("Dropout", "does not scale what it keeps")
class Unscaled(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x


@fault("Dropout", "keeps with probability p instead of dropping")
class KeepsWithP(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) < self.p


@fault("Dropout", "is active in eval mode too")
class AlwaysActive(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x)


@fault("Dropout", "keeps a switch of its own, which a module around it does not reach")
class OwnSwitch(_Dropout):
    active = True

    def eval(self) -> OwnSwitch:
        self.active = False
        return self

    def train(self, mode: bool = True) -> OwnSwitch:
        self.active = True
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x) if self.active else x


@fault("Dropout", "stays off once it has been in eval mode")
class StaysOff(_Dropout):
    off = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.off = self.off or not self.training
        return x if self.off else super().forward(x)


class _Shared(_Dropout):
    """A Dropout that draws for some of the dimensions only."""

    def drawn_for(self, shape: list[int]) -> list[int]:
        raise NotImplementedError

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(self.drawn_for(list(x.shape)), device=x.device) >= self.p


@fault("Dropout", "draws one mask for all rows of the batch")
class SharedOverBatch(_Shared):
    def drawn_for(self, shape: list[int]) -> list[int]:
        return shape[1:]


@fault("Dropout", "drops whole rows")
class DropsRows(_Shared):
    def drawn_for(self, shape: list[int]) -> list[int]:
        return [*shape[:-1], 1] if shape else shape


@fault("Dropout", "drops whole channels, the second dimension with all that follows")
class DropsChannels(_Shared):
    def drawn_for(self, shape: list[int]) -> list[int]:
        return shape[:2] + [1] * len(shape[2:])


@fault("Dropout", "drops an exact number of entries instead of each with probability p")
class ExactCount(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(x.numel(), dtype=torch.bool, device=x.device)
        mask[torch.randperm(x.numel(), device=x.device)[: round(x.numel() * self.p)]] = False
        return mask.view(x.shape)


@fault("Dropout", "draws its mask once and keeps it")
class OneMask(_Dropout):
    mask: torch.Tensor | None = None

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = super().keep(x)
        return self.mask


@fault("Dropout", "seeds torch's generator, so that every mask is the same")
class Seeds(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return super().keep(x)


@fault("Dropout", "drops the smallest entries instead of random ones")
class DropsSmallest(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach().abs().argsort().argsort() >= round(x.shape[-1] * self.p) if x.ndim else super().keep(x)


@fault("Dropout", "never drops the first entry of a row")
class SparesFirst(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        mask = super().keep(x)
        if x.ndim:
            mask[..., 0] = True
        return mask


@fault("Dropout", "writes its output over its input")
class InPlace(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            x.data.mul_(self.keep(x) / (1 - self.p))
        return x


@fault("Dropout", "detaches what it returns in train mode")
class Detached(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return super().scaled(x.detach())


@fault("Dropout", "lets the gradient through as if nothing had been dropped")
class StraightThrough(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (super().forward(x) - x).detach()


@fault("Dropout", "computes in float32 whatever the dtype of the input")
class DropsInFloat32(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return super().scaled(x.float()).to(x.dtype)


@fault("Dropout", "makes its mask on the CPU, whatever the device of the input")
class MaskOnCpu(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape) >= self.p


@fault("Dropout", "learns p")
class LearnsP(_Dropout):
    def __init__(self, p: float) -> None:
        super().__init__(p)
        self.rate = nn.Parameter(torch.tensor(p))
