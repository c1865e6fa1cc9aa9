"""The judge's side of the runner: starts it, forks processes in it, loads submissions and calls drivers."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.runner.guard import Family
from conformance.runner.launch import Launch
from conformance.runner.loading import Source, UnreadableSubmission
from conformance.runner.protocol import ProtocolError, receive, send

# The first process imports torch; a cold disk and a busy machine have been seen to need half a minute.
START_SECONDS = 180.0
# A fork answers within milliseconds; a machine that swaps may need longer.
FORK_SECONDS = 30.0
# A submission whose process has failed to fork is waited for no longer than this once more.
FORK_AGAIN_SECONDS = 8.0
# Longest silence while loading: one import under its own limit of a minute, and then some.
LOAD_SECONDS = 75.0
# The same for a statement that imports nothing, whose own limit is five seconds.
SHORT_SECONDS = 20.0
# All attempts at one submission together: reading it twice, each as long as the loader allows.
ALL_LOADS_SECONDS = 180.0
# How many statements may kill the process that loads a submission before the rest is given up.
MAX_DEATHS = 8
# Breaches of one family and one call that are kept; the runner's own guard tells of each only once.
MOST_TOLD = 64
FAMILIES = frozenset(Family)
# Process ids are below this on every Linux.
MOST_PIDS = 2**22


class RunnerDied(Exception):
    """The process at the other end is gone, or sent what is no message."""


class RunnerTimeout(Exception):
    """The process at the other end did not answer in time."""


@dataclass(frozen=True)
class LoadReport:
    """What loading a submission gave: the contract's names that are there, and what was not taken in."""

    names: list[str]
    unread: list[dict[str, Any]]
    lost: dict[str, str] = field(default_factory=dict)
    failure: str | None = None
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass
class Process:
    """One process of the runner, reached over its socket.

    Attributes:
        sock: the judge's end.
        keeper: a process that has loaded nothing and can end this one; None for the first process of all.
        pid: its id, as the process that forked it gave it.
        group: the process group that it belongs to.
        leads: whether the group is its own: a submission is loaded in such a process, and ends with all of it.
        loaded: whether a submission has been let into it, so that nothing it says can be relied on.
        late: tickets whose answers came too late, and may come yet.
    """

    sock: socket.socket
    keeper: Process | None = None
    pid: int = 0
    group: int = 0
    leads: bool = True
    loaded: bool = False
    late: set[str] = field(default_factory=set)

    def call(self, message: dict[str, Any], seconds: float, told: list[Any]) -> Any:
        """Returns the answer to one request; breaches that are told of on the way are added to ``told``.

        Raises:
            RunnerTimeout, RunnerDied: as ``request`` does.
        """
        deadline = time.monotonic() + seconds
        ticket = self.ask(message, seconds)
        tally: Counter[str] = Counter()
        while True:
            reply = self.answer(ticket, deadline - time.monotonic())
            if not isinstance(reply, dict) or "breach" not in reply:
                return reply
            family = _family(reply["breach"])
            tally[family] += 1
            if tally[family] <= MOST_TOLD:
                told.append(reply["breach"])

    def request(self, message: dict[str, Any], seconds: float, fds: tuple[int, ...] = ()) -> Any:
        """Returns the answer to one request.

        Raises:
            RunnerTimeout: no answer within ``seconds``.
            RunnerDied: the process is gone, or its answer is no answer to this.
        """
        ticket = self.ask(message, seconds, fds)
        return self.answer(ticket, seconds)

    def ask(self, message: dict[str, Any], seconds: float, fds: tuple[int, ...] = ()) -> str:
        """Sends a request and returns its ticket, which nothing but an answer to it can bear."""
        ticket = secrets.token_hex(8)
        try:
            self.sock.settimeout(seconds)
            send(self.sock, {**message, "ticket": ticket}, fds)
        except OSError as error:
            raise RunnerDied(str(error)) from error
        return ticket

    def answer(self, ticket: str, seconds: float) -> Any:
        """Returns the next answer under a ticket; raises as ``request`` does."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = receive(self.sock, max(deadline - time.monotonic(), 1e-3), place=False)
            except TimeoutError as error:
                self.late.add(ticket)
                raise RunnerTimeout(f"no answer within {seconds:g} s") from error
            except (EOFError, OSError, ProtocolError) as error:
                raise RunnerDied(str(error)) from error
            if not isinstance(value, dict) or "reply" not in value:
                raise RunnerDied("it sent the judge something that is no answer")
            if value.get("ticket") == ticket:
                return value["reply"]
            if value.get("ticket") not in self.late:
                raise RunnerDied("it answered a question that was not asked")

    @classmethod
    def gone(cls) -> Process:
        """Returns a process that has ended."""
        ours, theirs = socket.socketpair()
        ours.close()
        theirs.close()
        return cls(ours)

    @property
    def alive(self) -> bool:
        """Whether the judge has not ended it; it may have ended by itself."""
        return self.sock.fileno() >= 0

    def fork(self, keeper: Process | None = None, seconds: float = FORK_SECONDS) -> Process:
        """Returns a fork of the process; ``keeper`` is to end it, by default whoever ends this one."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                reply = self.request({"op": "fork"}, seconds, (theirs.fileno(),))
            pid = reply.get("pid") if isinstance(reply, dict) else None
            if type(pid) is not int or not 0 < pid <= MOST_PIDS:
                raise RunnerDied("it did not fork")
        except (RunnerDied, RunnerTimeout):
            ours.close()
            raise
        if self.loaded:
            return Process(ours, keeper or self.keeper, pid, self.group, leads=False, loaded=True)
        return Process(ours, self, pid, pid)

    def close(self) -> None:
        """Ends the process, whatever it is doing, and with the leader of a group the whole group."""
        was_alive = self.alive
        self.sock.close()
        if was_alive:
            self._end("all" if self.leads else "one")

    def _end(self, what: str) -> None:
        if self.keeper is not None:
            request = {"op": "end", "pid": self.pid, "group": self.group, "what": what}
            with contextlib.suppress(RunnerDied, RunnerTimeout):
                self.keeper.request(request, FORK_SECONDS)

    def load(
        self,
        source: Source,
        names: list[str],
        *,
        rules: bool,
        forbidden: tuple[str, ...] = (),
        accelerated: bool = False,
        limits: dict[str, int | None] | None = None,
        skip: dict[str, str] | None = None,
    ) -> tuple[Process, LoadReport]:
        """Returns a fork that has loaded ``source``, and what came of it.

        A statement that kills or hangs the loading process costs itself: the load starts again without it.

        Args:
            source: the submission.
            names: the names that are of interest.
            rules: whether to watch for references.
            forbidden: modules of the judge that it may not import, as patterns; none for code of the judge's own.
            accelerated: whether it may use an accelerator.
            limits: resource limits other than the usual ones.
            skip: statements that ended an earlier process, by number, and how.

        Raises:
            UnreadableSubmission: every try died, or it is a module that does not import.
        """
        request = {
            "op": "load", "source": source.to_json(), "names": names, "rules": rules, "forbidden": list(forbidden),
            "accelerated": accelerated, "limits": limits or {},
        }  # fmt: skip
        skip, why = dict(skip or {}), ""
        deadline = time.monotonic() + ALL_LOADS_SECONDS
        for _ in range(MAX_DEATHS):
            process = self.fork()
            process.loaded = True
            try:
                report, statement, why = process.try_to_load({**request, "skip": dict(skip)}, names, deadline)
            except BaseException:
                process.close()
                raise
            if report is not None and report.failure is None:
                process._end("strays")  # what it started while it was read
                return process, replace(report, skipped=skip)
            process.close()
            if report is not None:
                raise UnreadableSubmission(f"{source.name} does not import: {report.failure}")
            if statement < 0 or str(statement) in skip or time.monotonic() > deadline:
                break
            skip[str(statement)] = why
        raise UnreadableSubmission(f"{source.name} could not be loaded: {why} again and again")

    def try_to_load(
        self, request: dict[str, Any], names: list[str], deadline: float
    ) -> tuple[LoadReport | None, int, str]:
        """Returns the report of a load; or None, the statement that ended it, and how."""
        statement = -1
        try:
            ticket, allowed = self.ask(request, LOAD_SECONDS), LOAD_SECONDS
            while True:
                silence = min(allowed, max(deadline - time.monotonic(), 1.0))
                reply = self.answer(ticket, silence)
                if "statement" not in reply:
                    return _load_report(reply, names), statement, ""
                statement = int(reply["statement"])
                allowed = SHORT_SECONDS if reply["short"] is True else LOAD_SECONDS
        except RunnerTimeout:
            return None, statement, "hung and could not be interrupted"
        except RunnerDied:
            return None, statement, "ended the process"
        except Exception:  # of whatever else somebody may have sent
            return None, statement, "sent the judge something that is no report"


