"""``python -m conformance``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from conformance.cli import main

# What Hypothesis would look for in every installed package, for a quarter of a second, says nothing to the judge.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")


def _end_tidily(number: int, frame: FrameType | None) -> NoReturn:
    """Ends by way of what ends the runner and removes its folder."""
    signal.signal(number, signal.SIG_IGN)  # a second one must not leave half of it
    raise SystemExit(128 + number)


if __name__ == "__main__":
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(asked_to_end) is signal.SIG_DFL:  # not where somebody said `nohup`
            signal.signal(asked_to_end, _end_tidily)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing torch down takes a quarter of a second that nobody waits for
