"""Reading submissions: ``read_submission`` in the judge (executes nothing), ``load`` beside the submission."""

from __future__ import annotations

from conformance.runner.loading.deadline import OutOfTime as OutOfTime
from conformance.runner.loading.deadline import time_limit as time_limit
from conformance.runner.loading.execute import load as load
from conformance.runner.loading.lines import submission_lines as submission_lines
from conformance.runner.loading.lines import where as where
from conformance.runner.loading.loaded import Loaded as Loaded
from conformance.runner.loading.loaded import UnreadStatement as UnreadStatement
from conformance.runner.loading.reading import read_submission as read_submission
from conformance.runner.loading.silence import silence as silence
from conformance.runner.loading.source import Source as Source
from conformance.runner.loading.source import Unit as Unit
from conformance.runner.loading.source import UnreadableSubmission as UnreadableSubmission
from conformance.runner.loading.statements import Statement as Statement
from conformance.runner.loading.statements import split as split
from conformance.runner.loading.torch_state import reset_torch_state as reset_torch_state
