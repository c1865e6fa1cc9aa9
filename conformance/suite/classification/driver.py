"""Takes losses and their gradients, applies heads, and trains models that note whatever is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook as after_steps
from torch.optim.optimizer import register_optimizer_step_pre_hook as before_steps
from torch.utils.data import DataLoader, TensorDataset, default_collate

from conformance.runner.roles import (
    as_used,
    call_with_others,
    fill,
    gradients,
    overwrite,
    parameters_of,
    second_order,
    sized,
    switch_back,
)

SIDE = 28
# Each image says which it is in its last pixel, in parts of this; those for testing start at half of it.
IDS = 4096
DIGITS = 10
# The size of what shows whether the outputs of a head are bounded.
LARGE = 1e6


def cross_entropy(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Takes the loss twice, and its gradient where the logits require one; without autograd where they do not."""
    logits = _masked(case)
    with torch.set_grad_enabled(logits.requires_grad):
        loss = items.cross_entropy_from_logits(logits, case.targets)
        again = items.cross_entropy_from_logits(logits, case.targets)
    seen: dict[str, Any] = {"loss": loss, "again": again, "logits": logits, "targets": case.targets}
    if logits.requires_grad and case.device != "meta":
        above = torch.tensor(case.upstream)
        seen["gradients"] = [gradients(value, [logits], above, times=n)[0] for n, value in ((1, loss), (2, again))]
        seen["second"] = second_order(lambda: items.cross_entropy_from_logits(logits, case.targets), logits)
    return seen


def _masked(case: SimpleNamespace) -> torch.Tensor:
    logits: torch.Tensor = case.logits
    if not case.ruled_out:
        return logits
    out = torch.zeros(logits.shape, dtype=torch.bool)
    out[:, list(case.ruled_out)] = True
    out[torch.arange(len(out)), case.targets] = False
    return logits.detach().masked_fill(out, -torch.inf).requires_grad_(logits.requires_grad)


