"""A session whose submission runs in the judge itself: for a debugger, and for code that one trusts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from conformance.engine.session import Outcome, outcome_of
from conformance.runner.client import LoadReport
from conformance.runner.drivers import find_drivers
from conformance.runner.guard import install
from conformance.runner.loading import Source, UnreadableSubmission, load, where
from conformance.runner.protocol import encode, loads
from conformance.runner.server import observing


class InProcessSession:
    """The same drivers on the same cases, with nothing between judge and submission: no limits, no fork."""

    trusted = True

    def __init__(self, source: Source, names: list[str], *, rules: bool) -> None:
        self.guard = install(where=where) if rules else None
        self.drivers = find_drivers()
        loaded = load(source)
        if loaded.failure is not None:
            raise UnreadableSubmission(f"{source.name} does not import: {loaded.failure}")
        self.namespace = loaded.namespace
        present = [name for name in names if name in loaded.namespace]
        unread = [{"cell": entry.cell, "line": entry.line, "why": entry.why} for entry in loaded.unread]
        self.report = LoadReport(present, unread, dict(loaded.lost))

    def begin(self, subject: str = "") -> None:
        """Does nothing: state left behind stays, which is what a debugger wants to see."""

    def call(
        self,
        driver: str,
        names: list[str],
        case: dict[str, Any],
        seconds: float,
        warm: int = 0,
        subject: str = "",
    ) -> Outcome:
        """Runs a driver on a case, once; the time limit does not apply."""
        items = SimpleNamespace(**{name: self.namespace.get(name) for name in names})
        with observing(self.guard) as outcome:
            outcome["seen"] = self.drivers[driver](items, SimpleNamespace(**loads(encode(case))))
        return outcome_of(loads(encode(outcome), place=False))

    def close(self) -> None:
        """Stops watching for references."""
        if self.guard is not None:
            self.guard.remove()
