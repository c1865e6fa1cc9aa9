"""Installing, removing and checking the guard; what it forbids to import; what it finds in classes."""

from __future__ import annotations

import gc
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conformance.runner.guard import Family, Guard, install, reference_bases, reference_submodules
from conformance.runner.guard.families import KERNELS, MODULES
from conformance.runner.guard.imports import forbid
from conformance.runner.guard.ledger import Ledger
from conformance.runner.guard.selfcheck import absent_kernels, check_guard

# As it is without a guard.
REDISPATCH = torch._C._DispatchOperatorHandle.redispatch_boxed
IMPL = torch._C._DispatchModule.impl


def test_installing_twice_gives_the_same_guard(guard: Guard) -> None:
    assert install() is guard


def test_removing_leaves_torch_as_it_was() -> None:
    aten_linear: Any = torch.ops.aten.linear.default
    functions: list[Any] = [nn.Linear.__init__, torch.optim.SGD.__init__, nn.init.xavier_uniform_, importlib.reload]
    codes = [function.__code__ for function in functions]
    tables = [torch._C._dispatch_dump_table(kernel.name) for kernel in KERNELS]
    handles, modules = torch._C._DispatchOperatorHandle, torch._C._DispatchModule
    owners = (torch._C, handles, modules, torch._C._ExcludeDispatchKeyGuard, aten_linear)
    builtins = [dict(vars(owner)) for owner in owners]
    guard = install()
    guard.remove()
    assert [dict(vars(owner)) for owner in owners] == builtins
    assert [function.__code__ for function in functions] == codes
    assert [torch._C._dispatch_dump_table(kernel.name) for kernel in KERNELS] == tables
    F.linear(torch.ones(1, 1), torch.ones(1, 1))
    assert guard.records() == []


def test_gc_does_not_know_the_stubs(guard: Guard) -> None:
    kind = type(torch._C._dispatch_library("IMPL", "aten", ""))
    assert not [found for found in gc.get_objects() if type(found) is kind]


def test_signatures_can_still_be_read(guard: Guard) -> None:
    assert list(inspect.signature(nn.Linear).parameters)[:2] == ["in_features", "out_features"]
    assert "betas" in inspect.signature(torch.optim.AdamW).parameters
    assert "def xavier_uniform_" in inspect.getsource(nn.init.xavier_uniform_)


def test_the_locals_of_every_frame_can_be_looked_at(guard: Guard) -> None:
    p = torch.ones(2, requires_grad=True)
    names: list[str] = []

    def loss() -> torch.Tensor:
        frame = sys._getframe()
        while frame.f_back is not None:
            names.extend(frame.f_locals)
            frame = frame.f_back
        return p.sum()

    torch.optim.SGD([p], lr=0.1).step(loss)  # a function with a closure
    assert "loss" in names or "closure" in names


def test_the_self_check_finds_nothing_wrong_and_leaves_no_trace(guard: Guard) -> None:
    F.linear(torch.ones(1, 1), torch.ones(1, 1))
    state, before = torch.get_rng_state(), guard.records()
    assert check_guard(guard) == []
    assert torch.equal(torch.get_rng_state(), state)
    assert guard.records() == before


def test_the_self_check_finds_a_stub_that_is_gone(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = torch._C._DispatchModule
    monkeypatch.setattr(module, "impl", IMPL)  # with the guard's own, the stub would be put in front again
    library: Any = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    below = torch._C._dispatch_keyset_full_after(torch._C.DispatchKey.BackendSelect)
    handle = torch.ops.aten.native_layer_norm.default._handle
    library.impl(
        "native_layer_norm",
        lambda keyset, *args: REDISPATCH(handle, keyset & below, *args),
        "BackendSelect",
        with_keyset=True,
    )
    try:
        problems = check_guard(guard)
    finally:
        library._destroy()
    assert problems == ["the guard does not see aten::native_layer_norm", "the guard does not see F.layer_norm"]


def test_kernels_that_this_torch_lacks_are_named() -> None:
    names = torch._C._dispatch_get_all_op_names()
    assert absent_kernels() == [kernel.name for kernel in KERNELS if kernel.name not in names]


WITHOUT_COMPILER = """
import sys, torch
from conformance.runner.guard import install
install()
p = torch.ones(2, requires_grad=True)
optimizer = torch.optim.AdamW([p])
p.sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
assert torch.compile(torch.sum) is torch.sum
print("torch._dynamo" in sys.modules)
"""


def test_an_optimizer_does_not_import_the_compiler() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_COMPILER], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_an_optimizer_steps_without_gradients_unless_it_is_differentiable(guard: Guard) -> None:
    p = torch.ones(2, requires_grad=True)
    p.grad = torch.ones(2)
    torch.optim.SGD([p], lr=0.1).step()
    assert p.is_leaf
    q = torch.ones(2, requires_grad=True).clone()
    q.grad = torch.ones(2, requires_grad=True)
    torch.optim.SGD([q], lr=0.1, differentiable=True).step()
    assert q.grad_fn is not None
    assert torch.is_grad_enabled()


def test_the_judges_answers_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("judge_answers", "judge_answers_not"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "oracle.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    ledger = Ledger(lambda name: name == __file__, lambda name, line: "here")
    undo = forbid(["judge_answers"], ledger, home=tmp_path)
    try:
        importlib.import_module("judge_answers_not.oracle")
        for name in ("judge_answers", "judge_answers.oracle"):
            with pytest.raises(ImportError, match="may not import `judge_answers`: it belongs to the judge"):
                importlib.import_module(name)
    finally:
        undo()
    (breach, *_) = ledger.breaches.values()
    assert (breach.family, breach.what) == (Family.JUDGE, "import judge_answers")
    assert breach.lines[-1][1] == "importlib.import_module(name)"
    importlib.import_module("judge_answers.oracle")


def test_a_module_of_the_same_name_that_is_the_submissions_own_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "judge_lookalike.py").write_text("value = 3")
    monkeypatch.syspath_prepend(tmp_path)
    ledger = Ledger(lambda name: True, lambda name, line: "here")
    undo = forbid(["judge_*"], ledger, home=tmp_path / "elsewhere")
    try:
        assert importlib.import_module("judge_lookalike").value == 3
    finally:
        undo()
    assert not ledger.breaches


class OwnNorm(nn.LayerNorm):
    pass


def test_reference_classes_are_found_among_the_bases() -> None:
    assert reference_bases(OwnNorm) == ["torch.nn.LayerNorm"]
    assert reference_bases(OwnNorm, Family.LINEAR) == []
    assert reference_bases(nn.BatchNorm1d, Family.NORM)[0] == "torch.nn.BatchNorm1d"
    assert reference_bases(nn.Sequential) == reference_bases(nn.Module) == reference_bases(dict) == []


def test_reference_modules_are_found_inside_a_module() -> None:
    model = nn.Sequential(nn.GELU(), nn.Sequential(OwnNorm(3)), nn.Dropout())
    assert reference_submodules(model) == ["1.0: torch.nn.LayerNorm", "2: torch.nn.Dropout"]
    assert reference_submodules(model, Family.DROPOUT) == ["2: torch.nn.Dropout"]


def test_each_reference_module_exists_in_a_recent_torch() -> None:
    missing = [path for path in MODULES if not reference_bases(_class(path))]
    assert missing == []


def _class(path: str) -> type:
    value: Any = nn
    for name in path.split("."):
        value = getattr(value, name)
    return value  # type: ignore[no-any-return]
