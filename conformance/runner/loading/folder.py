"""Directories and modules: which files are the submission, found without importing anything."""

from __future__ import annotations

import ast
import importlib.machinery
import re
import sys
from pathlib import Path

from conformance.runner.loading.notebook import notebook_units
from conformance.runner.loading.script import script_units
from conformance.runner.loading.source import Source, Unit, UnreadableSubmission
from conformance.runner.loading.text import decode, read_bytes

# Files that homework folders hold beside the homework.
_NOT_HOMEWORK = re.compile(r"(setup|conftest|noxfile|manage|__main__|__init__|test_.*|.*_test|tests)\.py")
_NOT_CODE = re.compile(r"\..*|__pycache__|tests?|docs?|build|dist|data|venv|env|node_modules|.*\.egg-info")


def read_directory(path: Path) -> Source:
    """Returns a package, or the files of a folder.

    A package whose ``__init__`` holds code is imported as a module. Any other folder is read file by file: every
    ``.py`` and ``.ipynb`` at its top level but for tests and set-up, each in a namespace of its own, importing one
    another by their plain names (or relatively, in a package). A folder whose only Python lies in one subfolder
    stands for that subfolder.

    Raises:
        UnreadableSubmission: there is no Python in it, or none that is easy to tell.
    """
    root = path.resolve()
    name = path.name or root.name
    try:
        files = python_files(root)
        if not files and not (root / "__init__.py").is_file():
            inner = [folder for folder in subfolders(root) if _holds_python(folder)]
            if len(inner) == 1:
                return read_directory(path / inner[0].name)
            if inner:
                names = ", ".join(sorted(folder.name for folder in inner))
                raise UnreadableSubmission(f"{name} holds Python only in its subfolders {names}: name one of them")
            raise UnreadableSubmission(f"the directory {name} holds no Python files and no notebooks")
    except PermissionError:
        raise UnreadableSubmission(f"the directory {name} may not be read: permission denied") from None
    if not (root / "__init__.py").is_file():
        return _read_files(root, files, name, package="", path=(str(root), str(root.parent)))
    if root.name.isidentifier():
        return _read_package(root, files)
    # `homework 3/` with an __init__.py cannot be imported by its name; its files can, as those of a package.
    return _read_files(root, [root / "__init__.py", *files], name, package=_identifier(root.name), path=(str(root),))


def read_module(dotted: str) -> Source:
    """Returns the module or package of a dotted name, searched for without importing its parents.

    Raises:
        UnreadableSubmission: there is none, or it is not written in Python.
    """
    locations: list[str] | None = None
    origin: str | None = None
    parts = dotted.split(".")
    for count, part in enumerate(parts, start=1):
        spec = _find_spec(".".join(parts[:count]), locations)
        if spec is None:
            missing = "" if count == len(parts) == 1 else f": {part!r} is not in {'.'.join(parts[: count - 1])!r}"
            missing = "" if count == 1 else missing
            raise UnreadableSubmission(f"there is no file, directory or module called {dotted!r}{missing}")
        locations = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None
        origin = spec.origin if spec.has_location else None
        if locations is None and count < len(parts):
            raise UnreadableSubmission(f"there is no module {dotted!r}: {'.'.join(parts[:count])!r} is not a package")
    if locations is not None and origin is None:
        return read_directory(Path(locations[0]))
    if origin is None or not origin.endswith(".py"):
        raise UnreadableSubmission(f"the module {dotted!r} is not written in Python")
    file = Path(origin)
    top = file.parents[len(parts) - (locations is None)]
    if locations is not None:
        return _read_package(file.parent, python_files(file.parent))
    return _as_module(dotted, file, [file], str(top))


def _find_spec(name: str, path: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    """Asks every finder, and the working directory first, without importing a parent."""
    here = importlib.machinery.PathFinder.find_spec(name, [str(Path.cwd())]) if path is None else None
    if here is not None and (here.origin is not None or here.submodule_search_locations):
        return here
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: importlib.machinery.ModuleSpec | None = find(name, path) if find is not None else None
        if spec is not None:
            return spec
    return None


def _read_package(root: Path, files: list[Path]) -> Source:
    top, dotted = root.parent, root.name
    while (top / "__init__.py").is_file() and top.name.isidentifier():
        top, dotted = top.parent, f"{top.name}.{dotted}"
    init = root / "__init__.py"
    if files and not _holds_code(_read(init)):
        return _read_files(root, files, root.name, package=dotted, path=(str(top),))
    everything = sorted(file for file in root.rglob("*.py") if not set(file.parts) & {"__pycache__"})
    return _as_module(dotted, init, everything, str(top))


def _as_module(dotted: str, file: Path, files: list[Path], top: str) -> Source:
    units = [Unit(None, 1, _read(entry), entry.relative_to(top).as_posix(), dotted) for entry in files]
    if not any(unit.text.strip() for unit in units):
        raise UnreadableSubmission(f"the module {dotted!r} is empty")
    return Source(dotted, "module", tuple(units), (top,), module=dotted, file=str(file))


def _read_files(root: Path, files: list[Path], name: str, package: str, path: tuple[str, ...]) -> Source:
    units: list[Unit] = []
    left_out: list[str] = []
    for file in files:
        try:
            units += _units(file, package)
        except UnreadableSubmission as error:
            left_out.append(str(error))
    if not units:
        why = f"nothing that can be read: {left_out[0]}" if left_out else "only empty files"
        raise UnreadableSubmission(f"the directory {name} holds {why}")
    return Source(name, "directory", tuple(units), path, file=str(root), left_out=tuple(left_out))


def _units(file: Path, package: str) -> list[Unit]:
    """Returns the cells of one file of a folder, as a module of their own; none of an empty file."""
    text = _read(file)
    prefix = f"{package}." if package else ""
    if not text.strip():
        return []
    if file.suffix.lower() == ".ipynb":
        return notebook_units(text, file.name, f"{prefix}{_identifier(file.stem)}_notebook")
    return script_units(text, file.name, package if file.stem == "__init__" else f"{prefix}{file.stem}")


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _read(file: Path) -> str:
    return decode(read_bytes(file), file.name)


def _holds_code(text: str) -> bool:
    """Tells an ``__init__`` that exposes something from an empty one."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return True
    return any(not isinstance(node, ast.Expr) for node in body)


def python_files(root: Path) -> list[Path]:
    """Returns the scripts and notebooks at the top level of a folder that look like homework, sorted."""
    entries = [entry for entry in root.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    python = [entry for entry in entries if entry.suffix.lower() in (".py", ".ipynb")]
    return sorted(entry for entry in python if not _NOT_HOMEWORK.fullmatch(entry.name))


def subfolders(root: Path) -> list[Path]:
    """Returns the subfolders that may hold homework."""
    folders = [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    return [entry for entry in folders if not _NOT_CODE.fullmatch(entry.name)]


def _holds_python(root: Path, depth: int = 4) -> bool:
    """Looks into a folder, but not without end: somebody may name the root of a disk."""
    if python_files(root) or (root / "__init__.py").is_file():
        return True
    return depth > 0 and any(_holds_python(folder, depth - 1) for folder in subfolders(root))
