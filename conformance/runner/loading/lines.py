"""The submission's own lines: known to tracebacks and ``inspect``, and found again in them."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from conformance.runner.loading.source import Source

_labels: dict[str, str] = {}


def register(source: Source) -> None:
    """Makes the submission's code known under its file names, in place of any submission before it."""
    for filename in _labels:
        linecache.cache.pop(filename, None)
    _labels.clear()
    texts: dict[str, list[str]] = {}
    for unit in source.units:
        lines = texts.setdefault(unit.filename, [])
        lines += [""] * (unit.first_line - 1 - len(lines))
        lines += unit.text.removesuffix("\n").split("\n")
        # A lone notebook's name is on the report already; among several files it has to be said.
        _labels[unit.filename] = f"cell {unit.cell}" if source.kind == "notebook" else unit.filename
        if source.kind == "module":  # imported from disk, under the path that Python gives it
            _labels[str(Path(source.path[0], unit.filename))] = unit.filename
    for filename, lines in texts.items():
        # Without a modification time, linecache never looks for the file on disk.
        linecache.cache[filename] = (len(lines), None, [line + "\n" for line in lines], filename)


def where(filename: str, line: int) -> str:
    """Returns how a report names a line: ``cell 4, line 7`` or ``hw3.py, line 12``."""
    return f"{_labels.get(filename, filename)}, line {line}"


def submission_lines(trace: TracebackType | Iterable[traceback.FrameSummary] | None) -> list[tuple[str, str]]:
    """Returns the frames of a traceback that lie in the submission, outermost first, as (where, code)."""
    frames: Iterable[traceback.FrameSummary]
    frames = traceback.extract_tb(trace) if trace is None or isinstance(trace, TracebackType) else trace
    mine = [frame for frame in frames if frame.filename in _labels]
    return [(where(frame.filename, frame.lineno or 0), frame.line or "") for frame in mine]
