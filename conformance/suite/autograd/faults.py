"""How the three functions that differentiate go wrong."""

from __future__ import annotations

import torch

from conformance.faults import fault

Pair = tuple[torch.Tensor, torch.Tensor]
