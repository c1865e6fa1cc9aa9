"""Measure one case: check that the arms agree, interleave them, and make a row of each."""

from __future__ import annotations

import shutil
import statistics as stdlib_statistics
import time

import torch
from torch import Tensor

from benchmarks.arms import AGAIN, BASELINE, Arm, MissingPartError
from benchmarks.cases import Case
from benchmarks.memory import peak_mib
from benchmarks.results import Row
from benchmarks.sampling import Effort, Run, Step, interleave
from benchmarks.statistics import claim, noise_floor, paired_ratio, summarise
from benchmarks.workloads import Place, Subject

_CHECKED_STEPS = 3
_TOO_SLOW_SECONDS = 20.0  # for one step, once warm


class _UnfitError(Exception):
    """An arm that cannot be measured; the message is its status."""


def measure(case: Case, submission: Arm | None, effort: Effort) -> list[Row]:
    """The rows of a case, one for each arm, whatever became of it."""
    arms = case.arms() + ([submission] if submission else [])
    if case.device != "cpu" and not _is_there(case.device):
        return [_row(case, arm.name, f"no device {case.device} on this machine") for arm in arms]
    threads = torch.get_num_threads()
    torch.set_num_threads(case.threads)
    try:
        return _measure(case, arms, effort)
    finally:
        torch.set_num_threads(threads)


def _measure(case: Case, arms: list[Arm], effort: Effort) -> list[Row]:
    place = Place(torch.device(case.device), case.dtype)
    rows: dict[str, Row] = {}
    steps: dict[str, Step] = {}
    expected: list[list[Tensor]] | None = None
    for arm in arms:
        try:
            outcomes = _checked(case, arm, place, expected)
            steps[arm.name] = _build(case, arm, place).step
        except _UnfitError as unfit:
            rows[arm.name] = _row(case, arm.name, str(unfit))
            continue
        expected = expected or outcomes
        rows[arm.name] = _row(case, arm.name)
    if not steps:
        return list(rows.values())
    streams = _streams(case, place) if case.passes else {}
    beside = {name: stream for name, (stream, _) in streams.items()}
    run = interleave(steps, place.device, effort, beside)
    bound = min(
        (stdlib_statistics.median(run.samples[name].seconds) * moves for name, (_, moves) in streams.items()),
        default=None,
    )
    for name, step in steps.items():
        rows[name].bound = bound
        rows[name].peak_mib = peak_mib(step, place.device)
        _fill(rows[name], run)
    return list(rows.values())


def _build(case: Case, arm: Arm, place: Place) -> Subject:
    if arm.compiled:
        torch._dynamo.reset()
    return case.build(arm, place, *case.shape)


def _checked(case: Case, arm: Arm, place: Place, expected: list[list[Tensor]] | None) -> list[list[Tensor]]:
    """What the arm's first steps lead to, if that is what the baseline's led to."""
    if arm.compiled and shutil.which("c++") is None and shutil.which("g++") is None:
        raise _UnfitError("no C++ compiler on this machine")
    outcomes: list[list[Tensor]] = []
    try:
        subject = _build(case, arm, place)
        for _ in range(_CHECKED_STEPS):
            start = time.perf_counter()
            subject.step()
            seconds = time.perf_counter() - start
            outcomes.append(subject.outcome())
    except MissingPartError as missing:
        raise _UnfitError(f"missing: {missing}") from None
    except torch.OutOfMemoryError:
        raise _UnfitError("out of memory") from None
    except Exception as error:  # whatever a submission raises is its row, not the end of the benchmark
        raise _UnfitError(f"failed: {type(error).__name__}: {error}".splitlines()[0][:120]) from None
    if seconds > _TOO_SLOW_SECONDS:
        raise _UnfitError(f"too slow: {seconds:.0f} s a step")
    for step, (a, b) in enumerate(zip(outcomes, expected or outcomes, strict=True), 1):
        if error_words := _disagreement(a, b):
            raise _UnfitError(f"wrong: {error_words} after step {step}")
    return outcomes


def _disagreement(found: list[Tensor], expected: list[Tensor]) -> str:
    """How the tensors differ, or nothing.

    Within sqrt(u) of the norm, half the digits of the dtype: rounding in these sums costs fewer, a wrong formula more.
    """
    if [t.shape for t in found] != [t.shape for t in expected]:
        return "shapes unlike torch's (parameters in another order?)"
    for a, b in zip(found, expected, strict=True):
        tolerance = torch.finfo(b.dtype).eps ** 0.5 if b.is_floating_point() else 0.0
        distance, norm = float((a.double() - b.double()).norm()), float(b.double().norm())
        if not distance <= tolerance * norm:
            return f"off by {distance / norm if norm else distance:.1e} of torch's result"
    return ""


def _streams(case: Case, place: Place) -> dict[str, tuple[Step, float]]:
    """Two ways to move as much memory as the case touches, and what to multiply their times by for its passes."""
    a, b = (
        torch.ones(max(1, case.size * case.tensors_touched // 2), device=place.device, dtype=place.dtype) for _ in "ab"
    )
    whole = torch.ones(2 * a.numel(), device=place.device, dtype=place.dtype)
    passes = case.passes / case.tensors_touched
    return {"copy": (lambda: a.copy_(b), passes), "scale": (lambda: whole.mul_(1.0), passes / 2)}


def _fill(row: Row, run: Run) -> None:
    samples = run.samples[row.arm]
    summary = summarise(samples.seconds)
    row.median, row.iqr, row.minimum, row.n = summary.median, summary.iqr, summary.minimum, summary.n
    row.cold, row.samples = samples.cold, samples.seconds
    row.steps_per_block, row.stopped_by = run.steps_per_block, run.stopped_by
    if samples.device_seconds:
        row.device_median = stdlib_statistics.median(samples.device_seconds)
    if row.arm == BASELINE or not {BASELINE, AGAIN} <= run.samples.keys():
        return
    baseline = run.samples[BASELINE].seconds
    ratio = paired_ratio(baseline, samples.seconds)
    row.noise_floor = noise_floor(paired_ratio(baseline, run.samples[AGAIN].seconds))
    row.ratio = [ratio.value, ratio.low, ratio.high]
    row.claim = "noise" if row.arm == AGAIN else claim(ratio, row.noise_floor)


def _row(case: Case, arm: str, status: str = "ok") -> Row:
    dtype = str(case.dtype).removeprefix("torch.")
    return Row(case.workload, list(case.shape), dtype, case.device, case.threads, arm, status)


def _is_there(device: str) -> bool:
    return torch.accelerator.is_available() and device == str(torch.accelerator.current_accelerator())
