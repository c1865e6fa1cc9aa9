"""A class at a glance: who passes what, what is missed most, which mistakes are common, and who took long."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.report.files import write_whole
from conformance.report.model import Result, Status
from conformance.report.text import clean, one_line
from conformance.report.words import absent, failed_judge, headline, tally, without_cases

# Tukey's outer fence: beyond the upper quartile by three times the distance between the quartiles, "far out".
FENCE = 3.0

# Fewer than these have no quartiles worth the name.
ENOUGH = 8


@dataclass(frozen=True)
class ClassRow:
    """What the overview keeps of one submission's result; ``link`` leads to its own page."""

    submission: str
    headline: str
    conforms: bool
    statuses: dict[str, Status]
    exercises: dict[str, int]
    missed: list[tuple[str, str]]
    suspects: list[tuple[str, str]]
    unread: int
    seconds: float
    link: str = ""


@dataclass(frozen=True)
class Common:
    """Something that several submissions share: a requirement missed or a mistake made, and by whom."""

    item: str
    what: str
    who: list[ClassRow] = field(default_factory=list)


def class_row(result: Result, link: str = "") -> ClassRow:
    """Returns what the overview keeps of a result, so that a class of hundreds fits in memory.

    Args:
        result: one submission's verdict.
        link: a relative address of its page; default none.
    """
    gone = absent(result)
    counted = [row for row in result.findings() if result.counts(row) and row.status is not Status.JUDGE_ERROR]
    suspects = ((row.item, one_line(without_cases(row.suspect))) for row in counted if row.suspect)
    return ClassRow(
        submission=one_line(result.submission),
        headline=headline(result),
        conforms=result.conforms and not failed_judge(result),
        statuses={name: item.status for name, item in result.items.items() if item.exercise not in gone},
        exercises={name: item.exercise for name, item in result.items.items()},
        missed=list(dict.fromkeys((row.item, row.requirement) for row in counted)),
        suspects=list(dict.fromkeys(suspects)),
        unread=len(result.unread),
        seconds=result.seconds,
        link=link,
    )


def summary_rows(results: Iterable[Result]) -> list[dict[str, str | int | float]]:
    """Returns one flat row a submission for ``summary.csv``: verdict, counts, seconds, then each item's status."""
    rows: list[dict[str, str | int | float]] = []
    for result in results:
        counts = tally(result)
        row: dict[str, str | int | float] = {
            "submission": _plain_cell(result.submission),
            "verdict": headline(result).lower(),
            "passed": counts.get(Status.PASS, 0),
            "judged": sum(counts.values()),
            "unread": len(result.unread),
            "seconds": round(result.seconds, 2),
        }
        rows.append({**row, **{name: item.status.value for name, item in result.items.items()}})
    return rows


def missed_most(rows: Sequence[ClassRow]) -> list[Common]:
    """Returns the requirements that submissions miss, with who misses them, the most missed first."""
    return _ranked(rows, lambda row: row.missed)


def common_mistakes(rows: Sequence[ClassRow]) -> list[Common]:
    """Returns the mistakes that submissions seem to make, with who makes them, the most common first."""
    return _ranked(rows, lambda row: row.suspects)


def slow(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """Returns the submissions that took far longer than the others (beyond Tukey's outer fence), the slowest first."""
    if len(rows) < ENOUGH:
        return []
    low, _, high = statistics.quantiles([row.seconds for row in rows], n=4)
    fence = high + FENCE * (high - low)
    return sorted((row for row in rows if row.seconds > fence), key=lambda row: -row.seconds)


def overview_page(rows: Sequence[ClassRow], *, says: Mapping[str, str], title: str = "Class overview") -> str:
    """Returns the overview as one self-contained HTML page.

    Args:
        rows: one for each submission, as ``class_row`` makes them.
        says: for each requirement's id the sentence of the exercise.
        title: the page's heading.
    """
    from conformance.report.page import fill

    exercises: dict[int, dict[str, int]] = {}
    verdicts: dict[str, int] = {}
    for row in rows:
        verdicts[row.headline] = verdicts.get(row.headline, 0) + 1
        for name, exercise in row.exercises.items():
            passed = exercises.setdefault(exercise, {})
            passed[name] = passed.get(name, 0) + (row.statuses.get(name) is Status.PASS)
    return fill(
        "overview.html.jinja",
        title=title,
        rows=rows,
        verdicts=verdicts,
        exercises=dict(sorted(exercises.items())),
        missed=missed_most(rows),
        mistakes=common_mistakes(rows),
        slow=slow(rows),
        median=statistics.median([row.seconds for row in rows]) if rows else 0.0,
        says={name: clean(sentence) for name, sentence in says.items()},
    )


def write_overview(
    rows: Sequence[ClassRow], path: Path, *, says: Mapping[str, str], title: str = "Class overview"
) -> None:
    """Writes the overview to a file, whole or not at all.

    Raises:
        OSError: the folder is not there or cannot be written to.
    """
    write_whole(path, overview_page(rows, says=says, title=title))


def _ranked(rows: Sequence[ClassRow], of: Any) -> list[Common]:
    found: dict[tuple[str, str], Common] = {}
    for row in rows:
        for item, what in of(row):
            found.setdefault((item, what), Common(item, what)).who.append(row)
    return sorted(found.values(), key=lambda common: -len(common.who))


def _plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    shown = one_line(text)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
