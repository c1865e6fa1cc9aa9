"""From what a user names to a ``Source``: a notebook, a script, a directory or a module. Executes nothing."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.runner.loading import folder
from conformance.runner.loading.notebook import notebook_units
from conformance.runner.loading.script import script_units
from conformance.runner.loading.source import Source, UnreadableSubmission
from conformance.runner.loading.text import decode, read_bytes

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def read_submission(target: str) -> Source:
    """Returns the submission that ``target`` names, as text.

    Args:
        target: path of a ``.ipynb`` or ``.py`` file or of a directory, else the dotted name of a module that is found
            from the working directory or among the installed packages.

    Raises:
        UnreadableSubmission: there is nothing of that name, or it holds no Python; the message is one clear sentence.
    """
    if not target.strip() or "\0" in target:
        raise UnreadableSubmission(f"a submission is a file, a directory or a module, but got {target!r}")
    path = Path(target).expanduser()
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise UnreadableSubmission(f"{target} cannot be read: {error.strerror or error}") from None
    if is_folder:
        return folder.read_directory(path)
    if exists:
        return _read_file(path)
    if path.suffix.lower() in (".py", ".ipynb") or not _DOTTED.fullmatch(target):
        raise UnreadableSubmission(f"there is no file {target}{_hint(path)}")
    return folder.read_module(target)


def _read_file(path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix not in (".py", ".ipynb"):
        kind = f"a {suffix} file" if suffix else "a file without an ending"
        raise UnreadableSubmission(f"{path.name} is {kind}, where a notebook (.ipynb) or Python (.py) is expected")
    if not path.is_file():
        raise UnreadableSubmission(f"{path} is no ordinary file")
    text = decode(read_bytes(path), path.name)
    if not text.strip():
        raise UnreadableSubmission(f"{path.name} is empty")
    beside = (str(path.parent.resolve()),)
    if suffix == ".ipynb":
        return Source(path.name, "notebook", tuple(notebook_units(text, path.name)), beside)
    if text.lstrip().startswith('{"') and '"nbformat"' in text:
        return Source(path.name, "notebook", tuple(notebook_units(text, path.name)), beside)
    return Source(path.name, "script", tuple(script_units(text, path.name)), beside, file=str(path.resolve()))


def _hint(path: Path) -> str:
    """Names the file that was probably meant, if there is one."""
    try:
        near = [
            entry.name for entry in path.parent.iterdir() if entry.stem.lower() == path.stem.lower() and entry.exists()
        ]
    except OSError:
        return ""
    return f" (did you mean {sorted(near)[0]}?)" if near else ""
