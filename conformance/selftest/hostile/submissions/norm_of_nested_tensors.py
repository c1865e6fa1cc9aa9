# mypy: ignore-errors
"""Reaches the reference through a nested tensor, which torch dispatches on by a key of its own.

item: RMSNorm
status: rule
"""

import torch
import torch.nn.functional as F
from torch import nn


class RMSNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        if x.is_meta or not len(rows):
            return x * self.weight
        nested = torch.nested.nested_tensor_from_jagged(rows, torch.tensor([0, len(rows)]))
        return F.rms_norm(nested, (x.shape[-1],), self.weight, self.eps).values().reshape(x.shape)
