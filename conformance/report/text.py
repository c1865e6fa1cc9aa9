"""Makes strings that a submission had a hand in safe to show: on a terminal, in XML, in HTML, in a file."""

from __future__ import annotations

import re

# A tensor of a few hundred numbers fits; a hostile ``repr`` of a gigabyte does not.
LIMIT = 20_000

# What a terminal acts on, what XML 1.0 forbids, what cannot be encoded, and what turns the direction of text around
# (so that code reads otherwise than it runs).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def clean(text: str, limit: int = LIMIT) -> str:
    """Returns the text with unsafe characters spelt out (``\\x1b``); what is beyond ``limit`` is counted, not shown.

    Args:
        text: any string, surrogates and control characters included.
        limit: how many characters of it are kept; default 20,000.
    """
    kept = text[:limit].replace("\r\n", "\n")
    shown = _UNSAFE.sub(lambda match: ascii(match.group())[1:-1], kept)
    return shown if len(text) <= limit else f"{shown}… ({len(text) - limit:,} more characters)"


def one_line(text: str, limit: int = 200) -> str:
    """Returns the first line of a text that says anything, cleaned and cut to ``limit`` characters."""
    first = next((line.strip() for line in text[: 4 * limit].splitlines() if line.strip()), "")
    shown = clean(first, 4 * limit)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def head(text: str, lines: int, limit: int = LIMIT) -> str:
    """Returns the cleaned text cut to a number of lines and characters, saying how much is left out."""
    rows = clean(text, limit).rstrip("\n").split("\n")
    if len(rows) <= lines:
        return "\n".join(rows)
    return "\n".join([*rows[: lines - 1], f"… ({len(rows) - lines + 1:,} more lines)"])


def indent(text: str, by: str = "    ") -> str:
    """Returns the text with every line that is not empty moved to the right."""
    return "\n".join(f"{by}{line}" if line else "" for line in text.split("\n"))
