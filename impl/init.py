"""Initialisers that keep the variance of what flows through a layer."""

from __future__ import annotations

from math import prod, sqrt

import torch
from torch import Tensor, nn

# Gains as in torch.nn.init.calculate_gain; leaky_relu with its default slope, 0.01.
_GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "leaky_relu": sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
} | {f"conv{transposed}{n}d": 1.0 for transposed in ("", "_transpose") for n in (1, 2, 3)}


def fan_in_fan_out(weight: Tensor) -> tuple[int, int]:
    """How many inputs feed one unit of a layer, and how many units one input feeds.

        fan_in = shape[1] * receptive,    fan_out = shape[0] * receptive,    receptive = product of shape[2:]

    Args:
        weight: (out, in) of a Linear, or (out, in, *kernel) of a convolution.

    Raises:
        ValueError: weight has fewer than 2 dimensions.
    """
    if weight.ndim < 2:
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}: fan-in and fan-out need (out, in) or (out, in, *kernel); "
            "initialise a bias by other means, with zeros for instance"
        )
    out_features, in_features, *kernel = weight.shape
    receptive = prod(kernel)
    return in_features * receptive, out_features * receptive


def _uniform_(weight: Tensor, variance: float) -> Tensor:
    """U(-bound, bound) of the given variance, bound^2 / 3."""
    bound = sqrt(3 * variance)
    with torch.no_grad():
        return weight.uniform_(-bound, bound)


def xavier_uniform_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """Fill weight in place by Glorot and Bengio (2010).

        U(-bound, bound),    bound = gain sqrt(6 / (fan_in + fan_out))

    Args:
        weight: 2 dimensions or more; may be a leaf that requires grad. Without elements it stays as it is.
        gain: >= 0, for the nonlinearity that follows.

    Returns:
        The same object.
    """
    fan_in, fan_out = fan_in_fan_out(weight)
    if weight.numel() == 0:
        return weight
    return _uniform_(weight, variance=gain**2 * 2 / (fan_in + fan_out))


def kaiming_uniform_(weight: Tensor, nonlinearity: str = "relu") -> Tensor:
    """Fill weight in place by He et al. (2015).

        U(-bound, bound),    bound = sqrt(3) std,    std = gain / sqrt(fan_in),    gain = sqrt(2) for ReLU

    Args:
        weight: 2 dimensions or more; may be a leaf that requires grad. Without elements it stays as it is.
        nonlinearity: what follows the layer; the names and gains of torch.nn.init.calculate_gain.

    Returns:
        The same object.

    Raises:
        ValueError: a nonlinearity without a known gain.
    """
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"nonlinearity is {nonlinearity!r}: no gain is known for it, only for {', '.join(sorted(_GAINS))}"
        )
    fan_in, _ = fan_in_fan_out(weight)
    if weight.numel() == 0:
        return weight
    return _uniform_(weight, variance=_GAINS[nonlinearity] ** 2 / fan_in)


@torch.no_grad()
def init_linear_(layer: nn.Linear, scheme: str = "xavier") -> nn.Linear:
    """Initialise a Linear layer in place: its weight by the scheme, its bias, where it has one, with zeros.

    Args:
        layer: the layer.
        scheme: "xavier", "kaiming_relu" or "zero".

    Returns:
        The same object.

    Raises:
        ValueError: an unknown scheme; the layer is then as it was.
    """
    if scheme == "xavier":
        xavier_uniform_(layer.weight)
    elif scheme == "kaiming_relu":
        kaiming_uniform_(layer.weight, nonlinearity="relu")
    elif scheme == "zero":
        layer.weight.zero_()
    else:
        raise ValueError(f"scheme is {scheme!r}: it must be 'xavier', 'kaiming_relu' or 'zero'")
    if layer.bias is not None:
        layer.bias.zero_()
    return layer
