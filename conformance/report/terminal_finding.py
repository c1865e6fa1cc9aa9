"""The findings of a result on a terminal, each in the order in which one reads it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from conformance.report.message import source_line
from conformance.report.model import Entry, ItemResult, PropertyResult, Result, Status
from conformance.report.terminal_text import STYLES, code, marks_for, prose
from conformance.report.text import clean, head, one_line
from conformance.report.words import (
    WORDS,
    mend_first,
    one_a_requirement,
    reason_of,
    reasons_of,
    reproduce_command,
    sentence_of,
)

# The first findings of an item say what is wrong; the others mostly say it again.
IN_FULL = 2

# Longer values and cases are cut on the terminal; the JSON and HTML reports keep them.
LINES = 16
CHARACTERS = 1_500
ENTRIES = 6

# Four columns of these and the gaps between them make 80.
CELL = 17


def print_findings(result: Result, console: Console, says: Mapping[str, str]) -> None:
    """Prints the findings that count, item by item: the first ones in full, the others in a line each."""
    for item in result.items.values():
        rows = [row for row in result.findings() if row.item == item.name and result.counts(row)]
        if rows:
            _print_item(result, item, rows, console, says)


def _print_item(
    result: Result, item: ItemResult, rows: list[PropertyResult], console: Console, says: Mapping[str, str]
) -> None:
    title = f"{marks_for(console)[item.status]} {item.name}: {WORDS[item.status]}"
    rule = ("─" if marks_for(console)[Status.PASS] == "✓" else "-") * max(0, console.width - len(title) - 1)
    console.print(Text.assemble((title, f"bold {STYLES[item.status]}"), " ", (rule, "dim")), soft_wrap=True)
    if mend_first(item, result):
        prose(console, mend_first(item, result), "bold")
    first = one_a_requirement(rows)[:IN_FULL]
    for row in first:
        _print_finding(row, [other for other in rows if other.requirement == row.requirement], console, says)
    shown = {row.requirement for row in first}
    others = [row for row in one_a_requirement(rows) if row.requirement not in shown]
    if others:
        told = frozenset().union(*map(reasons_of, first))
        again = [row for row in others if reasons_of(row) <= told]
        news = [row for row in others if not reasons_of(row) <= told]
        prose(console, "Also not met:", "bold")
        if again:
            prose(console, f"  for the same reason: {'; '.join(sentence_of(row, says) for row in again)}", hang=4)
        for row in news:
            prose(console, f"  {WORDS[row.status]}: {sentence_of(row, says)} ({reason_of(row)})", hang=4)
        console.print()
    if any(row.reproducer for row in rows):
        prose(console, "A script that shows this:", "bold")
        code(console, reproduce_command(result, item.name))
        console.print()


def _print_finding(row: PropertyResult, same: list[PropertyResult], console: Console, says: Mapping[str, str]) -> None:
    _labelled(console, "Asked", sentence_of(row, says))
    if not (row.counterexample or row.got or row.expected or row.entries):
        _labelled(console, "Found", head(row.message or WORDS[row.status], LINES, CHARACTERS))
    if row.counterexample:
        _labelled(console, "Smallest case", head(row.counterexample, LINES, CHARACTERS), block=True)
    if row.got:
        _labelled(console, "Got", head(row.got, LINES, CHARACTERS))
    if row.expected:
        _labelled(console, "Expected", head(row.expected, LINES, CHARACTERS))
    if row.entries:
        _print_entries(row.entries, console)
    if row.suspect:
        _labelled(console, "Looks like", clean(row.suspect, 500), style="bold")
    if row.lines:
        _labelled(console, "In the submission", "\n".join(map(source_line, row.lines[:LINES])), block=True)
    _labelled(console, "Property", ", ".join(dict.fromkeys(other.id for other in same)), style="dim")
    console.print()


def _print_entries(entries: list[Entry], console: Console) -> None:
    prose(console, "Where they differ:", "bold")
    rows = [("at", "got", "expected", "may be off by")]
    rows += [(entry.path, entry.got, entry.expected, entry.bound) for entry in entries[:ENTRIES]]
    cells = [[one_line(cell, CELL) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    for row in cells:
        code(console, "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if len(entries) > ENTRIES:
        prose(console, f"    and {len(entries) - ENTRIES} more entries", "dim")


def _labelled(console: Console, label: str, text: str, block: bool = False, style: str = "") -> None:
    """Prints a label and its text: beside it if it is prose, below it and unwrapped if it is code or has lines."""
    if block or "\n" in text:
        prose(console, f"{label}:", "bold")
        code(console, text)
    else:
        prose(console, f"{label}: {text}", style, hang=4)
