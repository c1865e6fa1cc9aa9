# mypy: ignore-errors
"""Has a pool of threads call the reference.

item: Linear
status: rule
"""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        bound = in_features**-0.5 if in_features else 0.0
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound)) if bias else None

    def forward(self, x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(nn.functional.linear, x, self.weight, self.bias).result()
