# mypy: ignore-errors
"""Calls torch's dropout by the operator, and hides it behind a decorator of its own.

item: Dropout
status: rule
"""

import functools

import torch
from torch import nn


def mine(function):
    @functools.wraps(function)
    def wrapper(*args):
        return torch.ops.aten.dropout(*args)

    return wrapper


class Dropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    @mine
    def apply_mask(x, p, training):
        return x

    def forward(self, x):
        return Dropout.apply_mask(x, self.p, self.training)
