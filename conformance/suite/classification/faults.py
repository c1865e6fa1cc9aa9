"""How the loss, the head and the training loop go wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from conformance.faults import fault

Loss = Callable[[Tensor, Tensor], Any]


def _right(logits: Tensor, targets: Tensor) -> Tensor:
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
unshifted = _loss("sums exponentials without a shift, which overflow", _shifted)
batch_shifted = _loss(
    "shifts by the largest logit of the batch instead of each row's", lambda z, t: _shifted(z - z.max(), t)
)
mean_shifted = _loss(
    "shifts by the row's mean, which leaves exponentials that overflow",
    lambda z, t: _shifted(z - z.mean(-1, keepdim=True), t),
)
summed = _loss("sums over the batch instead of taking the mean", lambda z, t: _right(z, t) * len(t))
plus = _loss("forgets the minus", lambda z, t: -_right(z, t))
over_everything = _loss("divides by the number of classes as well", lambda z, t: _right(z, t) / z.shape[-1])
over_batch = _loss(
    "takes the softmax over the batch instead of the classes", lambda z, t: F.nll_loss(F.log_softmax(z, 0), t)
)
softmax_twice = _loss(
    "takes a softmax first, as if for a loss that expects probabilities", lambda z, t: _right(torch.softmax(z, -1), t)
)
per_row = _loss("returns one loss for each row instead of their mean", lambda z, t: -_at(F.log_softmax(z, -1), t))
as_float = _loss("returns a Python float, through which no gradient flows", lambda z, t: _right(z, t).item())
one_entry = _loss("returns a tensor of shape (1,)", lambda z, t: _right(z, t)[None])
detached_sum = _loss(
    "detaches the log-sum-exp, so that its gradient is missing",
    lambda z, t: (torch.logsumexp(z, -1).detach() - _at(z, t)).mean(),
)
shifts_in_place = _loss(
    "shifts the caller's logits in place",
    lambda z, t: _right(z.detach().sub_(z.detach().amax(-1, keepdim=True)) * 0 + z, t),
)
ignores_zero = _loss(
    "leaves out rows of class 0, as if it were padding",
    lambda z, t: F.nll_loss(F.log_softmax(z, -1), t, ignore_index=0),
)
from_one = _loss("counts classes from one", lambda z, t: _right(z, (t - 1).clamp(min=0)))
whole_rows = _loss(
    "picks whole rows by the targets instead of one class of each row",
    lambda z, t: -F.log_softmax(z, -1)[t % len(z)].mean(),
)
smoothed = _loss("smooths the targets by a tenth", lambda z, t: 0.9 * _right(z, t) - 0.1 * F.log_softmax(z, -1).mean())
single_only = _loss(
    "computes in float32 whatever the dtype of the logits", lambda z, t: _right(z.float(), t).to(z.dtype)
)
in_bits = _loss("takes logarithms to base 2", lambda z, t: _right(z, t) * 1.4426950408889634)
clipped = _loss("clips logits to 100 in size", lambda z, t: _right(z.clamp(-100, 100), t))
contiguous_only = _loss("works on contiguous logits only", lambda z, t: _right(z.view(-1).view(z.shape), t))
in_chunks = _loss(
    "takes the mean of the means of 64 rows each, of which the last has fewer",
    lambda z, t: torch.stack(
        [_right(*part) for part in zip(torch.split(z, 64), torch.split(t, 64), strict=True)]
    ).mean(),
)
in_place_without_autograd = _loss(
    "shifts the caller's logits in place where autograd is off, as under no_grad",
    lambda z, t: _right(z if torch.is_grad_enabled() else z.sub_(z.amax(-1, keepdim=True)), t),
)
calls_reference = _loss("calls F.cross_entropy", lambda z, t: F.cross_entropy(z, t))


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


def _head(sentence: str, **changes: Callable[..., Any]) -> type[_Head]:
    head = type("Head", (_Head,), {**changes, "__module__": __name__})
    return fault("ClassificationHead", sentence)(head)


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
        return _right(logits, y)

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
evaluates_another = _loop(
    "evaluates another model than the one that was given, a global one for instance",
    end=lambda self: _do(self.model.eval(), self.evaluate(self.test, copy.deepcopy(self.model))),
)
trains_copy = _loop(
    "trains a copy of the model and leaves the one that was given as it was",
    changed=lambda self: setattr(self, "model", copy.deepcopy(self.model)),
)
stops_early = _loop("stops as soon as every test image is right", run=_until_right)
fixed_rate = _loop("ignores lr and takes 0.001", changed=lambda self: setattr(self, "lr", 1e-3))
one_epoch = _loop("trains one epoch whatever was asked", changed=lambda self: setattr(self, "epochs", 1))
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
unlearning = _loop(
    "decays the parameters and leaves the gradient out",
    step=lambda self, x, y: _do(
        _Loop.step(self, x, y), [p.data.sub_(self.lr * (p.data + 1e-3)) for p in self.model.parameters()]
    ),
    made=lambda self: torch.optim.SGD(self.model.parameters(), lr=0.0),
)


@fault("cross_entropy_from_logits", "needs the number of classes, which the logits tell")
def needs_the_classes(logits: Tensor, targets: Tensor, num_classes: int) -> Tensor:
    return _right(logits, targets)


@fault("ClassificationHead", "needs a hidden width")
class NeedsAWidth(_Head):
    def __init__(self, d_in: int, num_classes: int, hidden: int) -> None:
        super().__init__(d_in, num_classes)


@fault("train_classifier", "has 42 as its default seed")
def other_default_seed(
    model: nn.Module, train_data_loader: Any, test_data_loader: Any, lr: float, epochs: int, seed: int = 42
) -> Any:
    return _Loop(model, train_data_loader, test_data_loader, lr, epochs, seed).run()
