"""Under the guard every call gives what it gave before, to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conformance.runner.guard import install

TARGET = torch.tensor([0, 2])


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_()


def differentiated(function: Callable[..., torch.Tensor], *args: torch.Tensor) -> list[torch.Tensor]:
    """Returns a value with its first and second derivatives."""
    value = function(*args)
    first = torch.autograd.grad(value.sin().sum(), args, create_graph=True)
    second = torch.autograd.grad(sum((grad**2).sum() for grad in first), args, allow_unused=True)  # type: ignore[arg-type]
    return [value, *first, *(grad for grad in second if grad is not None)]


def trained(make: Callable[[Any], torch.optim.Optimizer]) -> list[torch.Tensor]:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Dropout(0.2), nn.Linear(4, 3))
    optimizer = make(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(torch.randn(2, 3)), TARGET).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return list(model.parameters())


def weights(init: Callable[[torch.Tensor], Any]) -> list[torch.Tensor]:
    weight = torch.empty(3, 4)
    init(weight)
    return [weight, torch.rand(2)]


CALLS: dict[str, Callable[[], Any]] = {
    "linear": lambda: differentiated(F.linear, numbers(2, 3), numbers(4, 3), numbers(4)),
    "linear, three dimensions": lambda: differentiated(F.linear, numbers(2, 5, 3), numbers(4, 3)),
    "linear, transposed": lambda: differentiated(lambda x, w: F.linear(x.T, w), numbers(3, 2), numbers(4, 3)),
    "linear, bfloat16": lambda: F.linear(numbers(2, 3, dtype=torch.bfloat16), numbers(4, 3, dtype=torch.bfloat16)),
    "linear, wide": lambda: F.linear(numbers(64, 300), numbers(200, 300), numbers(200)),
    "embedding": lambda: differentiated(lambda w: F.embedding(TARGET, w, padding_idx=0), numbers(4, 3)),
    "embedding, scaled": lambda: differentiated(
        lambda w: F.embedding(TARGET, w, scale_grad_by_freq=True), numbers(4, 3)
    ),
    "embedding_bag": lambda: F.embedding_bag(TARGET[:, None], numbers(4, 3)),
    "layer_norm": lambda: differentiated(
        lambda x, w, b: F.layer_norm(x, (3,), w, b), numbers(2, 3), numbers(3), numbers(3)
    ),
    "rms_norm": lambda: differentiated(lambda x, w: F.rms_norm(x, (3,), w), numbers(2, 3), numbers(3)),
    "group_norm": lambda: differentiated(lambda x: F.group_norm(x, 2), numbers(2, 4, 3)),
    "batch_norm": lambda: differentiated(lambda x: F.batch_norm(x, None, None, training=True), numbers(5, 3)),
    "instance_norm": lambda: differentiated(lambda x: F.instance_norm(x), numbers(2, 3, 4)),
    "cross_entropy": lambda: differentiated(lambda x: F.cross_entropy(x, TARGET, label_smoothing=0.1), numbers(2, 3)),
    "cross_entropy of probabilities": lambda: differentiated(
        lambda x, p: F.cross_entropy(x, p.softmax(-1)), numbers(2, 3), numbers(2, 3)
    ),
    "dropout": lambda: [*differentiated(lambda x: F.dropout(x, 0.3) * x, numbers(8, 8)), torch.rand(2)],
    "dropout, in place": lambda: F.dropout(torch.ones(9), 0.3, inplace=True),
    "dropouts of features": lambda: (F.dropout1d(numbers(2, 3, 4)), F.alpha_dropout(numbers(2, 3), training=True)),
    "native_dropout": lambda: torch.native_dropout(numbers(5), 0.5, True),
    "vmap": lambda: (
        torch.vmap(lambda x: F.rms_norm(F.linear(x, torch.ones(4, 3)), (4,)))(numbers(2, 3)),
        torch.vmap(lambda x: F.cross_entropy(x, torch.tensor(1)))(numbers(2, 3)),
        torch.vmap(F.dropout, randomness="different")(numbers(2, 3)),
        torch.vmap(F.dropout, randomness="same")(numbers(2, 3)),
    ),
    "jvp and hessian": lambda: (
        torch.func.jvp(lambda x: F.rms_norm(F.linear(x, x), (2,)), (numbers(2, 3),), (numbers(2, 3),)),
        torch.func.hessian(lambda x: F.layer_norm(F.linear(x, x), (2,)).sin().sum())(numbers(2, 3)),
    ),
    "forward mode through layer_norm": lambda: torch.func.jvp(
        lambda x: F.layer_norm(x, (3,)), (numbers(2, 3),) * 1, (numbers(2, 3),)
    ),
    "inference mode": lambda: torch.inference_mode()(lambda: F.linear(numbers(2, 3), numbers(4, 3)))(),
    "autocast": lambda: torch.autocast("cpu")(lambda: F.linear(numbers(2, 3), numbers(4, 3)))(),
    "AdamW": lambda: trained(torch.optim.AdamW),
    "AdamW, foreach": lambda: trained(lambda params: torch.optim.AdamW(params, foreach=True, amsgrad=True)),
    "AdamW, fused": lambda: trained(lambda params: torch.optim.AdamW(params, fused=True)),
    "SGD": lambda: trained(lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9)),
    "Adam": lambda: trained(torch.optim.Adam),
    "xavier_uniform_": lambda: weights(nn.init.xavier_uniform_),
    "kaiming_normal_": lambda: weights(nn.init.kaiming_normal_),
    "orthogonal_": lambda: weights(nn.init.orthogonal_),
}


def flat(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for part in value for tensor in flat(part)]


def run(call: Callable[[], Any]) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [tensor.detach() for tensor in flat(call())]


@pytest.mark.parametrize("name", CALLS)
def test_values_gradients_and_random_numbers_stay(name: str) -> None:
    before = run(CALLS[name])
    guard = install()
    try:
        under = run(CALLS[name])
    finally:
        guard.remove()
    after = run(CALLS[name])
    for ours in (under, after):
        assert len(before) == len(ours)
        for one, other in zip(before, ours, strict=True):
            assert one.dtype == other.dtype
            assert one.stride() == other.stride()
            assert torch.equal(one, other)


WRONG_USES: dict[str, Callable[[], Any]] = {
    "an index out of range": lambda: F.embedding(torch.tensor([7]), torch.ones(4, 3)),
    "shapes that do not fit": lambda: F.linear(torch.ones(2, 3), torch.ones(4, 5)),
    "a normalized shape that does not fit": lambda: F.layer_norm(torch.ones(2, 3), (4,)),
    "a target out of range": lambda: F.cross_entropy(torch.ones(1, 2), torch.tensor([5])),
    "a probability above one": lambda: torch.dropout(torch.ones(2), 1.5, True),
    "a wrong argument": lambda: nn.Linear(3, out=4),  # type: ignore[call-arg]
    "a wrong learning rate": lambda: torch.optim.AdamW([torch.ones(1)], lr=-1.0),
    "no gradient to take": lambda: torch.ones(()).backward(),  # type: ignore[no-untyped-call]
}


@pytest.mark.parametrize("name", WRONG_USES)
def test_an_error_stays_the_same(name: str) -> None:
    def error() -> tuple[type[BaseException], str]:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what is compared
            WRONG_USES[name]()
        return caught.type, str(caught.value)

    before = error()
    guard = install()
    try:
        assert error() == before
    finally:
        guard.remove()


def test_dropout_at_evaluation_returns_the_same_object(guard: Any) -> None:
    x = torch.ones(3)
    assert F.dropout(x, 0.5, training=False) is x


def test_meta_tensors_pass_through(guard: Any) -> None:
    x = torch.empty(2, 3, device="meta", requires_grad=True)
    for module in (
        nn.Linear(3, 4, device="meta"),
        nn.LayerNorm(3, device="meta"),
        nn.RMSNorm(3, device="meta"),
        nn.Dropout(),
    ):
        value = module(x)
        assert value.device.type == "meta"
        assert value.requires_grad
