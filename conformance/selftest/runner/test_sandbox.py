"""What is hidden from a sandboxed runner."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.runner import sandbox


def test_a_checkouts_history_is_hidden_but_not_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("conformance", ".git", "build", ".tox/conformance/bin", ".tox/lint"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(sandbox, "PACKAGE", tmp_path / "conformance")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".tox" / "conformance"))
    assert sandbox.secrets() == []  # installed beside other packages
    (tmp_path / "pyproject.toml").touch()
    assert sandbox.secrets() == [tmp_path / ".git", tmp_path / "build", tmp_path / ".tox" / "lint"]
    assert tmp_path / "build" not in sandbox.secrets((tmp_path / "build" / "hw.py",))
