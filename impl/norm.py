"""LayerNorm and RMSNorm over the last dimension."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _at_least_float32(x: Tensor) -> Tensor:
    """x in the precision to compute in: squares of 16-bit numbers overflow or lose too much in 16 bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class LayerNorm(nn.Module):
    """Normalise each row to mean 0 and variance 1, then scale and shift each feature.

        y = (x - mean) / sqrt(var + eps) * weight + bias,    var = mean((x - mean)^2)

    The variance is the biased one, of the centred row: a common offset of the row cancels before it is squared.

    Args:
        normalized_shape: D, the size of the last dimension.
        eps: > 0, inside the square root.
        elementwise_affine: without it there is neither weight nor bias, as in torch.

    Parameters: weight, (D,), ones; bias, (D,), zeros.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True):
        super().__init__()
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.register_parameter("weight", nn.Parameter(torch.ones(normalized_shape)) if elementwise_affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(normalized_shape)) if elementwise_affine else None)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., D), any floating dtype, which y keeps; 16-bit rows are normalised in float32."""
        rows = _at_least_float32(x)
        centred = rows - rows.mean(-1, keepdim=True)
        variance = (centred * centred).mean(-1, keepdim=True)
        y = centred * torch.rsqrt(variance + self.eps)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight + self.bias
        return y.to(x.dtype)


class RMSNorm(nn.Module):
    """Divide each row by its root mean square, then scale each feature.

        y = x / sqrt(mean(x^2) + eps) * weight

    Args:
        normalized_shape: D, the size of the last dimension.
        eps: > 0, inside the square root; 1e-8 by default, where torch takes the dtype's machine epsilon.

    Parameters: weight, (D,), ones.
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-8):
        super().__init__()
        self.normalized_shape = normalized_shape
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., D), any floating dtype, which y keeps; 16-bit rows are normalised in float32."""
        rows = _at_least_float32(x)
        mean_square = (rows * rows).mean(-1, keepdim=True)
        y = rows * torch.rsqrt(mean_square + self.eps) * self.weight
        return y.to(x.dtype)
