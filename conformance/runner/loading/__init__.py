"""Reading submissions: ``read_submission`` in the judge (executes nothing), ``load`` beside the submission.

What needs torch is imported when it is asked for: the judge reads a submission before torch is there, so that the
runner's import of it and its own run side by side.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from conformance.runner.loading.reading import read_submission as read_submission
from conformance.runner.loading.source import Source as Source
from conformance.runner.loading.source import Unit as Unit
from conformance.runner.loading.source import UnreadableSubmission as UnreadableSubmission

if TYPE_CHECKING:
    from conformance.runner.loading.deadline import OutOfTime as OutOfTime
    from conformance.runner.loading.deadline import time_limit as time_limit
    from conformance.runner.loading.execute import load as load
    from conformance.runner.loading.lines import submission_lines as submission_lines
    from conformance.runner.loading.lines import where as where
    from conformance.runner.loading.loaded import Loaded as Loaded
    from conformance.runner.loading.loaded import UnreadStatement as UnreadStatement
    from conformance.runner.loading.statements import Statement as Statement
    from conformance.runner.loading.statements import split as split
    from conformance.runner.loading.torch_state import reset_torch_state as reset_torch_state

_WHERE = {
    "OutOfTime": "deadline",
    "time_limit": "deadline",
    "load": "execute",
    "submission_lines": "lines",
    "where": "lines",
    "Loaded": "loaded",
    "UnreadStatement": "loaded",
    "Statement": "statements",
    "split": "statements",
    "reset_torch_state": "torch_state",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
