"""What a result depends on besides the code: the machine and how torch is set on it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

# Results that differ in one of these were not made on the same machine.
_IDENTITY = ("cpu", "cores", "memory_gib", "accelerator", "driver", "os", "python", "torch", "cuda")


def describe() -> dict[str, Any]:
    """The machine, torch's settings, and the commit."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "accelerator": _accelerator_name(accelerator),
        "driver": _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") or None,
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "tf32": torch.get_float32_matmul_precision() != "highest",
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "commit": _output("git", "rev-parse", "--short", "HEAD") or None,
        "uncommitted_changes": bool(_output("git", "status", "--porcelain", "--untracked-files=no")),
    }


def state() -> dict[str, Any]:
    """What changes while the machine works: recorded before and after."""
    query = "--query-gpu=temperature.gpu,clocks.sm"
    return {
        "load": round(os.getloadavg()[0], 2),
        "clock_khz": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
        "gpu_temperature_and_clock": _output("nvidia-smi", query, "--format=csv,noheader") or None,
    }


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Why the two descriptions are of different machines, a phrase for each reason; empty for the same machine."""
    return [f"{key}: {a.get(key)} and {b.get(key)}" for key in _IDENTITY if a.get(key) != b.get(key)]


def in_words(machine: Mapping[str, Any]) -> str:
    """One line for a heading."""
    gpu = f", {machine['accelerator']} (driver {machine['driver']})" if machine["accelerator"] else ", no accelerator"
    commit = f"{machine['commit']}{' with uncommitted changes' if machine['uncommitted_changes'] else ''}"
    cpu = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    return f"{cpu}{gpu}; torch {machine['torch']}, Python {machine['python']}, {machine['os']}; commit {commit}"


def _accelerator_name(accelerator: torch.device | None) -> str | None:
    if accelerator is None:
        return None
    return torch.cuda.get_device_name() if accelerator.type == "cuda" else accelerator.type


def _cpu() -> str:
    lines = (_read("/proc/cpuinfo") or "").splitlines()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
