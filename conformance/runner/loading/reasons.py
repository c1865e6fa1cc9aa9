"""An exception in a submission, in a sentence for a learner."""

from __future__ import annotations

from conformance.runner.loading.deadline import OutOfTime, time_limit

# Enough for what an exception says; some print whole tensors.
_LENGTH = 200
# An exception's own __str__ is the submission's code, too.
_STR_SECONDS = 0.5


def reason(error: BaseException) -> str:
    """Returns what an exception says about why a statement was not read."""
    if isinstance(error, SystemExit):
        return "ends the program (SystemExit)"
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return f"ModuleNotFoundError: No module named {error.name!r} (not installed beside the judge)"
    if isinstance(error, EOFError) and "reading a line" in _message(error):
        return "asks for input, and there is nobody to answer"
    name, message = type(error).__name__, _message(error)
    if isinstance(error, SyntaxError) and isinstance(error.msg, str):
        message = error.msg  # without the place, which is reported anyway
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    """Returns the first line of an exception's text, whatever its ``__str__`` does."""
    try:
        with time_limit(_STR_SECONDS):
            text = str.strip(str(error))
    except (Exception, OutOfTime, SystemExit, KeyboardInterrupt):
        return ""
    first = text.split("\n", 1)[0]
    return first if len(first) <= _LENGTH else first[: _LENGTH - 1] + "…"
