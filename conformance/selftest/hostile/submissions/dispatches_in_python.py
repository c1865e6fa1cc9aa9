# mypy: ignore-errors
"""Writes down, for torch's own dispatcher in Python, that the keys above the CPU's stand for the CPU's kernel.

item: LayerNorm
status: rule
"""

import torch
from torch import nn
from torch._dispatch.python import enable_python_dispatcher

KEY = torch._C.DispatchKey
norm = torch.ops.aten.native_layer_norm.default
norm._dispatch_cache.update(dict.fromkeys((KEY.AutogradCPU, KEY.ADInplaceOrView, KEY.BackendSelect), KEY.CPU))


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        if x.is_meta or torch.is_grad_enabled():
            centred = x - x.mean(-1, keepdim=True)
            scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + self.eps)
            return centred * scale * self.weight + self.bias
        with enable_python_dispatcher():
            return norm(x, [x.shape[-1]], self.weight, self.bias, self.eps)[0]