def _family(breach: Any) -> str:
    """Returns the family of a breach that was told of; empty for what the guard does not know, which counts as one."""
    name = breach.get("family") if isinstance(breach, dict) else None
    return name if isinstance(name, str) and name in FAMILIES else ""


def _load_report(reply: dict[str, Any], names: list[str]) -> LoadReport:
    """Returns the report that a reply holds; raises one of the errors of wrong types where it holds none."""
    unread = [
        {"cell": entry["cell"] and int(entry["cell"]), "line": int(entry["line"]), "why": str(entry["why"])}
        for entry in reply["unread"]
    ]
    lost = {name: str(reply["lost"][name]) for name in names if name in reply["lost"]}
    failure = reply["failure"] and str(reply["failure"])
    return LoadReport([name for name in names if name in reply["names"]], unread, lost, failure)


@dataclass
class Runner:
    """The first process of the runner, in its sandbox, with a scratch directory of its own."""

    process: Process
    launch: Launch
    torch: str
    confinement: tuple[str, ...] = ()

    @property
    def sandbox(self) -> str:
        """What confines the runner, "bubblewrap, Landlock, seccomp" at best; "none" at worst."""
        return ", ".join(filter(None, (self.launch.sandbox, *self.confinement))) or "none"

    @classmethod
    def ready(cls, launch: Launch) -> Runner:
        """Returns the runner once it has imported torch.

        Raises:
            RuntimeError: it did not start; the text holds what it wrote.
        """
        process = Process(launch.sock)
        try:
            hello = receive(process.sock, START_SECONDS)
            return cls(process, launch, str(hello["torch"]), tuple(hello["confinement"]))
        except (OSError, EOFError, ProtocolError) as error:
            said = launch.log()
            launch.close()
            raise RuntimeError(f"the runner did not start ({error}):\n{said}") from error

    def close(self) -> None:
        """Ends every process of the runner and removes what they left behind."""
        self.launch.close()
