"""torch's global switches, back to where they stand after ``import torch``."""

from __future__ import annotations

import random
import sys

import torch

from conformance.runner.roles import switch_back


def reset_torch_state() -> None:
    """Undoes what a submission may have switched for everybody: dtype, device, modes, seeds.

    Called after a submission is read and between two calls of it: a switch is noise, never a failure by itself.
    The seeds are set to a constant, so that the same submission gives the same answers on every run.
    """
    switch_back()
    torch.autograd.set_detect_anomaly(False)
    # Memory that nobody has written holds NaN in deterministic mode only; "warn" refuses no operator. That is what
    # use_deterministic_algorithms would do too, after importing torch._inductor for 2 s.
    torch.set_deterministic_debug_mode("warn")
    torch._C._set_deterministic_fill_uninitialized_memory(True)
    torch.set_float32_matmul_precision("highest")
    torch.set_flush_denormal(False)
    torch.default_generator.manual_seed(0)
    random.seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
