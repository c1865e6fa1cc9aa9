"""Jupyter's own syntax goes, the Python around it stays, on its own lines."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import pytest

from conformance.runner.loading.magics import without_magics
from conformance.selftest.loading.conftest import Write, read, whys


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("%matplotlib inline\na = 1", "a"),
        ("!pip install torch\na = 1", "a"),
        ("!pip install \\\n   torch \\\n   numpy\na = 1", "a"),
        ("%%time\n\ndef f(): pass", "f"),
        ("# timing\n%%time\nclass A: pass", "A"),
        ("%%capture output\na = 1\n!ls", "a"),
        ("%%bash\nfor i in 1 2; do echo $i; done", ""),
        ("%%html\n<b>no</b>", ""),
        ("%%script false --no-raise-error\na = 1", ""),
        ("?print\na = 1\nprint?\nprint??\na.b?", "a"),
        ("pip install torch\ncd data\na = 1", "a"),
        ("%time a = 1", "a"),
        ("if True:\n    !pip install x\na = 1", "a"),
        ("try:\n    import no_such_thing\nexcept ImportError:\n    %pip install no_such_thing\na = 1", "a"),
        ("def f():\n    %matplotlib inline\n    return 1", "f"),
        ("text = '''\n%matplotlib inline\n!ls\nwhat?\n'''\n%time b = text", "text b"),
        ("x = (7\n  % 4)\n!ls", "x"),
        ("x = 7 \\\n  % 4\n!ls", "x"),
        ("x = [1,  # a ( in a comment\n]\n!ls", "x"),
        ("s = 'it\\'s ('\n!echo \"it's\"\nb = 1", "s b"),
        ("  a = 1\n  b = 2", "a b"),
        ("\ta = 1\n\tif a:\n\t\tb = 2", "a b"),
        ("%load_ext autoreload\n%autoreload 2\n%%time\na = 1", "a"),
    ],
)
def test_magics_cost_only_themselves(cell: str, names: str, notebook: Write) -> None:
    loaded = read(notebook(cell, "last = 1"))
    found = {name for name in loaded.namespace if not name.startswith("__")} - {"last"}
    assert found == set(names.split())


@pytest.mark.parametrize(
    "cell", ["a = 1\n!ls\nb = 1 / 0", "%%time\n!ls \\\n  -l\nb = 1 / 0", "\n\n\nb = 1 / 0  # 50 %"]
)
def test_line_numbers_stay_true(cell: str, notebook: Write) -> None:
    (entry,) = read(notebook(cell)).unread
    assert cell.split("\n")[entry.line - 1].startswith("b = 1 / 0")


def test_a_shell_commands_output_is_not_to_be_had(notebook: Write) -> None:
    loaded = read(notebook("a = 1\nfiles = !ls *.py", "cwd = %pwd", "first = files[0]"))
    assert [(entry.cell, entry.line) for entry in loaded.unread] == [(1, 2), (2, 1), (3, 1)]
    assert whys(loaded) == [
        "runs the shell command `!ls *.py`, which the judge does not do",
        "runs the magic `%pwd`, which the judge does not do",
        "needs `files`, which was not read (cell 1, line 2)",
    ]


def test_code_brought_in_by_run_is_named(notebook: Write) -> None:
    assert whys(read(notebook("%run utils.py"))) == ["runs `%run utils.py`, which the judge does not do"]


def test_definitions_in_an_exported_cell_magic_survive(script: Write) -> None:
    loaded = read(script("x = 1\nget_ipython().run_cell_magic('time', '', 'def f():\\n    return 1 / 0\\n')\n"))
    assert loaded.namespace["f"].__code__.co_firstlineno == 2


def test_written_files_can_be_imported(notebook: Write) -> None:
    cells = ["%%writefile my_layers.py\ndef f():\n    return g()\ndef g():\n    return 1", "from my_layers import f"]
    loaded = read(notebook(*cells))
    assert loaded.namespace["f"]() == 1
    assert loaded.namespace["f"].__code__.co_firstlineno == 2
    assert "g" not in loaded.namespace


def test_a_line_of_data_takes_no_time() -> None:
    text = "!ls\nx = [" + "1, " * 100_000 + "]"
    assert len(_names(without_magics(text))) == 1


def _names(text: str) -> Sequence[ast.stmt]:
    return ast.parse(text).body
