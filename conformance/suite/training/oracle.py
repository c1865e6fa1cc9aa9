"""The loss and the gradients of a training step of the driver's model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from conformance.numerics.bounded import Bounded, as_array

# torch's batch norm adds this to the variance.
NORM_EPS = 1e-5
# What was left over is told by half of the digits of float32.
TOLD = 1e-3


def loss(output: torch.Tensor, y: torch.Tensor) -> Bounded:
    """Returns ``mean((output - y)^2)`` with its bound.

    A mean of means, or the square of a norm divided by the count, rounds up to four times more than one mean does.
    """
    mean = (Bounded.exact(output) - Bounded.exact(y)).square().mean()
    return mean.widened(4 * mean.precision.u * mean.value)


def gradients(
    start: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor, kept: torch.Tensor | None
) -> dict[str, Bounded]:
    """Returns the gradient of the loss in each parameter, to half of the digits of the dtype judged.

    What is summed into an entry is, for each row, the size of 2 (|output| + |y|) / N times that of what it multiplies.
    """
    wide = {name: value.double().requires_grad_() for name, value in start.items()}
    scale, weight, bias = wide["scale"], wide["inner.linear.weight"], wide["inner.linear.bias"]
    given, y = x.double(), y.double().reshape(*x.shape[:-1], len(bias))
    if "inner.norm.weight" in wide:
        normal = F.batch_norm(given, None, None, training=True, eps=NORM_EPS)
        given = normal * wide["inner.norm.weight"] + wide["inner.norm.bias"]
    factor = torch.ones(y.shape, dtype=torch.float64) if kept is None else 2.0 * kept
    output = (given @ weight.T + bias) * factor * scale
    names = list(wide)
    found = torch.autograd.grad((output - y).square().mean(), list(wide.values()))
    with torch.no_grad():
        rows = given.reshape(-1, given.shape[-1]).abs()
        inner = (given.abs() @ weight.abs().T + bias.abs()) * factor
        outer = (inner * scale.abs() + y.abs()) * 2 / y.numel()
        each = (outer * factor * scale.abs()).reshape(-1, y.shape[-1])
        sizes = {"inner.linear.weight": each.T @ rows, "inner.linear.bias": each.sum(0)}
        sizes["scale"] = (outer * inner).sum()
        if "inner.norm.weight" in wide:
            through = each @ weight.abs()
            sizes |= {"inner.norm.weight": (through * normal.abs()).sum(0), "inner.norm.bias": through.sum(0)}
    return {
        name: Bounded.to_half_digits(gradient, sizes[name], start[name].dtype)
        for name, gradient in zip(names, found, strict=True)
    }


def step_of(optimizer: str, lr: float, p: torch.Tensor, gradients: list[torch.Tensor]) -> Bounded:
    """Returns what one of torch's optimizers, with its defaults, makes of a parameter, to half of the digits.

    Args:
        optimizer: one of ``cases.OPTIMIZERS``.
        lr: its learning rate.
        p: the parameter before the step.
        gradients: those of all its steps so far, this one's last.
    """
    wide = [gradient.double() for gradient in gradients]
    last, squares = wide[-1], [gradient.square() for gradient in wide]

    def faded(terms: list[torch.Tensor], by: float) -> torch.Tensor:
        return torch.stack([term * by**age for age, term in enumerate(reversed(terms))]).sum(0)

    if optimizer == "SGD":
        change = last
    elif optimizer == "momentum":
        change = faded(wide, 0.9)
    elif optimizer == "RMSprop":
        change = last / ((0.01 * faded(squares, 0.99)).sqrt() + 1e-8)
    elif optimizer == "Adagrad":
        change = last / (faded(squares, 1.0).sqrt() + 1e-10)
    else:  # Adam; the weighted means are its moments after the correction of their bias
        ones = [torch.ones_like(gradient) for gradient in wide]
        mean = faded(wide, 0.9) / faded(ones, 0.9)
        change = mean / ((faded(squares, 0.999) / faded(ones, 0.999)).sqrt() + 1e-8)
        change = change + 0.01 * p.double() if optimizer == "AdamW" else change
    # An entry moves by no more than the largest does, and is no larger than the two together.
    size = p.double().abs() + lr * change.abs().max()
    return Bounded.to_half_digits(p.double() - lr * change, size, p.dtype)


def forward_of(passes: list[dict[str, Any]], y: torch.Tensor, returned: Any) -> dict[str, Any]:
    """Returns the forward pass that a step learnt from: one with a graph, whose loss is nearest to what was returned.

    Others, without a graph or beside it, may have been for show.
    """
    learning = [forward for forward in passes if forward["learns"]] or passes

    def distance(forward: dict[str, Any]) -> float:
        if type(returned) is not float or forward["output"].shape != y.shape:
            return 0.0
        return abs(returned - float((forward["output"].double() - y.double()).square().mean()))

    return min(learning, key=distance)


def left_over(found: Any, expected: Bounded, before: Any) -> bool:
    """Returns whether a gradient is the expected one and what was there before, added up."""
    if not isinstance(found, torch.Tensor) or not isinstance(before, torch.Tensor) or not before.any():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        added = as_array(found) - expected.value
    return bool(np.allclose(added, as_array(before), rtol=TOLD, atol=0.0, equal_nan=True))
