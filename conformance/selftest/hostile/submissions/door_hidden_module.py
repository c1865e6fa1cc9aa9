# mypy: ignore-errors
"""Keeps a reference module where parameters are not looked for.

item: LayerNorm
status: rule
"""

import torch
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))
        object.__setattr__(self, "inner", [nn.LayerNorm(normalized_shape, eps)])

    def forward(self, x):
        inner = self.inner[0].to(x.dtype)
        return torch.func.functional_call(inner, {"weight": self.weight, "bias": self.bias}, (x,))
