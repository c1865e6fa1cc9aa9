"""Timing several subjects against each other in one process: A B C, C A B, ..."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

Step = Callable[[], object]

_PATIENCE = 3  # budgets: where rounds take so long, fewer than the minimum must do


@dataclass(frozen=True)
class Effort:
    """How long to measure one case."""

    warm_up_seconds: float  # for all arms together
    block_seconds: float  # of one sample; 10 ms are 10^5 times the clock's 0.1 us
    budget_seconds: float  # for all samples of the case
    min_rounds: int
    max_rounds: int = 100


QUICK = Effort(warm_up_seconds=0.05, block_seconds=0.002, budget_seconds=0.3, min_rounds=5)
STANDARD = Effort(warm_up_seconds=0.2, block_seconds=0.01, budget_seconds=2.0, min_rounds=15)


@dataclass
class Samples:
    """What was measured of one arm."""

    cold: float  # seconds of the very first step
    seconds: list[float] = field(default_factory=list)  # a step, one for each round
    device_seconds: list[float] = field(default_factory=list)  # the same by the device's own clock, on CUDA


@dataclass(frozen=True)
class Run:
    """All arms' samples and how they came about."""

    samples: dict[str, Samples]
    steps_per_block: int
    stopped_by: str


def interleave(
    arms: Mapping[str, Step],
    device: torch.device,
    effort: Effort,
    beside: Mapping[str, Step] | None = None,
    seed: int = 0,
) -> Run:
    """Measure all arms in rounds, each round in a new order and with the same number of steps for each arm.

    Args:
        arms: one step of each, on fresh and identical state; every arm takes the same number of steps.
        device: where they run; an accelerator is synchronised at both ends of each block.
        effort: how long.
        beside: steps without state that are measured in the same rounds, each as often as fills a block.
        seed: of the orders.
    """
    steps = {**arms, **(beside or {})}
    samples = {name: Samples(cold=_time(step, 1, device)[0]) for name, step in steps.items()}
    k = math.ceil(effort.block_seconds / _warm_up(arms, device, effort.warm_up_seconds))
    blocks = dict.fromkeys(arms, k)
    for name, step in (beside or {}).items():
        blocks[name] = math.ceil(effort.block_seconds / _warm_up({name: step}, device, effort.warm_up_seconds / 10))
    rng = random.Random(seed)
    order = list(steps)
    start = time.perf_counter()
    stopped_by = "number of rounds"
    for done in range(effort.max_rounds):
        spent = time.perf_counter() - start
        if done and spent > (effort.budget_seconds if done >= effort.min_rounds else _PATIENCE * effort.budget_seconds):
            stopped_by = "time"
            break
        rng.shuffle(order)
        for name in order:
            seconds, device_seconds = _time(steps[name], blocks[name], device)
            samples[name].seconds.append(seconds / blocks[name])
            if device_seconds is not None:
                samples[name].device_seconds.append(device_seconds / blocks[name])
    return Run(samples, k, stopped_by)


def _warm_up(arms: Mapping[str, Step], device: torch.device, seconds: float) -> float:
    """Steps of all arms in turn until the time is up; returns the shortest step seen."""
    fastest = math.inf
    end = time.perf_counter() + seconds
    while True:
        for step in arms.values():
            fastest = min(fastest, _time(step, 1, device)[0])
        if time.perf_counter() >= end:
            return max(fastest, 1e-9)


def _time(step: Step, k: int, device: torch.device) -> tuple[float, float | None]:
    """Wall seconds of k steps, and the device's own where it has a clock."""
    if device.type == "cpu":
        start = time.perf_counter()
        for _ in range(k):
            step()
        return time.perf_counter() - start, None
    events = [torch.Event(device, enable_timing=True) for _ in range(2)] if device.type == "cuda" else None
    torch.accelerator.synchronize()
    start = time.perf_counter()
    if events:
        events[0].record()
    for _ in range(k):
        step()
    if events:
        events[1].record()
    torch.accelerator.synchronize()
    seconds = time.perf_counter() - start
    return seconds, events[0].elapsed_time(events[1]) / 1e3 if events else None
