"""Cross-entropy, a head that makes logits, and the loop that trains a classifier."""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from impl.layers import Linear
from impl.optim import adamw_step_many_, init_adamw_state

_log = logging.getLogger(__name__)


def cross_entropy_from_logits(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the classes that the logits predict.

        loss = -mean_b log softmax(logits[b])[targets[b]]

    Args:
        logits: (B, C), floating point; -inf rules a class out.
        targets: (B,) int64, from 0 to C - 1.

    Returns:
        A 0-d tensor of the logits' dtype; NaN for an empty batch, as in torch.
    """
    return F.nll_loss(torch.log_softmax(logits, dim=-1), targets)  # nll: picks each row's target, mean, minus


class ClassificationHead(nn.Module):
    """Features to logits: one Linear layer, no softmax, which the loss contains.

    Args:
        d_in: size of the last dimension of the features.
        num_classes: size of the last dimension of the logits.
    """

    def __init__(self, d_in: int, num_classes: int):
        super().__init__()
        self.linear = Linear(d_in, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., d_in) to (..., num_classes)."""
        logits: Tensor = self.linear(x)
        return logits


def _device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters live; the CPU for a model without any."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader[Any]) -> float:
    """Share of the loader's samples whose largest logit is that of their class, from 0 to 1; NaN without samples.

    Sets the model to eval mode, and leaves it there. The exercise's `accuracy(loader)` has no model to ask, so here it
    is an argument.
    """
    model.eval()
    device = _device_of(model)
    correct = total = 0
    for x, y in loader:
        predicted = model(x.to(device)).argmax(-1)
        correct += int((predicted == y.to(device)).sum())
        total += len(y)
    return correct / total if total else float("nan")


def train_classifier(
    model: nn.Module,
    train_data_loader: DataLoader[Any],
    test_data_loader: DataLoader[Any],
    lr: float,
    epochs: int,
    seed: int = 0,
) -> list[float]:
    """Train a classifier with AdamW on cross-entropy, and log its test accuracy (at level INFO) after each epoch.

    Args:
        model: maps a batch of inputs to (B, C) logits; trained in place, on the device it is on, and left in eval mode.
        train_data_loader: batches (x, y), y int64 class indices.
        test_data_loader: likewise; for evaluation only.
        lr: learning rate of AdamW; the other hyper-parameters have their defaults.
        epochs: passes over the training data.
        seed: seeds shuffling and dropout, so that the same model and seed train alike. torch's global generators are
            afterwards as they were.

    Returns:
        The loss of each batch before its update: epochs * len(train_data_loader) numbers.
    """
    device = _device_of(model)
    params = [p for p in model.parameters() if p.requires_grad]
    states = {p: init_adamw_state(p) for p in params}
    losses: list[float] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            model.train()
            for x, y in train_data_loader:
                model.zero_grad()
                loss = cross_entropy_from_logits(model(x.to(device)), y.to(device))
                loss.backward()  # type: ignore[no-untyped-call]
                # A parameter that took no part in the loss has no gradient, and stays.
                grads = {p: p.grad for p in params if p.grad is not None}
                adamw_step_many_(list(grads), list(grads.values()), [states[p] for p in grads], lr)
                losses.append(loss.item())
            _log.info("epoch %d of %d: test accuracy %.2f %%", epoch, epochs, 100 * accuracy(model, test_data_loader))
    return losses
