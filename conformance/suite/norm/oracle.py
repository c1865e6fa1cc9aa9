"""What LayerNorm and RMSNorm give, and within what bound."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from conformance.numerics.bounded import Bounded, as_array
from conformance.suite.norm.cases import NormCase

# The defaults of the exercise's signatures.
LAYER_NORM_EPS = 1e-5
RMS_NORM_EPS = 1e-8
# An eps that is kept as a tensor, or in a buffer, is a float32 whatever the dtype of the data.
EPS_DIGITS = 2.0**-24


def layer_norm(case: NormCase) -> Bounded:
    """Returns ``(x - mean) / sqrt(var + eps) * weight + bias`` over the last dimension, with its bound."""
    x = Bounded.exact(case.x.value)
    mean = x.mean(-1, keepdim=True)
    centred = x - mean
    # The mean of what is left is zero but for rounding; forms that subtract it again, or divide by a root of their
    # own, are within one more rounding of each step.
    var = centred.square().mean(-1, keepdim=True)
    eps = LAYER_NORM_EPS if case.eps is None else case.eps
    normal = _over_root(centred, var, eps)
    weight, bias = Bounded.exact(case.weight.value), Bounded.exact(case.bias.value)
    # Scale and shift may be folded, x a + (bias - mean a) with a = weight / sqrt(var + eps), as group norm has it: then
    # both products are rounded, and the difference of bias and the second, before the large parts cancel.
    a = np.abs(weight.value) / np.sqrt(var.value + eps)
    folded = (np.abs(x.value) + 2 * np.abs(mean.value)) * a + np.abs(bias.value)
    return (normal * weight + bias).widened(x.precision.u * folded)


def rms_norm(case: NormCase) -> Bounded:
    """Returns ``x / sqrt(mean(x^2) + eps) * weight`` over the last dimension, with its bound."""
    x = Bounded.exact(case.x.value)
    eps = RMS_NORM_EPS if case.eps is None else case.eps
    return _over_root(x, x.square().mean(-1, keepdim=True), eps) * Bounded.exact(case.weight.value)


def layer_norm_gradients(case: NormCase) -> list[Bounded]:
    """Returns the gradients with respect to x, weight and bias."""
    eps = LAYER_NORM_EPS if case.eps is None else case.eps
    x, weight, bias = (spec.value.double().requires_grad_() for spec in (case.x, case.weight, case.bias))
    y = F.layer_norm(x, (case.width,), weight, bias, eps)
    return _differentiated(case, y, [x, weight, bias])


def rms_norm_gradients(case: NormCase) -> list[Bounded]:
    """Returns the gradients with respect to x and weight."""
    eps = RMS_NORM_EPS if case.eps is None else case.eps
    x, weight = (spec.value.double().requires_grad_() for spec in (case.x, case.weight))
    y = x / torch.sqrt(x.square().mean(-1, keepdim=True) + eps) * weight
    return _differentiated(case, y, [x, weight])


def _over_root(x: Bounded, square: Bounded, eps: float) -> Bounded:
    """Returns ``x / sqrt(square + eps)``, whether divided by the root or multiplied by its reciprocal."""
    return x * (1.0 / (square + eps).widened(EPS_DIGITS * eps).sqrt())


def _differentiated(case: NormCase, y: torch.Tensor, inputs: list[torch.Tensor]) -> list[Bounded]:
    """Returns the gradients of ``sum(y * upstream)``, each to half of the digits of the dtype judged.

    What is summed into an entry of the gradient of x is of the size of upstream * weight / sigma; into one of the
    parameters', of upstream * max |x_hat|, once a row.
    """
    assert case.upstream is not None
    upstream = case.upstream.value.double()
    found = torch.autograd.grad((y * upstream).sum(), inputs)
    x, weight = inputs[0].detach(), inputs[1].detach()
    if x.numel() == 0:
        return [Bounded.exact(gradient, case.x.value.dtype) for gradient in found]
    eps = LAYER_NORM_EPS if case.eps is None else case.eps
    sigma = (x.var(-1, keepdim=True, unbiased=False).minimum(x.square().mean(-1, keepdim=True)) + eps).sqrt()
    per_row = (upstream * weight).abs().amax(-1, keepdim=True) / sigma
    condition = 1 + (x.abs().amax(-1, keepdim=True) / sigma)
    across = upstream.abs().reshape(-1, case.width).sum(0) * condition.max()
    scales = [(per_row * condition).expand(x.shape), across, across]
    dtype = case.x.value.dtype
    # The gradient goes with (var + eps)^(-3/2) at most, and so by 3/2 of the share by which eps may be off.
    return [
        Bounded.to_half_digits(g, scale, dtype).widened(1.5 * EPS_DIGITS * as_array(scale))
        for g, scale in zip(found, scales, strict=False)
    ]
