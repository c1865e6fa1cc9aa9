"""A result as Markdown, for the summary of a CI job (``$GITHUB_STEP_SUMMARY``)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from conformance.report.message import source_line
from conformance.report.model import ItemResult, PropertyResult, Result
from conformance.report.text import clean, head, one_line
from conformance.report.words import (
    MARKS,
    WORDS,
    absent,
    by_exercise,
    environment,
    headline,
    item_reason,
    mend_first,
    one_a_requirement,
    reproduce_command,
    sentence_of,
    summary,
)

# GitHub takes a megabyte for a step; thirty items with two findings of these stay far below it.
FINDINGS = 2
LINES = 30
CHARACTERS = 3_000


def markdown(result: Result, *, says: Mapping[str, str]) -> str:
    """Returns the result as GitHub-flavoured Markdown: verdict, table, and the first findings of each item folded away.

    Args:
        result: what to write.
        says: for each requirement's id the sentence of the exercise.
    """
    parts = [
        f"## {headline(result).capitalize()}: {_inline(one_line(result.submission))}",
        f"{_inline(summary(result))}.",
    ]
    gone = absent(result)
    for exercise, items in by_exercise(result).items():
        if exercise in gone:
            parts.append(f"Exercise {exercise} is not in this submission.")
        else:
            parts.append(_table(exercise, items))
    for item in result.items.values():
        rows = [row for row in result.findings() if row.item == item.name and result.counts(row)]
        if rows:
            parts.append(_item(item, rows, result, says))
    parts += [_unread(result)] if result.unread else []
    parts += [f"- {_inline(clean(note, 1000))}" for note in result.notes]
    return "\n\n".join([*parts, f"<sub>{_inline(environment(result))}</sub>"]) + "\n"


def _table(exercise: int, items: list[ItemResult]) -> str:
    rows = [f"| Exercise {exercise} | | |", "|---|---|---|"]
    for item in items:
        status = f"{MARKS[item.status]} {WORDS[item.status]}"
        rows.append(f"| {_inline(item.name)} | {_inline(status)} | {_inline(one_line(item_reason(item)))} |")
    return "\n".join(rows)


def _item(item: ItemResult, rows: list[PropertyResult], result: Result, says: Mapping[str, str]) -> str:
    parts = [f"<details><summary><b>{_inline(item.name)}</b>: {WORDS[item.status]}</summary>"]
    parts += [_inline(mend_first(item, result))] if mend_first(item, result) else []
    told = one_a_requirement(rows)
    parts += [_finding(row, says) for row in told[:FINDINGS]]
    if len(told) > FINDINGS:
        parts.append(f"{len(told) - FINDINGS} more of its requirements are not met.")
    if any(row.reproducer for row in rows):
        parts.append("A script that shows this:\n\n" + _fenced(reproduce_command(result, item.name), "sh"))
    return "\n\n".join([*parts, "</details>"])


def _finding(row: PropertyResult, says: Mapping[str, str]) -> str:
    parts = [f"**{WORDS[row.status].capitalize()}:** {_inline(sentence_of(row, says))}"]
    if not (row.counterexample or row.got or row.expected):
        parts.append(_fenced(row.message or WORDS[row.status]))
    for label, text, language in (
        ("The smallest case", row.counterexample, "python"),
        ("Got", row.got, ""),
        ("Expected", row.expected, ""),
    ):
        if text:
            parts.append(f"{label}:\n\n{_fenced(text, language)}")
    if row.entries:
        rows = ["| at | got | expected | may be off by |", "|---|---|---|---|"]
        for entry in row.entries[:6]:
            cells = (entry.path, entry.got, entry.expected, entry.bound)
            rows.append("| " + " | ".join(_inline(one_line(cell, 80)) for cell in cells) + " |")
        parts.append("\n".join(rows))
    if row.suspect:
        parts.append(f"**Looks like:** {_inline(clean(row.suspect, 500))}")
    if row.lines:
        parts.append("In the submission:\n\n" + _fenced("\n".join(map(source_line, row.lines[:10]))))
    return "\n\n".join(parts)


def _unread(result: Result) -> str:
    rows = ["Not taken in from the submission:", ""]
    for entry in result.unread[:20]:
        where = f"line {entry.line}" if entry.cell is None else f"cell {entry.cell}, line {entry.line}"
        rows.append(f"- {where}: {_inline(one_line(entry.why))}")
    return "\n".join(rows)


def _inline(text: str) -> str:
    """The text with everything that Markdown or HTML would act on taken literally, on one line."""
    literal = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|~#@!])", r"\\\1", literal)


def _fenced(text: str, language: str = "") -> str:
    shown = head(text, LINES, CHARACTERS)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shown}\n{fence}"
