"""Other right ways to write the loss."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from conformance.faults import honest


@honest("cross_entropy_from_logits", "log-softmax and indexing by row and target")
def indexed(logits: Tensor, targets: Tensor) -> Tensor:
    assert logits.ndim == 2
    log_probs = torch.log_softmax(logits, dim=-1)
    return -log_probs[torch.arange(logits.shape[0], device=logits.device), targets].mean()


@honest("cross_entropy_from_logits", "logaddexp from class to class, which rounds once for each")
def chained(logits: Tensor, targets: Tensor) -> Tensor:
    total = functools.reduce(torch.logaddexp, logits.unbind(1))
    return (total - logits.gather(1, targets[:, None]).squeeze(1)).mean()


@honest("cross_entropy_from_logits", "nll_loss")
def by_nll(logits: Tensor, targets: Tensor) -> Tensor:
    return F.nll_loss(F.log_softmax(logits, dim=1), targets)


@honest("cross_entropy_from_logits", "one-hot products, summed by einsum (which is NaN where a logit is -inf)")
def one_hot(logits: Tensor, targets: Tensor) -> Tensor:
    hot = F.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    return -torch.einsum("bc,bc->", hot, F.log_softmax(logits, -1)) / logits.shape[0]


@honest("cross_entropy_from_logits", "log-sum-exp of its own, the maximum in the graph")
def own_log_sum_exp(logits: Tensor, targets: Tensor) -> Tensor:
    top = logits.max(dim=1, keepdim=True).values
    log_sum = top.squeeze(1) + (logits - top).exp().sum(1).log()
    return (log_sum - logits.gather(1, targets.unsqueeze(1)).squeeze(1)).mean()


@honest("cross_entropy_from_logits", "torch.logsumexp, upcast and back")
def upcast(logits: Tensor, targets: Tensor) -> Tensor:
    wide = logits.double()
    rows = torch.logsumexp(wide, dim=1) - wide.gather(1, targets[:, None]).squeeze(1)
    return rows.mean().to(logits.dtype)


@honest("cross_entropy_from_logits", "torch.logsumexp in the dtype of the logits")
def by_logsumexp(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.logsumexp(-1) - logits.take_along_dim(targets[:, None], 1)[:, 0]).sum() / logits.size(0)


@honest("cross_entropy_from_logits", "a Python loop over the rows")
def looped(logits: Tensor, targets: Tensor) -> Tensor:
    rows = [F.log_softmax(row, 0)[target] for row, target in zip(logits, targets, strict=True)]
    return -torch.stack(rows).mean()


@honest("cross_entropy_from_logits", "the divergence from a one-hot distribution, which has no entropy")
def divergence(logits: Tensor, targets: Tensor) -> Tensor:
    hot = torch.zeros_like(logits).scatter_(1, targets[:, None], 1.0)
    return F.kl_div(torch.log_softmax(logits, 1), hot, reduction="batchmean")


class _OwnBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        ctx.save_for_backward(logits, targets)
        return indexed(logits, targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, targets = ctx.saved_tensors
        p = torch.softmax(logits, -1)
        return gradients[0] * (p - F.one_hot(targets, p.shape[1])) / len(p), None


@honest("cross_entropy_from_logits", "an autograd Function of its own")
def by_function(logits: Tensor, targets: Tensor) -> Tensor:
    loss: Tensor = _OwnBackward.apply(logits, targets)  # type: ignore[no-untyped-call]
    return loss
