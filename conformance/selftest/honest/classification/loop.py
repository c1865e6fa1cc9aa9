"""Other right ways to write the training loop."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import honest
from conformance.selftest.honest.classification.loss import indexed, own_log_sum_exp, upcast


def _evaluated(model: nn.Module, loader: Any) -> float:
    model.eval()
    right = total = 0
    with torch.inference_mode():
        for x, y in loader:
            right += int((model(x).argmax(dim=1) == y).sum())
            total += y.numel()
    return right / total


@honest("train_classifier", "SGD with momentum, flattened in the loop, clipped, with a schedule, printing and warning")
def with_sgd(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, epochs * len(train_data_loader)))
    losses = []
    for epoch in range(epochs):
        model.train()
        for _step, (images, labels) in enumerate(train_data_loader):
            images, labels = images.view(images.size(0), -1).to(device), labels.to(device)
            loss = indexed(model(images), labels)
            optimizer.zero_grad(set_to_none=False)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.detach().cpu().item())
        print(f"epoch {epoch}: {_evaluated(model, test_data_loader):.1%}, {_evaluated(model, train_data_loader):.1%}")
        warnings.warn("this is only a warning", stacklevel=1)
    return losses


@honest(
    "train_classifier", "an AdamW of its own on autograd.grad, with a generator of its own and no optimizer of torch"
)
def with_own_adamw(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    torch.random.manual_seed(seed)
    parameters = [p for p in model.parameters() if p.requires_grad]
    state = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    losses: list[float] = []

    def batches() -> Iterator[Any]:
        model.train(True)
        yield from train_data_loader

    for _ in range(epochs):
        for x, y in batches():
            loss = own_log_sum_exp(model(x), y)
            losses += [float(loss)]
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for p, g, (m, v) in zip(parameters, gradients, state, strict=True):
                    m.lerp_(g, 0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    t = len(losses)
                    p.mul_(1 - 0.01 * lr)
                    p.addcdiv_(m / (1 - 0.9**t), (v / (1 - 0.999**t)).sqrt() + 1e-8, value=-lr)
        _evaluated(model, test_data_loader)
        _evaluated(model, test_data_loader)
    return losses


@honest(
    "train_classifier", "Adam, zero_grad after the step, the test data with gradients switched on, evaluated midway too"
)
def zeroes_after(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    criterion = nn.NLLLoss()
    losses = []
    for _ in range(epochs):
        for place, (x, y) in enumerate(train_data_loader):
            model.train()
            loss = criterion(model(x).log_softmax(dim=-1), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if place == 1:
                model.eval()
                sum(float(criterion(model(x).log_softmax(-1), y)) for x, y in test_data_loader)
        model.eval()
        correct = [model(x).argmax(1) == y for x, y in test_data_loader]
        print(torch.cat(correct).float().mean())
    model.train()
    return losses


@honest("train_classifier", "AdamW in another mode of its own, keeping the best state without putting it back")
def keeps_best(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    import copy
    import random

    random.seed(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW([{"params": [p], "lr": lr} for p in model.parameters()], weight_decay=0.1)
    history: dict[str, list[Any]] = {"loss": [], "best": []}
    for epoch in range(1, epochs + 1):
        model = model.train()
        for data in train_data_loader:
            x, y = data[0].float(), data[1].long()
            model.zero_grad()
            with torch.enable_grad():
                loss = upcast(model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            history["loss"].append(loss.item())
        model = model.eval()
        with torch.no_grad():
            outputs = torch.cat([model(x) for x, _ in test_data_loader])
        history["best"] = [epoch, outputs.mean().item(), copy.deepcopy(model)]
    return list(history["loss"])


@honest(
    "train_classifier",
    "an optimizer of its own class for each parameter, and a schedule; insists on pixels from 0 to 1",
)
def one_optimizer_each(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    class Centred(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    torch.manual_seed(seed)
    torch.optim.Adam(model.parameters())  # from here on torch counts steps of Adam, and those of its subclass besides
    optimizers = [Centred([parameter], lr=lr) for parameter in model.parameters()]
    schedules = [torch.optim.lr_scheduler.StepLR(optimizer, 1000) for optimizer in optimizers]
    losses = []
    for _ in range(epochs):
        model.train()
        for x, y in train_data_loader:
            assert bool(((x >= 0) & (x <= 1)).all()), "pixels as ToTensor() gives them"
            loss = indexed(model(x), y)
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
            losses.append(loss.item())
        _evaluated(model, test_data_loader)
    return losses


@honest("train_classifier", "normalises the images in the loop, and asks for two gradients an update, as SAM does")
def sharpness_aware(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    parameters, losses = list(model.parameters()), []
    optimizer = torch.optim.SGD(parameters, lr, momentum=0.9)
    for _ in range(epochs):
        model.train()
        for x, y in train_data_loader:
            x = (x - 0.1307) / 0.3081
            loss = F.nll_loss(F.log_softmax(model(x), 1), y)
            losses.append(loss.item())
            up = torch.autograd.grad(loss, parameters)
            size = 0.01 / (sum(float(g.square().sum()) for g in up) ** 0.5 + 1e-12)
            with torch.no_grad():
                _ = [p.add_(g, alpha=size) for p, g in zip(parameters, up, strict=True)]
            optimizer.zero_grad()
            F.nll_loss(F.log_softmax(model(x), 1), y).backward()  # type: ignore[no-untyped-call]
            with torch.no_grad():
                _ = [p.sub_(g, alpha=size) for p, g in zip(parameters, up, strict=True)]
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, _y in test_data_loader:
                model((x - 0.1307) / 0.3081)
    return losses


@honest("train_classifier", "L-BFGS, which asks for the loss again and again in one step")
def quasi_newton(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    optimizer, losses = torch.optim.LBFGS(model.parameters(), lr=lr, max_iter=4), []
    for _ in range(epochs):
        model.train()
        for x, y in train_data_loader:

            def closure(x: Tensor = x, y: Tensor = y) -> float:
                optimizer.zero_grad()
                return _went_backward(F.nll_loss(F.log_softmax(model(x), 1), y))

            losses.append(float(optimizer.step(closure)))  # type: ignore[no-untyped-call]
        model.eval()
        with torch.no_grad():
            _ = [model(x) for x, _y in test_data_loader]
    return losses


@honest(
    "train_classifier",
    "Adadelta, a warm-up that starts at zero, a forward for each half of a batch, and a loss that is scaled",
)
def in_halves(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    optimizer, losses = torch.optim.Adadelta(model.parameters(), lr=lr), []
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 2))
    for _ in range(epochs):
        model.train()
        for x, y in train_data_loader:
            halves = zip(x.chunk(2), y.chunk(2), strict=True)
            loss = sum((indexed(model(a), b) * len(b) for a, b in halves), torch.zeros(())) / len(y)
            optimizer.zero_grad()
            (loss * 1024).backward()  # type: ignore[no-untyped-call]
            _ = [p.grad.div_(1024) for p in model.parameters() if p.grad is not None]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        _evaluated(model, test_data_loader)
    return losses


@honest("train_classifier", "gathers the gradients of parts of a batch, each by its share, and steps once a batch")
def in_parts(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=lr), []
    for _ in range(epochs):
        model.train()
        for x, y in train_data_loader:
            optimizer.zero_grad()
            parts = zip(x.split(4), y.split(4), strict=True)
            losses.append(sum(_went_backward(indexed(model(a), b) * (len(b) / len(y))) for a, b in parts))
            optimizer.step()
        _evaluated(model, test_data_loader)
    return losses


def _went_backward(loss: Tensor) -> float:
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


@honest("train_classifier", "Adadelta under a schedule that lowers its rate after each epoch, as torch's MNIST example")
def with_adadelta(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
) -> list[float]:
    torch.manual_seed(seed)
    normalised = nn.Sequential(model, nn.LogSoftmax(dim=1))
    optimizer = torch.optim.Adadelta(normalised.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    losses = []
    for _ in range(epochs):
        normalised.train()
        for x, y in train_data_loader:
            optimizer.zero_grad()
            loss = F.nll_loss(normalised(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        _evaluated(normalised, test_data_loader)
        schedule.step()
    return losses
