"""How LayerNorm goes wrong."""

from __future__ import annotations

import torch
from torch import nn

from conformance.faults import fault


class _LayerNorm(nn.Module):
    """A right LayerNorm in steps that a fault can replace."""

    eps: float

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


@fault("LayerNorm", "keeps eps on its class, where the next one that is built overwrites it")
class EpsOnTheClass(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps)
        del self.eps
        type(self).eps = eps


@fault("LayerNorm", "leaves its parameters on the meta device, where nothing has a value")
class OnMeta(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps)
        self.to("meta")


@fault("LayerNorm", "takes the statistics along the first dimension instead of the last")
class FirstDimension(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0, keepdim=True)) / torch.sqrt(x.var(0, keepdim=True, unbiased=False) + self.eps)


@fault("LayerNorm", "calls torch's own layer_norm")
class Delegates(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)


@fault("LayerNorm", "makes its statistics on the CPU whatever the device of the input")
class OnTheCpu(_LayerNorm):
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


@fault("LayerNorm", "leaves out scale and shift in eval mode")
class PlainInEvaluation(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if self.training else self.normal(x)


class Normal(torch.autograd.Function):
    """Centred and divided by the root, both kept on the layer, not in the context."""

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
        normal: torch.Tensor = Normal.apply(x, self)  # type: ignore[no-untyped-call]
        return normal


@fault(
    "LayerNorm", "switches autograd off where its input needs no gradient, so that its parameters do not learn there"
)
class NoGradientForPlainInput(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(x.requires_grad and torch.is_grad_enabled()):
            return super().forward(x)


class _Affine(torch.autograd.Function):
    """``x * weight + bias``, backwards in steps that a fault can replace."""

    @staticmethod
    def forward(ctx, x, weight, bias, layer):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, weight)
        ctx.layer = layer
        return x * weight + bias

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        above = ctx.layer.taken(above)
        by_weight, by_bias = (ctx.layer.rows(each).sum(0) for each in (above * x, above))
        return ctx.layer.scaled(above, weight), by_weight, by_bias, None


class _WithAffine(_LayerNorm):
    """A right LayerNorm with a backward pass of its own."""

    def taken(self, above: torch.Tensor) -> torch.Tensor:
        return above

    def rows(self, above: torch.Tensor) -> torch.Tensor:
        return above.reshape(-1, above.shape[-1])

    def scaled(self, above: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return above * weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = _Affine.apply(self.normal(x), self.weight, self.bias, self)  # type: ignore[no-untyped-call]
        return y


@fault("LayerNorm", "views the upstream gradient as rows in its backward pass, which only a contiguous one allows")
class ViewsUpstream(_WithAffine):
    def rows(self, above: torch.Tensor) -> torch.Tensor:
        return above.view(-1, above.shape[-1])


@fault("LayerNorm", "reads the upstream gradient as if it lay in memory without gaps")
class ReadsPastUpstream(_WithAffine):
    def taken(self, above: torch.Tensor) -> torch.Tensor:
        return torch.as_strided(above, above.shape, torch.empty(above.shape).stride())


@fault("LayerNorm", "scales the upstream gradient in place in its backward pass, though others hold it too")
class WritesIntoUpstream(_WithAffine):
    def scaled(self, above: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return above.mul_(weight) if all(above.stride()) else above * weight


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.shape = x.shape
        return x.mean(-1, keepdim=True)

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        return (above / min(ctx.shape[-1], 512)).expand(ctx.shape)


@fault("LayerNorm", "takes the gradient of the mean wrongly beyond a width of 512")
class NarrowBackward(_LayerNorm):
    def mean(self, x: torch.Tensor) -> torch.Tensor:
        mean: torch.Tensor = _Mean.apply(x)  # type: ignore[no-untyped-call]
        return mean


@fault("LayerNorm", "takes the statistics of the first 2048 features, as a kernel with blocks of that size")
class FirstFeatures(_LayerNorm):
    def normal(self, x: torch.Tensor) -> torch.Tensor:
        block = x[..., :2048]
        return (x - self.mean(block)) / self.root(block)


@fault("LayerNorm", "sums the gradients of scale and shift over the first 64 rows only")
class FirstRows(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.normal(x).reshape(-1, x.shape[-1])
        parts = y[:64] * self.weight + self.bias, y[64:] * self.weight.detach() + self.bias.detach()
        return torch.cat(parts).reshape(x.shape)


@fault("LayerNorm", "takes its default where an eps of zero is given, as `eps or 1e-5` does")
class EpsUnlessZero(_LayerNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__(normalized_shape, eps or 1e-5)


class _Spent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, normal, weight):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(normal, weight)
        ctx.spent = torch.zeros(())
        return normal * weight

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        normal, weight = ctx.saved_tensors
        ctx.spent += 1
        return above * weight, (above * normal).reshape(-1, len(weight)).sum(0) / ctx.spent


@fault("LayerNorm", "uses up what it kept for its backward pass, so that a second one of the same graph is another")
class BackwardOnce(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = _Spent.apply(self.normal(x), self.weight)  # type: ignore[no-untyped-call]
        return scaled + self.bias


@fault("LayerNorm", "hands no gradient to its input where its scale is frozen")
class NoGradientWhereFrozen(_LayerNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x if self.weight.requires_grad else x.detach())
