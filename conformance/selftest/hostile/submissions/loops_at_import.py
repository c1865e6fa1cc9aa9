# mypy: ignore-errors
"""Never ends to be read, and blocks the alarm that would end it.

item: LayerNorm
"""

import signal

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
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
    while True:
        pass
