"""``python -m conformance``."""

from __future__ import annotations

import os
import sys

from conformance.cli import main

# What Hypothesis would look for in every installed package, for a quarter of a second, says nothing to the judge.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing torch down takes a quarter of a second that nobody waits for
