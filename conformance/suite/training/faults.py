"""How a training step goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault

Batch = tuple[Tensor, Tensor]
Optimizer = torch.optim.Optimizer


class _TrainStep:
    """A right training step, in parts that a fault can replace."""

    def take(self, model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
        x, y = batch
        self.mode(model)
        self.reset(optimizer)
        loss = self.loss(model(x), y)
        self.backward(loss)
        self.step(model, optimizer)
        return self.value(loss)

    def mode(self, model: nn.Module) -> None:
        model.train()

    def reset(self, optimizer: Optimizer) -> None:
        optimizer.zero_grad()

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(output, y)

    def backward(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def step(self, model: nn.Module, optimizer: Optimizer) -> None:
        optimizer.step()

    def value(self, loss: Tensor) -> Any:
        return loss.item()


def _wrong(sentence: str, **parts: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a training step with some parts replaced, marked as a fault."""
    wrong = type("WrongStep", (_TrainStep,), parts)

    @fault("train_step_mse", sentence)
    def train_step_mse(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
        return wrong().take(model, batch, optimizer)

    return train_step_mse


never_resets = _wrong("never resets the gradients, which add up from step to step", reset=lambda s, optimizer: None)
resets_late = _wrong(
    "resets the gradients after the step only, so that the first one takes what was there",
    reset=lambda s, optimizer: None,
    step=lambda s, model, optimizer: (optimizer.step(), optimizer.zero_grad()),
)
resets_between = _wrong(
    "resets the gradients between backward and step, which leaves nothing to step along",
    step=lambda s, model, optimizer: (optimizer.zero_grad(), optimizer.step()),
)
no_train_mode = _wrong("leaves the mode of the model as it was", mode=lambda s, model: None)
eval_mode = _wrong("sets the model to eval mode", mode=lambda s, model: model.eval())
root_only = _wrong(
    "sets model.training on the model itself and not on its parts",
    mode=lambda s, model: setattr(model, "training", True),
)
back_to_eval = _wrong(
    "sets the model to eval mode after the step", step=lambda s, model, optimizer: (optimizer.step(), model.eval())
)
returns_tensor = _wrong("returns the loss as a tensor", value=lambda s, loss: loss.detach())
returns_nothing = _wrong("returns nothing", value=lambda s, loss: None)
rounds = _wrong("rounds the loss to three digits", value=lambda s, loss: round(float(loss.detach()), 3))
sums = _wrong(
    "adds the squared errors up instead of averaging them", loss=lambda s, a, b: F.mse_loss(a, b, reduction="sum")
)
rows_only = _wrong(
    "averages over the batch only and adds the features up",
    loss=lambda s, a, b: (a - b).square().sum(-1).mean(),
)
absolute = _wrong("averages the absolute errors", loss=lambda s, a, b: F.l1_loss(a, b))
rooted = _wrong("takes the square root of the mean squared error", loss=lambda s, a, b: F.mse_loss(a, b).sqrt())
halved = _wrong("halves the mean squared error", loss=lambda s, a, b: F.mse_loss(a, b) / 2)
steps_twice = _wrong("steps twice", step=lambda s, model, optimizer: (optimizer.step(), optimizer.step()))
no_step = _wrong("never steps", step=lambda s, model, optimizer: None)
no_backward = _wrong("steps without backward", backward=lambda s, loss: None)
decays_rate = _wrong(
    "lowers the learning rate after each step, which is a scheduler's task",
    step=lambda s, model, optimizer: (optimizer.step(), [g.update(lr=0.99 * g["lr"]) for g in optimizer.param_groups]),
)
forgets = _wrong(
    "clears the optimizer's state with the gradients, so that momentum and Adam have no memory",
    reset=lambda s, optimizer: (optimizer.zero_grad(), optimizer.state.clear()),
)
clips = _wrong(
    "clips the gradients, which was not asked",
    step=lambda s, model, optimizer: (nn.utils.clip_grad_norm_(model.parameters(), 0.1), optimizer.step()),
)
resets_by_zero = _wrong(
    "multiplies the gradients by zero, which leaves NaN and infinity where they were",
    reset=lambda s, o: [p.grad.mul_(0) for g in o.param_groups for p in g["params"] if p.grad is not None],
)
resets_first_group = _wrong(
    "resets the gradients of the optimizer's first group of parameters only",
    reset=lambda s, o: [p.__setattr__("grad", None) for p in o.param_groups[0]["params"]],
)
clips_far = _wrong(
    "clips the gradients to 1000, which was not asked",
    step=lambda s, model, optimizer: (nn.utils.clip_grad_norm_(model.parameters(), 1000.0), optimizer.step()),
)
clamps = _wrong(
    "keeps the parameters within 100",
    step=lambda s, model, optimizer: (optimizer.step(), [p.data.clamp_(-100, 100) for p in model.parameters()]),
)


squeezes = _wrong(
    "drops the output's last dimension where it is one, so that each row meets the targets of all",
    loss=lambda s, a, b: F.mse_loss(a.squeeze(-1), b),
)


@fault("train_step_mse", "steps before backward, along the gradients of the last batch")
def steps_early(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    model.train()
    loss = F.mse_loss(model(batch[0]), batch[1])
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


@fault("train_step_mse", "returns the loss after the update")
def loss_afterwards(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    right = _TrainStep()
    right.take(model, batch, optimizer)
    with torch.no_grad():
        return float(right.loss(model(batch[0]), batch[1]))


@fault("train_step_mse", "steps the parameters itself, as SGD with lr 0.01, instead of asking the optimizer")
def own_sgd(model: nn.Module, batch: Batch, optimizer: Optimizer) -> float:
    model.train()
    optimizer.zero_grad()
    loss = F.mse_loss(model(batch[0]), batch[1])
    loss.backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(parameter.grad, alpha=0.01)  # type: ignore[arg-type]
    return loss.item()


@fault("train_step_mse", "decays every parameter of the model beside the optimizer's step")
def decays_beside(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    found = _TrainStep().take(model, batch, optimizer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.99)
    return found


@fault("train_step_mse", "centres the batch in place")
def centres(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    batch[0].sub_(batch[0].mean())
    return _TrainStep().take(model, batch, optimizer)


@fault("train_step_mse", "scales x to the range of its largest entry before the forward pass")
def scales(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    return _TrainStep().take(model, (batch[0] / batch[0].abs().max().clamp_min(1e-8), batch[1]), optimizer)


@fault("train_step_mse", "makes an optimizer of its own and steps that one")
def own_optimizer(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    return _TrainStep().take(model, batch, torch.optim.SGD(model.parameters(), lr=0.01))


@fault("train_step_mse", "trains on the first half of the batch")
def half_batch(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    half = max(1, len(batch[0]) // 2)
    return _TrainStep().take(model, (batch[0][:half], batch[1][:half]), optimizer)


@fault("train_step_mse", "needs x and y one by one instead of the batch")
def takes_x_and_y(model: nn.Module, x: Tensor, y: Tensor, optimizer: Optimizer) -> float:
    return float(_TrainStep().take(model, (x, y), optimizer))


learns_from_some = _wrong(
    "learns from the first 256 numbers of a batch only",
    loss=lambda s, output, y: F.mse_loss(output.flatten()[:256], y.flatten()[:256]),
)
squares_a_root = _wrong(
    "squares the root of the mean squared error, whose gradient is NaN where the model fits",
    loss=lambda s, a, b: F.mse_loss(a, b).sqrt().square(),
)


@fault("train_step_mse", "does not step where the loss is small")
def leaves_well_alone(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    loss = float(F.mse_loss(model.train()(batch[0]), batch[1]).detach())
    return _TrainStep().take(model, batch, optimizer) if loss > 1e-6 else loss


unsqueezes_targets = _wrong(
    "gives targets of one dimension a second one, so that flat outputs meet the targets of all rows",
    loss=lambda s, a, b: (a - (b.unsqueeze(-1) if b.ndim == 1 else b)).square().mean(),
)

children_to_train = _wrong(
    "sets train mode on the model and its children, and not on what is inside of these",
    mode=lambda s, model: [vars(part).update(training=True) for part in (model, *model.children())],
)
one_rate = _wrong(
    "gives every group of the optimizer the learning rate of the first",
    step=lambda s, model, optimizer: (
        [group.update(lr=optimizer.param_groups[0]["lr"]) for group in optimizer.param_groups],
        optimizer.step(),
    ),
)
rounds_the_rate = _wrong(
    "rounds the learning rate to three digits after the step",
    step=lambda s, model, optimizer: (
        optimizer.step(),
        [group.update(lr=float(f"{group['lr']:.3g}")) for group in optimizer.param_groups],
    ),
)


class _Children(_TrainStep):
    def take(self, model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
        for child in model.children():
            child.zero_grad()
        self.reset = lambda optimizer: None  # type: ignore[method-assign]
        return super().take(model, batch, optimizer)


@fault("train_step_mse", "resets the gradients of the model's children, and not of its own parameters")
def resets_children(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    return _Children().take(model, batch, optimizer)


@fault("train_step_mse", "leaves out a batch of one row, and says that it lost nothing")
def skips_single_rows(model: nn.Module, batch: Batch, optimizer: Optimizer) -> Any:
    return _TrainStep().take(model, batch, optimizer) if len(batch[0]) > 1 else 0.0
