"""A runner, and submissions written on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.session import RunnerSession, forbidden_to
from conformance.runner.client import LoadReport, Process, Runner
from conformance.runner.launch import launch
from conformance.runner.loading import read_submission

Load = Callable[..., tuple[Process, LoadReport]]
Say = Callable[..., str]
Fork = Callable[[Process], Process]


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """A runner without bubblewrap, so that the rest has to hold by itself."""
    ready = Runner.ready(launch(sandboxed=False))
    yield ready
    ready.close()


@pytest.fixture
def load(runner: Runner, tmp_path: Path) -> Iterator[Load]:
    """Loads code as a submission; returns its process and the report on it."""
    processes = []

    def read(code: str, *names: str, **options: Any) -> tuple[Process, LoadReport]:
        path = tmp_path / "submission.py"
        path.write_text(code, encoding="utf-8")
        source = read_submission(str(path))
        options = {"rules": True, "forbidden": forbidden_to(source), **options}
        process, report = runner.process.load(source, list(names), **options)
        processes.append(process)
        return process, report

    yield read
    for process in processes:
        process.close()


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Forks a process of the runner, and ends the forks after the test."""
    processes = []

    def make(process: Process) -> Process:
        processes.append(process.fork())
        return processes[-1]

    yield make
    for process in processes:
        process.close()


@pytest.fixture
def say(load: Load) -> Say:
    """Runs a line of code as a submission; returns "ok", or the error that it met."""

    def run(line: str, setup: str = "", **options: Any) -> str:
        code = f"{setup}\ntry:\n    {line}\nexcept BaseException as error:\n    raise\nresult = 1\n"
        _, report = load(code, "result", **options)
        return "ok" if not report.unread else str(report.unread[0]["why"])

    return run


@pytest.fixture
def session_on(runner: Runner, tmp_path: Path) -> Iterator[Callable[..., RunnerSession]]:
    """Opens sessions on code."""
    sessions = []

    def open_on(code: str, **options: Any) -> RunnerSession:
        path = tmp_path / "submission.py"
        path.write_text(code, encoding="utf-8")
        source = read_submission(str(path))
        sessions.append(RunnerSession.open(runner.process, source, ["LayerNorm"], rules=True, **options))
        return sessions[-1]

    yield open_on
    for session in sessions:
        session.close()
