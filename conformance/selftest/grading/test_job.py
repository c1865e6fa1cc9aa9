"""The key of a verdict, and what travels with a submission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.engine.options import Options
from conformance.grading import job as module
from conformance.grading.job import job_of
from conformance.report.model import Level
from conformance.runner.loading import UnreadableSubmission, load
from conformance.selftest.grading.conftest import QUICK, RIGHT, Write


def test_the_same_content_under_another_name_has_the_same_key(write: Write) -> None:
    assert job_of(write("a.py"), QUICK).key == job_of(write("b.py"), QUICK).key


def test_other_content_has_another_key(write: Write) -> None:
    assert job_of(write("a.py"), QUICK).key != job_of(write("b.py", RIGHT + "\n# mine\n"), QUICK).key


@pytest.mark.parametrize(
    "other",
    [
        replace(QUICK, seed=1),
        replace(QUICK, profile="standard"),
        replace(QUICK, items=("LayerNorm",)),
        replace(QUICK, level=Level.PARITY),
        replace(QUICK, rules=False),
    ],
)
def test_judged_otherwise_the_key_is_another(write: Write, other: Options) -> None:
    path = write("a.py")
    assert job_of(path, QUICK).key != job_of(path, other).key


def test_the_number_of_workers_does_not_change_the_key(write: Write) -> None:
    path = write("a.py")
    assert job_of(path, QUICK).key == job_of(path, replace(QUICK, jobs=7)).key


def test_another_version_of_the_judge_has_another_key(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.py")
    before = job_of(path, QUICK).key
    monkeypatch.setattr(module, "suite_version", lambda: "another")
    assert job_of(path, QUICK).key != before


def test_a_file_does_not_take_its_neighbours_along(write: Write) -> None:
    job = job_of(write("a.py"), QUICK)
    assert (job.source.path, job.files) == ((), {})


def test_a_folder_brings_its_python_files_wherever_it_is_judged(write: Write) -> None:
    write("carol/hw.py", "from parts.deep import answer")
    write("carol/parts/deep.py", "answer = 42")
    write("carol/.venv/lib.py")
    write("bob.py", "answer = 0")
    job = job_of(write("carol/notes.txt").parent, QUICK)
    assert sorted(job.files) == ["carol/hw.py", "carol/parts/deep.py"]
    with job.unpacked() as (source, folder):
        assert folder is not None
        assert all(Path(entry).is_relative_to(folder) for entry in source.path)
        assert load(source).namespace["answer"] == 42


def test_a_folder_of_gigabytes_is_not_shipped(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(UnreadableSubmission, match="holds more than"):
        job_of(write("carol/hw.py").parent, QUICK)


def test_a_fault_in_reading_is_a_submission_that_cannot_be_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: str) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(module, "read_submission", fail)
    with pytest.raises(UnreadableSubmission, match=r"a\.py cannot be read: MemoryError"):
        job_of(write("a.py"), QUICK)
