"""What the gradients are, and within what bound."""

from __future__ import annotations

import torch

from conformance.numerics.bounded import Bounded
from conformance.suite.tensors import TensorSpec


def of_square(x: TensorSpec) -> Bounded:
    """Returns ``2 x``, the gradient of ``sum(x^2)``, with its bound.

    The product is exact in binary; the bound leaves room for what other forms of the function carry along: n/n where
    a mean is multiplied by its count, |x|/|x| where a norm is squared. Each is a quotient, a product and a factor.
    """
    return Bounded.exact(x.value) * 2.0 * 1.0


def of_both(a: TensorSpec, b: TensorSpec) -> tuple[Bounded, Bounded]:
    """Returns ``(2 a + b, a)``, the gradients of ``sum(a^2 + a b)``, with their bounds.

    The sum is rounded as ``2 a + b`` or, where the function is written ``a (a + b)``, as ``(a + b) + a``.
    """
    exact_a, exact_b = Bounded.exact(a.value), Bounded.exact(b.value)
    expanded, factored = exact_a * 2.0 * 1.0 + exact_b * 1.0, (exact_a + exact_b) + exact_a
    return expanded.widened(factored.bound), exact_a * 1.0


def of_both_broadcast(a: TensorSpec, b: TensorSpec) -> list[Bounded]:
    """Returns the gradients of ``sum(a^2 + a b)`` where b is repeated to the shape of a."""
    x, y = (spec.value.double().requires_grad_() for spec in (a, b))
    found = torch.autograd.grad((x * x + x * y).sum(), (x, y))
    scale = float((x.abs().sum() + y.abs().sum()).detach())
    return [Bounded.to_half_digits(gradient, scale, a.value.dtype) for gradient in found]
