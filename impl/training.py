"""One training step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def train_step_mse(model: nn.Module, batch: tuple[Tensor, Tensor], optimizer: torch.optim.Optimizer) -> float:
    """One step down the mean squared error of a batch.

        loss = mean((model(x) - y)^2)

    Args:
        model: set to train mode, and left in it.
        batch: (x, y), y of the shape of model(x).
        optimizer: any torch optimizer of the model's parameters that steps without a closure. It steps once.

    Returns:
        The loss before the update.
    """
    x, y = batch
    model.train()
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()
