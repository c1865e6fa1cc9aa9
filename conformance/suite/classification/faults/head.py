"""How ClassificationHead goes wrong."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault


class _Head(nn.Module):
    """A right head; ``before``, ``after`` and ``built`` are where a fault goes wrong."""

    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_in, num_classes)
        self.built()

    def built(self) -> Any:
        return None

    def before(self, x: Tensor) -> Tensor:
        return x

    def after(self, y: Tensor) -> Tensor:
        return y

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.linear(self.before(x)))


def _head(sentence: str, **changes: Any) -> type[_Head]:
    head = type("Head", (_Head,), {**changes, "__module__": __name__})
    return fault("ClassificationHead", sentence)(head)


def _unlearned(y: Tensor) -> Tensor:
    """Returns the same values with a gradient of zero."""
    return y.detach() + 0 * y


def _rows(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


Softmaxed = _head("returns probabilities: it applies a softmax", after=lambda self, y: torch.softmax(y, -1))
LogSoftmaxed = _head(
    "returns log-probabilities: it applies a log-softmax", after=lambda self, y: torch.log_softmax(y, -1)
)
Rectified = _head("applies a ReLU to the logits", after=lambda self, y: torch.relu(y))
Activated = _head("applies a GELU to the logits", after=lambda self, y: F.gelu(y))
Squashed = _head("squashes the logits by a tanh", after=lambda self, y: torch.tanh(y))
Clipped = _head("clips the logits to 30 in size", after=lambda self, y: y.clamp(-30, 30))
ClippedFar = _head("clips the logits to 1000 in size", after=lambda self, y: y.clamp(-1000, 1000))
Capped = _head("caps the logits at 1000 by a tanh", after=lambda self, y: 1000 * torch.tanh(y / 1000))
Normalised = _head("normalises the logits", after=lambda self, y: F.layer_norm(y, y.shape[-1:]))
Predicted = _head("returns the predicted class instead of logits", after=lambda self, y: y.argmax(-1))
Flattened = _head("flattens leading dimensions and does not give them back", before=lambda self, x: _rows(x))
Pooled = _head("averages over tokens", before=lambda self, x: x.mean(1) if x.ndim > 2 else x)
CentredOverBatch = _head(
    "subtracts the mean of the batch", after=lambda self, y: y - _rows(y).mean(0) if y.numel() else y
)
DetachedInput = _head("cuts the gradient to its input", before=lambda self, x: x.detach())
DetachedWeight = _head(
    "cuts the gradient to its weight", after=lambda self, y: y.detach() + self.linear.bias - self.linear.bias.detach()
)
Frozen = _head("is frozen", built=lambda self: self.requires_grad_(False))
Uninitialised = _head(
    "leaves its bias as it was in memory", built=lambda self: self.linear.register_parameter(
        "bias", nn.Parameter(torch.empty(self.linear.out_features))
    )
)  # fmt: skip
Shared = _head(
    "lets every head of one size share its parameters",
    known={},
    built=lambda self: setattr(self, "linear", self.known.setdefault(tuple(self.linear.weight.shape), self.linear)),
)
OnMeta = _head(
    "leaves its parameters on the meta device, where nothing has a value", built=lambda self: self.to("meta")
)
ScalesInput = _head("scales its input in place", before=lambda self, x: x.detach().div_(2) * 0 + x)
WrongWidth = _head(
    "has one output too many, for classes counted from one", built=lambda self: setattr(
        self, "linear", nn.Linear(self.linear.in_features, self.linear.out_features + 1)
    )
)  # fmt: skip
SoftmaxedInTraining = _head(
    "returns probabilities in train mode and logits in eval mode",
    after=lambda self, y: torch.softmax(y, -1) if self.training else y,
)
HiddenDead = _head(
    "has a hidden layer that never learns: its gradient is always zero",
    built=lambda self: setattr(self, "hidden", nn.Linear(self.linear.in_features, self.linear.in_features)),
    before=lambda self, x: _unlearned(F.gelu(self.hidden(x))) + x,
)
HalfOfFeatures = _head(
    "takes half of the features only",
    before=lambda self, x: torch.cat((x[..., : x.shape[-1] // 2 + 1], 0 * x[..., x.shape[-1] // 2 + 1 :]), -1),
)
OneLogit = _head("gives all classes the same logit", after=lambda self, y: y[..., :1].expand_as(y))
SoftmaxedInFloat64 = _head(
    "returns probabilities in float64", after=lambda self, y: torch.softmax(y, -1) if y.dtype == torch.float64 else y
)
PlainInputUnlearned = _head(
    "learns nothing where its input needs no gradient, as that of a first layer",
    forward=lambda self, x: self.linear(x) if x.requires_grad else self.linear(x).detach(),
)
FlatInTraining = _head(
    "flattens leading dimensions in train mode", before=lambda self, x: _rows(x) if self.training else x
)


@fault("ClassificationHead", "keeps its weight as a plain tensor, so that it is no parameter")
class PlainWeight(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.weight = torch.randn(num_classes, d_in)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T.to(x.device, x.dtype)


@fault("ClassificationHead", "keeps its weight in a buffer, so that the bias alone is trained")
class WeightInABuffer(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(num_classes, d_in))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.get_buffer("weight").T + self.bias


@fault("ClassificationHead", "adds a random bias that is neither a parameter nor a buffer, so that no file keeps it")
class BiasBesides(_Head):
    def built(self) -> Any:
        self.offset = torch.randn(self.linear.out_features)

    def after(self, y: Tensor) -> Tensor:
        return y + self.offset.to(y)


@fault("ClassificationHead", "needs a hidden width")
class NeedsAWidth(_Head):
    def __init__(self, d_in: int, num_classes: int, hidden: int) -> None:
        super().__init__(d_in, num_classes)


SoftmaxedBeyond = _head(
    "returns probabilities where there are more than 64 classes",
    after=lambda self, y: torch.softmax(y, -1) if y.shape[-1] > 64 else y,
)

drops_logits = _head("drops logits in train mode", after=lambda self, y: F.dropout(y, 0.1, self.training))
normalises_many = _head(
    "normalises the logits of a hundred classes and more",
    after=lambda self, y: y.log_softmax(-1) if y.shape[-1] >= 100 else y,
)
