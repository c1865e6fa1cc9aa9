"""``python -m conformance``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from conformance.cli import main
from conformance.signals import when_asked_to_end

# What Hypothesis would look for in every installed package, for a quarter of a second, says nothing to the judge.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")


class AskedToEnd(BaseException):
    """Ends by way of what ends the runner and removes its folder; Hypothesis would take a SystemExit for a finding."""


def _end_tidily(number: int) -> NoReturn:
    raise AskedToEnd(number)


if __name__ == "__main__":
    try:
        with when_asked_to_end(_end_tidily):
            code = main()
    except AskedToEnd as asked:
        code = 128 + asked.args[0]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing torch down takes a quarter of a second that nobody waits for
