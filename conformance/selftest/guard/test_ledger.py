"""What is recorded: each breach once, none of the judge's own, and those of this process only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conformance.runner.guard import Breach, Family, Guard, paused
from conformance.runner.guard.ledger import MOST_BREACHES

X = torch.arange(6.0).reshape(2, 3)


def test_one_call_is_told_once_although_it_passes_many_kernels(guard: Guard) -> None:
    module = nn.LayerNorm(3)
    guard.reset()
    module(X)
    assert [breach.what for breach in guard.records()] == ["torch.nn.LayerNorm.forward (aten::native_layer_norm)"]


def test_a_line_is_told_once_however_often_it_runs(guard: Guard) -> None:
    guard.reset()
    for _ in range(5):
        F.rms_norm(X, (3,))
    assert len(guard.records()) == 1


def test_two_lines_are_told_apart(guard: Guard) -> None:
    guard.reset()
    F.linear(X, X)
    F.linear(X, X)
    first, second = guard.records()
    assert first.what == second.what == "torch.nn.functional.linear (aten::linear)"
    assert first.lines[-1][0] != second.lines[-1][0]


def test_what_a_reference_uses_of_another_family_is_told_beside_it(guard: Guard) -> None:
    guard.reset()
    nn.Linear(3, 4)
    assert {breach.family for breach in guard.records()} >= {Family.LINEAR, Family.INIT}


def test_reset_forgets_and_the_next_use_is_told_again(guard: Guard) -> None:
    for _ in range(2):
        guard.reset()
        F.linear(X, X)
        assert len(guard.records()) == 1


def test_the_number_of_records_is_capped(guard: Guard) -> None:
    guard.reset()
    here = str(Path(__file__))
    for line in range(2 * MOST_BREACHES):
        exec(compile("\n" * line + "F.linear(X, X)", here, "exec"), globals())
    assert len(guard.records()) == MOST_BREACHES


def test_records_of_one_family_leave_place_for_another(guard: Guard) -> None:
    guard.reset()
    here = str(Path(__file__))
    for line in range(2 * MOST_BREACHES):
        exec(compile("\n" * line + "F.linear(X, X)", here, "exec"), globals())
    F.layer_norm(X, (3,))
    assert Family.NORM in {breach.family for breach in guard.records()}


def test_a_note_that_fails_does_not_silence_the_next_call(guard: Guard) -> None:
    def interrupts(frame: FrameType, event: str, arg: object) -> None:
        if frame.f_code.co_name == "arrival":
            raise KeyError

    switches: tuple[Any, ...] = (sys.settrace, sys.setprofile)
    for start in switches:
        before = sys.gettrace() if start is sys.settrace else sys.getprofile()
        guard.reset()
        start(interrupts)
        try:
            with pytest.raises(KeyError):
                F.linear(X, X)
        finally:
            start(before)
        assert guard.records() == []
        F.linear(X, X)
        assert [breach.family for breach in guard.records()] == [Family.LINEAR]


def test_a_witness_that_was_interrupted_is_told_again(guard: Guard) -> None:
    told: list[str] = []

    def witness(breach: Breach) -> None:
        told.append(breach.family)
        if len(told) == 1:
            raise KeyError

    guard.reset()
    guard.ledger.witness = witness
    for _ in range(3):
        with contextlib.suppress(KeyError):
            F.linear(X, X)
    assert told == ["linear", "linear"]


def test_a_module_whose_name_is_no_plain_text_is_seen(guard: Guard) -> None:
    class Name(str):
        def startswith(self, *args: object) -> bool:
            raise KeyError

    space = {"__name__": Name("torch.x"), "F": F, "X": X}
    exec(compile("F.linear(X, X)", str(Path(torch.__file__).parent / "x.py"), "exec"), space)
    assert Family.LINEAR in {breach.family for breach in guard.records()}


def test_an_initialiser_inside_a_helper_is_told(guard: Guard) -> None:
    class Calls:
        def __init__(self, then: Callable[[], object]) -> None:
            self.zero_ = then

    weight = torch.empty(2, 3)
    guard.reset()
    nn.init.zeros_(Calls(lambda: nn.init.xavier_uniform_(weight)))  # type: ignore[arg-type]
    assert [breach.family for breach in guard.records()] == [Family.INIT_HELPER, Family.INIT]
    guard.reset()
    nn.init.xavier_uniform_(weight)
    assert [breach.family for breach in guard.records()] == [Family.INIT]


def test_the_judges_own_use_is_not_told(guard: Guard) -> None:
    guard.reset()
    with paused():
        F.linear(X, X)
        X.clone().requires_grad_().sum().backward()  # type: ignore[no-untyped-call]
    assert guard.records() == []


def test_what_the_submission_does_inside_the_judges_block_is_told(guard: Guard) -> None:
    guard.ledger.is_submission = lambda name: name == "submission"
    scope = {"F": F}
    exec(compile("def call(x):\n    return F.layer_norm(x, (3,))", "submission", "exec"), scope)
    guard.reset()
    with guard.paused():
        scope["call"](X)  # type: ignore[operator]
    assert [breach.lines[0][0] for breach in guard.records()] == ["submission, line 2"]


def test_a_pause_does_not_cover_another_thread(guard: Guard) -> None:
    guard.reset()
    with paused():
        thread = threading.Thread(target=lambda: F.linear(X, X))
        thread.start()
        thread.join()
    assert len(guard.records()) == 1


def test_a_pause_without_a_guard_does_nothing() -> None:
    with paused():
        F.linear(X, X)


def test_an_exception_in_the_reference_does_not_silence_the_next_call(guard: Guard) -> None:
    guard.reset()
    for width in (7, 3):
        try:
            F.layer_norm(X, (width,))
        except RuntimeError:
            guard.reset()
    assert len(guard.records()) == 1


def test_a_fork_is_watched_and_keeps_its_own_records(guard: Guard) -> None:
    guard.reset()
    pid = os.fork()
    if pid == 0:
        F.linear(X, X)
        os._exit(len(guard.records()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert guard.records() == []


def test_a_reference_handed_over_as_the_answer_is_told_without_lines(guard: Guard) -> None:
    guard.ledger.is_submission = lambda name: False
    guard.reset()
    nn.Linear(3, 4)
    assert [(breach.what, breach.lines) for breach in guard.records() if breach.family == "linear"] == [
        ("torch.nn.Linear", ())
    ]


AS_A_PROGRAM = """
import torch
from conformance.runner.guard import install
guard = install()
exec("def linear(x):\\n    return torch.nn.functional.linear(x, x)")
linear(torch.ones(2, 2))
torch.nn.functional.linear(torch.ones(1, 1), torch.ones(1, 1))
print([breach.lines for breach in guard.records()])
"""


def test_the_program_that_runs_the_submission_is_no_line_of_it() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", AS_A_PROGRAM], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(('<string>, line 2', ''),), ()]"
