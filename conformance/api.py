"""``check``: judge one submission from Python and get the result model back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from conformance.engine.judge import Progress, Silence, judge, judge_in_process
from conformance.engine.options import Options, UsageError
from conformance.report.model import Result
from conformance.runner.client import Runner
from conformance.runner.launch import Launch, launch
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.runner.loading import Source, read_submission


def check(submission: str | Path, options: Options | None = None, **changes: Any) -> Result:
    """Returns the verdict on one submission.

    Args:
        submission: path of a notebook, a Python file or a directory, or the dotted name of a module.
        options: what to judge and how; the defaults of ``Options`` otherwise.
        **changes: fields of ``Options``, when no ``options`` are given: ``check("hw3.ipynb", items=("LayerNorm",))``.

    Raises:
        UnreadableSubmission: there is nothing to judge; the text is one clear sentence.
        UsageError: an option makes no sense; likewise.
    """
    if options is not None and changes:
        raise UsageError(
            f"options were given, so {', '.join(changes)} belongs into them: Options(..., {next(iter(changes))}=...)"
        )
    options = options or Options(**changes)
    source = read_submission(str(submission))
    return verdict(source, options, None if options.in_process else started(options, source))


def started(options: Options, source: Source | None = None) -> Launch:
    """Returns a runner that is starting; to be called early, since it imports torch on its own."""
    readable = source.places if source is not None else ()
    hidden = tuple(map(Path, options.hidden))
    return launch(sandboxed=options.sandbox, readable=readable, hidden=hidden, accelerated=options.accelerated)


def verdict(source: Source, options: Options, starting: Launch | None, progress: Progress | None = None) -> Result:
    """Returns the verdict on a submission that has been read, with a runner that is starting (None: in process)."""
    torch.set_num_threads(1)  # the judge forks, and a case is far too small for a second thread
    defer_dynamo()
    tell = progress or Silence()
    if starting is None:
        return judge_in_process(source, options, tell)
    runner = Runner.ready(starting)
    try:
        return judge(source, runner, options, tell)
    finally:
        runner.close()
