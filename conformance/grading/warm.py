"""Judges one submission after the other with one warm runner, and replaces it when a submission has ended it."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conformance import contract
from conformance.api import started
from conformance.engine.judge import judge
from conformance.engine.options import Options
from conformance.engine.rows import item_result
from conformance.grading.job import Job, suite_version
from conformance.report.model import PropertyResult, Result, Status
from conformance.runner.client import Runner, RunnerDied, RunnerTimeout
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.runner.loading import UnreadableSubmission

# A submission that has ended its runner twice will do so a third time.
ATTEMPTS = 2
# What stands around a path in a text, and never in one that the judge made.
AROUND_PATHS = " \t\n\r'\"()"


class OtherVersion(Exception):
    """This process has another version of the judge than the one that the job is for."""


class Warm:
    """A judge with a runner that has imported torch and waits for submissions."""

    def __init__(self) -> None:
        self.runner: Runner | None = None
        torch.set_num_threads(1)  # one process a core
        defer_dynamo()

    def judge(self, job: Job) -> Result:
        """Returns the verdict on a submission, whatever it does to its runner.

        Raises:
            OtherVersion: the verdict would not be the one that was asked for.
            RuntimeError: no runner starts here.
        """
        if suite_version() != job.suite:
            raise OtherVersion(f"the judge here has version {suite_version()}, the job is for {job.suite}")
        try:
            with job.unpacked() as (source, folder):
                for _ in range(ATTEMPTS):
                    runner = self._ready(job.options)
                    result = None
                    with contextlib.suppress(RunnerDied, RunnerTimeout):
                        result = judge(source, runner, job.options)
                    if self._lives():
                        if result is not None:
                            return _without(result, folder)
                    elif result is not None and not _failed(result):
                        return _without(result, folder)
                return ended_its_runner(job)
        except UnreadableSubmission as error:
            return unreadable(job.source.name, str(error), job.options)

    def close(self) -> None:
        """Ends the runner, if there is one."""
        if self.runner is not None:
            self.runner.close()
            self.runner = None

    def _ready(self, options: Options) -> Runner:
        if self.runner is None:
            try:
                self.runner = Runner.ready(started(options))
            except RuntimeError:  # a machine out of memory for a moment must not end the run
                self.runner = Runner.ready(started(options))
        return self.runner

    def _lives(self) -> bool:
        """Returns whether the runner still does what it is for; ends it if not."""
        assert self.runner is not None
        try:
            self.runner.process.fork().close()
        except (RunnerDied, RunnerTimeout):
            self.close()
            return False
        return True


def unreadable(name: str, why: str, options: Options) -> Result:
    """Returns the verdict on what cannot be read: no item was judged, and a note says why."""
    return _bare(name, options, notes=[f"not read: {why}"], extras={"unreadable": why})


def ended_its_runner(job: Job) -> Result:
    """Returns the verdict on a submission that ended the process which all submissions are read in."""
    why = f"the submission ended the process that reads submissions, {ATTEMPTS} times"
    return _everywhere(job, Status.CRASH, why)


def judge_failed(job: Job, why: str) -> Result:
    """Returns the result where the judge itself failed, which says nothing about the submission."""
    return _everywhere(job, Status.JUDGE_ERROR, f"the judge's own fault: {why}")


def guarded(do: Callable[[Job], Result], job: Job) -> Result:
    """Returns the verdict on a job; what fails in the judge costs this one verdict only."""
    try:
        return do(job)
    except (OtherVersion, RuntimeError):
        raise
    except Exception:
        return judge_failed(job, traceback.format_exc()[-2000:])


def _failed(result: Result) -> bool:
    return any(item.status is Status.JUDGE_ERROR for item in result.items.values())


def _everywhere(job: Job, status: Status, why: str) -> Result:
    items = {}
    for name in job.options.wanted():
        first = contract.items()[name].requirements[0]
        row = PropertyResult(first.id, name, first.id, first.level, status, message=why, got=why)
        items[name] = item_result(name, [row], job.options.level)
    return replace(_bare(job.source.name, job.options, notes=[why]), items=items)


def _bare(name: str, options: Options, **fields: Any) -> Result:
    return Result(name, False, options.seed, options.profile, options.level, options.rules, {}, {}, **fields)


def _without(result: Result, folder: Path | None) -> Result:
    """Returns a result whose texts do not tell which temporary folder the submission lay in."""
    if folder is None:
        return result
    return texts_changed(result, lambda text: without_paths(text, folder.name))


def without_paths(text: str, name: str) -> str:
    """Returns a text without the paths, absolute or relative to anywhere, that lead to a folder of this name.

    By hand, in one pass: a regular expression takes the square of the length of what has no blanks, as tensors in a
    reproducer.
    """
    first, *others = text.split(name)
    parts = [first, *(part.removeprefix("/") for part in others)]
    kept = [part[: 1 + max(map(part.rfind, AROUND_PATHS))] for part in parts[:-1]]
    return "".join([*kept, parts[-1]])


def texts_changed(result: Result, change: Callable[[str], str]) -> Result:
    """Returns a result with every text in it changed."""

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, dict):
            return {key: walk(entry) for key, entry in value.items()}
        return [walk(entry) for entry in value] if isinstance(value, (list, tuple)) else value

    return Result.from_json(walk(result.to_json()))
