"""Which submissions a command line names, and what each is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.engine.options import UsageError
from conformance.runner.loading.folder import python_files, subfolders

# Pages that the run itself writes beside those of the submissions.
RESERVED = ("index",)


@dataclass(frozen=True)
class Submission:
    """One submission of a class.

    Attributes:
        path: its file or folder.
        name: how the results call it: the end of its path, as long as it takes to tell it from the others.
        stem: the name of its files in the output folder, without an ending.
    """

    path: Path
    name: str
    stem: str


def find(targets: Sequence[str], out: Path) -> tuple[list[Submission], list[Path]]:
    """Returns the submissions that some targets name, and the files that lie beside them and are none.

    A file is a submission, and so is a folder with an ``__init__.py``. Of any other folder each notebook and Python
    file is one, and each subfolder: who handed in several files has a folder of his own. What does not look like
    homework (set-up, tests, hidden and build folders) is left aside.

    Args:
        targets: paths of files and folders.
        out: the output folder, which is no submission even where it lies among them.

    Raises:
        UsageError: the targets name nothing.
    """
    paths: list[Path] = []
    aside: list[Path] = []
    for target in targets:
        path = Path(target).expanduser()
        if not path.is_dir() or (path / "__init__.py").is_file():
            paths.append(path)
            continue
        mine = sorted([*python_files(path), *(folder for folder in subfolders(path) if not _same(folder, out))])
        paths += mine
        files = (entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
        aside += sorted(set(files) - set(mine))
    unique = list({path.resolve(): path for path in paths}.values())
    if not unique:
        raise UsageError(f"there is no submission in {', '.join(targets)}: no notebook, no Python file, no folder")
    return named(unique), aside


def named(paths: Sequence[Path]) -> list[Submission]:
    """Returns submissions with names that differ, also on a file system that ignores case."""
    tails = _tails([path.resolve() for path in paths])
    stems = ["-".join(tail.with_suffix("").parts) for tail in tails]
    stems = _told_apart(stems, ["-".join([*tail.parts[:-1], tail.name.replace(".", "-")]) for tail in tails])
    return [Submission(*both) for both in zip(paths, (tail.as_posix() for tail in tails), stems, strict=True)]


def _tails(paths: Sequence[Path]) -> list[Path]:
    """Returns the shortest end of each path that no other path ends in."""
    lengths = [1] * len(paths)
    while True:
        tails = [Path(*path.parts[-length:]) for path, length in zip(paths, lengths, strict=True)]
        shared = _shared(str(tail) for tail in tails)
        longer = [
            length + (str(tail).casefold() in shared and length < len(path.parts))
            for path, tail, length in zip(paths, tails, lengths, strict=True)
        ]
        if longer == lengths:
            return tails
        lengths = longer


def _told_apart(stems: list[str], longer: list[str]) -> list[str]:
    """Returns the stems, the longer form of those that several share, and numbers behind what is the same even so."""
    shared = _shared([*stems, *RESERVED, *RESERVED])
    stems = [long if stem.casefold() in shared else stem for stem, long in zip(stems, longer, strict=True)]
    used: set[str] = set(RESERVED)
    for place, stem in enumerate(stems):
        candidate, number = stem, 1
        while candidate.casefold() in used:
            number += 1
            candidate = f"{stem}-{number}"
        used.add(candidate.casefold())
        stems[place] = candidate
    return stems


def _shared(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(name.casefold() for name in names).items() if count > 1}


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()
