"""LayerNorm and RMSNorm over the last dimension."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def _at_least_float32(x: Tensor) -> Tensor:
    """x in the precision to compute in: squares of 16-bit numbers overflow or lose too much in 16 bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class _DivideByRMS(torch.autograd.Function):
    """Each row, centred first if asked, divided by its root mean square: n = c r, r = 1 / sqrt(mean(c^2) + eps).

    Left to autograd, the backward pass would go over memory some fifteen times and keep every intermediate. It needs
    n and r alone, and few passes: with g and g_r the gradients with respect to these, and D the width of a row,

        dc = r (g - n (mean(g n) + r g_r / D)),    dx = dc - mean(dc) = r (g - mean(g) - n (...))

    the latter since the n of a centred row sum to zero. n and r are outputs so that autograd can differentiate this.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, eps: float, centre: bool) -> tuple[Tensor, Tensor]:
        c = x - x.mean(-1, keepdim=True) if centre else x
        r = torch.rsqrt((c * c).mean(-1, keepdim=True) + eps)
        return c.mul_(r) if centre else c * r, r

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, bool], output: tuple[Tensor, Tensor]) -> None:
        ctx.centre = inputs[2]
        ctx.save_for_backward(*output)

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_r: Tensor) -> tuple[Tensor, None, None]:
        n, r = ctx.saved_tensors
        along_n = (g * n).mean(-1, keepdim=True) + r * g_r / n.shape[-1]
        if ctx.centre:
            dx = (g - g.mean(-1, keepdim=True)).addcmul_(n, along_n, value=-1)
        else:
            dx = torch.addcmul(g, n, along_n, value=-1)
        return dx.mul_(r), None, None


def _divide_by_rms(x: Tensor, eps: float, centre: bool) -> Tensor:
    n: Tensor = _DivideByRMS.apply(_at_least_float32(x), eps, centre)[0]  # type: ignore[no-untyped-call]
    return n


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
        y = _divide_by_rms(x, self.eps, centre=True)
        if self.weight is not None and self.bias is not None:
            y = torch.addcmul(self.bias, y, self.weight)
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
        y = _divide_by_rms(x, self.eps, centre=False) * self.weight
        return y.to(x.dtype)
