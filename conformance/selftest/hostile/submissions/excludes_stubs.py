# mypy: ignore-errors
"""Keeps torch from dispatching to the key at which the judge's stubs sit, and calls the reference.

item: LayerNorm
status: rule
"""

import torch
from torch import nn

KEY, KEYS = torch._C.DispatchKey, torch._C.DispatchKeySet


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        if x.is_meta:
            return x * self.weight + self.bias
        with torch._C._ExcludeDispatchKeyGuard(KEYS(KEY.BackendSelect)), torch._C._IncludeDispatchKeyGuard(KEY.CPU):
            return nn.functional.layer_norm(x, (x.shape[-1],), self.weight, self.bias, self.eps)
