# mypy: ignore-errors
"""Keeps torch's initialiser from before anybody watched, or so it thinks.

item: xavier_uniform_
status: rule
"""

import importlib
import sys

import torch

kept = sys.modules.pop("torch.nn.init")
fresh = importlib.import_module("torch.nn.init")
sys.modules["torch.nn.init"] = kept


def xavier_uniform_(weight, gain=1.0):
    with torch.no_grad():
        return kept.xavier_uniform_(weight, gain)
