"""How train_classifier goes wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from conformance.faults import fault
from conformance.suite.classification.faults.loss import right


class _Loop:
    """A right training loop in steps that a fault can replace."""

    def __init__(self, model: nn.Module, train: Any, test: Any, lr: float, epochs: int, seed: int = 0) -> None:
        self.model, self.train, self.test, self.lr, self.epochs = model, train, test, lr, epochs
        self.losses: list[Any] = []
        torch.manual_seed(seed)
        self.changed()
        self.optimizer = self.made()

    def changed(self) -> Any:
        """What a fault does to the arguments."""

    def made(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=self.lr)

    def run(self) -> Any:
        for _ in range(self.epochs):
            self.begin()
            for x, y in self.batches():
                self.step(x, y)
            self.end()
        return self.returned()

    def batches(self) -> Iterable[Any]:
        batches: Iterable[Any] = self.train
        return batches

    def begin(self) -> Any:
        return self.model.train()

    def step(self, x: Tensor, y: Tensor) -> Any:
        self.optimizer.zero_grad()
        loss = self.back(x, y)
        self.optimizer.step()
        return self.note(loss)

    def back(self, x: Tensor, y: Tensor, sign: float = 1.0) -> Tensor:
        loss = self.loss(self.model(x), y)
        (sign * loss).backward()  # type: ignore[no-untyped-call]
        return loss

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        return right(logits, y)

    def note(self, loss: Tensor) -> Any:
        return self.losses.append(loss.item())

    def returned(self) -> Any:
        return self.losses

    def end(self) -> Any:
        self.model.eval()
        return self.evaluate(self.test)

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Any], model: nn.Module | None = None) -> Any:
        return [float((model or self.model)(x).argmax(-1).eq(y).double().mean()) for x, y in batches]


def _loop(sentence: str, **changes: Callable[..., Any]) -> Callable[..., Any]:
    loop = type("Loop", (_Loop,), changes)

    def train_classifier(
        model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 0
    ) -> Any:
        return loop(model, train_data_loader, test_data_loader, lr, epochs, seed).run()

    return fault("train_classifier", sentence)(train_classifier)


def _do(*steps: Any) -> Any:
    """Returns the last of what was done in order."""
    return steps[-1]


def _until_right(self: _Loop) -> list[Any]:
    for _ in range(self.epochs):
        self.begin()
        for x, y in self.batches():
            self.step(x, y)
        if min(self.end()) == 1:
            break
    return self.losses


never_trains = _loop("does not set train mode", begin=lambda self: None)
trains_once = _loop(
    "sets train mode once, before the first epoch, so that later epochs train in eval mode",
    begin=lambda self: self.losses or self.model.train(),
)
never_evals = _loop("evaluates in train mode", end=lambda self: self.evaluate(self.test))
sets_flag = _loop(
    "sets model.training itself, which leaves its submodules as they were",
    begin=lambda self: self.model.__dict__.update(training=True),
    end=lambda self: _do(self.model.__dict__.update(training=False), self.evaluate(self.test)),
)
accumulates = _loop(
    "does not zero the gradients",
    step=lambda self, x, y: _do(loss := self.back(x, y), self.optimizer.step(), self.note(loss)),
)
zeroes_too_late = _loop(
    "zeroes the gradients between backward and step, so that nothing is learned",
    step=lambda self, x, y: _do(
        loss := self.back(x, y), self.optimizer.zero_grad(), self.optimizer.step(), self.note(loss)
    ),
)
never_steps = _loop("never steps", step=lambda self, x, y: _do(self.optimizer.zero_grad(), self.note(self.back(x, y))))
steps_per_epoch = _loop(
    "steps once an epoch instead of once a batch",
    step=lambda self, x, y: _do(self.optimizer.zero_grad(), self.note(self.back(x, y))),
    end=lambda self: _do(self.optimizer.step(), _Loop.end(self)),
)
goes_uphill = _loop(
    "goes uphill: it minimises the negative loss", back=lambda self, x, y: _Loop.back(self, x, y, sign=-1.0)
)
epoch_means = _loop(
    "returns the mean loss of each epoch instead of each batch's",
    returned=lambda self: torch.tensor(self.losses).reshape(self.epochs, -1).mean(1).tolist(),
)
returns_tensors = _loop(
    "returns 0-dim tensors instead of floats", note=lambda self, loss: self.losses.append(loss.detach())
)
returns_tuple = _loop("returns losses and accuracy as a tuple", returned=lambda self: (self.losses, 1.0))
returns_nothing = _loop("returns nothing", returned=lambda self: None)
returns_stack = _loop("returns a tensor of losses", returned=lambda self: torch.tensor(self.losses))
notes_after = _loop(
    "notes the loss after the update",
    step=lambda self, x, y: _do(
        _Loop.step(self, x, y), self.losses.pop(), self.note(self.loss(self.model(x), y).detach())
    ),
)
notes_sums = _loop(
    "notes the loss times the size of the batch",
    step=lambda self, x, y: _do(_Loop.step(self, x, y), self.losses.append(self.losses.pop() * len(x))),
)
notes_mean = _loop(
    "notes the running mean of the losses",
    note=lambda self, loss: self.losses.append(
        (sum(self.losses[-1:]) * len(self.losses) + loss.item()) / (len(self.losses) + 1)
    ),
)
trains_on_tests = _loop(
    "trains on the test data as well",
    end=lambda self: _do(self.model.eval(), [_do(self.back(x, y), self.optimizer.step()) for x, y in self.test]),
)
evaluates_another = _loop(
    "evaluates another model than the one that was given, a global one for instance",
    end=lambda self: _do(self.model.eval(), self.evaluate(self.test, copy.deepcopy(self.model))),
)
skips_tests = _loop("does not evaluate", end=lambda self: self.model.eval())
evaluates_once = _loop(
    "evaluates once, after the last epoch",
    end=lambda self: None,
    returned=lambda self: _do(_Loop.end(self), self.losses),
)
evaluates_training = _loop(
    "evaluates on the training data", end=lambda self: _do(self.model.eval(), self.evaluate(self.train))
)
evaluates_first_batch = _loop(
    "evaluates the first test batch only",
    end=lambda self: _do(self.model.eval(), self.evaluate([next(iter(self.test))])),
)
steps_on_every_second = _loop(
    "steps on every second batch only",
    step=lambda self, x, y: (
        _Loop.step(self, x, y) if len(self.losses) % 2 else _do(self.optimizer.zero_grad(), self.note(self.back(x, y)))
    ),
)
steps_before = _loop(
    "steps before the forward, so that the last gradient is never applied",
    step=lambda self, x, y: _do(self.optimizer.step(), self.optimizer.zero_grad(), self.note(self.back(x, y))),
)
trains_on_ten = _loop(
    "stops each epoch after ten batches, as when one tries things out", batches=lambda self: list(self.train)[:10]
)
gives_up = _loop("stops after five epochs", changed=lambda self: setattr(self, "epochs", min(self.epochs, 5)))
evaluates_ten = _loop(
    "evaluates on the first ten test batches",
    end=lambda self: _do(self.model.eval(), self.evaluate(list(self.test)[:10])),
)
trains_copy = _loop(
    "trains a copy of the model and leaves the one that was given as it was",
    changed=lambda self: setattr(self, "model", copy.deepcopy(self.model)),
)
stops_early = _loop("stops as soon as every test image is right", run=_until_right)
fixed_rate = _loop("ignores lr and takes 0.001", changed=lambda self: setattr(self, "lr", 1e-3))
one_epoch = _loop("trains one epoch whatever was asked", changed=lambda self: setattr(self, "epochs", 1))
steps_twice = _loop(
    "steps twice for each backward", step=lambda self, x, y: _do(_Loop.step(self, x, y), self.optimizer.step())
)
lists_once = _loop(
    "lists the loader once, before the first epoch, so that it never shuffles again",
    changed=lambda self: setattr(self, "train", list(self.train)),
)
seeds_each_epoch = _loop(
    "seeds at the start of each epoch, so that all have the same order of batches and the same dropout",
    begin=lambda self: _do(torch.manual_seed(0), self.model.train()),
)
evaluates_early = _loop(
    "evaluates at the start of each epoch instead of its end, after the first batch",
    step=lambda self, x, y: _do(
        self.model.train(), _Loop.step(self, x, y), self.early or self.evaluate_now(), self.__dict__.update(early=True)
    ),
    begin=lambda self: self.__dict__.update(early=False),
    evaluate_now=_Loop.end,
    end=lambda self: None,
)
drops_last = _loop("leaves out the last batch of an epoch", batches=lambda self: list(self.train)[:-1])
first_batch_only = _loop(
    "trains on the first batch again and again",
    batches=lambda self: [next(iter(self.train))] * len(self.train),
)
last_parameter = _loop(
    "optimises the last parameter only",
    made=lambda self: torch.optim.Adam(list(self.model.parameters())[-1:], lr=self.lr),
)
restores = _loop(
    "puts the model back where it started",
    changed=lambda self: setattr(self, "start", copy.deepcopy(self.model.state_dict())),
    returned=lambda self: _do(self.model.load_state_dict(self.start), self.losses),
)
wrong_labels = _loop("trains on the labels of other images", step=lambda self, x, y: _Loop.step(self, x, y.roll(1)))
insists_on_device = _loop(
    "moves everything to a device that is not there", step=lambda self, x, y: _Loop.step(self, x.to("mps"), y.to("mps"))
)
uses_reference = _loop(
    "uses F.cross_entropy instead of its own loss", loss=lambda self, logits, y: F.cross_entropy(logits, y)
)
softmaxes_backward = _loop(
    "goes backward from the cross-entropy of probabilities, with a softmax too many, and returns that of the logits",
    back=lambda self, x, y: _do(
        z := self.model(x),
        self.loss(z.softmax(-1), y).backward(),
        self.loss(z.detach(), y),
    ),
)
smooths_backward = _loop(
    "smooths the labels in what goes backward, which was not asked",
    back=lambda self, x, y: _do(
        z := self.model(x),
        loss := self.loss(z, y),
        (0.9 * loss - 0.1 * F.log_softmax(z, -1).mean()).backward(),
        loss,
    ),
)
trains_on_hundred = _loop(
    "stops each epoch after a hundred batches, as when one tries things out",
    batches=lambda self: list(self.train)[:100],
)
evaluates_hundred = _loop(
    "evaluates on the first hundred test batches",
    end=lambda self: _do(self.model.eval(), self.evaluate(list(self.test)[:100])),
)
accumulates_later = _loop(
    "adds up gradients of several batches, later in training",
    step=lambda self, x, y: _do(
        (len(self.losses) >= 70 and len(self.losses) % 4) or self.optimizer.zero_grad(),
        loss := self.back(x, y),
        self.optimizer.step(),
        self.note(loss),
    ),
)
sets_children = _loop(
    "sets training on the model and its children itself, and not on what is deeper",
    begin=lambda self: [m.__dict__.update(training=True) for m in (self.model, *self.model.children())],
    end=lambda self: _do(
        [m.__dict__.update(training=False) for m in (self.model, *self.model.children())], self.evaluate(self.test)
    ),
)
evaluates_between = _loop(
    "evaluates after every fiftieth batch, counted from zero, and not at the end of the epoch",
    begin=lambda self: self.__dict__.update(count=0),
    step=lambda self, x, y: _do(
        self.model.train(),
        _Loop.step(self, x, y),
        self.count % 50 or _Loop.end(self),
        self.__dict__.update(count=self.count + 1),
    ),
    end=lambda self: None,
)
unlearning = _loop(
    "decays the parameters and leaves the gradient out",
    step=lambda self, x, y: _do(
        _Loop.step(self, x, y), [p.data.sub_(self.lr * (p.data + 1e-3)) for p in self.model.parameters()]
    ),
    made=lambda self: torch.optim.SGD(self.model.parameters(), lr=0.0),
)
reinitialises = _loop(
    "sets every layer's parameters anew before training, so that what the model had learned is lost",
    changed=lambda self: [m.reset_parameters() for m in self.model.modules() if hasattr(m, "reset_parameters")],
)
leaves_autograd_off = _loop(
    "switches autograd off to evaluate, and on again for the next epoch only",
    begin=lambda self: _do(torch.set_grad_enabled(True), self.model.train()),
    end=lambda self: _do(torch.set_grad_enabled(False), _Loop.end(self)),
)
rebuilds_loader = _loop(
    "makes a loader of its own out of the dataset, without the collate_fn of the one that was given",
    changed=lambda self: setattr(self, "train", DataLoader(self.train.dataset, self.train.batch_size, shuffle=True)),
)

trains_modules_only = _loop(
    "has the optimizer train the parameters of the model's modules, and not the model's own",
    made=lambda self: torch.optim.Adam([p for part in self.model.children() for p in part.parameters()], lr=self.lr),
)


@fault("train_classifier", "has 42 as its default seed")
def other_default_seed(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 42
) -> Any:
    return _Loop(model, train_data_loader, test_data_loader, lr, epochs, seed).run()
