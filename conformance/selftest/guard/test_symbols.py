"""Kernels that are looked for in torch's own library."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from conformance.runner.guard import Family, Guard

LIBRARY = str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")


def test_a_kernel_that_is_looked_for_by_ctypes_is_told_of_every_call(guard: Guard) -> None:
    library = ctypes.CDLL(LIBRARY)
    getattr(library, "_ZN2at6native14layer_norm_no_such_thing", None)
    for _ in range(2):
        guard.reset()
        assert [(breach.family, breach.what) for breach in guard.records()] == [
            (Family.NORM, "torch's layer_norm, by ctypes")
        ]
    guard.symbols.found.clear()


def test_other_symbols_are_nobodys_business(guard: Guard) -> None:
    getattr(ctypes.CDLL(LIBRARY), "_ZN2at6native11log_softmaxE", None)
    assert ctypes.CDLL(None).getpid() > 0
    assert guard.records() == []
