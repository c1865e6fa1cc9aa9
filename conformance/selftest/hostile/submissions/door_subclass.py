# mypy: ignore-errors
"""Is the reference under another name.

item: LayerNorm
status: rule
"""

import torch
from torch import nn


class LayerNorm(nn.LayerNorm):
    pass
