"""A submission packed for judging anywhere: its text, its key, and where its files go."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from conformance.engine.options import Options
from conformance.runner.loading import Source, UnreadableSubmission, read_submission
from conformance.runner.loading.text import read_bytes

PACKAGE = Path(__file__).parents[1]
# What a verdict does not depend on.
_NOT_THE_JUDGE = ("grading", "selftest")
# A folder of homework holds some hundred KiB of Python; one with more holds an environment or data by mistake, and
# would have to be shipped.
MOST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Job:
    """One submission to judge, wherever that is done.

    Attributes:
        key: of the verdict: equal keys mean equal verdicts.
        source: the submission; paths in it are relative to where ``files`` are put.
        files: for a folder, its Python files by path.
        options: how it is judged, in a single process.
        suite: the version of the judge that the key holds for.
    """

    key: str
    source: Source
    files: dict[str, bytes] = field(repr=False)
    options: Options
    suite: str

    @contextmanager
    def unpacked(self) -> Iterator[tuple[Source, Path | None]]:
        """Yields the submission with its files in a folder of their own, and that folder; None if it has none."""
        if not self.files:
            yield self.source, None
            return
        with tempfile.TemporaryDirectory(prefix="conformance-") as name:
            root = Path(name).resolve()
            for place, data in self.files.items():
                path = root / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            file = str(root / self.source.file) if self.source.file else ""
            yield replace(self.source, path=tuple(str(root / entry) for entry in self.source.path), file=file), root


def job_of(path: Path, options: Options) -> Job:
    """Returns a submission as a job.

    A single file stands alone: it cannot import what lies beside it, which in a folder of a class is the work of
    others, and which a machine of a cluster does not have. A folder brings its Python files, and no others.

    Raises:
        UnreadableSubmission: there is nothing to judge; the text says why.
    """
    try:
        source, files = _packed(path)
    except UnreadableSubmission:
        raise
    except Exception as error:  # whatever a file holds, it must not cost the others their verdict
        raise UnreadableSubmission(f"{path.name} cannot be read: {type(error).__name__}: {error}") from error
    suite = suite_version()
    return Job(_key(path.name, source, files, options, suite), source, files, replace(options, jobs=1), suite)


@functools.cache
def suite_version() -> str:
    """Returns the version of the judge: of torch, and of every file that a verdict depends on."""
    digest = hashlib.sha256(version("torch").encode())
    for path in sorted(PACKAGE.rglob("*")):
        place = path.relative_to(PACKAGE)
        if path.suffix in (".py", ".toml", ".npz") and place.parts[0] not in _NOT_THE_JUDGE:
            digest.update(f"\0{place.as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _key(name: str, source: Source, files: dict[str, bytes], options: Options, suite: str) -> str:
    """Returns the key of a verdict; that of a single file does not depend on the file's name."""
    if not files:
        units = tuple(replace(unit, filename=unit.filename.replace(name, "", 1)) for unit in source.units)
        source = replace(source, units=units, digest="")
    asked = [options.items, options.exercise, options.profile, options.seed, options.level, options.rules]
    digest = hashlib.sha256(json.dumps([source.digest, suite, *asked, options.devices, options.diagnose]).encode())
    for place, data in sorted(files.items()):
        digest.update(f"\0{place}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        digest.update(data)
    return digest.hexdigest()[:32]


def _packed(path: Path) -> tuple[Source, dict[str, bytes]]:
    source = read_submission(str(path))
    if not path.is_dir():
        # A script is told its own name, for code that asks for it, but no folder.
        return replace(source, path=(), file=source.name if source.file else ""), {}
    top = Path(source.path[-1])
    root = Path(source.file) if Path(source.file).is_dir() else Path(source.file).parent
    files: dict[str, bytes] = {}
    size = 0
    for file in _python_below(root):
        size += file.stat().st_size
        if size > MOST_BYTES:
            raise UnreadableSubmission(f"{path.name} holds more than {MOST_BYTES // 2**20} MiB of Python files")
        files[file.relative_to(top).as_posix()] = read_bytes(file)
    if not files:
        return replace(source, path=(), file=source.name), {}
    relative = tuple(os.path.relpath(entry, top) for entry in source.path)
    return replace(source, path=relative, file=os.path.relpath(source.file, top)), files


def _python_below(root: Path) -> Iterator[Path]:
    """Yields the Python files of a folder, but for hidden folders and environments."""
    yield from sorted(entry for entry in root.glob("*.py") if entry.is_file())
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()):
        if not folder.name.startswith((".", "__pycache__")) and not (folder / "pyvenv.cfg").exists():
            yield from _python_below(folder)
