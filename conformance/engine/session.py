"""A session with one submission: forks a process for each property and turns every way to fail into an outcome."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from conformance.report.model import SourceLine
from conformance.runner.client import FORK_AGAIN_SECONDS, FORK_SECONDS, LoadReport, Process, RunnerDied, RunnerTimeout
from conformance.runner.loading import Source, UnreadableSubmission

# The family of what only a submission that looks for the judge can reach.
JUDGE = "judge"
# A time limit grows by this much at most: somebody waits for the verdict, however busy the machine is.
MOST_CROWDED = 6.0
CORES = os.cpu_count() or 1
# Calls after which a process serves no further property: its limit of CPU time is meant for a thousand calls.
MOST_CALLS = 1000
# Patterns of the modules that hold answers.
JUDGES = (
    "conformance.suite", "conformance.engine", "conformance.numerics", "conformance.selftest", "conformance.faults",
    "conformance.runner",
)  # fmt: skip
# Calls of one item that may run out of time before its other calls are given up, and calls of all items together: a
# submission that sleeps must not keep a class waiting.
MAX_TIMEOUTS = 3
MAX_TIMEOUTS_IN_ALL = 30
# An item may spend so many seconds in its calls, all items together so many, and for each call this share of its time
# limit more: honest calls take milliseconds, or some tenths of a second where they train.
ITEM_SECONDS, ALL_SECONDS = 30.0, 200.0
FAIR = 0.05
# Times that the process which had read the submission may end by itself before the submission is given up. On an
# accelerator it serves the calls, so that each call that crashes ends it.
MAX_RELOADS = 5
MAX_RELOADS_ON_ACCELERATOR = 50
# And the seconds that waiting for it in vain and reading the submission again may take, by when it is given up.
LOST_SECONDS = 60.0


@dataclass(frozen=True)
class Breach:
    """A reference that the submission reached: its family, its name, and the submission's lines on the way."""

    family: str
    what: str
    lines: tuple[SourceLine, ...]


@dataclass(frozen=True)
class Trouble:
    """A call that gave no observation: "missing", "error", "died" or "timeout", and what is known of it.

    ``raised`` tells an exception that a ``raise`` of the submission started from one that came out of torch.
    """

    kind: str
    text: str
    lines: tuple[SourceLine, ...] = ()
    trace: str = ""
    raised: bool = False


class NotObservedError(AttributeError):
    """An observation lacks what its driver always reports: somebody else has written it."""


class Observation(SimpleNamespace):
    """What a driver observed."""

    def __getattr__(self, name: str) -> Any:
        raise NotObservedError(f"an observation without {name!r}")


@dataclass(frozen=True)
class Outcome:
    """What one call gave: an observation or a trouble, and the references reached on the way."""

    seen: SimpleNamespace | None
    trouble: Trouble | None = None
    breaches: tuple[Breach, ...] = ()


class Session(Protocol):
    """What the engine needs of a submission that has been loaded.

    ``trusted``: nothing in it answers in the driver's place; what a property cannot read is then the judge's own fault.
    """

    report: LoadReport
    trusted: bool

    def begin(self, subject: str = "") -> None:
        """Starts afresh, with no state left from earlier calls; not so for the same nonempty subject once more."""

    def call(
        self,
        driver: str,
        names: list[str],
        case: dict[str, Any],
        seconds: float,
        warm: int = 0,
        subject: str = "",
    ) -> Outcome:
        """Runs a driver on a case, within a time limit, after ``warm`` runs of which nobody is told.

        Asked for such runs, the runner also looks whether its guard against the reference is still there. The time
        that calls take is charged to their ``subject``, by default the first of the names.
        """

    def close(self) -> None:
        """Ends the session and what it started."""


