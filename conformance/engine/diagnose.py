"""Tells which usual mistake a submission behaves like, by running the faults of the item on the same cases."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from conformance import contract
from conformance.engine.checking import Check, Logged
from conformance.engine.run import Kept, Run
from conformance.engine.session import RunnerSession
from conformance.faults import Fault
from conformance.numerics.bounded import as_array
from conformance.report.model import Level, Status
from conformance.report.words import OR

# Cases that the mistakes are tried on; most are ruled out by the first.
CASES = 40
# Two answers count as the same within the honest error of both, and within this share of how far they are from the
# right one: two ways to write one mistake round differently.
SAME = 1e-3
# Two answers that are drawn count as the same within this share of their size: the same mistake draws other numbers.
DRAWN = 0.15

# What a float32 inside may be off by: the bound times the quotient of the units roundoff (2^29) and less, since honest
# errors are some way below their bounds; and a dozen units of the largest entry. Mistakes with eps are further off.
FLOAT32_ROUNDING = 2.0**28
FLOAT32_DIGITS = 2.0**-20
FLOAT32 = "works in float32 inside, so that of float64 only half of the digits are left"

# Faults that are asked whether a case can be judged at all.
WITNESSES = 3

# The mistakes that fit, with the number of cases that show it, for each requirement with a finding.
Fitting = dict[str, list[tuple[Fault, int]]]


def fitting_faults(run: Run, faults: RunnerSession, candidates: list[Fault]) -> Fitting:
    """Returns the usual mistakes that answer as the submission does.

    A mistake fits when it answers alike on every case in which it differs from what is right, and leaves no failing
    case of the submission unexplained. None that fits is no guess; nor is one made at what torch does besides, which
    the mistakes leave out as most submissions do.

    Args:
        run: what a property found about the submission, with its cases and how each check went.
        faults: a session on the faults of the area.
        candidates: the mistakes to try.
    """
    wrong = [found.failure.requirement for found in run.findings if found.failure.status is Status.WRONG]
    requirements = [name for name in wrong if run.prop.level(name, run.variant) is not Level.PARITY]
    fitting: Fitting = {requirement: [] for requirement in requirements}
    if requirements:
        # Failing cases first: they rule out most mistakes at once.
        cases = sorted(run.cases, key=lambda kept: all(entry.ok for entry in kept[1]))[:CASES]
        for fault in candidates:
            for requirement, agreed in _agreement(run, fault, faults, cases, set(requirements)).items():
                if agreed:
                    fitting[requirement].append((fault, agreed))
    return fitting


def suspects_of(fitting: Fitting) -> dict[str, str]:
    """Returns, for each requirement, the mistakes that fit, in words."""
    texts = {
        requirement: OR.join(f"{fault.sentence} ({agreed} of {agreed} cases)" for fault, agreed in pairs)
        for requirement, pairs in fitting.items()
    }
    return {requirement: text for requirement, text in texts.items() if text}


def in_float32(run: Run) -> dict[str, str]:
    """Returns, for each requirement that only the last digits of float64 fail, the words for that."""
    if run.variant.dtype != "float64":
        return {}
    texts = {}
    for requirement in {found.failure.requirement for found in run.findings if found.failure.status is Status.WRONG}:
        wrong = [list(_failures(log, requirement).values()) for _, log in run.cases]
        shares = [_float32_shares(entry) for entries in wrong for entry in entries]
        cases = sum(bool(entries) for entries in wrong)
        # Where rounding is amplified, as by an offset, float32 leaves fewer digits; hardly so in most of the cases.
        typical = sum(share <= 1 for _, share in shares)
        if shares and all(share <= 1 for share, _ in shares) and 2 * typical >= len(shares):
            texts[requirement] = f"{FLOAT32} ({cases} of {cases} cases)"
    return texts


def _float32_shares(entry: Logged) -> tuple[float, float]:
    """Returns how far a failed answer is off, as shares of what float32 may be off by: of its bound, of its digits."""
    if entry.got is None or entry.exact is None or entry.got.dtype != torch.float64:
        return math.inf, math.inf
    exact = entry.exact.value
    away = np.abs(as_array(entry.got) - exact)
    with np.errstate(all="ignore"):
        bound = np.nan_to_num(away / (FLOAT32_ROUNDING * entry.exact.bound), nan=0.0, posinf=math.inf)
        digits = away / (FLOAT32_DIGITS * np.abs(exact).max())
    return float(bound.max()), float(np.nan_to_num(digits, nan=math.inf).max())


def unreadable(run: Run, faults: RunnerSession, candidates: list[Fault]) -> str:
    """Returns what is wrong with the judge where answers were malformed, and those of its own faults are no better.

    Empty where one of the faults can be judged on the same case: then it was the submission that answered oddly.
    """
    for found in run.findings:
        if not found.failure.malformed:
            continue
        judged = [_judged(run, faults, fault, found.case) for fault in candidates[:WITNESSES]]
        if judged and not any(judged):
            return found.failure.got
    return ""


def _judged(run: Run, faults: RunnerSession, fault: Fault, case: Any) -> bool:
    """Returns whether a property can go through a fault's answer to a case, to its end."""
    faults.alias = {fault.item: fault.name}
    faults.begin()
    check, seen = _seen_of(run, faults, case)
    try:
        if seen is not None:
            run.prop.test(case, seen, check)
    except Exception:
        return False
    return bool(check.log)


