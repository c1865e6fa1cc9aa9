"""Other right ways to write the loss, the head and the training loop."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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


@honest("ClassificationHead", "parameters of its own, stored the other way round, without bias, all zero at the start")
class Plain(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.projection = nn.Parameter(torch.zeros(d_in, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.projection


@honest("ClassificationHead", "a small MLP with LayerNorm and dropout")
class Small(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(d_in), nn.Linear(d_in, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


@honest("ClassificationHead", "the nearest prototype: -|x - w|^2 / 2 but for |x|^2, which is the same for all classes")
class Prototypes(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(num_classes, d_in))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.prototypes.T - 0.5 * self.prototypes.square().sum(-1)


@honest("ClassificationHead", "the cosine between the input and each class, times a scale that is learned")
class Cosines(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(d_in, num_classes, bias=False)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * F.linear(F.normalize(x, dim=-1), F.normalize(self.classes.weight, dim=-1))


@honest("ClassificationHead", "einsum and a bias kept as a row")
class Row(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros(1, num_classes))
        self.w = nn.Parameter(torch.randn(num_classes, d_in) / math.sqrt(d_in))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.w.shape[1]:
            raise ValueError(f"expected {self.w.shape[1]} features")
        return torch.einsum("...d,cd->...c", x, self.w) + self.b.view(-1)


@honest("ClassificationHead", "a lazy layer, of which it takes the negative squared distance, and a bias")
class Distances(nn.Module):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__()
        self.project = nn.LazyLinear(d_in)
        self.centres = nn.Parameter(torch.randn(num_classes, d_in))
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bias - (self.project(x).unsqueeze(-2) - self.centres).square().sum(-1)
        return y


@honest("ClassificationHead", "torch's Linear by another name")
class Subclassed(nn.Linear):
    def __init__(self, d_in: int, num_classes: int) -> None:
        super().__init__(in_features=d_in, out_features=num_classes)


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
                loss = F.nll_loss(F.log_softmax(model(x), 1), y)
                loss.backward()  # type: ignore[no-untyped-call]
                return float(loss)

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
