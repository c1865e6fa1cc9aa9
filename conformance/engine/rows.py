"""Turns runs of properties into rows of the result, and rows into the verdict on an item."""

from __future__ import annotations

from dataclasses import replace

from conformance import contract
from conformance.engine.checking import Failure
from conformance.engine.reproduce import script
from conformance.engine.run import Found, Run
from conformance.report.message import finding_message
from conformance.report.model import SEVERITY, ItemResult, Level, PropertyResult, SourceLine, Status, worst
from conformance.runner.loading import Source
from conformance.runner.loading.statements import definition

# Longest text of a case that is shown; a case that shrank is far below.
LONGEST = 4000


def rows_of(run: Run, suspects: dict[str, str], source: Source | None = None) -> list[PropertyResult]:
    """Returns one row for each requirement of the property, and one for each rule that it saw broken.

    Args:
        run: what running the property gave.
        suspects: for a requirement with a finding, the usual mistake that it looks like.
        source: the submission, for reproducers.
    """
    if run.judge_error is not None:
        return [_judge_error(run, run.prop.requirements[0], run.judge_error)]
    rows = [_finding(run, found, suspects.get(found.failure.requirement), source) for found in run.findings]
    reached = [found for name, found in run.reached.items() if name not in run.prop.requirements]
    rows += [_finding(run, found, None, source) for found in reached]
    if any(row.status in (Status.CRASH, Status.TIMEOUT, Status.MISSING) for row in rows):
        return rows
    failed = {row.requirement for row in rows}
    asked = ("device",) if run.variant.device == "meta" else run.prop.requirements
    for name in asked:
        requirement = run.prop.requirement(name)
        if requirement.id in failed:
            continue
        tally = run.check.tallies[name]
        row = PropertyResult(
            id=run.prop.id(run.variant),
            item=run.prop.item,
            requirement=requirement.id,
            level=run.prop.level(name, run.variant),
            status=Status.PASS,
            examples=run.examples,
            comparisons=tally.comparisons,
            informative=tally.informative,
            budget_used=tally.budget_used,
            spread=tally.spread,
            curve=run.check.curve,
            seconds=run.seconds,
        )
        if tally.comparisons:
            rows.append(row)
        elif run.unsupported is not None:
            rows.append(replace(row, status=Status.SKIPPED, message=run.unsupported))
        elif not failed:
            rows.append(_judge_error(run, name, "not one comparison was made, and no evidence is not a pass"))
    return rows


def _finding(run: Run, found: Found, suspect: str | None, source: Source | None) -> PropertyResult:
    failure, prop = found.failure, run.prop
    requirement = prop.requirement(failure.requirement)
    tally = run.check.tallies[failure.requirement]
    missing = failure.status is Status.MISSING
    case = repr(found.case)
    case = case if len(case) <= LONGEST else case[:LONGEST] + " ..."
    if not found.alone:
        case += "\n(in a process that had been asked before; asked first, it is right)"
    bound = failure.entries[0].bound if failure.entries else None
    lines = list(failure.lines) or ([] if source is None or missing else _places(source, prop.item, failure))
    message = finding_message(
        asked=requirement.means,
        case=case,
        got=failure.got,
        expected=failure.expected,
        bound=bound,
        suspect=suspect,
        lines=lines,
    )
    return PropertyResult(
        id=prop.id(run.variant),
        item=prop.item,
        requirement=requirement.id,
        level=prop.level(failure.requirement, run.variant),
        status=failure.status,
        examples=run.examples,
        comparisons=tally.comparisons,
        informative=tally.informative,
        budget_used=tally.budget_used,
        message="still to be implemented" if missing else message,
        counterexample=None if missing else case,
        got=failure.got,
        expected=failure.expected,
        entries=list(failure.entries),
        lines=lines,
        reproducer=script(source, run, found) if source is not None else None,
        suspect=suspect,
        spread=tally.spread,
        curve=run.check.curve,
        seconds=run.seconds,
    )


def _places(source: Source, item: str, failure: Failure) -> list[SourceLine]:
    """Returns where an item is defined, and its constructor if a finding is about that; no traceback leads there."""
    constructor = failure.requirement == "signature" or f"{item}.__init__()" in failure.got
    names = [item, f"{item}.__init__"] if constructor else [item]
    places = [definition(source, name) for name in names]
    return [SourceLine(*place) for place in places if place is not None]


def _judge_error(run: Run, requirement: str, text: str) -> PropertyResult:
    return PropertyResult(
        id=run.prop.id(run.variant),
        item=run.prop.item,
        requirement=run.prop.requirement(requirement).id,
        level=run.prop.level(requirement, run.variant),
        status=Status.JUDGE_ERROR,
        examples=run.examples,
        message=f"the judge's own fault: {text}",
        seconds=run.seconds,
    )


def missing_row(name: str, lost: str | None, other: str | None) -> PropertyResult:
    """Returns the row of an item that is not there.

    Args:
        name: the item.
        lost: why the statement that would have defined it was not taken in, if there is one.
        other: the name in the submission that may be meant, if there is one.
    """
    requirement = contract.items()[name].requirements[0]
    why = f"not there: {lost}" if lost else f"not there; is it your {other}?" if other else "not there"
    return PropertyResult(requirement.id, name, requirement.id, Level.EXERCISE, Status.MISSING, message=why)


def counts(row: PropertyResult, level: Level) -> bool:
    """Returns whether a row counts towards the verdict at a level; the judge's own fault always does."""
    return row.status is Status.JUDGE_ERROR or row.level is not Level.PARITY or level is Level.PARITY


def item_result(name: str, rows: list[PropertyResult], level: Level) -> ItemResult:
    """Returns the verdict on an item: the worst of its counted rows, with that row's reason in a line."""
    item = contract.items()[name]
    counted = [row for row in rows if counts(row, level)]
    statuses = [row.status for row in counted if row.status is not Status.SKIPPED]
    status = worst(statuses)
    reason = ""
    if status is not Status.PASS:
        bad = [row for row in counted if row.status is status]
        reason = _reason(bad[0]) if bad else "no property of it ran"
    ordered = sorted(rows, key=lambda row: -SEVERITY[row.status] if row.status is not Status.SKIPPED else 0)
    return ItemResult(name, item.exercise, status, reason, ordered)


def _reason(row: PropertyResult) -> str:
    if row.status is Status.MISSING:
        return row.message or "not there"
    if row.status is Status.JUDGE_ERROR:
        return row.message or ""
    means = contract.requirements()[row.requirement].means
    if row.status is Status.RULE:
        return f"{row.got}"
    if row.status in (Status.CRASH, Status.TIMEOUT):
        return str(row.got).splitlines()[0]
    return row.suspect or f"not so: {means}"
