"""``python -m conformance``."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from conformance.cli import main
from conformance.signals import when_asked_to_end

# What Hypothesis would look for in every installed package, for a quarter of a second, says nothing to the judge.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")


def _end_tidily(number: int) -> NoReturn:
    """Ends by way of what ends the runner and removes its folder."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    with when_asked_to_end(_end_tidily):
        code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing torch down takes a quarter of a second that nobody waits for
