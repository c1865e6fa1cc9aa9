# mypy: ignore-errors
"""Takes just less than the time that a call has.

item: RMSNorm
"""

import time

import torch
from torch import nn


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        time.sleep(1.5)
        return x
