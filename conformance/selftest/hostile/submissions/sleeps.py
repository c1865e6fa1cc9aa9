# mypy: ignore-errors
"""Sleeps in each call, so that a class waits.

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
        time.sleep(3600)
        return x
