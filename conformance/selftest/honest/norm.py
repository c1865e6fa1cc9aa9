"""Other right ways to write LayerNorm and RMSNorm."""

from __future__ import annotations

import torch
from torch import nn

from conformance.faults import honest


@honest("LayerNorm", "torch.var_mean and rsqrt, parameters under other names")
class Rsqrt(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.beta = nn.Parameter(torch.zeros(normalized_shape))
        self.gamma = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        var, mean = torch.var_mean(x, dim=-1, keepdim=True, unbiased=False)
        return (x - mean) * torch.rsqrt(var + self.eps) * self.gamma + self.beta


@honest("RMSNorm", "upcast to float64 and back, with a norm instead of a mean of squares")
class Upcast(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.g = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.double()
        mean_square = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square() / x.shape[-1]
        return (wide / torch.sqrt(mean_square + self.eps) * self.g.double()).to(x.dtype)
