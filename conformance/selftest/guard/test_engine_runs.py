"""Which runs of autograd's engine count as differentiating at the inputs, whatever way leads there."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from conformance.runner.guard import Guard
from conformance.suite.autograd.driver import autograd_grad, multiple_runs
from conformance.suite.autograd.driver import autograd_grad_runs as runs

any_autograd: Any = torch.autograd


def square(x: torch.Tensor) -> torch.Tensor:
    return x.square().sum()


def leaf_of(x: torch.Tensor) -> torch.Tensor:
    return x.detach().clone().requires_grad_()


def by_backward(x: torch.Tensor) -> Any:
    leaf = leaf_of(x)
    square(leaf).backward()  # type: ignore[no-untyped-call]
    return leaf.grad


def kept_graph(x: torch.Tensor) -> torch.Tensor:
    f = square(leaf := leaf_of(x))
    torch.autograd.grad(f, leaf, retain_graph=True)
    return torch.autograd.grad(f, leaf)[0]


def by_second_order(x: torch.Tensor) -> torch.Tensor:
    leaf = leaf_of(x)
    (first,) = torch.autograd.grad((leaf**3).sum() / 3, leaf, create_graph=True)
    return torch.autograd.grad(first.sum(), leaf)[0]


def one_by_one(x: torch.Tensor) -> torch.Tensor:
    leaves = [leaf_of(number) for number in x.reshape(-1)]
    return torch.stack([torch.autograd.grad(leaf**2, leaf)[0] for leaf in leaves]).reshape(x.shape)


def beside_x(x: torch.Tensor) -> torch.Tensor:
    shift = torch.zeros_like(x, requires_grad=True)
    return torch.autograd.grad(square(x.detach() + shift), shift)[0]


def in_double(x: torch.Tensor) -> torch.Tensor:
    leaf = x.detach().double().requires_grad_()
    return torch.autograd.grad(square(leaf), leaf)[0].to(x.dtype)


def from_an_edge(x: torch.Tensor) -> torch.Tensor:
    leaf = leaf_of(x)
    edge = torch.autograd.graph.get_gradient_edge(square(leaf))
    return torch.autograd.grad(edge, leaf, grad_outputs=(torch.ones(()),))[0]


class OwnSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.square().sum()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        with torch.enable_grad():
            leaf = leaf_of(ctx.saved_tensors[0])
            return torch.autograd.grad(square(leaf), leaf)[0] * grads[0]


def by_a_function_of_its_own(x: torch.Tensor) -> torch.Tensor:
    leaf = leaf_of(x)
    return torch.autograd.grad(OwnSquare.apply(leaf), leaf)[0]  # type: ignore[no-untyped-call]


WAYS: dict[str, Callable[[torch.Tensor], Any]] = {
    "autograd.grad of a copy": lambda x: torch.autograd.grad(square(leaf := leaf_of(x)), leaf)[0],
    "autograd.grad of x": lambda x: torch.autograd.grad(square(x.requires_grad_()), x)[0],
    "backward": by_backward,
    "a graph that is kept": kept_graph,
    "second order": by_second_order,
    "number by number": one_by_one,
    "a shift beside x": beside_x,
    "in float64": in_double,
    "from an edge of the graph": from_an_edge,
    "a Function of its own": by_a_function_of_its_own,
    "func.grad": lambda x: torch.func.grad(square)(x.detach()),
    "func.grad in func.grad": lambda x: torch.func.grad(lambda y: torch.func.grad(lambda z: (z**3).sum() / 3)(y).sum())(
        x.detach()
    ),
    "vmap of func.grad": lambda x: torch.vmap(torch.func.grad(square))(x.detach().reshape(-1)).reshape(x.shape),
    "func.vjp": lambda x: torch.func.vjp(square, x.detach())[1](torch.ones(()))[0],
    "func.jacrev": lambda x: torch.func.jacrev(square)(x.detach()),
    "jacrev of the squares": lambda x: torch.func.jacrev(torch.square)(x.detach().reshape(-1)).sum(0).reshape(x.shape),
    "functional.jacobian": lambda x: any_autograd.functional.jacobian(square, x),
    "functional.vjp": lambda x: any_autograd.functional.vjp(square, x)[1],
    "functional.jacobian at once": lambda x: (
        any_autograd.functional.jacobian(lambda y: y.square(), x.detach().reshape(-1), vectorize=True)
        .sum(0)
        .reshape(x.shape)
    ),
}

INPUTS: dict[str, Callable[[], torch.Tensor]] = {
    "plain": lambda: torch.tensor([[1.5, -2.0, 0.25]]),
    "leaf": lambda: torch.tensor([[1.5, -2.0, 0.25]], requires_grad=True),
    "result": lambda: torch.tensor([[1.5, -2.0, 0.25]], requires_grad=True) * 1,
    "number": lambda: torch.tensor(3.0),
}


def _case(*inputs: torch.Tensor) -> SimpleNamespace:
    """Returns a case of these inputs, and of others like them."""
    others = [(0.5 * x.detach() + 0.25).requires_grad_(x.requires_grad) for x in inputs]
    return SimpleNamespace(inputs=list(inputs), others=others)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_way_to_differentiate_counts(way: str, kind: str) -> None:
    function, x = WAYS[way], INPUTS[kind]()
    items = SimpleNamespace(grad_with_autograd_grad=function)
    assert runs(items, _case(x))["runs"] > 0
    torch.testing.assert_close(function(INPUTS[kind]()), 2 * INPUTS[kind]().detach(), check_dtype=False)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_a_run_for_an_input_without_numbers_counts(shape: tuple[int, ...]) -> None:
    items = SimpleNamespace(grad_with_autograd_grad=WAYS["autograd.grad of a copy"])
    assert runs(items, _case(torch.ones(shape)))["runs"] == 1


def looks_at_the_engine(x: torch.Tensor) -> torch.Tensor:
    any_autograd.Variable._execution_engine.run_backward  # noqa: B018
    return 2 * x.detach()


def runs_it_for_another(x: torch.Tensor) -> torch.Tensor:
    other = torch.zeros((), requires_grad=True)
    torch.autograd.grad(other * 1, other)
    torch.autograd.backward(other * 1)
    return 2 * x.detach()


def asks_for_what_is_not_used(x: torch.Tensor) -> torch.Tensor:
    other = torch.zeros((), requires_grad=True)
    torch.autograd.grad(other * 1, (other, leaf_of(x)), allow_unused=True)
    return 2 * x.detach()


def runs_it_in_vain(x: torch.Tensor) -> torch.Tensor:
    try:
        torch.autograd.grad(square(leaf_of(x)), leaf_of(x))
    except RuntimeError:
        return 2 * x.detach()
    raise AssertionError


@pytest.mark.parametrize(
    "function", [looks_at_the_engine, runs_it_for_another, asks_for_what_is_not_used, runs_it_in_vain]
)
def test_a_run_about_something_else_does_not_count(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    items = SimpleNamespace(grad_with_autograd_grad=function)
    assert runs(items, _case(torch.tensor([1.5, -2.0])))["runs"] == 0


def test_a_run_has_to_concern_each_input() -> None:
    def for_one_of_them(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = leaf_of(a)
        return torch.autograd.grad((leaf * (leaf + b)).sum(), leaf)[0], a.clone()

    def in_one_tensor(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = leaf_of(torch.stack([a, b]))
        (both,) = torch.autograd.grad((leaf[0] * leaf.sum(0)).sum(), leaf)
        return both[0], both[1]

    case = _case(torch.tensor([1.5, -2.0]), torch.tensor([0.5, 3.0]))
    assert multiple_runs(SimpleNamespace(grad_wrt_multiple_inputs=for_one_of_them), case)["runs"] == 0
    assert multiple_runs(SimpleNamespace(grad_wrt_multiple_inputs=in_one_tensor), case)["runs"] == 1


def test_nobody_can_tell_by_the_engine_whether_its_runs_are_asked_for() -> None:
    engines: list[type] = []

    def looks(x: torch.Tensor) -> torch.Tensor:
        engines.append(type(any_autograd.Variable._execution_engine))
        return torch.autograd.grad(square(leaf := leaf_of(x)), leaf)[0]

    x = torch.tensor([1.5, -2.0])
    items = SimpleNamespace(grad_with_autograd_grad=looks)
    case = SimpleNamespace(inputs=[x], others=[x], stale=[None], poison=None, leaf=True)
    autograd_grad(items, case)
    runs(items, case)
    assert len(set(engines)) == 1


def test_the_guard_still_names_what_was_called(guard: Guard) -> None:
    guard.reset()
    items = SimpleNamespace(grad_with_autograd_grad=WAYS["autograd.grad of a copy"])
    runs(items, _case(torch.ones(2)))
    assert [breach.what for breach in guard.records()] == ["torch.autograd.grad (autograd engine)"]
