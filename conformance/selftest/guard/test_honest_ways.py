"""Code that does the work itself is never taken for the reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conformance.runner.guard.samples import PERMITTED

Seen = Callable[[Callable[[], Any]], set[str]]
ENGINE = {"backward", "autograd_grad"}


class OwnLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4, 3))
        with torch.no_grad():
            self.weight.uniform_(-1, 1)
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T + self.bias


class OwnAdamW(torch.optim.Optimizer):
    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 0.1})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            grads = [p.grad for p in group["params"]]
            torch._foreach_mul_(group["params"], 0.99)
            torch._foreach_addcdiv_(group["params"], grads, grads, value=-0.1)


def layer_norm(x: torch.Tensor) -> torch.Tensor:
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + 1e-5)


def rms_norm(x: torch.Tensor) -> torch.Tensor:
    return x / torch.sqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)


def unit_norm(x: torch.Tensor) -> torch.Tensor:
    return F.normalize(x, dim=-1) * math.sqrt(x.shape[-1])


def cross_entropy(x: torch.Tensor) -> torch.Tensor:
    return F.nll_loss(F.log_softmax(x, -1), torch.tensor([0, 2]))


def dropout(x: torch.Tensor) -> torch.Tensor:
    return x * torch.bernoulli(torch.full_like(x, 0.5)).div(0.5)


def embedding(x: torch.Tensor) -> torch.Tensor:
    index = torch.tensor([[1, 0]])
    return x[index] + F.one_hot(index, 2).to(x.dtype) @ x + x.index_select(0, index[0]).clone()


def linear(x: torch.Tensor) -> torch.Tensor:
    module = OwnLinear()
    own: torch.Tensor = module(x)
    own += torch.einsum("ij,kj->ik", x, module.weight)
    return own + torch.addmm(module.bias, x, module.weight.T)


@pytest.mark.parametrize("function", [layer_norm, rms_norm, unit_norm, cross_entropy, dropout, embedding, linear])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_own_layer_is_silent_with_its_gradients(
    function: Callable[[torch.Tensor], torch.Tensor], device: str, seen: Seen
) -> None:
    def twice_differentiated() -> None:
        torch.set_default_device(device)
        x = torch.ones(2, 3, requires_grad=True)
        (grad,) = torch.autograd.grad(function(x).pow(2).sum(), x, create_graph=True)
        (grad**2).sum().backward()  # type: ignore[no-untyped-call]

    try:
        assert seen(twice_differentiated) == ENGINE
    finally:
        torch.set_default_device(None)


def own_updates() -> None:
    model = OwnLinear()
    optimizer = OwnAdamW(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.zero_grad()
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)


def test_an_own_optimizer_on_torchs_base_class_is_silent(seen: Seen) -> None:
    assert seen(own_updates) == {"backward"}


def test_networks_of_ready_made_parts_are_silent(seen: Seen) -> None:
    parts = nn.Sequential(nn.Flatten(), nn.GELU(), nn.Conv1d(2, 2, 1), nn.Softmax(-1), nn.ModuleList(), nn.Identity())
    assert seen(lambda: parts[1](torch.ones(2, 3))) == set()
    assert seen(lambda: nn.Sequential(nn.GELU(), nn.ReLU(), nn.Conv2d(1, 2, 3), nn.Tanh())) == {"init"}


@pytest.mark.parametrize("way", PERMITTED)
def test_a_permitted_way_is_silent(way: str, seen: Seen) -> None:
    assert seen(PERMITTED[way]) == set()


def test_each_family_of_initialiser_is_told_apart(guard: Any) -> None:
    guard.reset()
    nn.init.uniform_(torch.empty(2))
    nn.init.calculate_gain("relu")
    assert {str(breach.family) for breach in guard.records()} == {"init_helper"}
