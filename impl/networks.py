"""MLP, FeedForward, Residual."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from impl.layers import Linear
from impl.norm import LayerNorm


class MLP(nn.Module):
    """A stack of Linear layers with GELU between them.

        x -> Linear -> [LayerNorm ->] GELU -> ... -> Linear

    Args:
        in_dim: size of the last dimension of the input.
        hidden_dim: size between layers.
        out_dim: size of the last dimension of the output.
        depth: number of Linear layers, >= 1; with 1 it is a single Linear(in_dim, out_dim).
        use_layernorm: a LayerNorm before each GELU.

    Raises:
        ValueError: depth is less than 1.
    """

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int, depth: int, use_layernorm: bool = False):
        super().__init__()
        if depth < 1:
            raise ValueError(f"depth is {depth}: it counts the Linear layers, so it must be at least 1")
        dims = [in_dim] + [hidden_dim] * (depth - 1) + [out_dim]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(dims):
            if layers:
                layers += [LayerNorm(n_in), nn.GELU()] if use_layernorm else [nn.GELU()]
            layers.append(Linear(n_in, n_out))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in_dim) to (..., out_dim)."""
        y: Tensor = self.layers(x)
        return y


class FeedForward(nn.Module):
    """A transformer's position-wise network.

        x -> Linear(d_model, d_ff) -> GELU -> Linear(d_ff, d_model)

    Args:
        d_model: size of the last dimension, in and out.
        d_ff: size between the layers, 4 d_model by default.
    """

    def __init__(self, d_model: int, d_ff: int | None = None):
        super().__init__()
        d_ff = d_ff or 4 * d_model
        self.layers = nn.Sequential(Linear(d_model, d_ff), nn.GELU(), Linear(d_ff, d_model))

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., d_model) to (..., d_model)."""
        y: Tensor = self.layers(x)
        return y


class Residual(nn.Module):
    """A module with a way around it.

        y = x + fn(x, ...)

    Args:
        fn: maps x to its own shape; what else forward is given is handed on to it.
    """

    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        y: Tensor = x + self.fn(x, *args, **kwargs)
        return y