def _agreement(
    run: Run, fault: Fault, faults: RunnerSession, cases: list[Kept], requirements: set[str]
) -> dict[str, int]:
    """Returns, for each requirement, in how many cases a fault fails as the submission does, where they never part."""
    agreed = dict.fromkeys(requirements, 0)
    # All mistakes of an item share a process: they are the suite's own, and leave nothing behind that would matter.
    faults.alias = {fault.item: fault.name}
    faults.begin(fault.item)
    for case, log in cases:
        other = _log_of(run, faults, case)
        if _parted(log, other):
            return {}
        for requirement in list(agreed):
            mine, theirs = _failures(log, requirement), _failures(other, requirement)
            if not _alike(mine, theirs):
                del agreed[requirement]
            elif theirs:
                agreed[requirement] += 1
        if not agreed:
            break
    return agreed


def _log_of(run: Run, session: RunnerSession, case: Any) -> list[Logged]:
    """Returns how the checks went for a fault; nothing where it gave no observation."""
    check, seen = _seen_of(run, session, case)
    if seen is not None:
        try:
            run.prop.test(case, seen, check)
        except Exception:
            if all(entry.ok for entry in check.log):
                raise
    return check.log


def _seen_of(run: Run, session: RunnerSession, case: Any) -> tuple[Check, SimpleNamespace | None]:
    """Returns a check that goes on after every failure, and what a fault's answer to a case was, if there is one."""
    prop, variant = run.prop, run.variant
    names = [prop.item, *contract.items()[prop.item].needs]
    outcome = session.call(prop.driver, names, case.ship(variant.device), prop.seconds)
    return Check(prop, variant, frozenset((*prop.requirements, "device"))), outcome.seen


def _failures(log: list[Logged], requirement: str) -> dict[str, Logged]:
    """Returns the checks of a requirement that failed, by place."""
    return {entry.path: entry for entry in log if not entry.ok and entry.requirement == requirement}


def _parted(mine: list[Logged], theirs: list[Logged]) -> bool:
    """Returns whether a mistake fails a check of another requirement that the submission passes."""
    passed = {(entry.requirement, entry.path) for entry in mine if entry.ok}
    passed -= {(entry.requirement, entry.path) for entry in mine if not entry.ok}
    return any(not entry.ok and (entry.requirement, entry.path) in passed for entry in theirs)


def _alike(mine: dict[str, Logged], theirs: dict[str, Logged]) -> bool:
    """Returns whether two submissions fail the same checks with the same answers.

    A search may end an example at its first failure, so that of mine there may be fewer than of theirs.
    """
    if not mine or not theirs:
        return not mine and not theirs
    shared = mine.keys() & theirs.keys()
    return len(shared) == len(mine) and all(_same(mine[place], theirs[place]) for place in shared)


def _same(a: Logged, b: Logged) -> bool:
    """Returns whether two failed checks failed with the same answer."""
    if a.got is None or b.got is None or a.exact is None:
        if a.size is not None and b.size is not None:
            return math.isclose(a.size, b.size, rel_tol=DRAWN)
        return a.text == b.text or ("(p = " in a.text and "(p = " in b.text)
    mine, other = as_array(a.got), as_array(b.got)
    if mine.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        allowed = 2 * np.nan_to_num(a.exact.bound, posinf=0.0) + SAME * np.abs(mine - a.exact.value)
        near = np.isfinite(mine) & (np.abs(mine - other) <= allowed)
    return bool(np.all(near | (np.isnan(mine) & np.isnan(other)) | (mine == other)))
