"""How LayerNorm and RMSNorm go wrong."""

from __future__ import annotations

import torch
from torch import nn

from conformance.faults import fault


class _LayerNorm(nn.Module):
    """A right LayerNorm in steps that a fault can replace."""

    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(-1, keepdim=True)

    def variance(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean(x)).square().mean(-1, keepdim=True)

    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(self.variance(x) + self.eps)

    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean(x)) / self.root(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normal(x) * self.weight + self.bias


@fault("LayerNorm", "divides the variance by D-1 instead of D")
class UnbiasedVariance(_LayerNorm):
    def variance(self, x: torch.Tensor) -> torch.Tensor:
        return x.var(-1, keepdim=True) if x.shape[-1] > 1 else torch.zeros_like(x)


@fault("LayerNorm", "adds eps to the standard deviation, outside the root")
class EpsOutside(_LayerNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(self.variance(x)) + self.eps


@fault("LayerNorm", "takes the variance as E[x^2] - E[x]^2, which cancels where rows share an offset")
class OnePassVariance(_LayerNorm):
    def variance(self, x: torch.Tensor) -> torch.Tensor:
        return (x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square()).clamp_min(0)


@fault("LayerNorm", "ignores the eps that was given and takes 1e-5")
class FixedEps(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape)


@fault("LayerNorm", "normalises over all dimensions instead of the last one")
class OverEverything(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + self.eps)


@fault("LayerNorm", "leaves out the shift")
class NoShift(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normal(x) * self.weight + 0 * self.bias


@fault("LayerNorm", "detaches the statistics, so that the gradient takes them for constants")
class DetachedStatistics(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean(x).detach()) / self.root(x).detach()


@fault("LayerNorm", "keeps weight and bias as plain tensors, so that they are no parameters")
class Unregistered(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps)
        del self.weight, self.bias
        self.scale, self.shift = torch.ones(normalized_shape), torch.zeros(normalized_shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normal(x) * self.scale.to(x.dtype) + self.shift.to(x.dtype)


@fault("LayerNorm", "computes in float32 whatever the dtype of the input")
class RoundsToFloat32(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return super().normal(x.float()).to(x.dtype)


@fault("LayerNorm", "centres the input in place")
class InPlace(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        if not x.requires_grad:
            x -= self.mean(x)
        return super().normal(x)


class _RMSNorm(nn.Module):
    """A right RMSNorm in steps that a fault can replace."""

    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.root(x) * self.weight


@fault("RMSNorm", "adds eps to the root-mean-square, outside the root")
class RmsEpsOutside(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().mean(-1, keepdim=True)) + self.eps


@fault("RMSNorm", "subtracts the mean, which is LayerNorm")
class RmsCentred(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(-1, keepdim=True))
