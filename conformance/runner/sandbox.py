"""Wraps the runner in bubblewrap where it is installed: read-only file system, no network, its own process space."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
# What knows answers is hidden from a sandboxed runner: of an area all but what its drivers need, compiled or not.
OPEN_STEMS = ("driver", "__init__")
SECRET_FOLDERS = ("selftest", "numerics")


# With no device to be seen, `"cuda" if torch.cuda.is_available() else "cpu"` means the CPU, and a fork stays possible.
NO_DEVICES = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ZE_AFFINITY_MASK": ""}


def environment(scratch: Path, *, devices: bool = False) -> dict[str, str]:
    """Returns the environment variables of the runner: a home of its own, one thread, no display, no bytecode."""
    home = str(scratch)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in os.environ}
    if devices:
        kept |= {name: os.environ[name] for name in NO_DEVICES if name in os.environ}
    else:
        kept |= NO_DEVICES
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


def secrets(readable: tuple[Path, ...] = ()) -> list[Path]:
    """Returns the files and folders that know answers, and the reference solution, but for what is ``readable``."""
    inside = [*PACKAGE.glob("suite/*/*"), *PACKAGE.glob("suite/*/__pycache__/*")]
    files = [path for path in sorted(inside) if path.name.split(".")[0] not in (*OPEN_STEMS, "__pycache__")]
    folders = [PACKAGE / name for name in SECRET_FOLDERS] + [PACKAGE.parent / "impl", *_of_the_checkout(PACKAGE.parent)]
    return files + [
        folder for folder in folders if folder.exists() and not any(_within(path, folder) for path in readable)
    ]


def _of_the_checkout(root: Path) -> list[Path]:
    """Returns what holds the history of a checkout, or copies of it; nothing where the package is installed."""
    if not (root / "pyproject.toml").is_file():
        return []
    running = Path(sys.prefix).resolve()
    environments = [folder for folder in root.glob(".tox/*") if not running.is_relative_to(folder.resolve())]
    return [root / ".git", root / "build", root / "dist", *environments]


def wrap(command: list[str], scratch: Path, hidden: list[Path], *, devices: bool = False) -> list[str] | None:
    """Returns ``command`` inside bubblewrap, or None where that is not to be had.

    Args:
        command: the runner's command line.
        scratch: becomes an empty file system in memory, the only place that can be written.
        hidden: files and folders that cannot be read.
        devices: whether the machine's devices are to be seen, for an accelerator.
    """
    if not available():
        return None
    masks: list[str] = []
    for path in hidden:
        masks += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]
    return [
        "bwrap",
        *("--ro-bind", "/", "/"),
        *(("--dev-bind", "/dev", "/dev") if devices else ("--dev", "/dev")),
        *("--proc", "/proc", "--tmpfs", str(scratch), "--chdir", str(scratch)),
        *masks,
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--"),
        *command,
    ]


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
