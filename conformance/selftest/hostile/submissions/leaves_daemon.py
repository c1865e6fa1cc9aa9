# mypy: ignore-errors
"""Leaves a process of its own session behind, which signs a report later.

item: LayerNorm
"""

import os
import pathlib
import time

import torch
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        return x


if True:
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        if os.fork() == 0:
            time.sleep(600)
            pathlib.Path("/tmp/conformance_hostile_daemon").write_text("pass")
        os._exit(0)
