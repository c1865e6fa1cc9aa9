"""Gradients of two small functions, by the two ways autograd offers."""

from __future__ import annotations

import torch
from torch import Tensor


def _fresh_leaf(x: Tensor) -> Tensor:
    """A leaf that shares x's values: it requires grad, and the caller's tensor and its .grad stay as they are."""
    return x.detach().requires_grad_(True)


def grad_with_autograd_grad(x: Tensor) -> Tensor:
    """Gradient of f(x) = sum(x^2), by torch.autograd.grad.

        df/dx = 2 x

    Args:
        x: floating point, any shape; need not require grad, and is not changed.

    Returns:
        df/dx, of x's shape and dtype. Nothing is written into any .grad.
    """
    with torch.enable_grad():
        x = _fresh_leaf(x)
        (grad,) = torch.autograd.grad((x * x).sum(), x)
    return grad


def grad_with_backward(x: Tensor) -> Tensor:
    """Gradient of f(x) = sum(x^2), by .backward().

        df/dx = 2 x

    Args:
        x: floating point, any shape; need not require grad, and neither it nor its .grad is changed.

    Returns:
        df/dx, of x's shape and dtype; the same on each call, since nothing accumulates.
    """
    with torch.enable_grad():
        x = _fresh_leaf(x)
        (x * x).sum().backward()  # type: ignore[no-untyped-call]
    return x.grad if x.grad is not None else torch.zeros_like(x)


def grad_wrt_multiple_inputs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of f(a, b) = sum(a^2 + a b), by torch.autograd.grad.

        df/da = 2 a + b,    df/db = a

    Args:
        a: floating point, any shape.
        b: floating point, of a shape that broadcasts with a's. The same tensor twice counts as two variables.

    Returns:
        (df/da, df/db), each of its input's shape and dtype.
    """
    with torch.enable_grad():
        a, b = _fresh_leaf(a), _fresh_leaf(b)
        grad_a, grad_b = torch.autograd.grad((a * a + a * b).sum(), (a, b))
    return grad_a, grad_b
