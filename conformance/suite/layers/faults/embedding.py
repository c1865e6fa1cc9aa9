"""How Embedding goes wrong."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from conformance.faults import fault


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


@fault("Embedding", "keeps the table of its first call, whatever the table has become since")
class KeepsTable(_Embedding):
    kept: torch.Tensor | None = None

    def rows(self, idx: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = self.weight * 1
        return self.kept[idx]


@fault("Embedding", "rounds its vectors to bfloat16 where autograd is off, as under no_grad")
class RoundsWithoutAutograd(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        rows = self.rows(idx)
        return rows if torch.is_grad_enabled() else rows.bfloat16().to(rows.dtype)


@fault("Embedding", "keeps the one-hot rows of its first ids and uses them for all of that shape")
class KeptOneHot(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        if getattr(self, "shape", None) != idx.shape:
            self.shape, self.kept = idx.shape, idx.clone()
        return super().forward(self.kept)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, idx, layer):  # type: ignore[no-untyped-def]
        layer.ids, ctx.layer = idx, layer
        return weight[idx]

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        table = torch.zeros_like(ctx.layer.weight)
        return table.index_put((ctx.layer.ids,), above, accumulate=True), None, None


@fault("Embedding", "keeps its ids on the module for the backward pass, where the next call overwrites them")
class IdsOnTheModule(_Embedding):
    def rows(self, idx: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = _Rows.apply(self.weight, idx, self)  # type: ignore[no-untyped-call]
        return rows


@fault("Embedding", "initialises its table in its first call, over what was loaded before")
class TableInitialisedInFirstCall(_Embedding):
    called = False

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        if not self.called:
            self.called = True
            nn.init.normal_(self.weight)
        return super().forward(idx)


class _Strided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, idx):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(idx)
        ctx.shape = table.shape
        return table[idx]

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        (idx,) = ctx.saved_tensors
        width = ctx.shape[1]
        rows = torch.as_strided(above, (idx.numel(), width), (width, 1))
        return torch.zeros(ctx.shape, dtype=above.dtype).index_add_(0, idx.reshape(-1), rows), None


@fault("Embedding", "reads the upstream gradient as if it lay in memory without gaps")
class ReadsPastUpstream(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = _Strided.apply(self.weight, idx)  # type: ignore[no-untyped-call]
        return rows


@fault("Embedding", "takes its ids through float16, which holds them up to 2048 only")
class IdsAsHalves(_Embedding):
    def rows(self, idx: torch.Tensor) -> torch.Tensor:
        return super().rows(idx.half().long().clamp(max=len(self.weight) - 1))


@fault("Embedding", "gives a single id without a dimension one of size one")
class AtLeastOneId(_Embedding):
    def rows(self, idx: torch.Tensor) -> torch.Tensor:
        return super().rows(idx if idx.ndim else idx[None])


@fault("Embedding", "takes ids for numbers of 16 bits, which end at 32767")
class ShortIds(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.rows(idx.to(torch.int16).long() % len(self.weight))


class _Capped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, idx):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(idx)
        ctx.rows = len(weight)
        return weight[idx]

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        (idx,) = ctx.saved_tensors
        flat, rows = idx.reshape(-1), above.reshape(-1, above.shape[-1])
        counts = torch.bincount(flat, minlength=ctx.rows).clamp(min=8).to(above.dtype)
        found = above.new_zeros(ctx.rows, above.shape[-1]).index_add(0, flat, rows)
        return found * (8 / counts)[:, None], None


@fault("Embedding", "lets a row that comes up often learn as one that comes up eight times")
class CapsRepeats(_Embedding):
    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = _Capped.apply(self.weight, idx)  # type: ignore[no-untyped-call]
        return rows
