"""Every text that a user sees of the sample results, as it is held in the snapshot files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from conformance.report.model import Result
from conformance.report.terminal import print_result
from conformance.selftest.report.samples import SAMPLES, SAYS

SNAPSHOTS = Path(__file__).parent / "snapshots"


def terminal(result: Result, width: int = 80, encoding: str = "utf-8") -> str:
    """Returns what a result looks like in a pipe."""
    buffer = io.BytesIO()
    with io.TextIOWrapper(buffer, encoding=encoding, newline="\n") as file:
        print_result(result, Console(file=file, width=width, color_system=None), says=SAYS)
        file.flush()
        return buffer.getvalue().decode(encoding)


def faces() -> dict[str, Callable[[], str]]:
    """Returns for each snapshot file's name what it must hold."""
    return {f"{name}.terminal.txt": lambda make=make: terminal(make()) for name, make in SAMPLES.items()}  # type: ignore[misc]
