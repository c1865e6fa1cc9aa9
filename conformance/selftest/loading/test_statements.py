"""A submission is its definitions: which statements are run, and what a broken one costs."""

from __future__ import annotations

import dataclasses
import pickle
import typing

import pytest

from conformance.runner.loading.reading import read_submission
from conformance.runner.loading.statements import definition
from conformance.selftest.loading.conftest import Write, read, whys

DEFINITIONS = {
    "import math": "math",
    "from math import sqrt as root": "root",
    "x: int = 1": "x",
    "(a, *b), c = [1, 2], 3": "a b c",
    "a = b = 1": "a b",
    "a = 1\na += 1": "a",
    "if True:\n    a = 1\nelse:\n    b = 1": "a",
    "for i in range(3):\n    j = i": "i j",
    "while True:\n    a = 1\n    break": "a",
    "with open('/dev/null') as f:\n    a = 1": "f a",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    a = 1": "a",
    "match [1, 2]:\n    case [a, *b]:\n        pass": "a b",
    "(n := 3)": "n",
    "class A: pass\nsetattr(A, 'x', 1)\ny = A.x": "A y",
    "class A: pass\ndef f(self): return 1\nA.f = f\ny = A().f()": "A f y",
    "xs = []\nxs.append(1)\ny = xs[0]": "xs y",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', default=1)\nlr = p.parse_args().lr": (
        "argparse p lr"
    ),
    "def f():\n    global g\n    g = 1\nx = f()": "f g x",
}


@pytest.mark.parametrize("code", DEFINITIONS)
def test_what_defines_is_run(code: str, notebook: Write) -> None:
    loaded = read(notebook(code))
    assert whys(loaded) == []
    assert {name for name in loaded.namespace if not name.startswith("__")} == set(DEFINITIONS[code].split())


@pytest.mark.parametrize(
    "code",
    [
        "print('x', file=open(MARK, 'w'))",
        "open(MARK, 'w')",
        "assert open(MARK, 'w') and False",
        "raise ValueError(open(MARK, 'w'))",
        "[open(MARK, 'w') for _ in range(3)]",
        "if __name__ == '__main__':\n    open(MARK, 'w')",
        "return open(MARK, 'w')",
        "await open(MARK, 'w')",
        "'''a docstring'''",
        "...",
    ],
)
def test_what_defines_nothing_is_left_alone(code: str, notebook: Write, tmp_path: object) -> None:
    loaded = read(notebook(f"MARK = {str(tmp_path)!r} + '/mark'", code))
    assert whys(loaded) == []
    assert read(notebook(f"import os\nthere = os.path.exists({str(tmp_path)!r} + '/mark')")).namespace["there"] is False


@pytest.mark.parametrize(
    "code", ["x = await f()", "async for i in x: pass", "x = yield 1", "for i in [1]:\n    return"]
)
def test_what_only_jupyter_runs_is_unread(code: str, notebook: Write) -> None:
    loaded = read(notebook("a = 1\n" + code, "b = 2"))
    assert len(loaded.unread) == 1
    assert loaded.unread[0].why.startswith("SyntaxError: ")
    assert "hw3.ipynb" not in loaded.unread[0].why
    assert {"a", "b"} <= set(loaded.namespace)


def test_a_syntax_error_costs_its_cell(notebook: Write) -> None:
    loaded = read(notebook("a = 1", "def f(x:\n    return x\nclass B: pass\nkept = 2", "c = f"))
    assert {"a"} == {name for name in loaded.namespace if not name.startswith("__")}
    assert [(entry.cell, entry.line) for entry in loaded.unread] == [(2, 1), (3, 1)]
    assert whys(loaded)[1] == "needs `f`, which was not read (cell 2, line 1)"
    assert set(loaded.lost) == {"f", "B", "kept", "c"}


def test_a_syntax_error_in_a_script_costs_its_block(script: Write) -> None:
    text = '''from __future__ import annotations
import dataclasses

@dataclasses.dataclass
class A:
    x: int

def broken(x)
    if x:
        return 1
    else:
        return 2

"""A string
def not_code(
"""
def fine():
    return 1 / 0
print "python 2"
last = [
    1,
]
'''
    loaded = read(script(text))
    assert {"A", "fine", "last"} <= set(loaded.namespace)
    assert "not_code" not in loaded.namespace
    assert [entry.line for entry in loaded.unread] == [8, 19]
    assert loaded.namespace["fine"].__code__.co_firstlineno == 17
    assert loaded.lost["broken"] == "hw3.py, line 8: SyntaxError: expected ':'"


