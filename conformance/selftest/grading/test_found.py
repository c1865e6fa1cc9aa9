"""Which submissions are found, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.engine.options import UsageError
from conformance.grading.found import find
from conformance.selftest.grading.conftest import Write


def test_each_file_and_each_subfolder_of_a_folder_is_a_submission(write: Write, tmp_path: Path) -> None:
    for name in ("a.py", "b.ipynb", "c/hw.py", "setup.py", "test_a.py", ".hidden.py", ".ipynb_checkpoints/b.ipynb"):
        write(name)
    zipped = write("d.zip")
    found, aside = find([str(tmp_path / "class")], tmp_path / "class" / "out")
    assert [submission.name for submission in found] == ["a.py", "b.ipynb", "c"]
    assert zipped in aside


def test_the_output_folder_is_no_submission(write: Write, tmp_path: Path) -> None:
    write("a.py")
    write("out/index.html")
    found, _ = find([str(tmp_path / "class")], tmp_path / "class" / "out")
    assert [submission.name for submission in found] == ["a.py"]


def test_a_package_is_one_submission(write: Write, tmp_path: Path) -> None:
    write("alice/__init__.py")
    found, _ = find([str(tmp_path / "class" / "alice")], tmp_path / "out")
    assert [(submission.name, submission.stem) for submission in found] == [("alice", "alice")]


def test_names_that_collide_are_told_apart_by_their_folders(write: Write, tmp_path: Path) -> None:
    paths = [write(name) for name in ("a/hw.py", "b/hw.py", "b/HW2.py", "c/hw2.ipynb", "index.py")]
    found, _ = find(list(map(str, paths)), tmp_path / "out")
    assert [submission.name for submission in found][:2] == ["a/hw.py", "b/hw.py"]
    stems = [submission.stem.casefold() for submission in found]
    assert len(set(stems)) == 5
    assert stems[0] == "a-hw"
    assert "index" not in stems


def test_what_is_named_twice_is_one_submission(write: Write, tmp_path: Path) -> None:
    path = write("a.py")
    found, _ = find([str(path), str(path.parent), str(path)], tmp_path / "out")
    assert len(found) == 1


def test_a_folder_without_submissions_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    with pytest.raises(UsageError, match="no submission in"):
        find([str(tmp_path / "class")], tmp_path / "out")