def head(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Applies a head in eval mode: twice, and to its last row alone; and in the mode asked, as often as asked."""
    module, other = (items.ClassificationHead(case.d_in, case.num_classes) for _ in range(2))
    sized(module, (1, case.d_in))
    module.to(device=case.device, dtype=case.x.dtype)
    with as_used(case):
        return _applied(module.train(case.training), other, case)


def _applied(module: nn.Module, other: nn.Module, case: SimpleNamespace) -> dict[str, Any]:
    call_with_others(module, case.x)
    if case.device != "meta":
        _fill(module, torch.Generator().manual_seed(case.seed))
    call_with_others(module, case.x)
    seen: dict[str, Any] = {"output": module(case.x)}
    module.eval()  # a head may hold dropout
    seen |= {"still": module(case.x), "x": case.x}
    overwrite(other)  # what it shares with another of its kind shows
    seen["again"] = module.forward(case.x)
    call_with_others(module, case.x)
    if case.device == "meta":
        return seen
    rows = case.x.detach().reshape(-1, case.d_in)
    seen["alone"] = module(rows[-1:]) if len(rows) else None
    other.to(device=case.device, dtype=case.x.dtype).load_state_dict(module.state_dict())
    seen["alike"] = other.eval()(case.x)
    module.train(case.training)
    seen["parameters"] = parameters_of(module)
    seen["extremes"] = _extremes(module, case)
    if case.upstream is not None:
        x = case.x.detach().clone().requires_grad_()
        learnt = [parameter for parameter in module.parameters() if parameter.requires_grad]
        seen["gradients"] = gradients(module(x), [x, *learnt], case.upstream)
    return seen


def head_learns(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Reports the parameters and columns of x that a gradient came to, and whether two classes ever differed.

    Parameters and inputs are drawn ``case.fills`` times at most, since parts of a head may be off at any one draw; the
    parameters are differentiated where x needs no gradient, as that of a first layer.
    """
    module = items.ClassificationHead(case.d_in, case.num_classes)
    module.to(dtype=case.x.dtype).eval()
    module(case.x)
    learnt = {str(name): parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    names = [*learnt, *(f"x[..., {column}]" for column in range(case.d_in))]
    g = torch.Generator().manual_seed(case.seed)
    idle, differed = set(names), False
    for turn in range(case.fills):
        _fill(module, g, (1.0, 0.1, 10.0)[turn % 3])
        x = torch.randn(case.x.shape, generator=g, dtype=case.x.dtype)
        upstream = torch.randn((*case.x.shape[:-1], case.num_classes), generator=g, dtype=case.x.dtype)
        y = module(x)
        found = gradients(y, learnt.values(), upstream)
        (of_x,) = gradients(module(x.requires_grad_()), [x], upstream)
        found += [None] * case.d_in if of_x is None else of_x.unbind(-1)
        idle -= {name for name, part in zip(names, found, strict=True) if part is not None and bool(part.any())}
        differed = differed or bool((y != y[..., :1]).any())
        if differed and not idle:
            break
    _fill(module, g, 0.0)
    y = module(torch.randn((2, case.d_in), generator=g, dtype=case.x.dtype))
    return {"idle": sorted(idle), "differed": differed, "untrained": (y - y[..., :1]).nan_to_num(0.0)}


def head_built(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Builds a head and reports its parameters."""
    module = items.ClassificationHead(case.d_in, case.num_classes)
    return {
        "parameters": parameters_of(module),
        "trainable": [bool(parameter.requires_grad) for parameter in module.parameters()],
    }


def _fill(module: nn.Module, g: torch.Generator, scale: float = 1.0) -> None:
    for parameter in module.parameters():
        fill(parameter, scale * torch.randn(parameter.shape, generator=g, dtype=torch.float64))


def _extremes(module: nn.Module, case: SimpleNamespace) -> list[float]:
    """Returns the least and the largest output over ``case.fills`` draws, and how many rows are zero in part.

    Large are, in turn, the inputs, the parameters, or one vector of these: a head may normalise its input, have an
    offset that is quadratic in its parameters, or a distance, which is of one sign but for a bias that is larger.
    """
    g = torch.Generator().manual_seed(case.seed + 1)
    vectors, found, torn = [parameter for parameter in module.parameters() if parameter.ndim < 2], [], 0
    for turn in range(case.fills):
        _fill(module, g, LARGE if turn % 3 == 1 else 1.0)
        if turn % 3 == 2 and vectors:
            vector = vectors[turn // 3 % len(vectors)]
            fill(vector, LARGE * vector.detach())
        y = module(torch.randn(case.x.shape, generator=g, dtype=case.x.dtype) * (LARGE if turn % 3 == 0 else 1.0))
        if isinstance(y, torch.Tensor):
            found += [number for number in y.detach().reshape(-1).tolist() if number == number]
            torn += int(((y == 0).any(-1) & (y != 0).any(-1)).sum())
    return [float(min(found)), float(max(found)), float(torn)] if found else []


class Noting(nn.Module):
    """A linear classifier of the first pixels, with a slope over the classes, that notes all of each forward."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.linear, self.slope = nn.Linear(pixels, DIGITS), nn.Parameter(torch.zeros(()))
        fill(self.linear.weight, 0.01 * torch.randn((DIGITS, pixels), generator=torch.Generator().manual_seed(0)))
        fill(self.linear.bias, torch.zeros(DIGITS))
        self.inner = nn.Sequential(nn.Identity())
        self.notes: list[dict[str, Any]] = []
        self.incoming: dict[str, torch.Tensor] = {}
        self.left: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.stale, self.events = 0, 0
        for name, parameter in list(self.named_parameters()):
            parameter.register_hook(partial(self.arrived, name))  # type: ignore[no-untyped-call]
            parameter.register_post_accumulate_grad_hook(partial(self.accumulated, name))  # type: ignore[no-untyped-call]

    def arrived(self, name: str, gradient: torch.Tensor) -> None:
        """Keeps the gradient of the batch in hand."""
        self.events += 1
        self.incoming[name] = gradient.detach().clone()

    def accumulated(self, name: str, parameter: torch.Tensor) -> None:
        """Counts the gradients added to what an earlier batch left: what was there before the parameter changed."""
        fresh, found = self.incoming.get(name), parameter.grad
        if fresh is None or found is None:
            return
        value, left = self.left.get(name, (parameter, fresh))
        right = (fresh, left + fresh) if torch.equal(value, parameter) else (fresh,)
        self.stale += not any(torch.allclose(found, each, rtol=0.0, atol=0.0, equal_nan=True) for each in right)
        self.left[name] = (parameter.detach().clone(), found.detach().clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.events += 1
        flat, weight = x.reshape(x.shape[0], -1), self.linear.weight
        offset = self.linear.bias + self.slope * torch.linspace(-0.5, 0.5, DIGITS)
        y: torch.Tensor = self.inner(flat[:, : weight.shape[1]] @ weight.T + offset)
        note: dict[str, Any] = {
            "ids": _ids(flat.detach()),
            "collated": bool((flat[:, -4] != flat[:, -3]).all()),
            "training": self.training,
            "inner": self.inner[0].training,
            "logits": y.detach().clone(),
            "gradients": [],
            "weight": weight.detach().clone(),
            "used": False,
        }

        def came_back(gradient: torch.Tensor) -> None:
            note["used"] = True
            note["gradients"].append(gradient.detach().clone())

        if y.requires_grad:
            y.register_hook(came_back)  # type: ignore[no-untyped-call]
        self.notes.append(note)
        return y


def trained(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Trains once and reports the losses and all that the model noted."""
    model = _model(case)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with _counted_steps(model) as steps:
        losses = _train(items, case, model, case.lr)
    still = [name for name, parameter in model.named_parameters() if torch.equal(before[name], parameter)]
    notes = [{**note, "logits": note["logits"] if note["used"] else None} for note in model.notes]
    first = next((note["weight"] for note in model.notes if note["used"]), before["linear.weight"])
    told = {"stale": model.stale, "steps": steps, "still": still, "autograd": torch.is_grad_enabled()}
    told |= {"start": before["linear.weight"], "first": first, "end": model.linear.weight.detach().clone()}
    return {"losses": _plain(losses), "notes": notes, "later": model.linear.weight.detach(), **told}


@contextmanager
def _counted_steps(model: Noting) -> Iterator[list[bool]]:
    """Yields, for each step of torch's optimizers along a gradient, whether it was the one of their last step."""
    steps: list[bool] = []
    within, last = list[Any](), dict[Any, int]()

    def end(optimizer: Any, *_: Any) -> None:
        within.pop()
        if optimizer in within:
            return  # a subclass's step that calls the step of its class
        if model.linear.weight.grad is not None:
            steps.append(last.get(optimizer) == model.events)
        last[optimizer] = model.events

    hooks = [before_steps(lambda optimizer, *_: within.append(optimizer)), after_steps(end)]
    try:
        yield steps
    finally:
        for hook in hooks:
            hook.remove()


def trained_at_two_rates(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Trains from one start at two learning rates and reports how far the first update went."""
    steps = []
    for lr in (1e-2, 1e-4):
        model = _model(case)
        start = model.linear.weight.detach().clone()
        _train(items, case, model, lr)
        steps.append(float((_after_one_update(model) - start).double().norm()))
    return {"steps": steps}


def _after_one_update(model: Noting) -> torch.Tensor:
    """Returns the first other weights that another batch met: a schedule may start at a learning rate of zero."""
    used = [note for note in model.notes if note["used"]]
    later: list[torch.Tensor] = [note["weight"] for note in used if note["ids"] != used[0]["ids"]]
    moved = (weight for weight in later if not torch.equal(weight, used[0]["weight"]))
    return next(moved, model.linear.weight.detach())


def trained_twice(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Trains twice from one start, with torch's global generator in another state, and reports both lists of losses."""
    runs = []
    for state in (1, 2):
        torch.manual_seed(state)
        runs.append(_plain(_train(items, case, _model(case), case.lr)))
    return {"first": runs[0], "second": runs[1]}


def learned(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Trains on clusters at each learning rate and reports the losses, and the logits that the model then gives."""
    labels = torch.arange(len(case.noise)) % case.classes
    images = _images(nn.functional.one_hot(labels, case.noise.shape[1]) + case.noise, 0)
    loaders = [DataLoader(TensorDataset(images, labels), batch_size=case.batch) for _ in range(2)]
    found: list[torch.Tensor] = []
    losses = []
    for lr in (*case.lrs, case.last_resort):
        if lr == case.last_resort and any(_mostly_right(logits, labels, 0.95) for logits in found):
            break
        model = Noting(case.noise.shape[1])
        losses.append(_plain(items.train_classifier(model, *loaders, lr, case.epochs)))
        found.append(_evaluated(model, images))
    return {"logits": found, "labels": labels, "losses": losses}


def learned_digits(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Trains the submission's MLP and head on digits, until a learning rate gives seven of ten.

    Where these learn at none, break or give up, torch's parts take their place, and what they switched for everybody
    is switched back: the loop answers for itself alone. Reports the logits after each run, and the losses of the last.
    """
    try:
        found, losses = _digits(items, case, items.MLP, items.ClassificationHead)
    except (Exception, SystemExit):
        found, losses = [], None  # whatever breaks without these parts, too, is told below
    own = len(found)
    if not found or not _mostly_right(found[-1], case.test_y):
        switch_back()
        others, losses = _digits(items, case, None, None)
        found += others
    return {"logits": found, "own": own, "labels": case.test_y, "losses": _plain(losses)}


def _digits(items: SimpleNamespace, case: SimpleNamespace, mlp: Any, head: Any) -> tuple[list[torch.Tensor], Any]:
    """Returns the logits after training at each learning rate, up to the first that gives seven of ten, and losses."""
    found: list[torch.Tensor] = []
    losses: Any = None
    x, test_x = _enlarged(case.train_x), _enlarged(case.test_x)
    for lr, epochs in case.rates:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), _part(mlp, SIDE * SIDE, 64, 32, 2), _part(head, 32, DIGITS))
        train = DataLoader(TensorDataset(x, case.train_y), batch_size=case.batch, shuffle=True)
        test = DataLoader(TensorDataset(test_x[:64], case.test_y[:64]), batch_size=64)
        losses = items.train_classifier(model, train, test, lr, epochs)
        found.append(_evaluated(model, test_x))
        if _mostly_right(found[-1], case.test_y):
            break  # the other learning rates would only cost time
    return found, losses


def _mostly_right(logits: torch.Tensor, labels: torch.Tensor, share: float = 0.7) -> bool:
    return float((logits.argmax(-1) == labels).double().mean()) > share


def _enlarged(images: torch.Tensor) -> torch.Tensor:
    """Returns 10 x 10 images of bytes as MNIST has them: 28 x 28, the figure in the middle 20 x 20, from 0 to 1."""
    large = images.float().div(255).repeat_interleave(2, -1).repeat_interleave(2, -2)
    return nn.functional.pad(large, (4, 4, 4, 4)).unsqueeze(1)


def _part(own: Any, *sizes: int) -> nn.Module:
    """Returns a part of the submission; torch's in place of one that is not there or does not work."""
    last = DIGITS if len(sizes) == 2 else sizes[2]
    try:
        part: nn.Module = own(*sizes)
        if tuple(part(torch.zeros(2, sizes[0])).shape) == (2, last):
            return part
    except (Exception, SystemExit):
        pass  # whatever is wrong with it is told where the part itself is judged
    # Two layers in all where both parts are missing: a deeper net would learn with fewer optimizers.
    return nn.Linear(sizes[0], last) if len(sizes) == 2 else nn.Sequential(nn.Linear(sizes[0], last), nn.GELU())


@torch.no_grad()
def _evaluated(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    y: torch.Tensor = model.eval()(images)
    return y


def _model(case: SimpleNamespace) -> Noting:
    return Noting(case.x.shape[1]).train(case.training)


def _train(items: SimpleNamespace, case: SimpleNamespace, model: nn.Module, lr: float) -> Any:
    sets = TensorDataset(_images(case.x, 0), case.y), TensorDataset(_images(case.test_x, IDS // 2), case.test_y)
    train = DataLoader(sets[0], batch_size=case.batch, shuffle=case.shuffle, collate_fn=_collated)
    test = DataLoader(sets[1], batch_size=case.test_batch, collate_fn=_collated)
    seed = {} if case.seed is None else {"seed": case.seed}
    return items.train_classifier(model, train, test, lr, case.epochs, **seed)


def _collated(samples: list[Any]) -> Any:
    """Returns a batch as torch does, with a pixel that tells that it has been through here."""
    x, y = default_collate(samples)
    x[..., -1, -4] = 1.0
    return x, y


def _images(features: torch.Tensor, first: int) -> torch.Tensor:
    """Returns images (N, 1, 28, 28) in [0, 1] that hold the features in their first pixels and their id in the last."""
    flat = torch.zeros((len(features), SIDE * SIDE))
    flat[:, : features.shape[1]] = features.clamp(0.0, 1.0)
    # Beside the ids a one, and a zero as all the rest: so that ids are read from images that were normalised, too.
    flat[:, -2] = 1.0
    flat[:, -1] = (torch.arange(len(features)) + first) / IDS
    return flat.reshape(-1, 1, SIDE, SIDE)


def _ids(flat: torch.Tensor) -> list[int]:
    """Returns the ids that images hold, whatever was added to all of their pixels or multiplied with them."""
    zero, one, share = flat[:, -3], flat[:, -2], flat[:, -1]
    return [int(number) for number in ((share - zero) / (one - zero) * IDS).nan_to_num(-1.0).round().tolist()]


def _plain(losses: Any) -> Any:
    """Returns the losses with subclasses of float as floats, which they are."""
    return [float(x) if isinstance(x, float) else x for x in losses] if type(losses) is list else losses
