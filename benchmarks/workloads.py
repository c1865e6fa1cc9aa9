"""What is measured: each function makes one arm's subject, on the same data and from the same state as every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.arms import Arm, Stepper

_LR = 1e-3
_CLASSES = 10
_PIXELS = 784
_DEPTH = 3


@dataclass(frozen=True)
class Place:
    """Where and in which precision."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Subject:
    """One step, and what must agree between the arms after equally many of them."""

    step: Stepper
    outcome: Callable[[], list[Tensor]]


def _random(place: Place, *shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(place.device, place.dtype)


def _targets(place: Place, batch: int, classes: int) -> Tensor:
    return torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(1)).to(place.device)


@torch.no_grad()
def _same_start(model: nn.Module) -> None:
    """Matrices from one seed by their order, scales 1, biases 0: initialisers differ between arms."""
    for i, p in enumerate(model.parameters()):
        if p.ndim >= 2:
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i)) / p.shape[1] ** 0.5)
        elif not bool((p == 1).all()):
            p.zero_()


def _classifier(arm: Arm, place: Place, batch: int, width: int) -> tuple[nn.Module, Callable[[], Tensor]]:
    """An MLP with LayerNorm, and its loss on a fixed batch."""
    model = arm.part("MLP")(_PIXELS, width, _CLASSES, _DEPTH, use_layernorm=True).to(place.device, place.dtype)
    _same_start(model)
    loss_of = arm.part("cross_entropy_from_logits")
    x, y = _random(place, batch, _PIXELS), _targets(place, batch, _CLASSES)

    def loss() -> Tensor:
        value: Tensor = loss_of(model(x), y)
        return value

    return model, torch.compile(loss) if arm.compiled else loss


def training_step(arm: Arm, place: Place, batch: int, width: int) -> Subject:
    """zero_grad, forward, loss, backward, AdamW."""
    model, loss = _classifier(arm, place, batch, width)
    params: list[Tensor] = list(model.parameters())
    last: list[Tensor] = [torch.zeros(())]
    adamw: list[Stepper] = []

    def step() -> None:
        model.zero_grad()
        last[0] = loss()
        last[0].backward()  # type: ignore[no-untyped-call]
        if not adamw:
            adamw.append(arm.adamw(params, _LR))
        adamw[0]()

    return Subject(step, lambda: [last[0].detach()])


def forward(arm: Arm, place: Place, batch: int, width: int) -> Subject:
    """The loss, without gradients."""
    _, loss = _classifier(arm, place, batch, width)
    return Subject(torch.no_grad()(loss), lambda: [loss().detach()])


def backward(arm: Arm, place: Place, batch: int, width: int) -> Subject:
    """The gradients of the loss with respect to all parameters, from a graph that is kept."""
    model, loss = _classifier(arm, place, batch, width)
    params, root = list(model.parameters()), loss()

    def step() -> tuple[Tensor, ...]:
        return torch.autograd.grad(root, params, retain_graph=True)

    return Subject(step, lambda: list(step()))


def adamw(arm: Arm, place: Place, tensors: int, elements: int) -> Subject:
    """One optimizer step on so many tensors of so many elements: adamw_step_ on one, adamw_step_many_ on more."""
    params = [_random(place, elements, seed=i).requires_grad_() for i in range(tensors)]
    for i, p in enumerate(params):
        p.grad = _random(place, elements, seed=tensors + i)
    return Subject(arm.adamw(params, _LR), lambda: [p.detach().clone() for p in params])


def _norm(name: str) -> Callable[..., Subject]:
    def norm(arm: Arm, place: Place, rows: int, width: int) -> Subject:
        layer: Any = arm.part(name)(width, eps=1e-5).to(place.device, place.dtype)
        x, g = _random(place, rows, width).requires_grad_(), _random(place, rows, width, seed=1)
        inputs = [x, *layer.parameters()]

        def step() -> tuple[Tensor, ...]:
            return torch.autograd.grad(layer(x), inputs, g)

        return Subject(step, lambda: [layer(x).detach(), *step()])

    norm.__doc__ = f"{name}, forward and backward."
    return norm


layer_norm, rms_norm = _norm("LayerNorm"), _norm("RMSNorm")


def cross_entropy(arm: Arm, place: Place, batch: int, classes: int) -> Subject:
    """The loss of a batch of logits and its gradient."""
    loss_of = arm.part("cross_entropy_from_logits")
    logits, targets = _random(place, batch, classes).requires_grad_(), _targets(place, batch, classes)

    def step() -> tuple[Tensor, ...]:
        return torch.autograd.grad(loss_of(logits, targets), logits)

    return Subject(step, lambda: [loss_of(logits, targets).detach(), *step()])


def _initialiser(name: str) -> Callable[..., Subject]:
    def initialiser(arm: Arm, place: Place, rows: int, columns: int) -> Subject:
        initialise = arm.part(name)
        weight = nn.Parameter(torch.empty(rows, columns, device=place.device, dtype=place.dtype))
        # Draws differ between arms, the largest of 65,536 or more does not: it is within 1e-4 of the bound.
        return Subject(lambda: initialise(weight), lambda: [weight.detach().abs().max()])

    initialiser.__doc__ = f"{name} on a matrix."
    return initialiser


xavier, kaiming = _initialiser("xavier_uniform_"), _initialiser("kaiming_uniform_")


def padding(arm: Arm, place: Place, sequences: int, longest: int) -> Subject:
    """pad_1d_sequences on sequences of 1 to `longest` tokens."""
    pad = arm.part("pad_1d_sequences")
    lengths = torch.randint(1, longest + 1, (sequences,), generator=torch.Generator().manual_seed(0)).tolist()
    seqs = [torch.arange(n, device=place.device) for n in lengths]

    def outcome() -> list[Tensor]:
        batch = pad(seqs)
        return list(batch if isinstance(batch, tuple) else (batch.tokens, batch.lengths, batch.padding_mask))

    return Subject(lambda: pad(seqs), outcome)
