# mypy: ignore-errors
"""Has TorchScript compile the source of the reference, as a part of a function of its own.

item: xavier_uniform_
status: rule
"""

import torch


@torch.jit.script
def compiled(weight: torch.Tensor, gain: float) -> torch.Tensor:
    torch.nn.init.xavier_uniform_(weight, gain, None)
    return weight


def xavier_uniform_(weight, gain=1.0):
    compiled(weight, gain)
    return weight
