"""Every form of a submission becomes the same kind of text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.runner.loading import Source, UnreadableSubmission, read_submission
from conformance.selftest.loading.conftest import Write, read


def test_cells_are_counted_among_the_code_cells(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "# One"},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "execution_count": 7},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "code", "source": "c = 3"},
    ]
    (tmp_path / "hw3.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))
    units = read_submission(str(tmp_path / "hw3.ipynb")).units
    assert [(unit.cell, unit.text, unit.filename) for unit in units] == [
        (1, "a = 1\nb = 2", "hw3.ipynb, cell 1"),
        (2, "c = 3", "hw3.ipynb, cell 2"),
    ]


def test_format_three_is_read(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "input": ["a = 1\n", "b = 2"], "language": "python"}]
    data = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}
    (tmp_path / "hw3.ipynb").write_text(json.dumps(data))
    assert read(tmp_path / "hw3.ipynb").namespace["b"] == 2


def test_worksheets_that_hold_no_list_of_cells_are_passed_over(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": "x = 1"}
    file = tmp_path / "odd.ipynb"
    file.write_text(json.dumps({"worksheets": [None, {"cells": 5}, {"cells": "code"}, {}, {"cells": [cell]}]}))
    assert [unit.text for unit in read_submission(str(file)).units] == ["x = 1"]


def test_a_notebook_called_py_is_read_as_a_notebook(tmp_path: Path, notebook: Write) -> None:
    notebook("a = 1").rename(tmp_path / "hw3.py")
    assert read_submission(str(tmp_path / "hw3.py")).kind == "notebook"


@pytest.mark.parametrize(
    "data",
    [
        "ü = 'ü'\r\nb = 2\r\n".encode("utf-8-sig"),
        "ü = 'ü'\nb = 2\n".encode("utf-16"),
        "# -*- coding: latin-1 -*-\nü = 'ü'\nb = 2\n".encode("latin-1"),
        "ü = 'ü'\rb = 2\r".encode("latin-1"),
        "# coding: klingon\nü = 'ü'\nb = 2\n".encode("latin-1"),
    ],
)
def test_any_editors_encoding_and_line_ends_are_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "hw3.py").write_bytes(data)
    namespace = read(tmp_path / "hw3.py").namespace
    assert (namespace["ü"], namespace["b"]) == ("ü", 2)


def test_a_percent_script_loses_its_prose_and_keeps_its_line_numbers(script: Write) -> None:
    path = script("a = 1\n# %% [markdown]\nthis is (no code\n# %% Title\nb = 2\n#%%\n\ndef f(): return 1 / 0\n")
    assert [unit.first_line for unit in read_submission(str(path)).units] == [1, 4, 6]
    namespace = read(path).namespace
    assert (namespace["a"], namespace["b"]) == (1, 2)
    assert namespace["f"].__code__.co_firstlineno == 8


def test_an_exported_notebook_is_read_by_cells(script: Write) -> None:
    path = script("#!/usr/bin/env python\n\n# In[1]:\n\na = 1\n\n# In[ ]:\n\nb = (2\n\n# In[12]:\n\nc = 3\n")
    loaded = read(path)
    assert {"a", "c"} <= set(loaded.namespace)
    assert [(entry.cell, entry.line) for entry in loaded.unread] == [(None, 9)]


def test_a_link_that_leads_back_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "loop").symlink_to(tmp_path)
    with pytest.raises(UnreadableSubmission, match="holds no Python"):
        read_submission(str(tmp_path))


def test_a_source_survives_json(notebook: Write) -> None:
    source = read_submission(str(notebook("a = 1", "b = 'ü'")))
    assert Source.from_json(json.loads(json.dumps(source.to_json()))) == source


def test_the_digest_is_of_the_text_alone(notebook: Write, tmp_path: Path) -> None:
    first = read_submission(str(notebook("a = 1")))
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "hw3.ipynb").rename(tmp_path / "elsewhere" / "hw3.ipynb")
    assert read_submission(str(moved)).digest == first.digest
    assert read_submission(str(notebook("a = 2"))).digest != first.digest


def test_a_module_is_found_without_importing_its_parents(script: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script("raise SystemExit('imported')", "mypkg_a/__init__.py").parent
    script("x = 1", "mypkg_a/norms.py")
    monkeypatch.chdir(path.parent)
    source = read_submission("mypkg_a.norms")
    assert (source.kind, source.module, source.path) == ("module", "mypkg_a.norms", (str(path.parent),))


def test_reading_executes_nothing(notebook: Write, script: Write, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"
    package, plain = script(code, "pkg/__init__.py").parent, script(code, "plain/a.py").parent
    for path in (notebook(code), script(code), package, plain):
        read_submission(str(path))
    assert not (tmp_path / "ran").exists()
