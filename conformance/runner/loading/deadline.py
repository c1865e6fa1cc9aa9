"""Time limits on code that does not cooperate, by an alarm that survives ``except Exception`` and most bare excepts."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from types import FrameType
from typing import Any, NamedTuple

# Time for the code inside to clean up once it has been told to stop, before it is told again, and less politely.
_AGAIN_SECONDS = 0.1
# Here an alarm would do harm: a limit could be left in force after its time.
_OURS = frozenset({__file__, contextlib.__file__})


class OutOfTime(BaseException):
    """The time of the code in hand is used up; no ``Exception``, so that ``except Exception`` lets it pass."""


class _Limit(NamedTuple):
    """When the code that a frame runs has to end."""

    deadline: float
    frame: FrameType


_limits: list[_Limit] = []


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises ``OutOfTime`` in the code inside once it has run that long; limits nest, the tightest holds.

    Only the main thread can be interrupted; elsewhere, and in C code that never returns, there is no limit, and the
    parent process has to step in.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    depth = len(_limits)
    trace = sys.gettrace()
    previous = signal.signal(signal.SIGALRM, _Alarm())
    _limits.append(_Limit(monotonic() + seconds, sys._getframe(2)))  # this < contextlib's __enter__ < who set the limit
    _arm()
    try:
        yield
    finally:
        del _limits[depth:]
        sys.settrace(trace)
        _arm()
        signal.signal(signal.SIGALRM, previous)


def _arm() -> None:
    if not _limits:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return
    soonest = min(limit.deadline for limit in _limits)
    signal.setitimer(signal.ITIMER_REAL, max(soonest - monotonic(), 1e-6), _AGAIN_SECONDS)


class _Alarm:
    """What happens when the time is up: an exception; should that be swallowed, another in what swallowed it."""

    def __init__(self) -> None:
        self.rung = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        expired = [limit for limit in _limits if limit.deadline <= monotonic()]
        if not expired or frame is None or frame.f_code.co_filename in _OURS:
            return
        if self.rung:
            _raise_on_next_line(frame, expired[0].frame)
        self.rung = True
        raise OutOfTime


def _raise_on_next_line(frame: FrameType | None, last: FrameType) -> None:
    """Lets every frame below the one that set the limit raise on its next line: that of an ``except:``, say."""
    sys.settrace(_ignore)
    while frame is not None and frame is not last:
        frame.f_trace = _raise_on_line
        frame = frame.f_back


def _ignore(frame: FrameType, event: str, argument: Any) -> None:
    """Traces no further frames; without some tracer in place, those that have one are not asked."""


def _raise_on_line(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
    if event == "line":
        raise OutOfTime
    return _raise_on_line
