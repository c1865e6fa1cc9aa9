"""The signals that ask a program to end, and what it does about them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ASK_TO_END = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def when_asked_to_end(stop: Callable[[int], NoReturn]) -> Iterator[None]:
    """Calls ``stop`` with the number of a signal that asks the program to end, once.

    A second one is ignored, so that it does not leave half of what the first one ends; so is one that somebody wants
    ignored, as ``nohup`` does.
    """

    def first(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)
        stop(number)

    heard = [number for number in ASK_TO_END if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, first) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
