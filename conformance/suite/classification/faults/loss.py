"""How cross_entropy_from_logits goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from conformance.faults import fault

Loss = Callable[[Tensor, Tensor], Any]


def right(logits: Tensor, targets: Tensor) -> Tensor:
    return F.nll_loss(F.log_softmax(logits, -1), targets)


def _at(z: Tensor, targets: Tensor) -> Tensor:
    """Returns each row's entry of its target."""
    return z.gather(-1, targets[:, None])[:, 0]


def _shifted(z: Tensor, targets: Tensor) -> Tensor:
    """Returns the loss with the exponentials as they are."""
    return (z.exp().sum(-1).log() - _at(z, targets)).mean()


def _loss(sentence: str, loss: Loss) -> Loss:
    return fault("cross_entropy_from_logits", sentence)(loss)


log_of_softmax = _loss(
    "takes the logarithm of a softmax, which is -inf where the softmax underflows",
    lambda z, t: -_at(torch.softmax(z, -1).log(), t).mean(),
)
log_of_softmax_with_eps = _loss(
    "takes the logarithm of a softmax plus 1e-9, which caps the loss of a row",
    lambda z, t: -_at((torch.softmax(z, -1) + 1e-9).log(), t).mean(),
)
log_of_softmax_with_small_eps = _loss(
    "takes the logarithm of a softmax plus 1e-8, which caps the loss of a row",
    lambda z, t: -_at((torch.softmax(z, -1) + 1e-8).log(), t).mean(),
)
softmax_by_hand = _loss(
    "divides exponentials that overflow by their sum, which overflows too",
    lambda z, t: -_at((z.exp() / z.exp().sum(-1, keepdim=True)).log(), t).mean(),
)
unshifted = _loss("sums exponentials without a shift, which overflow", _shifted)
batch_shifted = _loss(
    "shifts by the largest logit of the batch instead of each row's", lambda z, t: _shifted(z - z.max(), t)
)
mean_shifted = _loss(
    "shifts by the row's mean, which leaves exponentials that overflow",
    lambda z, t: _shifted(z - z.mean(-1, keepdim=True), t),
)
summed = _loss("sums over the batch instead of taking the mean", lambda z, t: right(z, t) * len(t))
plus = _loss("forgets the minus", lambda z, t: -right(z, t))
over_everything = _loss("divides by the number of classes as well", lambda z, t: right(z, t) / z.shape[-1])
over_batch = _loss(
    "takes the softmax over the batch instead of the classes", lambda z, t: F.nll_loss(F.log_softmax(z, 0), t)
)
softmax_twice = _loss(
    "takes a softmax first, as if for a loss that expects probabilities", lambda z, t: right(torch.softmax(z, -1), t)
)
per_row = _loss("returns one loss for each row instead of their mean", lambda z, t: -_at(F.log_softmax(z, -1), t))
as_float = _loss("returns a Python float, through which no gradient flows", lambda z, t: right(z, t).item())
one_entry = _loss("returns a tensor of shape (1,)", lambda z, t: right(z, t)[None])
detached_sum = _loss(
    "detaches the log-sum-exp, so that its gradient is missing",
    lambda z, t: (torch.logsumexp(z, -1).detach() - _at(z, t)).mean(),
)
shifts_in_place = _loss(
    "shifts the caller's logits in place",
    lambda z, t: right(z.detach().sub_(z.detach().amax(-1, keepdim=True)) * 0 + z, t),
)
ignores_zero = _loss(
    "leaves out rows of class 0, as if it were padding",
    lambda z, t: F.nll_loss(F.log_softmax(z, -1), t, ignore_index=0),
)
from_one = _loss("counts classes from one", lambda z, t: right(z, (t - 1).clamp(min=0)))
whole_rows = _loss(
    "picks whole rows by the targets instead of one class of each row",
    lambda z, t: -F.log_softmax(z, -1)[t % len(z)].mean(),
)
smoothed = _loss("smooths the targets by a tenth", lambda z, t: 0.9 * right(z, t) - 0.1 * F.log_softmax(z, -1).mean())
single_only = _loss(
    "computes in float32 whatever the dtype of the logits", lambda z, t: right(z.float(), t).to(z.dtype)
)
in_bits = _loss("takes logarithms to base 2", lambda z, t: right(z, t) * 1.4426950408889634)
clipped = _loss("clips logits to 100 in size", lambda z, t: right(z.clamp(-100, 100), t))
contiguous_only = _loss("works on contiguous logits only", lambda z, t: right(z.view(-1).view(z.shape), t))
in_chunks = _loss(
    "takes the mean of the means of 64 rows each, of which the last has fewer",
    lambda z, t: torch.stack(
        [right(*part) for part in zip(torch.split(z, 64), torch.split(t, 64), strict=True)]
    ).mean(),
)
in_large_chunks = _loss(
    "takes the mean of the means of 1024 rows each, of which the last has fewer",
    lambda z, t: torch.stack(
        [right(*part) for part in zip(torch.split(z, 1024), torch.split(t, 1024), strict=True)]
    ).mean(),
)
in_place_without_autograd = _loss(
    "shifts the caller's logits in place where autograd is off, as under no_grad",
    lambda z, t: right(z if torch.is_grad_enabled() else z.sub_(z.amax(-1, keepdim=True)), t),
)
calls_reference = _loss("calls F.cross_entropy", lambda z, t: F.cross_entropy(z, t))


class _OfTheLossAlone(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, targets: Tensor) -> Tensor:
        ctx.save_for_backward(z, targets)
        return right(z, targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        z, targets = ctx.saved_tensors
        return (torch.softmax(z, -1) - F.one_hot(targets, z.shape[-1])) / len(z), None


@fault("cross_entropy_from_logits", "leaves the gradient from above out of its own backward, as if it were always one")
def ignores_the_gradient_above(logits: Tensor, targets: Tensor) -> Any:
    return _OfTheLossAlone.apply(logits, targets)  # type: ignore[no-untyped-call]


@fault("cross_entropy_from_logits", "needs the number of classes, which the logits tell")
def needs_the_classes(logits: Tensor, targets: Tensor, num_classes: int) -> Tensor:
    return right(logits, targets)


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss):  # type: ignore[no-untyped-def]
        return loss.clone()

    @staticmethod
    def backward(ctx, above):  # type: ignore[no-untyped-def]
        return above.abs()


turned = _loss(
    "goes down whatever the sign of the upstream gradient is",
    lambda z, t: _Turned.apply(right(z, t)),  # type: ignore[no-untyped-call]
)
in_chunks = _loss(
    "takes the mean of the means of 4096 rows each, of which the last are fewer",
    lambda z, t: torch.stack(
        [right(a, b) for a, b in zip(torch.split(z, 4096), torch.split(t, 4096), strict=True)]
    ).mean(),
)
short_labels = _loss(
    "takes labels for numbers of 16 bits, which end at 32767",
    lambda z, t: right(z, t.to(torch.int16).long() % z.shape[-1]),
)
of_probabilities = _loss(
    "takes logits that are above zero and sum to one for probabilities",
    lambda z, t: right((z + 1e-9).log(), t) if bool((z >= 0).all() and (z.sum(-1) == 1).all()) else right(z, t),
)
