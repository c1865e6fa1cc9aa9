"""A session with one submission: forks a process for each property and turns every way to fail into an outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from conformance.report.model import SourceLine
from conformance.runner.client import LoadReport, Process, RunnerDied, RunnerTimeout
from conformance.runner.loading import Source

# Patterns of the modules that hold answers.
JUDGES = ("conformance.suite", "conformance.engine", "conformance.numerics", "conformance.selftest", "conformance.faults")
# Calls of one session that may run out of time before its other calls are given up: a submission that sleeps must
# not keep a class waiting.
MAX_TIMEOUTS = 3


@dataclass(frozen=True)
class Breach:
    """A reference that the submission reached: its family, its name, and the submission's lines on the way."""

    family: str
    what: str
    lines: tuple[SourceLine, ...]


@dataclass(frozen=True)
class Trouble:
    """A call that gave no observation: "missing", "error", "died" or "timeout", and what is known of it."""

    kind: str
    text: str
    lines: tuple[SourceLine, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class Outcome:
    """What one call gave: an observation or a trouble, and the references reached on the way."""

    seen: SimpleNamespace | None
    trouble: Trouble | None = None
    breaches: tuple[Breach, ...] = ()


class Session(Protocol):
    """What the engine needs of a submission that has been loaded."""

    report: LoadReport

    def begin(self) -> None:
        """Starts afresh, with no state left from earlier calls."""

    def call(self, driver: str, names: list[str], case: dict[str, Any], seconds: float) -> Outcome:
        """Runs a driver on a case, within a time limit."""

    def close(self) -> None:
        """Ends the session and what it started."""


@dataclass
class RunnerSession:
    """A session whose submission lives in processes of the runner.

    ``base`` is a process that has loaded nothing; ``host`` a fork of it with the submission; ``child`` a fork of
    ``host`` that serves the property in hand. Whichever dies is made anew from the one before.
    """

    base: Process
    source: Source
    names: list[str]
    rules: bool
    host: Process
    report: LoadReport
    child: Process | None = None
    forbidden: tuple[str, ...] = ()
    timeouts: dict[str, int] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(
        cls, base: Process, source: Source, names: list[str], *, rules: bool, trusted: bool = False
    ) -> RunnerSession:
        """Returns a session on a fork of ``base`` that has loaded ``source``.

        Args:
            base: a process that has loaded nothing.
            source: the submission.
            names: the names of the contract.
            rules: whether to watch for references.
            trusted: whether it may import the judge's modules, as the suite's own faults do.
        """
        forbidden = () if trusted else forbidden_to(source)
        host, report = base.load(source, names, rules=rules, forbidden=forbidden)
        return cls(base, source, names, rules, host, report, forbidden=forbidden)

    def share(self, base: Process) -> RunnerSession:
        """Returns a second session on a fork of this one's host, for another worker with a ``base`` of its own."""
        return replace(self, base=base, host=self.host.fork(), child=None, timeouts={})

    def standing_in(self, item: str, name: str) -> RunnerSession:
        """Returns a session in which what the submission defines as ``name`` stands in for ``item``."""
        return replace(self, host=self.host.fork(), child=None, timeouts={}, alias={**self.alias, item: name})

    def begin(self) -> None:
        """Starts a process for the next property."""
        self._end()
        try:
            self.child = self.host.fork()
        except (RunnerDied, RunnerTimeout):
            self.host.close()
            self.host, _ = self.base.load(self.source, self.names, rules=self.rules, forbidden=self.forbidden)
            self.child = self.host.fork()

    def call(self, driver: str, names: list[str], case: dict[str, Any], seconds: float) -> Outcome:
        """Runs a driver in the property's process; a process that dies or hangs is replaced for the next call."""
        key = names[0]
        if self.timeouts.get(key, 0) >= MAX_TIMEOUTS:
            return Outcome(None, Trouble("timeout", f"not run: {key} had run out of time {MAX_TIMEOUTS} times"))
        if self.child is None:
            self.begin()
        assert self.child is not None
        request = {"op": "call", "driver": driver, "names": names, "alias": self.alias, "case": case}
        try:
            return outcome_of(self.child.request(request, seconds))
        except RunnerTimeout:
            self.timeouts[key] = self.timeouts.get(key, 0) + 1
            self._end()
            return Outcome(None, Trouble("timeout", f"one call took longer than {seconds:g} s"))
        except RunnerDied as error:
            self._end()
            return Outcome(None, Trouble("died", f"the process ended during the call ({error})"))

    def close(self) -> None:
        """Ends the property's process and the host."""
        self._end()
        self.host.close()

    def _end(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None


def forbidden_to(source: Source) -> tuple[str, ...]:
    """Returns the modules of the judge that a submission may not import: its answers, and the reference solution."""
    own = source.module.split(".")[0] == "impl" or any(Path(unit.filename).parent.name == "impl" for unit in source.units)
    return JUDGES if own else ("impl", *JUDGES)


def outcome_of(reply: Any) -> Outcome:
    """Returns the outcome that a reply of the runner means; a reply of another form counts as a death."""
    try:
        breaches = tuple(Breach(str(b["family"]), str(b["what"]), _lines(b["lines"])) for b in reply["breaches"])
        if "missing" in reply:
            return Outcome(None, Trouble("missing", str(reply["missing"]["text"])), breaches)
        if "error" in reply:
            error = reply["error"]
            text = f"{error['type']}: {error['text']}"
            return Outcome(None, Trouble("error", text, _lines(error["lines"]), str(error["trace"])), breaches)
        return Outcome(SimpleNamespace(**reply["seen"]), None, breaches)
    except (KeyError, TypeError, ValueError):
        return Outcome(None, Trouble("died", "the process sent something that is no observation"))


def _lines(lines: list[Any]) -> tuple[SourceLine, ...]:
    return tuple(SourceLine(str(where)[:200], str(code)[:400]) for where, code in lines)
