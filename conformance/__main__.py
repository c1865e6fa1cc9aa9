"""``python -m conformance``."""

from __future__ import annotations

import os
import sys

from conformance.cli import main

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # tearing torch down takes a quarter of a second that nobody waits for
