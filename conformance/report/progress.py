"""A live line while the judge works: how far it is, and which item it has in hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from conformance.report.model import Status
from conformance.report.words import WORDS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

# A log read later wants to know that the judge is alive, not each item.
SECONDS_BETWEEN_LINES = 10.0


class Steps(Protocol):
    """What the judge tells while it works."""

    def start(self, item: str) -> None:
        """Says which item is in hand now."""

    def advance(self, item: str, status: Status) -> None:
        """Says that an item is done, and what became of it."""


@contextmanager
def progress(console: Console, total: int) -> Iterator[Steps]:
    """Yields an object to tell of each step; on a terminal it is a line that goes away at the end.

    Elsewhere it is a plain line now and then, and nothing at all for a run that is done before the first is due.

    Args:
        console: where the line goes; usually standard error, so that a piped report stays clean.
        total: how many steps there will be.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        yield _PlainLines(console, total)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=8) as bar:
        yield _LiveLine(bar, bar.add_task("", total=total))


class _LiveLine:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def start(self, item: str) -> None:
        self._bar.update(self._task, description=item)

    def advance(self, item: str, status: Status) -> None:
        self._bar.update(self._task, advance=1, description=f"{item} {WORDS[status]}")


class _PlainLines:
    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total, self._done = console, total, 0
        self._last = time.monotonic()

    def start(self, item: str) -> None:
        """A log has no line in hand."""

    def advance(self, item: str, status: Status) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            line = f"{self._done} of {self._total} done; {item}: {WORDS[status]}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
