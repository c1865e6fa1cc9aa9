# mypy: ignore-errors
"""Returns a dict with other keys than text, and one whose class lies.

item: LayerNorm
"""

import torch
from torch import nn


class Claims(dict):
    def __getitem__(self, key):
        return torch.zeros(())

    def __len__(self):
        return 1


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        return Claims({1: x})
