"""What can still be read of a script with a syntax error in it."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

# A line that cannot begin a block: indented, empty, a comment, or the rest of one that began above.
_INSIDE = re.compile(r"\s|$|#|[)\]}]|(else|elif|except|finally)\b")
# How many blocks a string or bracket with text at the margin may span before the block is given up.
_SPAN = 40


class Broken(NamedTuple):
    """Code that does not parse: where, why, and its text (for the names that it would have defined)."""

    line: int
    why: str
    text: str

    @classmethod
    def of(cls, error: SyntaxError, text: str, shift: int = 0) -> Broken:
        """Returns what a syntax error in a text says."""
        return cls((error.lineno or 1) + shift, f"{type(error).__name__}: {error.msg}", text)


def salvaged(text: str) -> list[ast.stmt | Broken]:
    """Returns the statements of every top-level block that parses, and a ``Broken`` for each that does not."""
    lines = text.split("\n")
    starts = [0, *(number for number, line in enumerate(lines) if number and not _INSIDE.match(line)), len(lines)]
    parts: list[ast.stmt | Broken] = []
    at = 0
    while at < len(starts) - 1:
        begin = starts[at]
        problem: SyntaxError | None = None
        for end in range(at + 1, min(at + _SPAN, len(starts))):
            try:
                body = ast.parse("\n".join(lines[begin : starts[end]])).body
            except SyntaxError as error:
                problem = problem or error
                continue
            parts += [_moved(node, begin) for node in body]
            at = end
            break
        else:
            block = "\n".join(lines[begin : starts[at + 1]])
            parts.append(Broken.of(problem, block, begin) if problem else Broken(begin + 1, "SyntaxError", block))
            at += 1
    return parts


def _moved(node: ast.stmt, lines: int) -> ast.stmt:
    ast.increment_lineno(node, lines)
    return node
