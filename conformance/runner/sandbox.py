"""Wraps the runner in bubblewrap where it is installed: read-only file system, no network, its own process space."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
# What knows answers: hidden from a sandboxed runner, whose drivers need none of it.
SECRET_FILES = ("suite/*/oracle.py", "suite/*/cases.py", "suite/*/faults.py", "suite/*/test_*.py")
SECRET_FOLDERS = ("selftest", "numerics")


def environment(scratch: Path) -> dict[str, str]:
    """Returns the environment variables of the runner: a home of its own, one thread, no display, no bytecode."""
    home = str(scratch)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "HOME": home,
        "TMPDIR": home,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": home,
        "TQDM_DISABLE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }


@functools.cache
def available() -> bool:
    """Returns whether bubblewrap is installed and may be used here (some kernels and containers refuse it)."""
    if shutil.which("bwrap") is None:
        return False
    trial = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def wrap(command: list[str], scratch: Path, readable: tuple[Path, ...] = ()) -> list[str] | None:
    """Returns ``command`` inside bubblewrap, or None where that is not to be had.

    Args:
        command: the runner's command line.
        scratch: becomes an empty file system in memory, the only place that can be written.
        readable: what the submission needs from disk (a directory or a module); the reference is hidden unless
            it is the submission.
    """
    if not available():
        return None
    masks: list[str] = []
    for pattern in SECRET_FILES:
        for path in sorted(PACKAGE.glob(pattern)):
            masks += ["--ro-bind", "/dev/null", str(path)]
    folders = [PACKAGE / name for name in SECRET_FOLDERS] + [PACKAGE.parent / "impl"]
    for folder in folders:
        if folder.is_dir() and not any(_within(path, folder) for path in readable):
            masks += ["--tmpfs", str(folder)]
    return [
        "bwrap",
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        *("--tmpfs", str(scratch), "--chdir", str(scratch)),
        *masks,
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--"),
        *command,
    ]


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
