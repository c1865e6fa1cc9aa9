"""Submissions written on the spot, read in this very process."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.runner.loading import Loaded, Source, environment, load, read_submission

Read = Callable[..., Loaded]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Takes away again what a load puts in place for a process of its own."""
    argv, path = sys.argv, list(sys.path)
    yield
    environment.uninstall()
    sys.argv, sys.path[:] = argv, path


@pytest.fixture
def notebook(tmp_path: Path) -> Write:
    """Writes a notebook of some code cells."""

    def write(*cells: str, name: str = "hw3.ipynb") -> Path:
        code: list[dict[str, object]] = [
            {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
            for cell in cells
        ]
        path = tmp_path / name
        path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
        return path

    return write


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Writes a Python file."""

    def write(text: str, name: str = "hw3.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def read(path: Path | str, **options: object) -> Loaded:
    """Reads a submission as judge and runner do: to JSON and back between them."""
    source = Source.from_json(json.loads(json.dumps(read_submission(str(path)).to_json())))
    return load(source, **{"statement_seconds": 0.2, **options})  # type: ignore[arg-type]


def needs(name: str) -> None:
    """Skips where a library of learners' notebooks is not installed; looks for it without importing it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


def whys(loaded: Loaded) -> list[str]:
    """Returns what is said of each unread statement."""
    return [entry.why for entry in loaded.unread]
