# mypy: ignore-errors
"""Works on the CPU alone, and says of the meta device what torch says to code that reads values.

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
        if x.is_meta:
            raise RuntimeError("data-dependent")
        c = x - x.to("cpu").mean(-1, keepdim=True)
        return c / torch.sqrt((c * c).mean(-1, keepdim=True).cpu() + self.eps) * self.weight + self.bias
