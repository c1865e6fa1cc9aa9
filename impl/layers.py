"""Linear, Embedding, Dropout."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from impl.init import xavier_uniform_


class Linear(nn.Module):
    """An affine map of the last dimension.

        y = x W^T + b

    Args:
        in_features: size of the last dimension of x.
        out_features: size of the last dimension of y.
        bias: whether there is a b.

    Parameters: weight, (out_features, in_features), Xavier-uniform; bias, (out_features,), zeros.
    """

    bias: nn.Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        xavier_uniform_(self.weight)
        self.register_parameter("bias", nn.Parameter(torch.zeros(out_features)) if bias else None)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in_features) to (..., out_features)."""
        if self.bias is None:
            return x @ self.weight.T
        # Rows times matrix plus bias in one operation: adding the bias would be another pass over y.
        if x.ndim == 2:
            return torch.addmm(self.bias, x, self.weight.T)
        rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])
        return torch.addmm(self.bias, rows, self.weight.T).view(*x.shape[:-1], len(self.bias))


class Embedding(nn.Module):
    """A learnable vector for each id.

        y = weight[idx]

    Args:
        num_embeddings: how many ids there are.
        embedding_dim: size of each vector.

    Parameters: weight, (num_embeddings, embedding_dim), Xavier-uniform; torch.nn.Embedding draws from N(0, 1).
    """

    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim))
        xavier_uniform_(self.weight)

    def forward(self, idx: Tensor) -> Tensor:
        """idx: (...,) int64, from 0 to num_embeddings - 1, to (..., embedding_dim)."""
        # Not weight[idx]: index_select refuses a negative id instead of counting from the end.
        rows = self.weight.index_select(0, idx.flatten())
        return rows.view(*idx.shape, self.weight.shape[1])


class Dropout(nn.Module):
    """Drop each element with probability p and scale the others to keep the mean; in eval mode change nothing.

        y = x keep / (1 - p),    keep ~ Bernoulli(1 - p)

    A dropped element is 0 even where x is infinite or NaN, and p = 1 gives zeros.

    Args:
        p: probability to drop, from 0 to 1.

    Raises:
        ValueError: p is no probability.
    """

    def __init__(self, p: float):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}: a probability to drop lies between 0 and 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x: any shape, floating point."""
        if not self.training:
            return x
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0  # nothing is kept at p = 1, and 1/0 would make NaN of it
        drop = torch.empty_like(x, dtype=torch.bool).bernoulli_(self.p)
        return x.masked_fill(drop, 0.0) * scale

    def extra_repr(self) -> str:
        return f"p={self.p}"
