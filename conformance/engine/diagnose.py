"""Tells which usual mistake a submission behaves like, by running the faults of the item on the same cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.engine.checking import Check, Logged
from conformance.engine.run import Kept, Run
from conformance.engine.session import RunnerSession
from conformance.faults import Fault
from conformance.numerics.bounded import as_array
from conformance.report.model import Status

# Cases that the mistakes are tried on; most are ruled out by the first.
CASES = 40
# Two answers count as the same within the honest error of both, and within this share of how far they are from the
# right one: two ways to write one mistake round differently.
SAME = 1e-3


def fitting_faults(run: Run, faults: RunnerSession, candidates: list[Fault]) -> list[tuple[Fault, int]]:
    """Returns the usual mistakes that answer as the submission does, with the number of cases that show it.

    A mistake fits when it answers alike on every case in which it differs from the right answer, and leaves no
    failing case of the submission unexplained.

    Args:
        run: what a property found about the submission, with its cases and how each check went.
        faults: a session on the faults of the area.
        candidates: the mistakes to try.
    """
    if not _wrong(run):
        return []
    # Failing cases first: they rule out most mistakes at once.
    cases = sorted(run.cases, key=lambda kept: not _failures(kept[1]))[:CASES]
    tried = ((fault, _agreement(run, fault, faults, cases)) for fault in candidates)
    return [(fault, agreed) for fault, agreed in tried if agreed]


def suspects_of(run: Run, fitting: list[tuple[Fault, int]]) -> dict[str, str]:
    """Returns, for each requirement with a finding, the mistakes that fit, in words; none that fits is no guess."""
    text = "; or: ".join(f"{fault.sentence} ({agreed} of {agreed} cases)" for fault, agreed in fitting)
    return dict.fromkeys(_wrong(run), text) if text else {}


def _wrong(run: Run) -> list[str]:
    return [found.failure.requirement for found in run.findings if found.failure.status is Status.WRONG]


def _agreement(run: Run, fault: Fault, faults: RunnerSession, cases: list[Kept]) -> int:
    """Returns in how many cases a fault fails as the submission does; 0 if they part anywhere."""
    session = faults.standing_in(fault.item, fault.name)
    agreed = 0
    try:
        session.begin()
        for case, log in cases:
            mine, theirs = _failures(log), _failures(_log_of(run, session, case))
            if not _alike(mine, theirs):
                return 0
            agreed += bool(theirs)
    finally:
        session.close()
    return agreed


def _log_of(run: Run, session: RunnerSession, case: Any) -> list[Logged]:
    """Returns how the checks went for a fault; nothing where it gave no observation."""
    prop, variant = run.prop, run.variant
    everything = frozenset((*prop.requirements, "device"))
    check = Check(prop, variant, everything)
    outcome = session.call(prop.driver, [prop.item], case.ship(variant.device), prop.seconds)
    if outcome.seen is not None:
        try:
            prop.test(case, outcome.seen, check)
        except Exception:
            if all(entry.ok for entry in check.log):
                raise
    return check.log


def _failures(log: list[Logged]) -> dict[tuple[str, str], Logged]:
    """Returns the checks that failed, by requirement and place."""
    return {(entry.requirement, entry.path): entry for entry in log if not entry.ok}


def _alike(mine: dict[tuple[str, str], Logged], theirs: dict[tuple[str, str], Logged]) -> bool:
    """Returns whether two submissions fail the same checks with the same answers.

    A search ends an example at its first new failure, so that of mine there may be fewer than of theirs.
    """
    if not mine or not theirs:
        return not mine and not theirs
    shared = mine.keys() & theirs.keys()
    return len(shared) == len(mine) and all(_same(mine[place], theirs[place]) for place in shared)


def _same(a: Logged, b: Logged) -> bool:
    """Returns whether two failed checks failed with the same answer."""
    if a.got is None or b.got is None or a.exact is None:
        return a.text == b.text or "(p = " in a.text
    mine, other = as_array(a.got), as_array(b.got)
    if mine.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        allowed = 2 * np.nan_to_num(a.exact.bound, posinf=0.0) + SAME * np.abs(mine - a.exact.value)
        near = np.abs(mine - other) <= allowed
    return bool(np.all(near | (np.isnan(mine) & np.isnan(other)) | (mine == other)))
