"""The warm judge: submissions that end their runner, and jobs for another version."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.grading import warm as module
from conformance.grading.job import Job, job_of
from conformance.grading.warm import OtherVersion, Warm
from conformance.report.model import Result, Status
from conformance.runner.client import RunnerDied
from conformance.runner.loading import UnreadableSubmission
from conformance.selftest.grading.conftest import QUICK, Write, verdict


class FakeRunner:
    """Lives until it is ended."""

    def __init__(self) -> None:
        self.alive = True
        self.closed = False
        self.process = self

    def fork(self) -> Any:
        """Answers as a runner does."""
        if not self.alive:
            raise RunnerDied("gone")
        return SimpleNamespace(close=lambda: None)

    def close(self) -> None:
        """Ends it."""
        self.closed = True


@pytest.fixture
def runners(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeRunner]]:
    """The runners that were started, none of them real."""
    made: list[FakeRunner] = []

    def ready(launch: object) -> FakeRunner:
        made.append(FakeRunner())
        return made[-1]

    monkeypatch.setattr(module, "started", lambda options: None)
    monkeypatch.setattr(module, "Runner", SimpleNamespace(ready=ready))
    yield made
    assert all(runner.closed for runner in made if not runner.alive), "a runner that is dead is cleared away"


@pytest.fixture
def job(write: Write) -> Job:
    """Any job."""
    return job_of(write("a.py"), QUICK)


def judging(monkeypatch: pytest.MonkeyPatch, *outcomes: str) -> None:
    """Has the engine do this, one outcome after the other."""
    left = list(outcomes)

    def judge(source: Any, runner: Any, options: Any) -> Result:
        outcome = left.pop(0)
        runner.alive = "alive" in outcome
        if "dies" in outcome:
            raise RunnerDied("gone")
        if "unreadable" in outcome:
            raise UnreadableSubmission("a.py does not import")
        status = Status.JUDGE_ERROR if "error" in outcome else Status.PASS
        return verdict(SimpleNamespace(source=source), status)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "judge", judge)


@pytest.mark.parametrize(
    ("outcomes", "status", "started"),
    [
        (["alive"], Status.PASS, 1),
        (["alive error"], Status.JUDGE_ERROR, 1),
        (["dead error", "alive"], Status.PASS, 2),
        (["dies", "alive"], Status.PASS, 2),
        (["dies", "dead error"], Status.CRASH, 2),
        (["dead"], Status.PASS, 1),
        (["dies alive", "alive"], Status.PASS, 1),
    ],
)
def test_a_dead_runner_is_replaced_and_the_submission_judged_once_more(
    monkeypatch: pytest.MonkeyPatch,
    runners: list[FakeRunner],
    job: Job,
    outcomes: list[str],
    status: Status,
    started: int,
) -> None:
    judging(monkeypatch, *outcomes)
    assert Warm().judge(job).items["RMSNorm"].status is status
    assert len(runners) == started


def test_one_runner_serves_all_submissions(
    monkeypatch: pytest.MonkeyPatch, runners: list[FakeRunner], job: Job
) -> None:
    judging(monkeypatch, "alive", "alive", "alive")
    warm = Warm()
    for _ in range(3):
        warm.judge(job)
    assert len(runners) == 1


def test_what_does_not_import_has_a_verdict_that_says_so(
    monkeypatch: pytest.MonkeyPatch, runners: list[FakeRunner], job: Job
) -> None:
    judging(monkeypatch, "unreadable alive")
    result = Warm().judge(job)
    assert not result.conforms
    assert result.notes == ["not read: a.py does not import"]


def test_a_job_for_another_version_of_the_judge_is_refused(runners: list[FakeRunner], job: Job) -> None:
    with pytest.raises(OtherVersion, match="the job is for another"):
        Warm().judge(replace(job, suite="another"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("in /tmp/x1/carol/hw.py", "in carol/hw.py"),
        ("SUBMISSION = '../../tmp/x1/hw.py'", "SUBMISSION = 'hw.py'"),
        ("(/tmp/x1)", "()"),
        ("/a/x1/b /a/x1/c", "b c"),
        ("/a/x1/b/x1/c", "c"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_paths_to_a_folder_are_cut_out(text: str, left: str) -> None:
    assert module.without_paths(text, "x1") == left


def test_cutting_paths_out_takes_no_longer_for_what_has_no_blanks() -> None:
    started = time.monotonic()
    assert module.without_paths(f"/tmp/x1/hw.py {'A' * 4_000_000}", "x1").startswith("hw.py A")
    assert time.monotonic() - started < 5  # hours, where each place is a start
