"""The most memory that a step takes beyond what was there before it."""

from __future__ import annotations

import gc
from pathlib import Path

import torch

from benchmarks.sampling import Step


def peak_mib(step: Step, device: torch.device) -> float | None:
    """MiB above the level before the step; None where it cannot be known.

    On CUDA it is what torch allocated. On a CPU it is the resident set, which Linux resets on request: coarse, since
    pages that an earlier step left resident are not seen again.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        torch.accelerator.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if device.type != "cpu":
        return None
    try:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from the resident set
    except OSError:
        return None
    before_kib = _status("VmRSS")
    step()
    return max(0, _status("VmHWM") - before_kib) / 2**10


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))
