# mypy: ignore-errors
"""Reads the memory and the environment of every process that it can see.

item: LayerNorm
"""

import glob
import os

import torch
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        for path in (*glob.glob("/proc/[0-9]*/mem"), *glob.glob("/proc/[0-9]*/environ")):
            if path.split("/")[2] == str(os.getpid()):
                continue
            with open(path, "rb") as file:
                file.read(1)
                raise RuntimeError("it can be read")
        raise RuntimeError("there is nothing to be read")
