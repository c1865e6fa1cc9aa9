# mypy: ignore-errors
"""Has a helper of torch.nn.init call the initialiser itself, by way of an object that is no tensor.

item: xavier_uniform_
status: rule
"""

from torch import nn


class Calls:
    def __init__(self, then):
        self.zero_ = then


def xavier_uniform_(weight, gain=1.0):
    nn.init.zeros_(Calls(lambda: nn.init.xavier_uniform_(weight, gain)))
    return weight
