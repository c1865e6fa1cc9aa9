"""The submissions in the self-test's data are read as their table says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from conformance.runner.loading import Loaded
from conformance.selftest.loading.conftest import needs, read

FOLDER = Path(__file__).parents[1] / "data" / "notebooks"
EXPECTED: dict[str, Any] = tomllib.loads((FOLDER / "expected.toml").read_text())


def _places(loaded: Loaded, name: str) -> list[str]:
    return [f"{f'cell {entry.cell}' if entry.cell else name}, line {entry.line}" for entry in loaded.unread]


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imports what the notebooks do: on a cold disk that takes longer than a test waits for what is endless."""
    needs("torchvision")
    needs("matplotlib")
    file = tmp_path_factory.mktemp("imports") / "imports.py"
    file.write_text("import torchvision, matplotlib.pyplot\nimport torch._dynamo\n")
    assert not read(file, statement_seconds=60).unread


@pytest.mark.parametrize("name", EXPECTED)
def test_each_is_read_as_expected(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    # Half a second ends what is endless; the first plot and the first optimizer take longer, and end.
    seconds = {"trains_on_import.ipynb": 4, "colab_exercise2.ipynb": 10}.get(name, 0.5)
    loaded = read(FOLDER / name, statement_seconds=seconds)
    assert _places(loaded, name) == EXPECTED[name]["unread"]
    assert capfd.readouterr() == ("", "")
    for item, status in EXPECTED[name]["items"].items():
        assert status in ("pass", "wrong", "crash", "missing")
        assert status == "missing" or item in loaded.namespace


def test_every_file_is_expected_to_be_something() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.suffix in (".py", ".ipynb")}
    assert files == set(EXPECTED)
    assert all(f"`{name}`" in (FOLDER / "README.md").read_text() for name in files)
