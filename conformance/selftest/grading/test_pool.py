"""Workers: what dies is replaced, what it had in hand is tried again, and none is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from conformance.grading import pool as module
from conformance.grading.job import Job, job_of
from conformance.grading.pool import Pool
from conformance.report.model import Result, Status
from conformance.selftest.grading.conftest import QUICK, RIGHT, Write, verdict


class FakeWarm:
    """Judges by the submission's name; forked workers inherit it."""

    def judge(self, job: Job) -> Result:
        """Does what the name says."""
        name = job.source.name
        marker = Path(os.environ["MARKERS"], name)
        if name == "fatal.py" or (name == "once.py" and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "bug.py":
            raise KeyError("of the judge")
        if name == "nowhere.py":
            raise RuntimeError("the runner did not start")
        if name == "slow.py":
            marker.touch()
            time.sleep(60)
        return verdict(job)

    def close(self) -> None:
        """Leaves a mark that the worker has ended in order."""
        Path(os.environ["MARKERS"], f"closed-{os.getpid()}").touch()


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the fake in place of the warm judge."""
    monkeypatch.setenv("MARKERS", str(tmp_path))
    monkeypatch.setattr(module, "Warm", FakeWarm)


def jobs_of(write: Write, *names: str) -> list[Job]:
    """Returns jobs with these names, all of different content."""
    return [job_of(write(name, f"{RIGHT}\n# {name}\n"), QUICK) for name in names]


def test_each_job_gets_its_verdict_whatever_happens_to_the_workers(write: Write) -> None:
    jobs = jobs_of(write, "a.py", "fatal.py", "b.py", "once.py", "c.py", "bug.py", "d.py")
    with Pool(2) as pool:
        results = {job.source.name: result for job, result in pool.judge(jobs)}
    assert {name: result.items["RMSNorm"].status for name, result in results.items()} == {
        "a.py": Status.PASS,
        "b.py": Status.PASS,
        "c.py": Status.PASS,
        "d.py": Status.PASS,
        "once.py": Status.PASS,
        "fatal.py": Status.JUDGE_ERROR,
        "bug.py": Status.JUDGE_ERROR,
    }
    assert "ended, 2 times" in (results["fatal.py"].notes[0])
    assert "KeyError" in results["bug.py"].notes[0]
    assert multiprocessing.active_children() == []


def test_where_no_runner_starts_the_class_is_not_graded_as_wrong(write: Write) -> None:
    with pytest.raises(RuntimeError, match="did not start"), Pool(1) as pool:
        list(pool.judge(jobs_of(write, "nowhere.py", "a.py")))
    assert multiprocessing.active_children() == []


def test_an_interruption_ends_workers_that_are_busy_and_their_runners(write: Write, tmp_path: Path) -> None:
    def interrupted() -> None:
        with Pool(2) as pool:
            for _ in pool.judge(jobs_of(write, "a.py", "slow.py")):
                while not (tmp_path / "slow.py").exists():
                    time.sleep(0.01)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert multiprocessing.active_children() == []
    assert len(list(tmp_path.glob("closed-*"))) == 2
