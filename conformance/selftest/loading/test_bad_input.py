"""What cannot be read as a submission is refused in one clear sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.runner.loading import UnreadableSubmission, read_submission

Make = Callable[[Path], Path]


def _file(name: str, content: bytes | str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def _folder(name: str, *files: str) -> Make:
    def make(folder: Path) -> Path:
        for file in files:
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text("x = 1\n")
        (folder / name).mkdir(exist_ok=True)
        return folder / name

    return make


def _notebook(**fields: object) -> str:
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": [], **fields})


_PROSE = [{"cell_type": "markdown", "source": "# Title"}]
_R = {"kernelspec": {"language": "R"}}
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

BAD: dict[str, tuple[Make, str]] = {
    "no such file": (lambda folder: folder / "hw9.ipynb", "there is no file"),
    "no such file, but one like it": (lambda folder: _file("hw3.ipynb", "")(folder).with_suffix(".py"), "did you mean"),
    "a text file": (_file("notes.txt", "x = 1"), "is a .txt file, where a notebook"),
    "a file without an ending": (_file("hw3", "x = 1"), "without an ending"),
    "a picture called .py": (_file("hw3.py", _PNG), "is a binary file"),
    "a picture called .ipynb": (_file("hw3.ipynb", _PNG), "is a binary file"),
    "invalid JSON": (_file("hw3.ipynb", '{"cells": [}'), "its JSON is invalid"),
    "a script called .ipynb": (_file("hw3.ipynb", "import torch\n"), "its JSON is invalid"),
    "JSON nested without end": (_file("hw3.ipynb", "[" * 100_000), "nested too deeply"),
    "JSON that is no notebook": (_file("hw3.ipynb", '{"a": 1}'), 'no list called "cells"'),
    "JSON that is a list": (_file("hw3.ipynb", "[1]"), 'no list called "cells"'),
    "a saved web page": (_file("hw3.ipynb", "<!DOCTYPE html><html></html>"), "web page"),
    "an empty notebook file": (_file("hw3.ipynb", ""), "is empty"),
    "an empty script": (_file("hw3.py", " \n\n"), "is empty"),
    "a notebook without cells": (_file("hw3.ipynb", _notebook()), "no code cells"),
    "a notebook of prose": (_file("hw3.ipynb", _notebook(cells=_PROSE)), "no code cells"),
    "a notebook with an empty cell": (
        _file("hw3.ipynb", _notebook(cells=[{"cell_type": "code", "source": [" \n"]}])),
        "no code cells",
    ),
    "a notebook in R": (_file("hw3.ipynb", _notebook(metadata=_R)), "in r, not in Python"),
    "cells that are no cells": (_file("hw3.ipynb", _notebook(cells=[1, None, {"source": 3}])), "no code cells"),
    "an empty directory": (_folder("hw3"), "holds no Python files"),
    "a directory of other things": (_folder("hw3", "report.pdf", ".hidden.py", "tests/test_a.py"), "holds no Python"),
    "a directory called .py": (_folder("hw3.py"), "holds no Python files"),
    "a directory of broken files": (_folder("hw3", "a.ipynb"), "nothing that can be read: a.ipynb is no notebook"),
    "Python in several subfolders": (_folder("all", "alice/hw3.py", "bob/hw3.py"), "subfolders alice, bob: name one"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused_in_one_sentence(what: str, tmp_path: Path) -> None:
    make, expected = BAD[what]
    with pytest.raises(UnreadableSubmission) as caught:
        read_submission(str(make(tmp_path)))
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no_such_module", "there is no file, directory or module called 'no_such_module'"),
        ("torch.no_such_module", "'no_such_module' is not in 'torch'"),
        ("json.decoder.deeper", "is not a package"),
        ("math", "not written in Python"),
        ("sys", "not written in Python"),
        ("what is this", "there is no file"),
        ("", "a submission is a file"),
        ("a\0b", "a submission is a file"),
        ("/dev/null.py/x", "there is no file"),
    ],
)
def test_names_of_nothing_are_refused(name: str, expected: str) -> None:
    with pytest.raises(UnreadableSubmission, match=expected):
        read_submission(name)


def test_a_name_too_long_for_the_file_system_is_refused() -> None:
    with pytest.raises(UnreadableSubmission):
        read_submission("x" * 10_000)


def test_a_device_is_no_submission(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hw3.py")
    with pytest.raises(UnreadableSubmission, match="no ordinary file"):
        read_submission(str(tmp_path / "hw3.py"))


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file("hw3.py", "x = 1")(tmp_path)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything, so file modes prove nothing
    with pytest.raises(UnreadableSubmission, match="permission denied"):
        read_submission(str(path))


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UnreadableSubmission, match="permission denied"):
        read_submission(str(tmp_path))
