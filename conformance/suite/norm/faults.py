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
        return x.var(-1, keepdim=True)


@fault("LayerNorm", "adds eps to the standard deviation, outside the root")
class EpsOutside(_LayerNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(self.variance(x)) + self.eps


@fault("LayerNorm", "divides by torch.std, which is that of D-1, plus eps: the root belongs around var + eps")
class StdPlusEps(_LayerNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return x.std(-1, keepdim=True) + self.eps


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


@fault("RMSNorm", "takes the sum of the squares instead of their mean")
class RmsOfSum(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().sum(-1, keepdim=True) + self.eps)


@fault("RMSNorm", "divides by the mean square, without the root")
class RmsNoRoot(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().mean(-1, keepdim=True) + self.eps


@fault("RMSNorm", "ignores the eps that was given and takes 1e-8")
class RmsFixedEps(_RMSNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__(normalized_shape)


@fault("RMSNorm", "has another default eps than 1e-8")
class RmsOtherDefault(_RMSNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        super().__init__(normalized_shape, eps)


@fault("RMSNorm", "leaves out the learnable scale")
class RmsNoScale(_RMSNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__(normalized_shape, eps)
        del self.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.root(x)


@fault("RMSNorm", "normalises over all dimensions instead of the last one")
class RmsOverEverything(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().mean() + self.eps)


@fault("RMSNorm", "takes the root as a constant, so that no gradient flows through it")
class RmsDetached(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x).detach()


@fault("RMSNorm", "computes in float32 whatever the dtype of the input")
class RmsRoundsToFloat32(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x.float()).to(x.dtype)


@fault("RMSNorm", "gives float32 back whatever the dtype of the input")
class RmsGivesFloat32(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.double()).float()


@fault("RMSNorm", "is right for the first call only: it keeps the root of the first input of each shape")
class RmsRemembers(_RMSNorm):
    kept: torch.Tensor | None = None

    def root(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept is None or self.kept.shape[:-1] != x.shape[:-1] or self.kept.dtype != x.dtype:
            RmsRemembers.kept = super().root(x).detach()
        assert self.kept is not None
        return self.kept


@fault("RMSNorm", "is right for narrow rows only: it looks at the first 512 features")
class RmsNarrow(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x[..., :512])


@fault("RMSNorm", "scales the input in place")
class RmsInPlace(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        root = self.root(x)
        with torch.no_grad():
            x.div_(root.detach())
        return x * self.weight


@fault("LayerNorm", "takes the standard deviation without keepdim, so that rows meet the wrong statistics")
class NoKeepdim(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(-1)) / torch.sqrt(x.var(-1, unbiased=False) + self.eps)


@fault("LayerNorm", "takes the standard deviation without keepdim, and adds eps to it, outside the root")
class NoKeepdimOutside(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(-1)) / (x.std(-1, unbiased=False) + self.eps)


@fault("LayerNorm", "has another default eps than 1e-5")
class OtherDefault(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-6, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps)


@fault("LayerNorm", "starts with a random scale instead of ones")
class RandomStart(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps)
        self.weight = nn.Parameter(torch.rand(normalized_shape))


@fault("LayerNorm", "takes the statistics along the first dimension instead of the last")
class FirstDimension(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0, keepdim=True)) / torch.sqrt(x.var(0, keepdim=True, unbiased=False) + self.eps)


@fault("LayerNorm", "calls torch's own layer_norm")
class Delegates(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)


@fault("RMSNorm", "calls torch's own rms_norm")
class RmsDelegates(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.rms_norm(x, x.shape[-1:], self.weight, self.eps)


@fault("LayerNorm", "makes its statistics on the CPU whatever the device of the input")
class OnTheCpu(_LayerNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x) + torch.zeros(x.shape[-1])


@fault("RMSNorm", "makes its eps as a tensor on the CPU, with a dimension that mixes devices")
class RmsOnTheCpu(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x) + torch.zeros(x.shape[-1])


@fault("LayerNorm", "centres the input in place where autograd is off, as under no_grad")
class InPlaceWithoutAutograd(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.is_grad_enabled() and all(x.stride()):
            x -= self.mean(x)
        return super().normal(x)


@fault("LayerNorm", "keeps the scale of its first call, whatever it has become since")
class KeepsScale(_LayerNorm):
    kept: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = self.weight * 1
        return self.normal(x) * self.kept + self.bias


@fault("RMSNorm", "scales the input in place where autograd is off, as under no_grad")
class RmsInPlaceWithoutAutograd(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or not all(x.stride()):
            return super().forward(x)
        return x.div_(self.root(x)) * self.weight


@fault("LayerNorm", "leaves out scale and shift in eval mode")
class PlainInEvaluation(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if self.training else self.normal(x)


@fault("RMSNorm", "leaves out the scale in eval mode")
class RmsPlainInEvaluation(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if self.training else x / self.root(x)


@fault("RMSNorm", "takes the root before it adds eps to its square, so that the gradient of a row of zeros is NaN")
class RmsRootOfZero(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().mean(-1, keepdim=True).sqrt().square() + self.eps)


class _Normal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):  # type: ignore[no-untyped-def]
        ctx.layer = layer
        layer.held_root = layer.root(x)
        layer.held = layer.centred(x) / layer.held_root
        return layer.held.clone()

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        layer = ctx.layer
        along = layer.held * (above * layer.held).mean(-1, keepdim=True)
        return (layer.centred(above) - along) / layer.held_root, None


@fault("LayerNorm", "keeps its statistics on the module for the backward pass, where the next call overwrites them")
class StatisticsOnTheModule(_LayerNorm):
    def centred(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.mean(x)

    def normal(self, x: torch.Tensor) -> torch.Tensor:
        normal: torch.Tensor = _Normal.apply(x, self)  # type: ignore[no-untyped-call]
        return normal


@fault("RMSNorm", "keeps its statistics on the module for the backward pass, where the next call overwrites them")
class RmsStatisticsOnTheModule(_RMSNorm):
    def centred(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normal: torch.Tensor = _Normal.apply(x, self)  # type: ignore[no-untyped-call]
        return normal * self.weight
