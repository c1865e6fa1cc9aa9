"""Where the time of a verdict goes: each moment counts for the innermost phase that is running."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from conformance.engine import judge as judging
from conformance.engine.run import _Search
from conformance.engine.session import RunnerSession
from conformance.grading.folder import Folder
from conformance.runner.client import Process

# Phase, and the functions that it consists of, but for what phases inside them take.
PHASES: dict[str, list[tuple[Any, str]]] = {
    "load the submission": [(Process, "load")],
    "fork and end processes": [(RunnerSession, "begin"), (Process, "fork"), (Process, "close")],
    "draw": [(_Search, "run")],
    "call (ship, run, answer)": [(RunnerSession, "call")],
    "compare": [(_Search, "judge")],
    "look which mistake it is": [(judging.Bench, "_diagnosed")],
    "rows and reproducers": [(judging, "rows_of")],
    "write pages": [(Folder, "write")],
}


class Stopwatch:
    """Seconds by phase; what belongs to none is "other"."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys([*PHASES, "other"], 0.0)
        self.calls = 0
        self._running = ["other"]
        self._since = time.perf_counter()

    def switch(self) -> None:
        """Books the time since the last switch on the phase that is running."""
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Has the functions of every phase tell when they start and end."""
        before = [(owner, name, getattr(owner, name)) for functions in PHASES.values() for owner, name in functions]
        for phase, functions in PHASES.items():
            for owner, name in functions:
                setattr(owner, name, self._timed(phase, getattr(owner, name)))
        self._since = time.perf_counter()
        try:
            yield
        finally:
            self.switch()
            for owner, name, function in before:
                setattr(owner, name, function)

    def _timed(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **named: Any) -> Any:
            self.switch()
            self._running.append(phase)
            self.calls += phase.startswith("call")
            try:
                return function(*args, **named)
            finally:
                self.switch()
                self._running.pop()

        return timed
