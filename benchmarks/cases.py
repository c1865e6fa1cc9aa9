"""The list of what is measured: workloads by size, dtype, device and threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

import impl.compiled
from benchmarks import workloads
from benchmarks.arms import AGAIN, Arm, impl_arm, torch_arm
from benchmarks.workloads import Place, Subject

_ADAMW_PASSES = 7  # read p, grad, m, v; write p, m, v
_NORM_PASSES = 5  # forward: read x, write y; backward: read x and grad, write the gradient
_ENTROPY_PASSES = 3  # forward: read the logits; backward: read them again, write the gradient


@dataclass(frozen=True)
class Case:
    """One line-up of arms on one workload of one size in one place."""

    workload: str
    build: Callable[[Arm, Place, int, int], Subject]
    shape: tuple[int, int]
    dtype: torch.dtype
    device: str
    threads: int
    passes: int = 0  # over memory, at the least; 0 where memory is not what bounds it
    tensors_touched: int = 0  # of the workload's size: what should fit in a cache to be fast
    optimizer: bool = False
    compiled: bool = False

    @property
    def size(self) -> int:
        """Elements, the horizontal axis of the picture."""
        return self.shape[0] * self.shape[1]

    def __str__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.workload}-{self.shape[0]}x{self.shape[1]}-{dtype}-{self.device}-{self.threads}threads"

    def arms(self) -> list[Arm]:
        """The arms of this case, the baseline first and once more; a submission comes on top."""
        arms = [torch_arm(), torch_arm(AGAIN), impl_arm()]
        if self.optimizer:
            arms += [torch_arm("torch foreach", foreach=True), torch_arm("torch fused", fused=True)]
        elif self.compiled:
            arms.append(torch_arm("torch compiled", compiled=True))
        if self.compiled:
            arms.append(impl_arm(compiled=True))
        return arms


def _on_cpu(quick: bool) -> Iterator[Case]:
    """Every workload with one thread."""
    one = Case("", workloads.forward, (0, 0), torch.float32, "cpu", 1)
    widths = (256,) if quick else (128, 512)
    for batch in (64,) if quick else (64, 1024):
        for width in widths:
            model = replace(one, shape=(batch, width))
            yield replace(model, workload="training step", build=workloads.training_step, compiled=not quick)
            yield replace(model, workload="forward", build=workloads.forward)
            yield replace(model, workload="backward", build=workloads.backward)
    adamw = replace(
        one, workload="AdamW", build=workloads.adamw, passes=_ADAMW_PASSES, tensors_touched=4, optimizer=True
    )
    small = [(100, 1000), (1, 1_000_000)]
    for shape in small if quick else [(1, 1000), (1000, 1000), (10, 100_000), (1, 1_000_000), (1, 16_000_000)]:
        yield replace(adamw, shape=shape, compiled=not quick and shape[1] >= impl.compiled.LARGE)
    for name, build in (("LayerNorm", workloads.layer_norm), ("RMSNorm", workloads.rms_norm)):
        norm = replace(one, workload=name, build=build, passes=_NORM_PASSES, tensors_touched=4)
        for shape in [(256, 256)] if quick else [(64, 256), (1024, 256), (1024, 1024)]:
            yield replace(norm, shape=shape)
        yield replace(norm, shape=(256, 256), dtype=torch.bfloat16)
    entropy = replace(one, workload="cross-entropy", build=workloads.cross_entropy, passes=_ENTROPY_PASSES)
    for shape in [(128, 1000)] if quick else [(64, 10), (1024, 10), (1024, 1000)]:
        yield replace(entropy, shape=shape, tensors_touched=2)
    for name, build in (("xavier_uniform_", workloads.xavier), ("kaiming_uniform_", workloads.kaiming)):
        for side in (256,) if quick else (256, 1024):
            yield replace(one, workload=name, build=build, shape=(side, side))
    for sequences in (64,) if quick else (16, 256):
        yield replace(
            one, workload="pad_1d_sequences", build=workloads.padding, shape=(sequences, 200), dtype=torch.int64
        )


def cases(quick: bool, devices: list[str]) -> list[Case]:
    """All cases: the CPU with one thread and with all, and every other device."""
    one_thread = list(_on_cpu(quick))
    all_threads = torch.get_num_threads()
    found: list[Case] = []
    for case in one_thread:
        for device in devices:
            if device != "cpu":
                found.append(replace(case, device=device, threads=all_threads))
                continue
            found.append(replace(case, compiled=case.compiled and all_threads == 1))
            if all_threads > 1:
                found.append(replace(case, threads=all_threads))
    return found
