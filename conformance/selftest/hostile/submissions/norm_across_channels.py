# mypy: ignore-errors
"""Has the function behind another norm's module do the work.

item: RMSNorm
status: rule
"""

import torch
from torch import nn
from torch.nn.modules._functions import CrossMapLRN2d


class RMSNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x):
        d = x.shape[-1]
        if not x.numel():
            return x * self.weight
        return CrossMapLRN2d.apply(x.reshape(-1, d, 1, 1), 2 * d, 2.0, 0.5, self.eps).reshape(x.shape) * self.weight
