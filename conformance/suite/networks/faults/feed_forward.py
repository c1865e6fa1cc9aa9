"""How FeedForward goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault


class _FeedForward(nn.Module):
    """A right FeedForward in steps that a fault can replace."""

    def __init__(self, d_model: int, d_ff: int | None = None) -> None:
        super().__init__()
        self.build(d_model, self.width(d_model, d_ff))

    def width(self, d_model: int, d_ff: int | None) -> int:
        return d_ff or 4 * d_model

    def build(self, d_model: int, d_ff: int) -> None:
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def act(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def before(self, x: Tensor) -> Tensor:
        return x

    def after(self, y: Tensor, x: Tensor) -> Tensor:
        return y

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.down(self.act(self.up(self.before(x)))), x)


def _forward(sentence: str, **changes: Callable[..., Any]) -> type[_FeedForward]:
    made = type("FeedForward", (_FeedForward,), {**changes, "__module__": __name__})
    return fault("FeedForward", sentence)(made)


ReluForward = _forward("uses ReLU instead of GELU", act=lambda self, x: F.relu(x))


TwiceAsWide = _forward(
    "is 2 d_model wide by default instead of 4 d_model", width=lambda self, d_model, d_ff: d_ff or 2 * d_model
)


WidthIgnored = _forward("ignores d_ff", width=lambda self, d_model, d_ff: 4 * d_model)


ActivatedTwice = _forward("applies GELU after the second Linear as well", after=lambda self, y, x: F.gelu(y))


Linears = _forward("has no activation between its Linears", act=lambda self, x: x)


WithResidual = _forward("contains the residual connection that belongs around it", after=lambda self, y, x: x + y)


WithNorm = _forward(
    "contains the LayerNorm that belongs before it", before=lambda self, x: F.layer_norm(x, x.shape[-1:])
)


MixesTokens = _forward(
    "mixes the tokens of a sequence by a mean over them",
    after=lambda self, y, x: y + 1e-3 * y.mean(-2, keepdim=True) if x.ndim > 1 else y,
)


DropsOutForward = _forward(
    "drops activations in train mode", act=lambda self, x: F.dropout(F.gelu(x), 0.1, self.training)
)


NoGradientForPlainTokens = _forward(
    "switches autograd off where its input needs no gradient, so that its layers do not learn",
    after=lambda self, y, x: y if x.requires_grad else y.detach(),
)


DetachedForward = _forward("detaches its input, so that no gradient flows below", before=lambda self, x: x.detach())


Flattened = _forward(
    "flattens leading dimensions and does not give them back", before=lambda self, x: x.reshape(-1, x.shape[-1])
)


BatchFirst = _forward(
    "treats what has no batch dimension as a batch of one", before=lambda self, x: x if x.ndim > 1 else x[None]
)


SoftmaxedForward = _forward(
    "returns probabilities where autograd is off, as under no_grad",
    after=lambda self, y, x: y if torch.is_grad_enabled() else torch.softmax(y, -1),
)


@fault("FeedForward", "leaves its weights as they were in memory")
class UninitialisedForward(_FeedForward):
    def build(self, d_model: int, d_ff: int) -> None:
        super().build(d_model, d_ff)
        self.up.weight = nn.Parameter(torch.empty(d_ff, d_model))


@fault("FeedForward", "fixes the hidden width to four times the model's and takes none")
class FixedWidth(_FeedForward):
    def __init__(self, d_model: int) -> None:
        super().__init__(d_model, 4 * d_model)


@fault("FeedForward", "lets every FeedForward of one size share its layers")
class Shared(_FeedForward):
    known: ClassVar[dict[tuple[int, int], tuple[nn.Linear, nn.Linear]]] = {}

    def build(self, d_model: int, d_ff: int) -> None:
        super().build(d_model, d_ff)
        self.up, self.down = self.known.setdefault((d_model, d_ff), (self.up, self.down))


FeaturesLeftOut = _forward(
    "looks at the first 512 features only",
    before=lambda self, x: torch.cat((x[..., :512], torch.zeros_like(x[..., 512:])), -1),
)
