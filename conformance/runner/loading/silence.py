"""Nothing that a submission prints is seen, and nothing that it asks for is answered."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TextIO


@contextmanager
def silence() -> Iterator[None]:
    """Sends standard output and error nowhere, leaves standard input empty, and ignores warnings.

    Both the Python objects and the file descriptors are turned, so that C code and child processes are silent too.
    """
    _flush(sys.stdout, sys.stderr)
    streams = (sys.stdin, sys.stdout, sys.stderr)
    saved = [_duplicate(number) for number in range(3)]
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)
    sink = _nowhere("w")
    sys.stdin, sys.stdout, sys.stderr = _nowhere("r"), sink, sink
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _flush(sink)
        for number, copy in enumerate(saved):
            if copy is not None:
                os.dup2(copy, number)
                os.close(copy)
        sys.stdin, sys.stdout, sys.stderr = streams


# Open for good: a submission may hold on to them (a logging handler made at import) and use them in a later call.
_streams: dict[str, TextIO] = {}


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    if mode not in _streams or _streams[mode].closed:  # exit() closes standard input before it raises SystemExit
        _streams[mode] = open(os.devnull, mode, encoding="utf-8", errors="replace")  # noqa: SIM115 - see above
    return _streams[mode]


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:  # closed already
        return None


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        with suppress(OSError, ValueError, AttributeError):  # closed, or None as in a daemon
            stream.flush()
