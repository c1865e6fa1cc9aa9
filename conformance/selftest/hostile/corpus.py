"""Reads the corpus: what each hostile submission tries, which item it fakes, and what it has to be found to be."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "submissions"


@dataclass(frozen=True)
class Hostile:
    """One hostile submission.

    Attributes:
        path: its file.
        tries: what it tries, in a sentence.
        item: the item that it fakes.
        status: the status that the item has to get; empty where anything but a pass will do.
    """

    path: Path
    tries: str
    item: str
    status: str = ""

    @property
    def name(self) -> str:
        """The name of its file, without the ending."""
        return self.path.stem


def corpus() -> list[Hostile]:
    """Returns every hostile submission, by name; none of them is run to find out."""
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        tries, _, rest = docstring.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
        found.append(Hostile(path, tries, **fields))
    return found
