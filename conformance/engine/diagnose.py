"""Tells which usual mistake a submission behaves like, by running the faults of the item on the same cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.engine.checking import Check, Logged, Mismatch
from conformance.engine.properties import Property
from conformance.engine.run import Run
from conformance.engine.session import RunnerSession
from conformance.faults import Fault, faults_of
from conformance.report.model import Status

# Cases that the mistakes are tried on; most are ruled out by the first.
CASES = 40
# Two answers count as the same within the honest error of both, and within this share of how far they are from the
# right one: two ways to write one mistake round differently.
SAME = 1e-3


def suspects_of(run: Run, faults: RunnerSession) -> dict[str, str]:
    """Returns, for each requirement with a finding, the usual mistakes that answer as the submission does.

    A mistake is named when it answers alike on every case in which it differs from the right answer, and leaves no
    failing case of the submission unexplained. None that fits is no guess.

    Args:
        run: what a property found about the submission, with its cases and how each check went.
        faults: a session on the faults of the area.
    """
    suspects = {}
    for found in run.findings:
        if found.failure.status not in (Status.WRONG, Status.CRASH):
            continue
        # Failing cases first: they rule out most mistakes at once.
        cases = sorted(run.cases, key=lambda kept: not kept[1])[:CASES]
        fitting = []
        for fault in faults_of(run.prop.area):
            if fault.item == run.prop.item:
                agreed = _agreement(run.prop, run.check, fault, faults, cases)
                if agreed:
                    fitting.append(f"{fault.sentence} ({agreed} of {agreed} cases)")
        if fitting:
            suspects[found.failure.requirement] = "; or: ".join(fitting)
    return suspects


def _agreement(
    prop: Property, check: Check, fault: Fault, faults: RunnerSession, cases: list[tuple[Any, bool, list[Logged]]]
) -> int:
    """Returns in how many cases a fault fails as the submission does; 0 if they part anywhere."""
    session = faults.standing_in(fault.item, fault.name)
    agreed = 0
    try:
        session.begin()
        for case, failed, log in cases:
            theirs = _log_of(prop, check, session, case)
            broken = theirs is None or any(not entry.ok for entry in theirs)
            if broken != failed:
                return 0
            if broken:
                if not _alike(log, theirs):
                    return 0
                agreed += 1
    finally:
        session.close()
    return agreed


def _log_of(prop: Property, check: Check, session: RunnerSession, case: Any) -> list[Logged] | None:
    """Returns how the checks went for a fault; None where it gave no observation."""
    own = Check(prop, check.variant)
    names = session.names
    outcome = session.call(prop.driver, names, case.ship(check.variant.device), prop.seconds)
    if outcome.seen is None:
        return None
    try:
        prop.test(case, outcome.seen, own)
    except Mismatch:
        pass
    return own.log


def _alike(log: list[Logged], theirs: list[Logged] | None) -> bool:
    """Returns whether two runs of the checks ended at the same place with the same answer."""
    if theirs is None or not log:
        return theirs is None and not log
    a, b = log[-1], theirs[-1]
    if (a.requirement, a.path, a.ok) != (b.requirement, b.path, b.ok):
        return False
    if a.got is None or b.got is None or a.bound is None:
        return a.text == b.text or "(p = " in a.text
    if a.got.shape != b.got.shape:
        return False
    with np.errstate(all="ignore"):
        near = np.abs(a.got - b.got) <= 2 * np.nan_to_num(a.bound, posinf=0.0) + SAME * np.abs(a.got)
    return bool(np.all(near | (np.isnan(a.got) & np.isnan(b.got)) | (a.got == b.got)))
