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
        self.weight = self.made(out_features, in_features)
        self.bias = self.made(out_features) if bias else None

    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.randn(shape) / shape[-1])

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


@fault("Linear", "cannot be built without a bias")
class OnlyWithBias(_Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)


@fault("Linear", "calls torch's own linear")
class Delegates(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


@fault("Linear", "stores the weight as (in_features, out_features)")
class StoredTransposed(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return super().made(*shape[::-1])

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
    def made(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, requires_grad=True)


@fault("Linear", "leaves its parameters as the memory was found")
class Uninitialised(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.empty(shape))


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
        y = super().product(x)
        if all(x.stride()):
            x.data.mul_(2)
        return y


@fault("Linear", "lets every layer of one size share its parameters")
class SharedParameters(_Linear):
    known: ClassVar[dict[tuple[int, ...], torch.Tensor]] = {}

    def made(self, *shape: int) -> torch.Tensor:
        return self.known.setdefault(shape, super().made(*shape))


@fault("Linear", "adds its output to that of the calls before")
class AddsUp(_Linear):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


@fault("Linear", "leaves out the last features of wide rows")
class NarrowOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., :16] @ self.weight[:, :16].T


class _Embedding(nn.Module):
    """A right Embedding in steps that a fault can replace."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = self.made(num_embeddings, embedding_dim)

    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.randn(shape))

    def rows(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight.index_select(0, idx.reshape(-1)).reshape(*idx.shape, self.weight.shape[1])

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.rows(idx)


@fault("Embedding", "counts the ids from one")
class CountsFromOne(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx - 1]


@fault("Embedding", "takes id 0 for padding, which does not learn")
class PaddingZero(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        rows = self.rows(idx)
        return torch.where((idx == 0).unsqueeze(-1), rows.detach(), rows)


@fault("Embedding", "scales the vectors by the root of their width, as a transformer does later")
class Scaled(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.rows(idx) * math.sqrt(self.weight.shape[1])


@fault("Embedding", "keeps the table as a plain tensor, so that it is no parameter")
class PlainTable(_Embedding):
    def made(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, requires_grad=True)


@fault("Embedding", "leaves the table as the memory was found")
class UninitialisedTable(_Embedding):
    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.empty(shape))


@fault("Embedding", "averages the gradient over the places of an id, as with scale_grad_by_freq")
class AveragesGradient(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        flat = idx.reshape(-1)
        share = 1 / (flat[:, None] == flat[None, :]).sum(1).reshape((*idx.shape, 1)).to(self.weight.dtype)
        rows = self.rows(idx)
        return rows.detach() + (rows - rows.detach()) * share


@fault("Embedding", "returns float32 whatever the dtype of the table")
class FloatRows(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.rows(idx).float()


@fault("Embedding", "shrinks rows longer than one in the table itself, as with max_norm")
class MaxNorm(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.div_(self.weight.norm(dim=-1, keepdim=True).clamp_min(1))
        return self.rows(idx)


@fault("Embedding", "takes at most two dimensions of ids")
class TwoDimensionsOfIds(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        batch, time = idx.shape
        return self.weight[idx.reshape(-1)].view(batch, time, -1)


@fault("Embedding", "lets every table of one size be the same one")
class SharedTable(_Embedding):
    known: ClassVar[dict[tuple[int, ...], torch.Tensor]] = {}

    def made(self, *shape: int) -> torch.Tensor:
        return self.known.setdefault(shape, super().made(*shape))


@fault("Embedding", "asks for the id of the padding, which nobody gives")
class NeedsPadding(_Embedding):
    def __init__(self, num_embeddings: int, embedding_dim: int, padding: int) -> None:
        super().__init__(num_embeddings, embedding_dim)


@fault("Embedding", "calls torch's own embedding")
class LooksUpByTorch(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding(idx, self.weight)


class _Dropout(nn.Module):
    """A right Dropout in steps that a fault can replace."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) >= self.p

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x / (1 - self.p) if self.p < 1 else torch.zeros_like(x)

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
        return super().eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x) if self.active else x


@fault("Dropout", "stays off once it has been in eval mode")
class StaysOff(_Dropout):
    off = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.off = self.off or not self.training
        return x if self.off else super().forward(x)


@fault("Dropout", "draws one mask for all rows of the batch")
class SharedOverBatch(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape[1:], device=x.device) >= self.p


@fault("Dropout", "drops whole rows")
class DropsRows(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x[..., :1] if x.ndim else x) >= self.p


@fault("Dropout", "drops whole channels, the second dimension with all that follows")
class DropsChannels(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand([*x.shape[:2], *(1 for _ in x.shape[2:])], device=x.device) >= self.p


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


@fault("Dropout", "computes in float32 whatever the dtype of the input")
class DropsInFloat32(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() / (1 - self.p)).to(x.dtype)


@fault("Dropout", "makes its mask on the CPU, whatever the device of the input")
class MaskOnCpu(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape) >= self.p


@fault("Dropout", "learns p")
class LearnsP(_Dropout):
    def __init__(self, p: float) -> None:
        super().__init__(0.5)
        self.p, self.rate = p, nn.Parameter(torch.tensor(p))


@fault("Dropout", "is told its mode when it is built")
class ToldItsMode(_Dropout):
    def __init__(self, p: float, training: bool) -> None:
        super().__init__(p)
        self.training = training


@fault("Dropout", "calls torch's own dropout")
class DropsByTorch(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, self.p, self.training)
