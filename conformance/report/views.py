"""What the HTML page shows of a result, item by item, worked out before any template is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from conformance.report.charts import ErrorChart, error_chart
from conformance.report.diff import Piece, differing
from conformance.report.model import ItemResult, Level, PropertyResult, Result, Status, worst
from conformance.report.text import clean, one_line
from conformance.report.words import item_reason, mend_first, reproduce_command, sentence_of

# The first findings of an item are open when the page opens; those after them mostly follow from the same mistake.
OPEN = 2

# Values are shown in two columns; longer ones are cut here and whole in the JSON file.
VALUE = 4_000

_MANY = re.compile(r"\((\d+ of \d+ entries differ)\)$")

# What differs in the text of an exception where cases differ: shapes and other numbers.
_SIZES = re.compile(r"[\d\s,x()\[\]]+")


@dataclass(frozen=True)
class RequirementView:
    """A requirement of an item, with what its properties found; ``why`` says why it was skipped, where it was."""

    id: str
    sentence: str
    level: Level
    counts: bool
    status: Status
    examples: int
    comparisons: int
    share: float | None
    why: str


@dataclass(frozen=True)
class FindingView:
    """A finding, with the two values marked where they differ, and what says the same again (in another dtype, say).

    Where the values are no more than the entries of the table, ``got`` and ``expected`` are empty, and ``note`` says
    how many entries there are.
    """

    row: PropertyResult
    anchor: str
    sentence: str
    counts: bool
    open: bool
    got: list[Piece]
    expected: list[Piece]
    note: str
    again: list[FindingView]


@dataclass(frozen=True)
class ItemView:
    """An item with its requirements, findings and chart."""

    item: ItemResult
    anchor: str
    reason: str
    mend_first: str
    requirements: list[RequirementView]
    findings: list[FindingView]
    chart: ErrorChart | None
    command: str


def item_view(item: ItemResult, result: Result, says: Mapping[str, str]) -> ItemView:
    """Returns what the page shows of one item."""
    anchor = "item-" + re.sub(r"\W+", "-", item.name)
    mine = [row for row in result.findings() if row.item == item.name]
    mine.sort(key=lambda row: not result.counts(row))
    groups: dict[tuple[str, ...], list[FindingView]] = {}
    for number, row in enumerate(mine, 1):
        group = groups.setdefault(_kind(row), [])
        is_open = not group and len(groups) <= OPEN and result.counts(row)
        group.append(_finding(row, f"{anchor}-{number}", result.counts(row), is_open, says))
    findings = [replace(first, again=others) for first, *others in groups.values()]
    return ItemView(
        item=item,
        anchor=anchor,
        reason=item_reason(item),
        mend_first=mend_first(item, result),
        requirements=_requirements(item, result, says),
        findings=findings,
        chart=error_chart([pair for row in item.properties for pair in row.spread]),
        command=reproduce_command(result, item.name),
    )


def _kind(row: PropertyResult) -> tuple[str, ...]:
    """Returns what two findings share that tell the same: the exception and its line, or else the requirement."""
    if row.status is Status.CRASH:
        return row.status, _SIZES.sub("", one_line(row.got or "")), *(line.where for line in row.lines[-1:])
    return row.status, row.requirement


def _finding(row: PropertyResult, anchor: str, counts: bool, is_open: bool, says: Mapping[str, str]) -> FindingView:
    got, expected, note = row.got or "", row.expected or "", ""
    if row.entries and got.startswith(f"{row.entries[0].path} = "):
        many = _MANY.search(got)
        got, expected, note = "", "", many[1] if many else ""
    left, right = differing(clean(got, VALUE), clean(expected, VALUE))
    return FindingView(row, anchor, sentence_of(row, says), counts, is_open, left, right, note, [])


def _requirements(item: ItemResult, result: Result, says: Mapping[str, str]) -> list[RequirementView]:
    groups: dict[str, list[PropertyResult]] = {}
    for row in item.properties:
        groups.setdefault(row.requirement, []).append(row)
    return [_requirement(name, rows, result, says) for name, rows in groups.items()]


def _requirement(name: str, rows: list[PropertyResult], result: Result, says: Mapping[str, str]) -> RequirementView:
    status = worst([row.status for row in rows])
    return RequirementView(
        id=name,
        sentence=sentence_of(rows[0], says),
        level=rows[0].level,
        counts=result.counts(rows[0]),
        status=status,
        examples=sum(row.examples for row in rows),
        comparisons=sum(row.comparisons for row in rows),
        share=max((row.budget_used for row in rows if row.budget_used is not None), default=None),
        why=rows[0].message or "" if status is Status.SKIPPED else "",
    )
