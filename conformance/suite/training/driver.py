"""Trains a small model that watches its own forward passes, with an optimizer whose steps are watched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from conformance.runner.roles import fill

# What the model's output is scaled by at the start.
SCALE = 1.5


class Model(nn.Module):
    """A linear layer, with a batch norm before or a dropout behind, and a scale; it notes each forward pass.

    The layers are its grandchildren, and the scale, a number, is its own.
    """

    def __init__(self, case: SimpleNamespace) -> None:
        super().__init__()
        outputs, features = case.weight.shape
        linear = nn.Linear(features, outputs)
        self.inner = nn.ModuleDict({"linear": linear})
        if case.model == "norm":
            self.inner["norm"] = nn.BatchNorm1d(features)
        self.scale = nn.Parameter(torch.full((), SCALE))
        self.drops, self.flat = case.model == "dropout", case.flat
        self.passes: list[dict[str, Any]] = []
        self.to(device=case.device, dtype=case.weight.dtype)
        fill(linear.weight, case.weight)
        fill(linear.bias, case.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = x.detach().clone()
        y: torch.Tensor = self.inner["linear"](self.inner["norm"](x) if "norm" in self.inner else x) * self.scale
        kept = None
        if self.drops and self.training:
            kept = torch.rand(y.shape, device=y.device) < 0.5
            y = y * kept * 2
        y = y.squeeze(-1) if self.flat else y
        seen = {"x": given, "output": y.detach().clone(), "kept": kept, "modes": _modes(self)}
        self.passes.append({**seen, "learns": y.requires_grad})
        return y


def train(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes a step on each batch; reports the loss, the forward passes, the optimizer's steps and the parameters."""
    torch.manual_seed(case.seed)
    model = Model(case)
    parameters = dict(model.named_parameters())
    held = [name for name in parameters if not (case.frozen and name == "inner.linear.bias")]
    optimizer = _optimizer(case, [parameters[name] for name in held])
    begun: list[Any] = []
    steps: list[dict[str, Any]] = []

    def note(*_: Any) -> None:
        grads = {name: _copied(parameters[name].grad) for name in held}
        steps.append({"before": begun.pop(), "gradients": grads, "after": _packed(parameters, held)})

    optimizer.register_step_pre_hook(lambda *_: begun.append(_packed(parameters, held)))
    optimizer.register_step_post_hook(note)
    if case.stale is not None:
        for parameter in parameters.values():
            parameter.grad = torch.full_like(parameter, float(case.stale))
    model.train(case.training)
    turns = []
    for x, y in case.batches:
        model.passes, start = [], {name: parameter.detach().clone() for name, parameter in parameters.items()}
        loss = items.train_step_mse(model, (x, y), optimizer)
        end, modes = _packed(parameters, held), _modes(model)
        seen = {"start": start, "loss": loss, "passes": model.passes, "steps": list(steps), "end": end, "modes": modes}
        turns.append({**seen, "x": x, "y": y})
        steps.clear()
        model.eval()
    # Not as they are now: as they are once whoever was left behind has had his time.
    return {"turns": turns, "held": held, "later": [parameters[name].detach() for name in held]}


def _optimizer(case: SimpleNamespace, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    parts = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": case.lr / 2}]
    given: Any = parts if case.groups > 1 else parameters
    if case.optimizer == "momentum":
        return torch.optim.SGD(given, lr=case.lr, momentum=0.9)
    found: torch.optim.Optimizer = getattr(torch.optim, case.optimizer)(given, lr=case.lr)
    return found


def _packed(parameters: dict[str, nn.Parameter], held: list[str]) -> list[torch.Tensor]:
    """Returns copies of what the optimizer holds and of what it does not, each as one vector."""
    groups = [[p.detach().reshape(-1) for n, p in parameters.items() if (n in held) is own] for own in (True, False)]
    return [torch.cat(group) if group else torch.empty(0) for group in groups]


def _copied(grad: torch.Tensor | None) -> torch.Tensor | None:
    return None if grad is None else grad.detach().clone()


def _modes(model: nn.Module) -> dict[str, bool]:
    """Returns which parts are in train mode, by name."""
    return {name or "the model": module.training for name, module in model.named_modules()}
