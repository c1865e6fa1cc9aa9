"""How far a class is: a live line on a terminal, a plain line for each submission elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.report.text import one_line

if TYPE_CHECKING:
    from rich.console import Console


class Board:
    """Counts what is done, and prints a line for each; the way it is done where no terminal is.

    Args:
        console: where the lines go.
        total: how many submissions there are to judge.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.done = 0
        self.started = time.monotonic()

    @property
    def pace(self) -> str:
        """The rate so far, and how long the rest takes at it."""
        rate = self.done / max(time.monotonic() - self.started, 1e-3)
        if not self.done or self.done == self.total:
            return f"{60 * rate:.1f} a minute" if self.done else ""
        return f"{60 * rate:.1f} a minute, {_duration((self.total - self.done) / rate)} left"

    def advance(self, name: str, verdict: str) -> None:
        """Says that a submission is judged, and what the verdict is."""
        self.done += 1
        self.show(f"{one_line(name, 60)}: {verdict.lower()}")

    def show(self, line: str) -> None:
        """Shows a line about the latest submission."""
        text = f"[{self.done:>{len(str(self.total))}}/{self.total}] {line}; {self.pace}"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def board(console: Console, total: int) -> Iterator[Board]:
    """Yields a board; on a terminal it is a bar that goes away at the end."""
    if not console.is_terminal or console.is_dumb_terminal or not total:
        yield Board(console, total)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("waiting for the first", total=total)

        class Live(Board):
            def show(self, line: str) -> None:
                bar.update(task, completed=self.done, description=f"{self.pace}  {line}")

        yield Live(console, total)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