def test_the_last_definition_that_works_wins(notebook: Write) -> None:
    loaded = read(notebook("def f(): return 1", "def f(): return 2", "@missing\ndef f(): return 3", "f = 1 / 0"))
    assert loaded.namespace["f"]() == 2
    assert "f" not in loaded.lost
    assert len(loaded.unread) == 2


def test_cells_run_out_of_order_are_read(notebook: Write) -> None:
    cells = ["class A(Base): pass", "def f(x: Tensor): return 1", "class Base: pass", "from torch import Tensor"]
    loaded = read(notebook(*cells))
    assert loaded.unread == []
    assert {"A", "f"} <= set(loaded.namespace)


def test_a_late_second_try_replaces_nothing(notebook: Write) -> None:
    loaded = read(notebook("@late\ndef f(): return 1", "def f(): return 2", "def late(f): return f"))
    assert loaded.namespace["f"]() == 2


def test_future_annotations_hold_for_all_cells_below(notebook: Write) -> None:
    cell = "import dataclasses, typing\n@dataclasses.dataclass\nclass P:\n a: Unknown\n b: typing.ClassVar[int] = 1"
    loaded = read(notebook("from __future__ import annotations", cell))
    assert loaded.unread == []
    assert [field.name for field in dataclasses.fields(loaded.namespace["P"])] == ["a"]
    assert whys(read(notebook(cell))) == ["NameError: name 'Unknown' is not defined"]


def test_a_future_that_is_none_is_unread(notebook: Write) -> None:
    assert len(read(notebook("from __future__ import braces", "a = 1")).unread) == 1


def test_definitions_belong_to_a_real_module(notebook: Write) -> None:
    cell = "from __future__ import annotations\nclass A:\n    x: B\nclass B: pass\ndef f(a: A) -> B: ..."
    namespace = read(notebook(cell)).namespace
    assert namespace["__name__"] != "__main__"
    assert typing.get_type_hints(namespace["f"])["a"] is namespace["A"]
    assert type(pickle.loads(pickle.dumps(namespace["A"]()))) is namespace["A"]


def test_what_import_star_takes_from_torch_is_not_offered(notebook: Write) -> None:
    cells = ["from torch.nn import *\nfrom torch.nn import Embedding", "class Linear(Module): pass", "Norm = LayerNorm"]
    loaded = read(notebook(*cells))
    assert loaded.unread == []
    assert {"Linear", "Embedding", "Norm"} == {name for name in loaded.namespace if not name.startswith("__")}


def test_what_import_star_takes_from_elsewhere_is_offered(script: Write) -> None:
    script("class Linear: pass", "star_helper.py")
    assert "Linear" in read(script("from star_helper import *")).namespace


def test_stubs_are_definitions(notebook: Write) -> None:
    loaded = read(notebook("class A:\n    def __init__(self):\n        raise NotImplementedError", "a = A()"))
    assert "A" in loaded.namespace
    assert whys(loaded) == ["NotImplementedError"]


def test_code_nested_without_end_costs_its_cell(notebook: Write) -> None:
    loaded = read(notebook("x = " + "(" * 5000 + ")" * 5000, "y = " + "-" * 100_000 + "1", "a = 1"))
    assert loaded.namespace["a"] == 1
    assert len(loaded.unread) == 2


def test_a_definition_is_found_where_it_was_made_last(notebook: Write) -> None:
    source = read_submission(
        str(notebook("x = 1\n\nclass A: pass", "import torch", "# again\n@wraps\nclass A:\n    pass"))
    )
    assert definition(source, "A") == ("cell 3, line 3", "class A:")
    assert definition(source, "x") == ("cell 1, line 1", "x = 1")
    assert definition(source, "B") is None


def test_a_method_is_found_in_the_class_that_was_made_last(notebook: Write) -> None:
    first = "class A:\n    def __init__(self):\n        pass\n    def forward(self):\n        pass"
    second = "class A:\n    @wraps\n    def forward(self, x):\n        pass"
    assert definition(read_submission(str(notebook(first))), "A.__init__") == (
        "cell 1, line 2",
        "    def __init__(self):",
    )
    source = read_submission(str(notebook(first, second)))
    assert definition(source, "A.forward") == ("cell 2, line 3", "    def forward(self, x):")
    assert definition(source, "A.__init__") is None


def test_a_cell_that_does_not_parse_defines_nothing(notebook: Write) -> None:
    source = read_submission(str(notebook("class A: pass", "class A:\n    def f(:")))
    assert definition(source, "A") == ("cell 1, line 1", "class A: pass")
