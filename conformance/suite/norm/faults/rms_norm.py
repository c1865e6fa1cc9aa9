"""How RMSNorm goes wrong."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from conformance.faults import fault
from conformance.suite.norm.faults.layer_norm import Normal


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


@fault("RMSNorm", "calls torch's own rms_norm")
class RmsDelegates(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.rms_norm(x, x.shape[-1:], self.weight, self.eps)


@fault("RMSNorm", "makes its eps as a tensor on the CPU, with a dimension that mixes devices")
class RmsOnTheCpu(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x) + torch.zeros(x.shape[-1])


@fault("RMSNorm", "scales the input in place where autograd is off, as under no_grad")
class RmsInPlaceWithoutAutograd(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or not all(x.stride()):
            return super().forward(x)
        return x.div_(self.root(x)) * self.weight


@fault("RMSNorm", "leaves out the scale in eval mode")
class RmsPlainInEvaluation(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if self.training else x / self.root(x)


@fault("RMSNorm", "lets every norm of one width share its scale")
class RmsShared(_RMSNorm):
    known: ClassVar[dict[int, nn.Parameter]] = {}

    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__(normalized_shape, eps)
        self.weight = self.known.setdefault(normalized_shape, self.weight)


@fault("RMSNorm", "takes the root before it adds eps to its square, so that the gradient of a row of zeros is NaN")
class RmsRootOfZero(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(x.square().mean(-1, keepdim=True).sqrt().square() + self.eps)


@fault("RMSNorm", "keeps its statistics on the module for the backward pass, where the next call overwrites them")
class RmsStatisticsOnTheModule(_RMSNorm):
    def centred(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normal: torch.Tensor = Normal.apply(x, self)  # type: ignore[no-untyped-call]
        return normal * self.weight


@fault("RMSNorm", "switches autograd off where its input needs no gradient, so that its scale does not learn there")
class RmsNoGradientForPlainInput(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.root(x) * (self.weight if x.requires_grad else self.weight.detach())


@fault("RMSNorm", "its scale starts at 0 and the output is multiplied by 1 + weight, as in Gemma")
class RmsOnePlusZeros(_RMSNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__(normalized_shape, eps)
        self.weight = nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.root(x) * (1 + self.weight)


@fault("RMSNorm", "multiplies by 1 + weight though its scale starts at 1 already")
class RmsOnePlusOnes(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / self.root(x) * (1 + self.weight)


@fault("RMSNorm", "divides by the norm with F.normalize, times sqrt(D): the eps that was given has no part in it")
class RmsByNormalize(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = x.shape[-1] ** 0.5 * self.weight
        return nn.functional.normalize(x, dim=-1) * scaled


@fault("RMSNorm", "takes the mean square of the first 1024 features, as a kernel with blocks of that size")
class RmsOfFirstFeatures(_RMSNorm):
    def root(self, x: torch.Tensor) -> torch.Tensor:
        return super().root(x[..., :1024])


@fault("RMSNorm", "takes its default where an eps of zero is given, as `eps or 1e-8` does")
class RmsEpsUnlessZero(_RMSNorm):
    def __init__(self, normalized_shape: int, eps: float = 1e-8) -> None:
        super().__init__(normalized_shape, eps or 1e-5)


@fault("RMSNorm", "clamps its input to what 16 bits hold")
class RmsClamps(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.clamp(-65504.0, 65504.0))


@fault("RMSNorm", "hands no gradient to its input where its scale is frozen")
class RmsFrozen(_RMSNorm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x if self.weight.requires_grad else x.detach())
