"""Starts the runner. Imports no torch, so that the runner's import of it and the judge's run side by side."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from conformance.runner import sandbox

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Launch:
    """A runner that has been started: its socket, its first process, and its scratch directory."""

    sock: socket.socket
    child: subprocess.Popen[bytes]
    scratch: Path
    sandbox: str

    def log(self) -> str:
        """Returns the end of what the runner wrote to its standard error."""
        path = self.scratch.with_suffix(".log")
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def close(self) -> None:
        """Ends every process of the runner and removes what they left behind."""
        self.sock.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.with_suffix(".log").unlink(missing_ok=True)


def launch(*, sandboxed: bool = True, readable: tuple[Path, ...] = ()) -> Launch:
    """Starts a runner without waiting for it.

    Args:
        sandboxed: whether to use bubblewrap where it is installed.
        readable: what of the judge's own folders the submission needs, because it lies there.
    """
    ours, theirs = socket.socketpair()
    scratch = Path(tempfile.mkdtemp(prefix="conformance-"))
    fd = theirs.fileno()
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from conformance.runner.server import main; main({fd})"
    command = [sys.executable, "-I", "-c", start]
    box = sandbox.wrap(command, scratch, readable) if sandboxed else None
    with scratch.with_suffix(".log").open("wb") as log:
        child = subprocess.Popen(
            box or command,
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=scratch,
            env=sandbox.environment(scratch),
            start_new_session=True,
        )
    theirs.close()
    return Launch(ours, child, scratch, "bubblewrap" if box else "none")