@dataclass
class RunnerSession:
    """A session whose submission lives in processes of the runner.

    ``base`` is a process that has loaded nothing; ``host`` a fork of it with the submission; ``child`` a fork of
    ``host`` that serves the property in hand. Whichever dies is made anew from the one before. An accelerator's state
    must not be forked: there ``host`` serves every property itself.
    """

    base: Process
    source: Source
    names: list[str]
    rules: bool
    host: Process
    report: LoadReport
    child: Process | None = None
    forbidden: tuple[str, ...] = ()
    trusted: bool = False
    accelerated: bool = False
    alias: dict[str, str] = field(default_factory=dict)
    borrowed: bool = False
    timeouts: dict[str, int] = field(default_factory=dict)
    overspent: dict[str, float] = field(default_factory=dict)
    reloads: int = 0
    lost: float = 0.0
    subject: str = ""
    calls: int = 0

    @classmethod
    def open(
        cls,
        base: Process,
        source: Source,
        names: list[str],
        *,
        rules: bool,
        trusted: bool = False,
        accelerated: bool = False,
    ) -> RunnerSession:
        """Returns a session on a fork of ``base`` that has loaded ``source``.

        Args:
            base: a process that has loaded nothing.
            source: the submission.
            names: the names of the contract.
            rules: whether to watch for references.
            trusted: whether it is the suite's own, as its faults are, and may import the judge's modules.
            accelerated: whether it runs on an accelerator.
        """
        forbidden = () if trusted else forbidden_to(source)
        host, report = base.load(source, names, rules=rules, forbidden=forbidden, accelerated=accelerated)
        return cls(
            base, source, names, rules, host, report, forbidden=forbidden, trusted=trusted, accelerated=accelerated
        )

    def share(self, base: Process) -> RunnerSession:
        """Returns a second session on a fork of this one's host, for another worker with a ``base`` of its own."""
        started = time.monotonic()
        host = Process.gone()  # where it cannot be forked, it is made anew when it is needed
        with contextlib.suppress(RunnerDied, RunnerTimeout, UnreadableSubmission):
            host = self._load(base) if self.accelerated else self.host.fork(base)
        lost = 0.0 if host.alive else self.lost + time.monotonic() - started
        return replace(self, base=base, host=host, child=None, timeouts={}, overspent={}, reloads=0, lost=lost)

    def standing_in(self, item: str, name: str) -> RunnerSession:
        """Returns a session on the same host in which what it defines as ``name`` stands in for ``item``."""
        alias = {**self.alias, item: name}
        return replace(self, child=None, timeouts={}, overspent={}, reloads=0, alias=alias, borrowed=True)

    def begin(self, subject: str = "") -> None:
        """Starts a process for the next property, unless one of the same subject has just been served.

        The properties of one item (its ``subject``) share a process: a fifth of the forks, whoever answers its first
        calls rightly and no others is asked more of them, and a state that is left behind costs that item still.
        """
        if not self.accelerated and not (subject and subject == self.subject and self.calls < MOST_CALLS):
            self._end()
        self.subject = subject
        if self.child is None:
            self._start()

    def call(
        self,
        driver: str,
        names: list[str],
        case: dict[str, Any],
        seconds: float,
        warm: int = 0,
        subject: str = "",
    ) -> Outcome:
        """Runs a driver in the item's process; a process that dies or hangs is replaced for the next call."""
        key = subject or names[0]
        given_up = self._given_up(key)
        if given_up:
            return Outcome(None, Trouble("timeout", given_up))
        if self.child is None:
            self._start()
        if self.child is None:
            return Outcome(None, Trouble("died", "the process that had read the submission ended, again and again"))
        request: dict[str, Any] = {"op": "call", "driver": driver, "names": names, "alias": self.alias, "case": case}
        request["warm"] = warm
        self.calls += 1
        started = time.monotonic()
        told: list[Any] = []
        crowded = crowding()
        try:
            return outcome_of(self.child.call(request, seconds * crowded, told), told)
        except RunnerTimeout:
            self.timeouts[key] = self.timeouts.get(key, 0) + 1
            self._end()
            text = f"one call took longer than {seconds:g} s"
            return Outcome(None, Trouble("timeout", text), _breaches(told))
        except RunnerDied as error:
            self._end()
            text = f"the process ended during the call ({error})"
            return Outcome(None, Trouble("died", text), _breaches(told))
        finally:
            spent = (time.monotonic() - started) / crowded
            self.overspent[key] = self.overspent.get(key, 0.0) + spent - FAIR * seconds * (1 + warm)

    def close(self) -> None:
        """Ends the property's process, and the host unless another session lent it."""
        self._end()
        if not self.borrowed:
            self.host.close()

    def _given_up(self, key: str) -> str:
        """Returns why an item's calls are no longer made; empty if they are."""
        if self.timeouts.get(key, 0) >= MAX_TIMEOUTS:
            return f"not run: {key} had run out of time {MAX_TIMEOUTS} times"
        if sum(self.timeouts.values()) >= MAX_TIMEOUTS_IN_ALL:
            return f"not run: calls of this submission had run out of time {MAX_TIMEOUTS_IN_ALL} times"
        if self.overspent.get(key, 0.0) > ITEM_SECONDS:
            return f"not run: slow calls of {key} had taken {ITEM_SECONDS:g} s more than they may"
        if sum(over for over in self.overspent.values() if over > 0) > ALL_SECONDS:
            return f"not run: slow calls of this submission had taken {ALL_SECONDS:g} s more than they may"
        return ""

    def _start(self) -> None:
        """Makes a process that serves calls; there is none afterwards if the host dies whenever it is made."""
        self.calls = 0
        if self.accelerated:
            self._reload_if_gone()
        elif self.lost < LOST_SECONDS:
            started = time.monotonic()
            if not self._fork():
                self.host.close()
                self._reload_if_gone()
                self.lost += time.monotonic() - started

    def _reload_if_gone(self) -> None:
        if not self.host.alive and self.reloads < (MAX_RELOADS_ON_ACCELERATOR if self.accelerated else MAX_RELOADS):
            self.reloads += 1
            with contextlib.suppress(UnreadableSubmission):
                self.host = self._load(self.base)
        self._fork()

    def _fork(self) -> bool:
        """Lets a fork of the host, on an accelerator the host itself, serve the calls; False where there is none."""
        with contextlib.suppress(RunnerDied, RunnerTimeout):
            if self.host.alive:
                seconds = FORK_AGAIN_SECONDS if self.lost else FORK_SECONDS
                self.child = self.host if self.accelerated else self.host.fork(seconds=seconds)
        return self.child is not None

    def _load(self, base: Process) -> Process:
        host, _ = base.load(
            self.source,
            self.names,
            rules=self.rules,
            forbidden=self.forbidden,
            accelerated=self.accelerated,
            skip=self.report.skipped,
        )
        return host

    def _end(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None


def crowding() -> float:
    """Returns by how much a crowded machine may stretch a time limit: processes that want to run, over cores."""
    try:
        return min(MOST_CROWDED, max(1.0, os.getloadavg()[0] / CORES))
    except OSError:
        return 1.0


def forbidden_to(source: Source) -> tuple[str, ...]:
    """Returns the modules of the judge that a submission may not import: its answers, and the reference solution."""
    files = [Path(unit.filename) for unit in source.units]
    own = source.module.split(".")[0] == "impl" or any(file.parent.name == "impl" for file in files)
    return JUDGES if own else ("impl", *JUDGES)


def outcome_of(reply: Any, told: Iterable[Any] = ()) -> Outcome:
    """Returns the outcome that a reply of the runner means; a reply of another form counts as a death.

    Args:
        reply: what the runner answered.
        told: breaches that it told of while they happened.
    """
    breaches = _breaches(told)
    try:
        breaches = tuple(dict.fromkeys((*breaches, *_breaches(reply["breaches"]))))
        if "missing" in reply:
            return Outcome(None, Trouble("missing", str(reply["missing"]["text"])), breaches)
        if "error" in reply:
            error = reply["error"]
            text = f"{error['type']}: {error['text']}"
            lines, raised = _lines(error["lines"]), error["raised"] is True
            return Outcome(None, Trouble("error", text, lines, str(error["trace"]), raised), breaches)
        return Outcome(Observation(**reply["seen"]), None, breaches)
    except Exception:  # of whatever else somebody may have sent
        return Outcome(None, Trouble("died", "the process sent something that is no observation"), breaches)


def _breaches(told: Iterable[Any]) -> tuple[Breach, ...]:
    try:
        return tuple(Breach(str(b["family"]), str(b["what"]), _lines(b["lines"])) for b in told)
    except Exception:
        return (Breach(JUDGE, "the judge's record of what was reached", ()),)


def _lines(lines: list[Any]) -> tuple[SourceLine, ...]:
    return tuple(SourceLine(str(where)[:200], str(code)[:400]) for where, code in lines)
