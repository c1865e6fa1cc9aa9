"""A reference whose module is executed once more is seen, and executing anything else is not."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

import pytest
import torch
from torch import nn

from conformance.runner.guard import Guard
from conformance.runner.guard.copies import functions_of, watch_execution


def from_file(module: Any) -> Any:
    spec = importlib.util.spec_from_file_location(f"{module.__package__}.another_name", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh


def imported_again(module: ModuleType) -> Any:
    parent, _, name = module.__name__.rpartition(".")
    kept = sys.modules.pop(module.__name__)
    try:
        return importlib.import_module(module.__name__)
    finally:
        sys.modules[module.__name__] = kept
        setattr(sys.modules[parent], name, kept)


def from_text(module: Any) -> Any:
    fresh = ModuleType(f"{module.__package__}.typed_off")
    fresh.__package__ = module.__package__
    exec(compile(Path(module.__file__).read_text(), "<mine>", "exec", dont_inherit=True), vars(fresh))
    return fresh


def adam_step(module: Any) -> None:
    p = nn.Parameter(torch.ones(3))
    p.grad = torch.ones(3)
    module.Adam([p], foreach=False).step()


USES: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "xavier": ("init", "torch.nn.init", lambda module: module.xavier_uniform_(torch.empty(2, 3))),
    "kaiming": ("init", "torch.nn.init", lambda module: module.kaiming_normal_(torch.empty(2, 3))),
    "Adam": ("adamw", "torch.optim.adam", adam_step),
    "_single_tensor_adam": (
        "adamw",
        "torch.optim.adam",
        lambda module: module._single_tensor_adam(
            *([torch.ones(2)] for _ in range(4)), [], [torch.ones(())], None, None, amsgrad=False, has_complex=False,
            beta1=0.9, beta2=0.99, lr=0.1, weight_decay=0.1, eps=1e-8, maximize=False, capturable=False,
            differentiable=False, decoupled_weight_decay=True,
        ),
    ),
    "Linear": ("linear", "torch.nn.modules.linear", lambda module: module.Linear(2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("again", [from_file, imported_again, from_text])
@pytest.mark.parametrize("use", USES)
def test_a_copy_made_before_is_seen_when_it_is_used(use: str, again: Callable[[Any], Any], guard: Guard) -> None:
    family, module, call = USES[use]
    fresh = again(sys.modules[module])
    guard.reset()
    assert not guard.records()
    call(fresh)
    assert family in {str(breach.family) for breach in guard.records()}


def test_making_a_copy_is_told_at_once(guard: Guard) -> None:
    guard.reset()
    from_file(nn.init)
    told = {str(breach.family): breach.what for breach in guard.records()}
    assert told == dict.fromkeys(("init", "init_helper"), "a new copy of torch.nn.init")
    assert guard.records()[0].lines[-1][1] == "spec.loader.exec_module(fresh)"


def made_by_hand(code: CodeType) -> FunctionType:
    return FunctionType(code, vars(nn.init), "by_hand", (1.0, None))


def put_into_another(code: CodeType) -> FunctionType:
    def another(tensor: torch.Tensor, gain: float = 1.0, generator: object = None) -> None: ...

    another.__globals__["_no_grad_uniform_"] = vars(nn.init)["_no_grad_uniform_"]
    another.__globals__["_calculate_fan_in_and_fan_out"] = vars(nn.init)["_calculate_fan_in_and_fan_out"]
    another.__globals__["math"] = math
    another.__code__ = code
    return cast(FunctionType, another)


@pytest.mark.parametrize("make", [made_by_hand, put_into_another])
def test_a_function_of_known_code_is_told_when_it_is_made_and_when_it_is_called(
    make: Callable[[CodeType], FunctionType], guard: Guard
) -> None:
    code = next(own.__code__ for own in guard.functions.own if own.__name__ == "xavier_uniform_")
    for _ in range(2):
        guard.reset()
        function = make(code)
        assert [str(breach.family) for breach in guard.records()] == ["init"]
        guard.reset()
        assert guard.records() == []
        function(torch.empty(2, 3))
        assert "init" in {str(breach.family) for breach in guard.records()}
    guard.reset()
    nn.init.xavier_uniform_(torch.empty(2, 3))
    assert [breach.what for breach in guard.records()] == ["torch.nn.init.xavier_uniform_"]


def test_what_is_shown_in_place_of_a_reference_does_nothing(guard: Guard) -> None:
    shown: Any = inspect.unwrap(nn.init.xavier_uniform_)
    assert inspect.signature(shown) == inspect.signature(nn.init.xavier_uniform_)
    assert FunctionType(shown.__code__, vars(nn.init))(torch.ones(2, 3), 1.0, None) is None


def scripted(x: torch.Tensor) -> torch.Tensor:
    torch.nn.init.xavier_uniform_(x, 1.0, None)
    return x


@pytest.mark.filterwarnings("ignore:.*is (deprecated|not supported):DeprecationWarning")
def test_a_script_calls_the_reference_and_does_not_compile_it(guard: Guard) -> None:
    with pytest.raises(RuntimeError, match="beside the judge"):
        torch.jit.script(nn.init.xavier_uniform_)
    script = torch.jit.script(scripted)
    guard.reset()
    script(torch.empty(2, 3))
    assert [breach.what for breach in guard.records()] == ["torch.nn.init.xavier_uniform_"]


def test_other_code_of_the_same_names_is_silent(guard: Guard) -> None:
    guard.reset()
    space: dict[str, Any] = {}
    exec("def xavier_uniform_(weight, gain=1.0):\n    return weight.uniform_(-gain, gain)", space)
    exec("class Linear:\n    def __init__(self):\n        self.weight = None", space)
    space["xavier_uniform_"](torch.empty(2, 2))
    space["Linear"]()
    assert not guard.functions.copied
    assert guard.records() == []


def test_a_watch_ends() -> None:
    codes: list[Any] = []
    undo = watch_execution(codes.append)
    exec("1 + 1")
    undo()
    exec("2 + 2")
    assert len(codes) == 1


def test_functions_are_found_that_the_collector_passes_over() -> None:
    def mine() -> None:
        """Stands for a copy that a submission made before the runner forked."""

    gc.freeze()
    try:
        assert functions_of([mine.__code__]) == [mine]
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
