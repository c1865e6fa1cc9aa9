"""How Dropout goes wrong."""

from __future__ import annotations

import torch
from torch import nn

from conformance.faults import fault


class _Dropout(nn.Module):
    """A right Dropout in steps that a fault can replace."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}")
        self.p = p

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) >= self.p

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x / (1 - self.p) if self.p < 1 else torch.zeros_like(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x) if self.training else x


@fault("Dropout", "does not scale what it keeps")
class Unscaled(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x


@fault("Dropout", "keeps with probability p instead of dropping")
class KeepsWithP(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) < self.p


@fault("Dropout", "is active in eval mode too")
class AlwaysActive(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x)


@fault("Dropout", "keeps a switch of its own, which a module around it does not reach")
class OwnSwitch(_Dropout):
    active = True

    def eval(self) -> OwnSwitch:
        self.active = False
        return super().eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scaled(x) * self.keep(x) if self.active else x


@fault("Dropout", "stays off once it has been in eval mode")
class StaysOff(_Dropout):
    off = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.off = self.off or not self.training
        return x if self.off else super().forward(x)


@fault("Dropout", "drops in its first three epochs only")
class WearsOff(_Dropout):
    epochs = 0

    def train(self, mode: bool = True) -> WearsOff:
        self.epochs += mode
        return super().train(mode and self.epochs <= 3)


@fault("Dropout", "draws one mask for all rows of the batch")
class SharedOverBatch(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape[1:], device=x.device) >= self.p


@fault("Dropout", "drops whole rows")
class DropsRows(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x[..., :1] if x.ndim else x) >= self.p


@fault("Dropout", "drops whole channels, the second dimension with all that follows")
class DropsChannels(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand([*x.shape[:2], *(1 for _ in x.shape[2:])], device=x.device) >= self.p


@fault("Dropout", "drops an exact number of entries instead of each with probability p")
class ExactCount(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(x.numel(), dtype=torch.bool, device=x.device)
        mask[torch.randperm(x.numel(), device=x.device)[: round(x.numel() * self.p)]] = False
        return mask.view(x.shape)


@fault("Dropout", "draws its mask once and keeps it")
class OneMask(_Dropout):
    mask: torch.Tensor | None = None

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = super().keep(x)
        return self.mask


@fault("Dropout", "seeds torch's generator, so that every mask is the same")
class Seeds(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return super().keep(x)


@fault("Dropout", "drops the smallest entries instead of random ones")
class DropsSmallest(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach().abs().argsort().argsort() >= round(x.shape[-1] * self.p) if x.ndim else super().keep(x)


@fault("Dropout", "never drops the first entry of a row")
class SparesFirst(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        mask = super().keep(x)
        if x.ndim:
            mask[..., 0] = True
        return mask


@fault("Dropout", "writes its output over its input")
class InPlace(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            x.data.mul_(self.keep(x) / (1 - self.p))
        return x


@fault("Dropout", "detaches what it returns in train mode")
class Detached(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return super().scaled(x.detach())


@fault("Dropout", "computes in float32 whatever the dtype of the input")
class DropsInFloat32(_Dropout):
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() / (1 - self.p)).to(x.dtype)


@fault("Dropout", "makes its mask on the CPU, whatever the device of the input")
class MaskOnCpu(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape) >= self.p


@fault("Dropout", "learns p")
class LearnsP(_Dropout):
    def __init__(self, p: float) -> None:
        super().__init__(0.5)
        self.p, self.rate = p, nn.Parameter(torch.tensor(p))


@fault("Dropout", "is told its mode when it is built")
class ToldItsMode(_Dropout):
    def __init__(self, p: float, training: bool) -> None:
        super().__init__(p)
        self.training = training


@fault("Dropout", "calls torch's own dropout")
class DropsByTorch(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, self.p, self.training)


@fault("Dropout", "drops among the first 1024 entries only")
class FirstOnly(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        mask = super().keep(x).reshape(-1)
        mask[1024:] = True
        return mask.view(x.shape)


@fault("Dropout", "drops nothing in rows of more than 16 entries")
class NarrowRowsOnly(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return super().keep(x) if x.ndim == 0 or x.shape[-1] <= 16 else torch.ones_like(x, dtype=torch.bool)


@fault("Dropout", "draws a mask of 512 entries and lays it side by side over the rest")
class Tiled(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        n = x.numel()
        tile = torch.rand(min(n, 512), device=x.device) >= self.p
        return tile.repeat(-(-n // max(len(tile), 1)))[:n].view(x.shape)


@fault("Dropout", "drops nothing where autograd is off")
class OnlyWithAutograd(_Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if torch.is_grad_enabled() else x


@fault("Dropout", "seeds a generator of its own, so that every Dropout drops the same entries")
class OwnSeed(_Dropout):
    def __init__(self, p: float) -> None:
        super().__init__(p)
        self.generator = torch.Generator().manual_seed(0)

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape, generator=self.generator, device=x.device) >= self.p


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):  # type: ignore[no-untyped-def]
        ctx.layer = layer
        return x * layer.mask

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        return above * ctx.layer.mask, None


@fault("Dropout", "keeps its mask on the module for the backward pass, where the next call overwrites it")
class MaskOnTheModule(_Dropout):
    mask: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        self.mask = self.scaled(self.keep(x).to(x.dtype))
        y: torch.Tensor = _Masked.apply(x, self)  # type: ignore[no-untyped-call]
        return y


@fault("Dropout", "draws its mask into a buffer that it uses again, though the last call's gradient still needs it")
class MaskDrawnInPlace(_Dropout):
    mask: torch.Tensor | None = None

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        if self.mask is None or (self.mask.shape, self.mask.dtype) != (x.shape, x.dtype):
            self.mask = x.detach().clone()
        return self.mask.bernoulli_(1 - self.p)


@fault("Dropout", "draws in whole percents, so that p = 1/3 is 34 % and p = 0.005 is 1 %")
class WholePercents(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return torch.randint(0, 100, x.shape, device=x.device) >= 100 * self.p


@fault("Dropout", "keeps p on its class, where the next one that is built overwrites it")
class RateOnTheClass(_Dropout):
    p: float

    def __init__(self, p: float) -> None:
        nn.Module.__init__(self)
        type(self).p = p


@fault("Dropout", "drops everything from p = 0.95 on")
class AllOrNothing(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        return super().keep(x) & (self.p < 0.95)


@fault("Dropout", "uses each mask for two calls")
class TwiceTheMask(_Dropout):
    mask: torch.Tensor | None = None

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        old, self.mask = self.mask, None
        if old is not None and old.shape == x.shape:
            return old
        self.mask = super().keep(x)
        return self.mask


@fault("Dropout", "drops whole channels of volumes, of five dimensions, as Dropout3d does")
class DropsChannelsOfVolumes(_Dropout):
    def keep(self, x: torch.Tensor) -> torch.Tensor:
        kept = super().keep(x)
        return kept[:, :, :1, :1, :1].expand(x.shape) if x.ndim == 5 else kept
