"""What a submission consists of, as text: read by the judge, shipped to the runner, executed by neither here."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["notebook", "script", "directory", "module"]


class UnreadableSubmission(ValueError):
    """What was named cannot be read as a submission; the message is one sentence that says why and what to do."""


@dataclass(frozen=True)
class Unit:
    """A stretch of code that stands or falls on its own: a notebook's code cell, or (a cell of) a script.

    Args:
        cell: place among the notebook's code cells, from 1; None in a script.
        first_line: line number of the text's first line in its file (scripts) or cell (notebooks: 1).
        text: the code, with ``\\n`` line ends.
        filename: what tracebacks call it: ``hw3.ipynb, cell 4`` or ``hw3.py``.
        module: the module that it belongs to; "" for the submission's one namespace.
        imported_only: read only when something imports its module (a ``%%writefile`` cell).
    """

    cell: int | None
    first_line: int
    text: str
    filename: str
    module: str = ""
    imported_only: bool = False


@dataclass(frozen=True)
class Source:
    """A submission as text, independent of the file system except for what it imports beside itself.

    Args:
        name: how reports call it, ``hw3.ipynb``.
        kind: notebook, script, directory (several files, one namespace each) or module (imported as a whole).
        units: the code, in the order in which it is read.
        path: entries that go in front of ``sys.path``.
        module: the dotted name to import, for kind "module".
        file: the file that stands behind it: ``__file__`` of a script, ``__init__.py`` of a package.
        left_out: of a directory, why some of its files could not be read; a sentence each.
    """

    name: str
    kind: Kind
    units: tuple[Unit, ...]
    path: tuple[str, ...] = ()
    module: str = ""
    file: str = ""
    left_out: tuple[str, ...] = ()
    digest: str = field(default="")

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", _digest(self))

    @property
    def places(self) -> tuple[Path, ...]:
        """The files and folders that it lies in, which a sandbox must not hide from it."""
        return tuple(Path(path) for path in (self.file, *self.path) if path)

    def to_json(self) -> dict[str, Any]:
        """Returns the source as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Source:
        """Returns the source written by ``to_json``."""
        units = tuple(Unit(**unit) for unit in data["units"])
        return cls(**{**data, "units": units, "path": tuple(data["path"]), "left_out": tuple(data["left_out"])})


def _digest(source: Source) -> str:
    """Hashes what is judged (names and texts), not where it lies."""
    digest = hashlib.sha256(f"{source.kind}\0{source.module}\0".encode())
    for unit in source.units:
        digest.update(f"{unit.filename}\0{unit.cell}\0{unit.text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
