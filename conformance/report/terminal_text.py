"""Prose and code on a terminal: prose is wrapped, code never is, and neither breaks on a narrow encoding."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from conformance.report.model import Status
from conformance.report.words import MARKS

# For encodings that have no ticks and crosses.
PLAIN_MARKS = {
    Status.PASS: "+",
    Status.SKIPPED: "o",
    Status.MISSING: "-",
    Status.RULE: "#",
    Status.WRONG: "x",
    Status.CRASH: "!",
    Status.TIMEOUT: "!",
    Status.JUDGE_ERROR: "?",
}

STYLES = {
    Status.PASS: "green",
    Status.SKIPPED: "dim",
    Status.MISSING: "dim",
    Status.RULE: "yellow",
    Status.WRONG: "red",
    Status.CRASH: "red",
    Status.TIMEOUT: "red",
    Status.JUDGE_ERROR: "magenta",
}


def marks_for(console: Console) -> Mapping[Status, str]:
    """Returns the marks that the console's encoding can show."""
    return MARKS if _is_utf(console) else PLAIN_MARKS


def fit(console: Console, text: str) -> str:
    """Returns the text with what the console's encoding lacks replaced by question marks."""
    return text if _is_utf(console) else text.encode(console.encoding, "replace").decode(console.encoding)


def prose(console: Console, text: str, style: str = "", hang: int = 0) -> None:
    """Prints text wrapped at the console's width, its further lines moved in by ``hang``."""
    lines = textwrap.wrap(text, console.width, subsequent_indent=" " * hang, break_on_hyphens=False)
    for line in lines or [""]:
        console.print(Text(fit(console, line), style), soft_wrap=True)


def code(console: Console, text: str, by: int = 4) -> None:
    """Prints code or values moved in by some columns; long lines are left whole, to be copied."""
    for line in text.split("\n"):
        console.print(Text(fit(console, f"{' ' * by}{line}" if line else "")), soft_wrap=True)


def _is_utf(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
