"""Runs the reproducer of a finding on the fault that it was found in, and on the reference solution."""

from __future__ import annotations

import importlib
import io
import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path

from conformance.faults import Fault, path_of
from conformance.report.model import PropertyResult, Status

# Whether the script ends, and how, says all; what it printed is read from a file.
# Untold is what rests on values that the submission drew or computed itself, where impl's are others.
AGAIN, GONE, UNTOLD = 1, 0, 2


def complaint(area: str, fault: Fault, row: PropertyResult) -> str:
    """Returns what is wrong with the reproducer of a finding; empty where it shows the finding, and only there.

    It must exit 1 on the fault, by a comparison where the finding is a wrong answer and by the exception where it is
    one, and on ``impl`` 0, or 2 where what is expected was worked out from what the fault itself had drawn.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script, submission = folder / "reproducer.py", folder / "submission.py"
        script.write_text(row.reproducer or "", "utf-8")
        home = _module_of(area, fault)
        submission.write_text(f"from {home} import *\nfrom {home} import {fault.name} as {fault.item}\n", "utf-8")
        code, said = _run(script, str(submission))
        if code != AGAIN:
            return f"exits {code} on the fault: {said[-300:]}"
        if (row.status is Status.WRONG) == ("Traceback" in said):
            return f"shows something else than what was found ({row.status}): {said[-300:]}"
        code, said = _run(script, "impl")
        return "" if code in (GONE, UNTOLD) else f"exits {code} on impl: {said[-300:]}"


def _module_of(area: str, fault: Fault) -> str:
    """Returns the name of the module in which a fault is written down."""
    path, name = path_of(area), f"conformance.suite.{area}.faults"
    names = [name] if path.is_file() else [f"{name}.{file.stem}" for file in sorted(path.glob("*.py"))]
    return next(name for name in names if fault.name in vars(importlib.import_module(name)))


def _run(script: Path, submission: str) -> tuple[int, str]:
    """Returns the exit code of a script and what it printed, run in a fork of this process, which has torch."""
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                sys.stdout = sys.stderr = io.TextIOWrapper(os.fdopen(1, "wb", 0), write_through=True)
                sys.argv = [str(script), submission]
                runpy.run_path(str(script), run_name="__main__")
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 98
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        output.seek(0)
        return status, output.read().decode(errors="replace")
