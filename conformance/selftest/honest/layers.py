"""Other right ways to write Linear, Embedding and Dropout."""

from __future__ import annotations

import math
import random
import warnings

import torch
import torch.nn.functional as F
from torch import nn

from conformance.faults import honest


@honest("Linear", "einsum, Xavier from torch.nn.init, other names, the bias first")
class Einsum(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self._bias = nn.Parameter(torch.rand(out_features)) if bias else None
        self._weights = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.xavier_uniform_(self._weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] == self._weights.shape[1], "x has another number of features"
        y = torch.einsum("...i,oi->...o", x, self._weights)
        if self._bias is not None:
            y += self._bias
        return y


@honest("Linear", "the bias is a row, registered before the weight")
class RowFirst(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        if bias:
            self.offsets = nn.Parameter(torch.zeros(1, out_features))
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / max(in_features, 1) ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(x.shape[:-1].numel(), x.shape[-1])
        y = rows @ self.weight.t() + (self.offsets if hasattr(self, "offsets") else 0)
        return y.reshape(*x.shape[:-1], y.shape[-1])


@honest("Linear", "products of broadcast rows summed up in float64, weights that start at zero, parameters in a dict")
class Broadcast(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.held = nn.ParameterDict({"W": nn.Parameter(torch.zeros(out_features, in_features))})
        if bias:
            self.held["b"] = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (x.unsqueeze(-2).double() * self.held["W"].double()).sum(-1)
        if "b" in self.held:
            y = y + self.held["b"].double()
        return torch.as_tensor(y, dtype=x.dtype)


@honest("Linear", "a column of ones for the bias, on rows, restored afterwards")
class ColumnOfOnes(nn.Module):
    bias: nn.Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.register_parameter("bias", nn.Parameter(torch.full((out_features,), 0.01)) if bias else None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        weight: torch.Tensor = self.weight
        if self.bias is not None:
            rows = torch.cat((rows, rows.new_ones(len(rows), 1)), dim=1)
            weight = torch.cat((weight, self.bias.unsqueeze(1)), dim=1)
        return torch.mm(rows, weight.t()).reshape(*x.shape[:-1], len(weight))


@honest("Linear", "one feature after the other, in a Python loop over columns, the bias to begin with")
class ColumnByColumn(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.columns = nn.Parameter(torch.randn(out_features, in_features) * 0.02)
        self.start = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(self.columns[:, 0]) if self.start is None else self.start
        for place in range(x.shape[-1]):
            y = torch.addcmul(y, x[..., place, None], self.columns[:, place])
        return y


@honest("Linear", "an autograd function of its own")
class OwnBackward(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(out_features, in_features))
        self.b = nn.Parameter(torch.randn(out_features)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("forward of", tuple(x.shape))
        y: torch.Tensor = _Product.apply(x, self.W)  # type: ignore[no-untyped-call]
        return y if self.b is None else torch.add(y, self.b)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, weight)
        return torch.tensordot(x, weight, dims=([-1], [1]))

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        rows = above.reshape(-1, weight.shape[0])
        return above @ weight, rows.T @ x.reshape(rows.shape[0], x.shape[-1])


@honest("Embedding", "the table in one row, of which a lookup is a view")
class OneRow(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.size = (num_embeddings, embedding_dim)
        self.numbers = nn.Parameter(torch.randn(num_embeddings * embedding_dim))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.numbers.view(self.size)[idx]


@honest("Embedding", "a product with one-hot rows")
class OneHot(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self._embeddings = nn.Parameter(torch.randn(num_embeddings, embedding_dim))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return F.one_hot(idx, self.num_embeddings).to(self._embeddings.dtype) @ self._embeddings


@honest("Embedding", "index_select on the table lying the other way")
class Transposed(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(embedding_dim, num_embeddings))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.table.index_select(1, idx.reshape(-1)).T.reshape(*idx.shape, self.table.shape[0])


@honest("Embedding", "gather over expanded rows, with the ids checked")
class Gather(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.E = nn.Parameter(torch.empty(num_embeddings, embedding_dim))
        nn.init.normal_(self.E, std=0.02)

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        if idx.numel() and (int(idx.max()) >= len(self.E) or int(idx.min()) < 0):
            raise IndexError(f"ids must lie in [0, {len(self.E)})")
        rows = idx.reshape(-1, 1).expand(-1, self.E.shape[1])
        return self.E.gather(0, rows.long()).view(*idx.shape, self.E.shape[1])


@honest("Embedding", "torch.take_along_dim over a contiguous copy of the ids, in a ParameterList")
class TakeAlong(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.tables = nn.ParameterList([nn.Parameter(torch.rand(num_embeddings, embedding_dim))])

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        table = self.tables[0]
        flat = idx.contiguous().view(-1, 1)
        return torch.take_along_dim(table, flat.long(), dim=0).reshape((*idx.shape, table.size(1)))


@honest("Dropout", "torch.bernoulli, and a division after the product")
class Bernoulli(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.p > 0:
            mask = torch.bernoulli(torch.full_like(x, 1 - self.p))
            return x * mask / (1 - self.p)
        return x


@honest("Dropout", "the mask scaled before the product, drawn in float32 by uniform_, a view in eval mode")
class ScaledMask(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.rate = float(p)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training is False:
            return x.view_as(x)
        mask = (torch.empty(x.shape, device=x.device).uniform_() > self.rate).to(x.dtype) / (1.0 - self.rate)
        return mask * x


@honest("Dropout", "masked_fill of a copy, with an if for p = 0 and p = 1, and a warning")
class MaskedFill(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError("p must be a probability")
        self.keep_prob = 1 - p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        warnings.warn("a warning that means nothing", stacklevel=2)
        if not self.training or self.keep_prob == 1:
            return x
        if self.keep_prob == 0:
            return torch.zeros_like(x)
        drop = torch.rand(x.size(), dtype=torch.float64, device=x.device) >= self.keep_prob
        return (x * (1 / self.keep_prob)).masked_fill(drop, 0)


@honest("Dropout", "Python's random, entry by entry, and torch.where; a clone in eval mode")
class EntryByEntry(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x.clone()
        marks = [random.random() < self.p for _ in range(x.numel())]
        drop = torch.tensor(marks, dtype=torch.bool, device=x.device).reshape(x.shape)
        return torch.where(drop, torch.zeros_like(x), x.div(1 - self.p))


@honest("Dropout", "torch.distributions, and the product with a mask in the dtype of x")
class Distribution(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.scale = 1 / (1 - p) if p < 1 else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            bernoulli = torch.distributions.Bernoulli(probs=torch.tensor(1 - self.p))
            kept = bernoulli.sample(x.shape).to(x)  # type: ignore[no-untyped-call]
            x = x * kept * self.scale
        return x


@honest("Dropout", "the exercise text's own: uniform numbers above p, kept by Tensor.where")
class FromTheText(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        prob = torch.zeros_like(x)
        prob.uniform_(0, 1)
        return x.where(prob > self.p, 0) * (1 / (1 - self.p))


@honest("Linear", "returns early where there is nothing to multiply")
class EmptyLinear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.numel() == 0:
            return x.new_zeros(*x.shape[:-1], self.weight.shape[0])
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


@honest("Embedding", "returns early where nothing is looked up")
class EmptyEmbedding(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight.new_zeros(*idx.shape, self.weight.shape[1]) if idx.numel() == 0 else self.weight[idx]


@honest("Dropout", "p kept as a tensor, which is float32 whatever the dtype of the data")
class TensorRate(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = torch.tensor(p)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        keep = 1 - self.p.to(x.device)
        return x * torch.bernoulli(torch.ones_like(x) * keep) / keep


@honest("Dropout", "p in a buffer, which follows the module's dtype and has lost its digits in float32 before")
class BufferedRate(nn.Module):
    p: torch.Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.register_buffer("p", torch.tensor(p))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        return x * (torch.rand_like(x) >= self.p).to(x.dtype) * (1 / (1 - self.p))


@honest("Embedding", "a product with a sparse matrix of ones, which torch does not know on meta")
class SparseProduct(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim))

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        flat = idx.reshape(-1).long()
        places = torch.stack([torch.arange(len(flat), device=flat.device), flat])
        ones = torch.ones(len(flat), dtype=self.weight.dtype, device=flat.device)
        rows = torch.sparse_coo_tensor(places, ones, (len(flat), len(self.weight)))
        found: torch.Tensor = torch.sparse.mm(rows, self.weight)
        return found.view(*idx.shape, self.weight.shape[1])
