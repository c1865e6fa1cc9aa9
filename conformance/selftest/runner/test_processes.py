"""Processes of the runner: forks, deaths, late and forged answers, and that all of them end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.runner.client import Process, Runner, RunnerDied, RunnerTimeout
from conformance.runner.launch import ROOT, launch
from conformance.runner.loading import UnreadableSubmission, read_submission
from conformance.runner.processes import descendants, end_descendants
from conformance.runner.protocol import receive, send
from conformance.selftest.runner.conftest import Fork, Load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def gone(pids: set[int], seconds: float = 10.0) -> bool:
    """Waits until none of the processes lives any more."""
    deadline = time.monotonic() + seconds
    while pids & alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive() -> set[int]:
    """Returns the processes that live: what has ended, and only waits to be taken leave of, does not."""
    return set(descendants(0))


def test_a_fork_ends_when_it_is_closed(load: Load, runner: Runner) -> None:
    host, _ = load("class LayerNorm:\n    pass", "LayerNorm")
    before = set(descendants(runner.launch.child.pid))
    child = host.fork()
    assert child.pid in descendants(runner.launch.child.pid)
    child.close()
    assert gone({child.pid})
    assert set(descendants(runner.launch.child.pid)) <= before


def test_the_group_ends_with_its_leader(load: Load, runner: Runner, fork: Fork) -> None:
    host, _ = load("x = 1", "x")
    children = {fork(host).pid for _ in range(3)}
    host.close()
    assert gone({host.pid, *children})
    runner.process.fork().close()


def test_a_process_of_another_group_is_not_ended(load: Load, runner: Runner, fork: Fork) -> None:
    """The id of a child is only what the submission's process says that it is."""
    host, _ = load("x = 1", "x")
    other, _ = load("x = 2", "x")
    for pid in (other.pid, os.getpid(), runner.launch.child.pid, 1, 0, -1):
        ours, theirs = socket.socketpair()
        theirs.close()
        Process(ours, host.keeper, pid, host.group, leads=False).close()
    assert fork(other).alive
    assert fork(host).alive


def test_a_submissions_process_holds_one_socket_of_the_judges(load: Load, fork: Fork) -> None:
    others = [fork(load("x = 1", "x")[0]) for _ in range(3)]
    _, report = load(
        "import os\nlinks = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') "
        "if os.path.lexists(f'/proc/self/fd/{fd}')]\n"
        "assert sum(link.startswith('socket:') for link in links) == 1, links\nx = 1",
        "x",
    )
    assert report.names == ["x"], report.unread
    assert all(other.alive for other in others)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("os._exit(0)", "ended the process"),
        ("os.abort()", "ended the process"),
        ("ctypes.string_at(0)", "ended the process"),
        ("os.closerange(3, 256)", "ended the process"),
        ("exit(3)", "SystemExit"),
    ],
)
def test_a_statement_that_ends_the_process_costs_itself(load: Load, statement: str, why: str) -> None:
    _, report = load(f"import ctypes, os\nx = 1\nif x:\n    {statement}\ny = 2", "x", "y")
    assert report.names == ["x", "y"]
    assert [entry["line"] for entry in report.unread] == [3 if why == "ended the process" else 4]
    assert why in report.unread[0]["why"]


def test_a_process_that_ends_again_and_again_is_given_up(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text("import os\n" + "if True:\n    os._exit(0)\n" * 20, encoding="utf-8")
    with pytest.raises(UnreadableSubmission, match="again and again"):
        runner.process.load(read_submission(str(path)), [], rules=False)


@pytest.fixture
def pair() -> Iterator[tuple[Process, socket.socket]]:
    """A process that is only a socket, which the test answers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Process(ours), theirs


def test_an_answer_to_another_question_is_none(pair: tuple[Process, socket.socket]) -> None:
    process, theirs = pair
    send(theirs, {"ticket": "guessed", "reply": 1})
    with pytest.raises(RunnerDied, match="not asked"):
        process.request({"op": "call"}, 5.0)


@pytest.mark.parametrize("message", [1, [], {"reply": 1}, {"ticket": 3}, None])
def test_a_message_that_is_no_answer_is_none(pair: tuple[Process, socket.socket], message: object) -> None:
    process, theirs = pair
    send(theirs, message)
    with pytest.raises(RunnerDied):
        process.request({"op": "call"}, 5.0)


def test_an_answer_that_comes_late_is_not_taken_for_the_next(pair: tuple[Process, socket.socket]) -> None:
    process, theirs = pair
    with pytest.raises(RunnerTimeout):
        process.request({"op": "first"}, 0.05)
    first = receive(theirs, 5.0)["ticket"]

    def answer() -> None:
        second = receive(theirs, 5.0)["ticket"]
        send(theirs, {"ticket": first, "reply": "late"})
        send(theirs, {"ticket": second, "reply": "now"})

    thread = threading.Thread(target=answer)
    thread.start()
    assert process.request({"op": "second"}, 5.0) == "now"
    thread.join()


def test_breaches_are_told_of_before_the_answer(pair: tuple[Process, socket.socket]) -> None:
    process, theirs = pair
    told: list[object] = []

    def answer() -> None:
        ticket = receive(theirs, 5.0)["ticket"]
        send(theirs, {"ticket": ticket, "reply": {"breach": 1}})
        send(theirs, {"ticket": ticket, "reply": {"breach": 2}})
        theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(RunnerDied):
        process.call({"op": "call"}, 5.0, told)
    thread.join()
    assert told == [1, 2]


def test_descendants_are_found_and_ended_in_sessions_of_their_own() -> None:
    code = (
        "import ctypes, os, time\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n        os.setsid()\n        os.fork()\n        os.fork()\n        time.sleep(600)\n"
        "print('ready', flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        time.sleep(0.2)
        found = set(descendants(first.pid))
        end_descendants(first.pid)
        left = descendants(first.pid)
        first.kill()
        assert len(found) == 12
        assert not left
        assert gone(found)


def test_a_runner_leaves_nothing_behind(fork: Fork) -> None:
    started = launch(sandboxed=False)
    runner = Runner.ready(started)
    base = fork(runner.process)
    fork(base)
    pids = {started.child.pid, *descendants(started.child.pid)}
    assert len(pids) == 3
    runner.close()
    assert gone(pids)
    assert not started.scratch.exists()
    assert not started.scratch.with_suffix(".log").exists()


def test_a_runner_whose_judge_was_killed_leaves_no_process() -> None:
    code = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from conformance.runner.launch import launch\nfrom conformance.runner.client import Runner\n"
        "runner = Runner.ready(launch(sandboxed=False))\n"
        "fork = runner.process.fork()\nsecond = fork.fork()\n"  # kept: a process ends when nobody holds its socket
        "print(runner.launch.child.pid, runner.launch.scratch, flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        first, scratch = judge.stdout.readline().split()
        pids = {int(first), *descendants(int(first))}
        judge.kill()
        assert len(pids) == 3
        assert gone(pids)
    Path(scratch).rmdir()
    Path(scratch).with_suffix(".log").unlink()
