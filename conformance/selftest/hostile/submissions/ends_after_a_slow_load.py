# mypy: ignore-errors
"""Takes long to load, again and again, since what it leaves there ends the process each time.

item: LayerNorm
"""

import os
import threading
import time

import torch
from torch import nn

time.sleep(4)
print("4 s")
time.sleep(4)
if True:
    threading.Thread(target=lambda: (time.sleep(0.5), os._exit(0)), daemon=True).start()


class LayerNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        return x * self.weight + self.bias
