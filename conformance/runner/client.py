"""The judge's side of the runner: starts it, forks processes in it, loads submissions and calls drivers."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from conformance.runner.launch import Launch
from conformance.runner.loading import Source, UnreadableSubmission
from conformance.runner.protocol import ProtocolError, receive, send

# The first process imports torch; a cold disk and a busy machine have been seen to need half a minute.
START_SECONDS = 180.0
# A fork answers within milliseconds; a machine that swaps may need longer.
FORK_SECONDS = 30.0
# Longest silence while loading: one import under its own limit of a minute, and then some.
LOAD_SECONDS = 75.0
# How many statements may kill the process that loads a submission before the rest is given up.
MAX_DEATHS = 8


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


@dataclass
class Process:
    """One process of the runner, reached over its socket."""

    sock: socket.socket
    parent: Process | None = None
    pid: int = 0

    def request(self, message: dict[str, Any], seconds: float, fds: tuple[int, ...] = ()) -> Any:
        """Returns the answer to one request.

        Raises:
            RunnerTimeout: no answer within ``seconds``.
            RunnerDied: the process is gone, or its answer is no message.
        """
        self.sock.settimeout(seconds)
        try:
            send(self.sock, message, fds)
        except OSError as error:
            raise RunnerDied(str(error)) from error
        return self.answer(seconds)

    def answer(self, seconds: float) -> Any:
        """Returns the next message from the process; raises as ``request`` does."""
        self.sock.settimeout(seconds)
        try:
            value, fds = receive(self.sock, place=False)
        except TimeoutError as error:
            raise RunnerTimeout(f"no answer within {seconds:g} s") from error
        except (EOFError, OSError, ProtocolError) as error:
            raise RunnerDied(str(error)) from error
        for fd in fds:
            os.close(fd)
        return value

    def fork(self) -> Process:
        """Returns a fork of the process."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                reply = self.request({"op": "fork"}, FORK_SECONDS, (theirs.fileno(),))
            if not isinstance(reply, dict) or type(reply.get("pid")) is not int:
                raise RunnerDied("the runner did not fork")
        except (RunnerDied, RunnerTimeout):
            ours.close()
            raise
        return Process(ours, self, reply["pid"])

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self.sock.close()
        if self.parent is not None:
            with contextlib.suppress(RunnerDied, RunnerTimeout):
                self.parent.request({"op": "kill", "pid": self.pid}, FORK_SECONDS)

    def load(
        self, source: Source, names: list[str], *, rules: bool, forbidden: tuple[str, ...] = ()
    ) -> tuple[Process, LoadReport]:
        """Returns a fork that has loaded ``source``, and what came of it.

        A statement that kills or hangs the loading process costs itself: the load starts again without it.

        Args:
            source: the submission.
            names: the names that are of interest.
            rules: whether to watch for references.
            forbidden: modules of the judge that it may not import, as patterns.

        Raises:
            UnreadableSubmission: every try died, or it is a module that does not import.
        """
        skip: dict[str, str] = {}
        for _ in range(MAX_DEATHS):
            process = self.fork()
            request = {"op": "load", "source": source.to_json(), "skip": dict(skip), "names": names, "rules": rules}
            request["forbidden"] = list(forbidden)
            statement, why = -1, ""
            try:
                reply = process.request({**request, "limits": {}}, LOAD_SECONDS)
                while isinstance(reply, dict) and "statement" in reply:
                    statement = int(reply["statement"])
                    reply = process.answer(LOAD_SECONDS)
                report = LoadReport(list(reply["names"]), list(reply["unread"]), dict(reply["lost"]), reply["failure"])
                if report.failure is not None:
                    process.close()
                    raise UnreadableSubmission(f"{source.name} does not import: {report.failure}")
                return process, report
            except RunnerTimeout:
                why = "hung and could not be interrupted"
            except RunnerDied:
                why = "ended the process"
            except (KeyError, TypeError, ValueError):
                why = "sent the judge something that is no report"
            process.close()
            if str(statement) in skip or statement < 0:
                break
            skip[str(statement)] = why
        raise UnreadableSubmission(f"{source.name} could not be loaded: {why or 'its process died'} again and again")


@dataclass
class Runner:
    """The first process of the runner, in its sandbox, with a scratch directory of its own."""

    process: Process
    launch: Launch
    torch: str

    @property
    def sandbox(self) -> str:
        """What confines the runner: "bubblewrap" or "none"."""
        return self.launch.sandbox

    @classmethod
    def ready(cls, launch: Launch) -> Runner:
        """Returns the runner once it has imported torch.

        Raises:
            RuntimeError: it did not start; the text holds what it wrote.
        """
        process = Process(launch.sock)
        try:
            hello = process.answer(START_SECONDS)
        except (RunnerDied, RunnerTimeout) as error:
            said = launch.log()
            launch.close()
            raise RuntimeError(f"the runner did not start ({error}):\n{said}") from error
        return cls(process, launch, str(hello["torch"]))

    def close(self) -> None:
        """Ends every process of the runner and removes what they left behind."""
        self.launch.close()
