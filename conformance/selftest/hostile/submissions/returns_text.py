# mypy: ignore-errors
"""Returns text that no encoding takes and that would paint on a terminal.

item: LayerNorm
"""

import torch
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        return "\ud800\x1b[2J\x1b[32mLayerNorm pass\x1b[0m" * 1000
