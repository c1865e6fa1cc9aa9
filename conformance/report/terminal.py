"""A result on a terminal: verdict, table, findings; as readable in 80 columns, without colour and in a pipe."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from conformance.report.model import ItemResult, Result, Status
from conformance.report.terminal_finding import print_findings
from conformance.report.terminal_text import STYLES, fit, marks_for, prose
from conformance.report.text import clean, one_line
from conformance.report.words import (
    WORDS,
    absent,
    by_exercise,
    environment,
    failed_judge,
    headline,
    item_reason,
    reason_of,
    sentence_of,
    summary,
)

# Mark and word; "judge error" is the longest.
STATUS_WIDTH = 17

# Up to here missing items get a row each; beyond, one line names them all, but for those with more to say.
MISSING_ROWS = 2
NO_NEWS = ("", "not there", "still to be implemented")

# A notebook in which everything fails has a hundred such statements; the first few tell the story.
UNREAD_LINES = 12
PARITY_LINES = 12


def print_result(result: Result, console: Console, *, says: Mapping[str, str]) -> None:
    """Prints a result: the verdict, the items, the findings, what was not read, notes, and where it was judged.

    Args:
        result: what to print.
        console: where to; its width, colours and encoding are respected.
        says: for each requirement's id the sentence of the exercise.
    """
    _print_verdict(result, console)
    _print_items(result, console)
    print_findings(result, console, says)
    _print_parity(result, console, says)
    _print_unread(result, console)
    for note in result.notes:
        prose(console, f"Note: {clean(note, 1000)}")
    if result.notes:
        console.print()
    prose(console, environment(result), "dim")


def _print_verdict(result: Result, console: Console) -> None:
    good = result.conforms and not failed_judge(result)
    prose(console, headline(result), "bold green" if good else "bold red")
    prose(console, f"{one_line(result.submission)}: {summary(result)}", hang=2)
    console.print()


def _print_items(result: Result, console: Console) -> None:
    gone = absent(result)
    width = max((len(name) for name in result.items), default=0)
    for exercise, items in by_exercise(result).items():
        if exercise in gone:
            prose(console, f"Exercise {exercise}: not in this submission", "dim")
            console.print()
            continue
        missing = [item.name for item in items if item.status is Status.MISSING and item.reason in NO_NEWS]
        folded = missing if len(missing) > MISSING_ROWS else []
        prose(console, f"Exercise {exercise}", "bold")
        for item in items:
            if item.name not in folded:
                _print_row(item, width, console)
        if folded:
            prose(console, f"{_status(Status.MISSING, console)}{', '.join(folded)}", "dim", hang=STATUS_WIDTH)
        console.print()


def _print_row(item: ItemResult, width: int, console: Console) -> None:
    left = console.width - STATUS_WIDTH - width - 2
    reason = one_line(item_reason(item), left) if left > 1 else ""
    row = Text(_status(item.status, console), STYLES[item.status])
    row.append(fit(console, f"{item.name:<{width}}  {reason}".rstrip()), "default")
    console.print(row, soft_wrap=True)


def _status(status: Status, console: Console) -> str:
    return f"  {marks_for(console)[status]} {WORDS[status]}".ljust(STATUS_WIDTH)


def _print_parity(result: Result, console: Console, says: Mapping[str, str]) -> None:
    beside = [row for row in result.findings() if not result.counts(row)]
    if not beside:
        return
    prose(console, "Beside the verdict (this does not count)", "bold")
    # One line for a requirement, whatever the number of dtypes that show it.
    first = {(row.item, row.requirement): row for row in reversed(beside)}
    shown = [row for row in beside if row is first[row.item, row.requirement]]
    for row in shown[:PARITY_LINES]:
        prose(console, f"  {row.item}, {row.level}: {sentence_of(row, says)}", hang=4)
        prose(console, f"    {WORDS[row.status]}: {reason_of(row)}", "dim", hang=4)
    _more(console, len(shown) - PARITY_LINES)
    console.print()


def _print_unread(result: Result, console: Console) -> None:
    if not result.unread:
        return
    prose(console, "Not taken in from the submission", "bold")
    for entry in result.unread[:UNREAD_LINES]:
        where = f"line {entry.line}" if entry.cell is None else f"cell {entry.cell}, line {entry.line}"
        prose(console, f"  {where}: {one_line(entry.why)}", hang=4)
    _more(console, len(result.unread) - UNREAD_LINES)
    console.print()


def _more(console: Console, count: int) -> None:
    if count > 0:
        prose(console, f"  and {count} more; --json or --html lists them all", "dim")
