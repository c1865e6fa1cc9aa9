"""Folders, packages and modules: which code is the submission's, and how it finds its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from conformance.runner.loading import read_submission, submission_lines
from conformance.selftest.loading.conftest import Write, read, whys


def test_the_files_of_a_folder_import_one_another(script: Write, tmp_path: Path) -> None:
    script("from data_h import B\nclass A(B): pass\nimport data_h\nn = data_h.n", "hw/a.py")
    script("from a import A\nclass B: pass\nn = 3", "hw/data_h.py")
    script("x = 1 / 0", "hw/test_a.py")
    script("x = 1 / 0", "hw/setup.py")
    loaded = read(tmp_path / "hw")
    assert issubclass(loaded.namespace["A"], loaded.namespace["B"])
    assert loaded.namespace["n"] == 3


def test_a_broken_statement_in_a_folder_costs_itself(script: Write, tmp_path: Path) -> None:
    script("while True: pass\nclass A: pass\nx = 1 / 0\ndef f(: pass\ndef g(): return 1 / 0", "hw/a.py")
    script("from a import A, x\nfrom a import A as B\ny = x", "hw/b.py")
    loaded = read(tmp_path / "hw")
    assert {"A", "B", "g"} <= set(loaded.namespace)
    assert whys(loaded) == [
        "in a.py: took longer than 0.2 s",
        "in a.py: ZeroDivisionError: division by zero",
        "in a.py: SyntaxError: invalid syntax",
        "in b.py: needs `x`, which was not read (a.py, line 3)",
        "in b.py: needs `x`, which was not read (b.py, line 1)",
    ]
    with pytest.raises(ZeroDivisionError) as caught:
        loaded.namespace["g"]()
    assert submission_lines(caught.value.__traceback__) == [("a.py, line 5", "def g(): return 1 / 0")]


def test_a_file_that_cannot_be_read_costs_itself(script: Write, tmp_path: Path) -> None:
    script("n = 2", "hw/a.py")
    script("no notebook at all", "hw/b.ipynb")
    source = read_submission(str(tmp_path / "hw"))
    assert read(tmp_path / "hw").namespace["n"] == 2
    assert [why.split(":")[0] for why in source.left_out] == ["b.ipynb is no notebook"]


def test_what_is_filled_in_beats_the_stub(script: Write, tmp_path: Path) -> None:
    stub = "class A:\n    def f(self):\n        '''Doc.'''\n        # TODO\n        raise NotImplementedError"
    script("class A:\n    def f(self): return 1", "hw/hw3.py")
    script(stub, "hw/hw3_template.py")
    assert read(tmp_path / "hw").namespace["A"]().f() == 1


def test_the_file_that_defines_a_name_beats_one_that_imports_another(script: Write, tmp_path: Path) -> None:
    script("class Linear: mine = True", "hw/a.py")
    script("from torch.nn import Linear, LayerNorm", "hw/b.py")
    namespace = read(tmp_path / "hw").namespace
    assert namespace["Linear"].mine
    assert namespace["LayerNorm"] is torch.nn.LayerNorm


def test_notebooks_in_a_folder_are_read_too(script: Write, notebook: Write, tmp_path: Path) -> None:
    script("n = 2", "my_utils.py")
    notebook("from my_utils import n\ndef f(): return n / 0", "b = f()", name="exercise 3.ipynb")
    loaded = read(tmp_path)
    assert loaded.namespace["n"] == 2
    assert whys(loaded) == ["in exercise 3.ipynb, cell 2: ZeroDivisionError: division by zero"]


def test_a_file_called_like_a_library_leaves_the_library_alone(script: Write, tmp_path: Path) -> None:
    script("mine = 1", "hw/random.py")
    script("import random\nx = random.random()", "hw/a.py")
    loaded = read(tmp_path / "hw")
    assert (loaded.namespace["mine"], loaded.unread) == (1, [])


def test_a_folder_with_one_folder_of_python_stands_for_it(script: Write, tmp_path: Path) -> None:
    script("x = 1", "unzipped/hw/src/a.py")
    script("x = 2", "unzipped/hw/tests/test_a.py")
    assert read(tmp_path / "unzipped").namespace["x"] == 1


def test_a_package_is_imported_whole(script: Write, tmp_path: Path) -> None:
    script("from .norms import A\n__all__ = ['A', 'late']\ndef __getattr__(name):\n    return 7", "pkg_a/__init__.py")
    script("from pkg_a import other\nclass A:\n    def f(self): return 1 / 0", "pkg_a/norms.py")
    script("", "pkg_a/other.py")
    loaded = read(tmp_path / "pkg_a")
    assert (loaded.failure, loaded.namespace["late"]) == (None, 7)
    with pytest.raises(ZeroDivisionError) as caught:
        loaded.namespace["A"]().f()
    assert submission_lines(caught.value.__traceback__) == [("pkg_a/norms.py, line 3", "def f(self): return 1 / 0")]


def test_a_module_that_cannot_be_imported_says_why(script: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script("import no_such_module_x", "pkg_b/norms.py").parent.parent)
    script("", "pkg_b/__init__.py")
    assert read("pkg_b.norms").failure == (
        "ModuleNotFoundError: No module named 'no_such_module_x' (not installed beside the judge) "
        "(pkg_b/norms.py, line 1)"
    )
    script("def f(x:", "pkg_b/norms.py")
    assert "SyntaxError" in str(read("pkg_b.norms").failure)
    script("while True: pass", "pkg_b/norms.py")
    assert read("pkg_b.norms", import_seconds=0.2).failure == "took longer than 0.2 s"
    script("raise SystemExit(0)", "pkg_b/norms.py")
    assert "ends the program" in str(read("pkg_b.norms").failure)
    assert read("pkg_b.norms", skip={0}, skip_reasons={0: "killed the process"}).failure == "killed the process"


def test_a_package_with_an_empty_init_is_read_file_by_file(script: Write, tmp_path: Path) -> None:
    script('"""My homework."""\n', "pkg_c/__init__.py")
    script("from .b import n\nfrom pkg_c.sub.c import m\nclass A: pass\nx = 1 / 0", "pkg_c/a.py")
    script("n = 1", "pkg_c/b.py")
    script("", "pkg_c/sub/__init__.py")
    script("m = 2", "pkg_c/sub/c.py")
    loaded = read(tmp_path / "pkg_c")
    assert {"A", "n", "m"} <= set(loaded.namespace)
    assert len(loaded.unread) == 1


def test_a_package_without_an_importable_name_is_read(script: Write, tmp_path: Path) -> None:
    script("from .a import A\nfrom . import b", "home work-3/__init__.py")
    script("class A: pass", "home work-3/a.py")
    script("from .a import A\nn = 1", "home work-3/b.py")
    loaded = read(tmp_path / "home work-3")
    assert ({"A", "n"} <= set(loaded.namespace), loaded.unread) == (True, [])


def test_torchs_own_modules_are_submissions_too() -> None:
    loaded = read("torch.nn.modules.normalization")
    assert loaded.namespace["LayerNorm"] is torch.nn.LayerNorm


def test_an_adapter_finds_what_lies_beside_it(script: Write) -> None:
    script("class Norm: pass", "their_library.py")
    script("deep = 1", "lib/their_other.py")
    adapter = script(
        "import sys, os\nsys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))\n"
        "from their_library import Norm as LayerNorm\nimport their_other\nfrom torch import nn\nRMSNorm = nn.RMSNorm",
        "adapter.py",
    )
    loaded = read(adapter)
    assert loaded.unread == []
    assert loaded.namespace["LayerNorm"].__name__ == "Norm"


def test_relative_entries_of_the_path_start_at_the_submission(script: Write) -> None:
    script("n = 1", "lib_d/d_helper.py")
    loaded = read(script("import sys\nsys.path.append('../lib_d')\nfrom d_helper import n", "hw/hw3.py"))
    assert (loaded.unread, loaded.namespace["n"]) == ([], 1)


def test_a_folder_has_the_same_statements_on_every_reading(script: Write, tmp_path: Path) -> None:
    script("import b\nx = 1", "hw/a.py")
    script("y = 1\nz = 2", "hw/b.py")
    told: list[int] = []
    read(tmp_path / "hw", progress=told.append)
    assert sorted(told) == list(range(4))
    assert read_submission(str(tmp_path / "hw")) == read_submission(str(tmp_path / "hw"))
