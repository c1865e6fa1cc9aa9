"""How Linear goes wrong."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from conformance.faults import fault


class _Linear(nn.Module):
    """A right Linear in steps that a fault can replace."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = self.made(out_features, in_features)
        self.bias = self.made(out_features) if bias else None

    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.randn(shape) / shape[-1])

    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.product(x)
        return y if self.bias is None else y + self.bias


@fault("Linear", "leaves out the bias")
class NoBias(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x) if self.bias is None else self.product(x) + 0 * self.bias


@fault("Linear", "has a bias whether or not one was asked for")
class AlwaysBias(_Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features)


@fault("Linear", "cannot be built without a bias")
class OnlyWithBias(_Linear):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)


@fault("Linear", "calls torch's own linear")
class Delegates(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


@fault("Linear", "stores the weight as (in_features, out_features)")
class StoredTransposed(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return super().made(*shape[::-1])

    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


@fault("Linear", "multiplies by the weight without transposing it")
class NotTransposed(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


@fault("Linear", "takes two dimensions only: transposes W x^T back")
class TwoDimensionsOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (self.weight @ x.T).T


@fault("Linear", "views x as rows, which only contiguous memory allows")
class ContiguousOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (x.view(x.shape[:-1].numel(), x.shape[-1]) @ self.weight.T).view(*x.shape[:-1], len(self.weight))


@fault("Linear", "keeps weight and bias as plain tensors, so that they are no parameters")
class Unregistered(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, requires_grad=True)


@fault("Linear", "leaves its parameters as the memory was found")
class Uninitialised(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(torch.empty(shape))


@fault("Linear", "leaves its parameters on the meta device, where nothing has a value")
class OnMeta(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        return nn.Parameter(super().made(*shape).detach().to("meta"))


@fault("Linear", "computes in float32 whatever the dtype of the input")
class RoundsToFloat32(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() @ self.weight.T.float()).to(x.dtype)


@fault("Linear", "uses weight.data, so that neither parameter learns")
class ThroughData(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.weight.data.T
        return y if self.bias is None else y + self.bias.data


@fault("Linear", "scales its input in place")
class ScalesInPlace(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        y = super().product(x)
        if all(x.stride()):
            x.data.mul_(2)
        return y


@fault("Linear", "lets every layer of one size share its parameters")
class SharedParameters(_Linear):
    known: ClassVar[dict[tuple[int, ...], torch.Tensor]] = {}

    def made(self, *shape: int) -> torch.Tensor:
        return self.known.setdefault(shape, super().made(*shape))


@fault("Linear", "adds its output to that of the calls before")
class AddsUp(_Linear):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(x) * self.calls


@fault("Linear", "leaves out the last features of wide rows")
class NarrowOnly(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., :16] @ self.weight[:, :16].T


@fault("Linear", "keeps the transposed weight of its first call, whatever the weight has become since")
class KeepsTranspose(_Linear):
    kept: torch.Tensor | None = None

    def product(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = (self.weight * 1).T
        return x @ self.kept


@fault("Linear", "leaves out the bias where autograd is off, as under no_grad")
class NoBiasWithoutAutograd(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if torch.is_grad_enabled() else self.product(x)


@fault("Linear", "adds zeros on the CPU where it has no bias, wherever x lies")
class ZerosOnTheCpu(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + (torch.zeros(self.weight.shape[0], dtype=x.dtype) if self.bias is None else 0)


@fault("Linear", "keeps its output for the next input of the same shape")
class Memoised(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        key = (x.shape, x.requires_grad, self.weight._version)
        if getattr(self, "key", None) != key:
            self.key, self.kept = key, super().forward(x)
        return self.kept


@fault("Linear", "writes every output into the same memory where autograd is off, over the one before")
class OneBuffer(_Linear):
    buffer = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        if torch.is_grad_enabled():
            return y
        if (self.buffer.shape, self.buffer.dtype, self.buffer.device) != (y.shape, y.dtype, y.device):
            self.buffer = torch.empty_like(y)
        return self.buffer.copy_(y)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, layer):  # type: ignore[no-untyped-def]
        layer.x, ctx.layer = x.detach(), layer
        return x @ weight.T

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.layer.x, ctx.layer.weight.detach()
        return above @ weight, torch.tensordot(above.flatten(0, -2), x.flatten(0, -2), ([0], [0])), None


@fault("Linear", "keeps its input on the module for the backward pass, where the next call overwrites it")
class InputOnTheModule(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = _Product.apply(x, self.weight, self)  # type: ignore[no-untyped-call]
        return y


@fault("Linear", "adds its bias only where that is not zero, so that one that starts at zero never learns")
class SkipsZeroBias(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        idle = self.bias is None or (x.device.type != "meta" and not self.bias.any())
        return self.product(x) if idle else super().forward(x)


@fault(
    "Linear", "takes its weight out of autograd where its input needs no gradient, so that a first layer never learns"
)
class NoGradientForPlainInput(_Linear):
    def product(self, x: torch.Tensor) -> torch.Tensor:
        return x @ (self.weight if x.requires_grad else self.weight.detach()).T


@fault("Linear", "initialises its weight in its first call, over what was loaded before")
class InitialisesInFirstCall(_Linear):
    called = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.called:
            self.called = True
            nn.init.xavier_uniform_(self.weight)
        return super().forward(x)


class _ProductByHand(torch.autograd.Function):
    """The product with the weight, whose backward pass is written down below."""

    @staticmethod
    def forward(ctx, x, weight):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, weight)
        return x @ weight.T


class _ByHand(_Linear):
    """A right Linear with a backward pass of its own, which a fault can replace."""

    function: ClassVar[type[_ProductByHand]]

    def product(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.function.apply(x, self.weight)  # type: ignore[no-untyped-call]
        return y


class _Viewed(_ProductByHand):
    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        return above @ weight, above.view(-1, above.shape[-1]).T @ x.reshape(-1, x.shape[-1])


@fault("Linear", "views the upstream gradient as rows in its backward pass, which only a contiguous one allows")
class ViewsUpstream(_ByHand):
    function = _Viewed


@fault("Linear", "standardises each unit's weights, which is NaN where there is one feature")
class StandardisedStart(_Linear):
    def made(self, *shape: int) -> torch.Tensor:
        drawn = super().made(*shape).detach()
        return nn.Parameter(drawn / drawn.std(-1, keepdim=True) if drawn.ndim > 1 else drawn)


class _Fitted(_ProductByHand):
    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        by_weight = x.reshape(-1, x.shape[-1]).T @ above.reshape(-1, above.shape[-1])
        return above @ weight, by_weight if by_weight.shape == weight.shape else by_weight.T


@fault("Linear", "turns the weight's gradient round only where its shape does not fit, so not where it is square")
class GradientByShape(_ByHand):
    function = _Fitted


class _Blocks(_ProductByHand):
    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        x, weight = ctx.saved_tensors
        rows, above_rows = x.reshape(-1, x.shape[-1])[:64], above.reshape(-1, above.shape[-1])[:64]
        return above @ weight, above_rows.T @ rows


@fault("Linear", "takes the weight's gradient from a block of 64 rows, and forgets those beyond")
class OneBlockBackward(_ByHand):
    function = _Blocks


@fault("Linear", "works on detached parameters where the weight is frozen, so that neither bias nor input learns")
class FrozenAsAWhole(_Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return y if self.weight.requires_grad else y.detach()


@fault("Linear", "does its work in __call__, and leaves forward without the bias")
class OtherForward(_Linear):
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x)
