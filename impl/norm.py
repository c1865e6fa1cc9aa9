"""LayerNorm and RMSNorm over the last dimension."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def _normalise(x: Tensor, eps: float, centre: bool) -> tuple[Tensor, Tensor]:
    """n = c r with r = 1 / sqrt(mean(c^2) + eps), where c is x, less the mean of its row if asked."""
    c = x - x.mean(-1, keepdim=True) if centre else x
    r = torch.rsqrt((c * c).mean(-1, keepdim=True) + eps)
    if centre and not torch.is_grad_enabled():
        return c.mul_(r), r  # c is nobody else's, and fresh memory costs more than the product
    return c * r, r


class _Norm(torch.autograd.Function):
    """y = n * weight + bias, with a backward pass of a few passes over memory, where autograd would make some fifteen.

    With g the gradient with respect to y, h = g * weight that with respect to n, and means over the row:

        dx = r (h - mean(h) - n mean(h n)),    without mean(h) if x was not centred
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, eps: float, centre: bool) -> Tensor:
        n, r = _normalise(x, eps, centre)
        ctx.save_for_backward(x, weight, n, r)
        ctx.eps, ctx.centre, ctx.has_bias = eps, centre, bias is not None
        return n * weight if bias is None else torch.addcmul(bias, n, weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        x, weight, n, r = ctx.saved_tensors
        if torch.is_grad_enabled():  # autograd will differentiate this too, and needs n and r as functions of x
            n, r = _normalise(x, ctx.eps, ctx.centre)
        g_n = g * n
        # g @ weight sums h over each row, and g_n @ weight sums h n, without writing h to memory.
        width = x.shape[-1]
        mean_hn = (g_n @ weight).unsqueeze(-1) / width
        mean_h = (g @ weight).unsqueeze(-1) / width if ctx.centre else torch.zeros_like(r)
        dx = torch.addcmul(-mean_h, n, -mean_hn).addcmul_(g, weight).mul_(r)
        return dx, g_n.sum_to_size(width), g.sum_to_size(width) if ctx.has_bias else None, None, None


def _norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float, centre: bool) -> Tensor:
    """Norm of x in its own dtype, computed at least in float32: squares of 16-bit numbers overflow in 16 bits."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    if bias is not None:
        bias = bias.to(dtype)
    y: Tensor = _Norm.apply(x.to(dtype), weight.to(dtype), bias, eps, centre)  # type: ignore[no-untyped-call]
    return y.to(x.dtype)


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
        weight = self.weight if self.weight is not None else x.new_ones(self.normalized_shape)
        return _norm(x, weight, self.bias, self.eps, centre=True)


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
        return _norm(x, self.weight, None, self.eps, centre=False)
