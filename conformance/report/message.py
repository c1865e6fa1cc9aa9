"""The text of a finding: what was asked, the smallest case, what came back, what was expected, the likely mistake."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.report.model import PropertyResult, SourceLine
from conformance.report.text import clean, head, indent, one_line

# A case is small when Hypothesis is done with it; an oddly large one must not bury what follows it.
LINES = 40


def finding_message(
    *,
    asked: str,
    case: str,
    got: str,
    expected: str,
    bound: str | None,
    suspect: str | None,
    lines: Sequence[SourceLine],
) -> str:
    """Returns a finding in words, in the order in which a learner reads it.

    Args:
        asked: the sentence of the exercise.
        case: the smallest case, as code that runs; may be empty.
        got: what came back, or what happened instead.
        expected: what was expected.
        bound: how far from it an honest answer may be; None where nothing is rounded.
        suspect: the usual mistake that it behaves like ("divides the variance by D-1"); None if none fits.
        lines: the submission's own lines that the finding passes through.
    """
    parts = [_part("Asked", asked)]
    if case.strip():
        parts.append(_part("Smallest case", case, block=True))
    parts += [_part("Got", got), _part("Expected", expected)]
    if bound:
        parts.append(_part("Within", bound))
    if suspect:
        parts.append(_part("Looks like", suspect))
    if lines:
        parts.append(_part("Submission", "\n".join(source_line(line) for line in lines), block=True))
    return "\n".join(parts)


def message_of(row: PropertyResult, asked: str) -> str:
    """Returns the message of a property result: its own if it has one, else one made from its parts."""
    if row.message:
        return clean(row.message)
    return finding_message(
        asked=asked,
        case=row.counterexample or "",
        got=row.got or "nothing was reported",
        expected=row.expected or "what the sentence asks",
        bound=row.entries[0].bound if row.entries else None,
        suspect=row.suspect,
        lines=row.lines,
    )


def source_line(line: SourceLine) -> str:
    """Returns a line of the submission with the place where it stands."""
    return f"{one_line(line.where, 60)}: {one_line(line.code, 300)}"


def _part(label: str, text: str, block: bool = False) -> str:
    shown = head(text.strip("\n"), LINES)
    if block or "\n" in shown:
        return f"{label}:\n{indent(shown)}"
    return f"{label}: {shown}"
