"""The output folder: what is written, what is taken up again, and what is not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from conformance.grading.folder import Folder
from conformance.grading.found import Submission, named
from conformance.grading.job import job_of
from conformance.grading.warm import judge_failed, unreadable
from conformance.report.json_file import read_json
from conformance.report.model import Status
from conformance.selftest.grading.conftest import QUICK, Write, verdict


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An output folder that is not there yet."""
    return Folder(tmp_path / "deep" / "out", {})


def submission(path: Path) -> Submission:
    """Returns a submission on its own."""
    return named([path])[0]


def test_a_verdict_lies_there_until_another_takes_its_place(write: Write, folder: Folder) -> None:
    path = write("a.py")
    job = job_of(path, QUICK)
    folder.write(submission(path), job.key, verdict(job))
    assert folder.done() == {job.key: folder.path / "a.json"}
    folder.write(submission(path), "another", verdict(job))
    assert list(folder.done()) == ["another"]


def test_half_a_verdict_is_none(write: Write, folder: Folder) -> None:
    path = write("a.py")
    job = job_of(path, QUICK)
    folder.write(submission(path), job.key, verdict(job))
    (folder.path / "a.html").unlink()
    assert folder.done() == {}


def test_where_the_judge_failed_it_judges_again(write: Write, folder: Folder) -> None:
    path = write("a.py")
    job = job_of(path, QUICK)
    line = folder.write(submission(path), job.key, judge_failed(job, "no memory"))
    assert line.failed
    assert folder.done() == {}


def test_files_that_are_not_ours_are_left_alone(folder: Folder) -> None:
    (folder.path / "notes.json").write_text("[1, 2]")
    (folder.path / "half.json").write_text('{"schema": 1')
    assert folder.done() == {}


def test_a_renamed_submission_takes_its_verdict_along_under_its_own_name(write: Write, folder: Folder) -> None:
    old, new = write("hw.py"), write("alice.py")
    job = job_of(old, QUICK)
    message = 'hw.py, line 3: SUBMISSION = "hw.py"; not my_hw.py'
    folder.write(submission(old), job.key, verdict(job, Status.WRONG, message))
    folder.adopt(submission(new), job.key, folder.path / "hw.json")
    result = read_json(folder.path / "alice.json")
    assert result.submission == "alice.py"
    (row,) = result.items["RMSNorm"].properties
    assert row.message == 'alice.py, line 3: SUBMISSION = "alice.py"; not my_hw.py'


def test_a_verdict_whose_place_is_taken_is_not_adopted(write: Write, folder: Folder) -> None:
    path = write("a.py")
    job = job_of(path, QUICK)
    folder.write(submission(path), "another", verdict(job))
    assert folder.adopt(submission(write("b.py")), job.key, folder.path / "a.json") is None


def test_the_table_says_why_and_what_is_the_same(write: Write, folder: Folder) -> None:
    one, two, bad = write("a.py"), write("b.py"), write("bad.py")
    job = job_of(one, QUICK)
    lines = [
        folder.write(submission(one), job.key, verdict(job)),
        folder.write(submission(two), job.key, verdict(job), same_as="a.py"),
        folder.write(submission(bad), "", unreadable("bad.py", "=SUM(1)\nis empty", QUICK)),
    ]
    folder.finish(lines, "Class")
    with (folder.path / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == ["conforms", "conforms", "unreadable"]
    assert [row["same_as"] for row in rows] == ["", "a.py", ""]
    assert [row["RMSNorm"] for row in rows] == ["pass", "pass", ""]
    assert rows[2]["note"] == "'=SUM(1) is empty"
    page = (folder.path / "index.html").read_text()
    assert "b.py (same as a.py)" in page
    assert "UNREADABLE" in page
    assert "not read: =SUM(1)" in (folder.path / "bad.html").read_text()
