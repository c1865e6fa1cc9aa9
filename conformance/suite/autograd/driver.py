"""Calls a function that differentiates, and reports what it returned and what it left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch


def autograd_grad(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_autograd_grad three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_with_autograd_grad, case)


def backward(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_backward three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_with_backward, case)


def multiple(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_wrt_multiple_inputs three times and reports the gradients, the inputs, and their ``.grad``."""
    return _called(items.grad_wrt_multiple_inputs, case)


def autograd_grad_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_autograd_grad and reports how often autograd's engine ran for its inputs."""
    return {"runs": _engine_runs(items.grad_with_autograd_grad, case)}


def backward_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_with_backward and reports how often autograd's engine ran for its inputs."""
    return {"runs": _engine_runs(items.grad_with_backward, case)}


def multiple_runs(items: SimpleNamespace, case: SimpleNamespace) -> dict[str, Any]:
    """Calls grad_wrt_multiple_inputs and reports how often autograd's engine ran for its inputs."""
    return {"runs": _engine_runs(items.grad_wrt_multiple_inputs, case)}


def _called(function: Callable[..., Any], case: SimpleNamespace) -> dict[str, Any]:
    # A copy of a leaf is no leaf, and its history saves nothing that a second backward would miss.
    inputs = [x if case.leaf else x.clone() for x in case.inputs]
    for x, stale in zip(inputs, case.stale, strict=True):
        if stale is not None:
            x.grad = stale if case.poison is None else stale.fill_(case.poison)
    with _counting(inputs):  # as where it is asked for, so that nobody can tell by it what is asked
        first = function(*inputs)
        seen: dict[str, Any] = {"first": _copied(first), "again": _copied(function(*inputs))}
        seen["other"] = _copied(function(*case.others))
    seen["kept"], seen["autograd"] = _copied(first), torch.is_grad_enabled()
    seen["inputs"] = [x.detach() for x in inputs]
    seen["marked"] = [bool(x.requires_grad) for x in inputs]
    seen["grads"] = [x.grad for x in inputs] if case.leaf else [None for _ in inputs]
    seen["below"] = [x.grad for x in case.inputs]
    return seen


def _copied(value: Any) -> Any:
    """Returns the tensors of a result as they are now, so that later calls cannot change them."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple):
        return tuple(_copied(entry) for entry in value)
    return [_copied(entry) for entry in value] if isinstance(value, list) else value


class _Engine:
    """Autograd's engine, noting what each of its runs was about; the engine's own method is what runs."""

    def __init__(self, engine: Any, inputs: Sequence[torch.Tensor]) -> None:
        self.engine = engine
        self.inputs = inputs
        self.runs: list[_Run] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def run_backward(self, tensors: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        # What lies on the way to what autograd.grad is asked for is not differentiated.
        nodes = _nodes(tensors if kwargs.get("accumulate_grad") else ())
        passed = [x.grad_fn in nodes for x in self.inputs]
        leaves = [_bare(node.variable) for node in nodes if hasattr(node, "variable")]
        results = self.engine.run_backward(tensors, *args, **kwargs)
        if kwargs.get("accumulate_grad"):
            gradients = [leaf.grad for leaf in leaves if leaf.grad is not None]
        else:
            wanted = kwargs.get("inputs", args[3] if len(args) > 3 else ())
            pairs = [pair for pair in zip(wanted, results, strict=False) if isinstance(pair[1], torch.Tensor)]
            leaves += [_bare(value) for value, _ in pairs if isinstance(value, torch.Tensor)]
            gradients = [_bare(result) for _, result in pairs]
        self.runs.append(_Run(passed, leaves, gradients, _as_they_are(gradients)))
        return results


class _Run(NamedTuple):
    """A run of the engine: the inputs it passed on its way, the tensors it ended at, and the gradients it gave.

    ``given``: the gradients as they were when it ended, which may be changed later.
    """

    passed: list[bool]
    leaves: list[torch.Tensor]
    gradients: list[torch.Tensor]
    given: list[torch.Tensor]

    def concerns(self, index: int, value: torch.Tensor, result: Any) -> bool:
        """Tells whether an input, or a copy or a part of it, was differentiated at, or the run gave the result."""
        return (
            self.passed[index]
            or any(_part(leaf, value) or _part(value, leaf) for leaf in self.leaves)
            or any(_part(gradient, result) or _part(result, gradient) for gradient in self.gradients)
        )


def _engine_runs(function: Callable[..., Any], case: SimpleNamespace) -> int:
    """Calls the function and returns how many runs of the engine concern the input that fewest of them do.

    None counts where all gave the gradients that they give at other inputs: the result does not come from them.
    """
    values = [x.detach().clone() for x in case.inputs]
    elsewhere = [x.detach().clone() for x in case.others]
    returned, runs = _watched(function, case.inputs)
    _, others = _watched(function, case.others)
    if not torch.equal(values[0], elsewhere[0]) and _alike(_given(runs), _given(others)):
        return 0
    results = returned if isinstance(returned, (tuple, list)) else (returned,)
    results = [*results, *[None] * len(values)]
    return min(sum(run.concerns(k, value, results[k]) for run in runs) for k, value in enumerate(values))


def _watched(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> tuple[Any, list[_Run]]:
    """Calls the function and returns what it returned, and the runs of the engine meanwhile."""
    with _counting(inputs) as engine:
        return function(*inputs), engine.runs


@contextlib.contextmanager
def _counting(inputs: Sequence[torch.Tensor]) -> Iterator[_Engine]:
    """Yields autograd's engine, which notes its runs in the body."""
    variable: Any = torch.autograd.Variable
    engine = variable._execution_engine = _Engine(variable._execution_engine, inputs)
    try:
        yield engine
    finally:
        variable._execution_engine = engine.engine


def _as_they_are(gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    """Returns copies of gradients; none where they are batches of the old vmap, whose numbers are not to be had yet."""
    try:
        return [gradient.detach().clone() for gradient in gradients]
    except RuntimeError:
        return []


def _given(runs: list[_Run]) -> list[torch.Tensor]:
    """Returns the gradients of all runs; zeros say nothing, as where a hook takes a gradient and passes none on."""
    return [gradient for run in runs for gradient in run.given if gradient.any()]


def _alike(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    """Tells whether there are gradients, and the same ones in both."""
    return bool(some) and len(some) == len(others) and all(map(torch.equal, some, others))


def _nodes(roots: Sequence[Any]) -> set[Any]:
    """Returns the nodes of the graph above some tensors, or above the edges at which it is to start."""
    nodes: set[Any] = set()
    ahead = [root.grad_fn if isinstance(root, torch.Tensor) else root[0] for root in roots]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            ahead += [following for following, _ in node.next_functions]
    return nodes


def _bare(value: torch.Tensor) -> torch.Tensor:
    """Returns the tensor that torch.func has wrapped."""
    functorch: Any = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(value):
        value = functorch.get_unwrapped(value)
    return value


def _part(part: Any, whole: Any) -> bool:
    """Tells whether each number of one tensor is in another; an empty one is part of empty ones only."""
    if not isinstance(part, torch.Tensor) or not isinstance(whole, torch.Tensor):
        return False
    if part.numel() == 0 or whole.numel() == 0:
        return part.numel() == whole.numel()
    return bool(torch.isin(_entries(part), _entries(whole)).all())


def _entries(tensor: torch.Tensor) -> torch.Tensor:
    """Returns the numbers of a tensor in a row, as ``torch.isin`` wants them."""
    return tensor.detach().cpu().double().flatten()
