"""Starts the runner. Imports no torch, so that the runner's import of it and the judge's run side by side."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from conformance.runner import sandbox
from conformance.runner.processes import end_descendants, end_group

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
        """Ends every process of the runner and removes what they left behind; the second time there is nothing left."""
        if self.child.returncode is not None:
            return
        self.sock.close()
        end_descendants(self.child.pid)
        end_group(self.child.pid)
        self.child.wait()
        _remove(self.scratch)


def launch(
    *,
    sandboxed: bool = True,
    readable: tuple[Path, ...] = (),
    hidden: tuple[Path, ...] = (),
    accelerated: bool = False,
) -> Launch:
    """Starts a runner without waiting for it.

    Args:
        sandboxed: whether to use bubblewrap where it is installed; Landlock and seccomp do their part in any case.
        readable: what of the judge's own folders the submission needs, because it lies there.
        hidden: what it may not read besides, where it is there.
        accelerated: whether submissions may see the machine's accelerators.
    """
    scratch = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        kept = [*sandbox.secrets(readable), *(path.resolve() for path in hidden if path.exists())]
        return _start(scratch, kept, sandboxed=sandboxed, accelerated=accelerated)
    except BaseException:  # Ctrl-C; what has been started already ends with its socket
        _remove(scratch)
        raise


def _start(scratch: Path, hidden: list[Path], *, sandboxed: bool, accelerated: bool) -> Launch:
    ours, theirs = socket.socketpair()
    fd = theirs.fileno()
    run = f"from conformance.runner.server import main; main({fd}, {str(scratch)!r}, {list(map(str, hidden))!r})"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {run}"]
    box = sandbox.wrap(command, scratch, hidden, devices=accelerated) if sandboxed else None
    with theirs, scratch.with_suffix(".log").open("wb") as log:
        child = subprocess.Popen(
            box or command,
            pass_fds=(fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=scratch,
            env=sandbox.environment(scratch, devices=accelerated),
            start_new_session=True,
        )
    return Launch(ours, child, scratch, "bubblewrap" if box else "")


def _remove(scratch: Path) -> None:
    """Removes the scratch directory, also where the submission has taken the right to enter its folders away."""
    scratch.with_suffix(".log").unlink(missing_ok=True)
    for folder, names, _ in os.walk(scratch):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(scratch, ignore_errors=True)
