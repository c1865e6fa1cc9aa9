"""Reads a submission in: statement by statement, each under a time limit, each costing only itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from conformance.runner.loading import environment, lines
from conformance.runner.loading.deadline import OutOfTime, time_limit
from conformance.runner.loading.loaded import Loaded
from conformance.runner.loading.modules import Modules
from conformance.runner.loading.reasons import reason
from conformance.runner.loading.running import Limits, Reader
from conformance.runner.loading.silence import silence
from conformance.runner.loading.source import Source
from conformance.runner.loading.statements import split
from conformance.runner.loading.torch_state import reset_torch_state

# Not "__main__": what stands under `if __name__ == "__main__"` is not for the judge.
NAMESPACE = "__submission__"


def load(
    source: Source,
    *,
    skip: Collection[int] = frozenset(),
    skip_reasons: Mapping[int, str] | None = None,
    progress: Callable[[int], None] | None = None,
    statement_seconds: float = 5.0,
    import_seconds: float = 60.0,
    total_seconds: float = 60.0,
) -> Loaded:
    """Reads a submission in and returns its namespace; never raises for what the submission does.

    Args:
        source: the submission, from ``read_submission``.
        skip: indices of statements not to run: they killed an earlier attempt.
        skip_reasons: for some of them, what to say of it.
        progress: called with the index of each statement before it is run (a module as a whole is 0).
        statement_seconds: time for a statement.
        import_seconds: time for a statement that imports, and for a module as a whole.
        total_seconds: time for all statements together; once it is used up, each gets half a second.
    """
    environment.install()
    _forget_previous()
    known = set(sys.modules)
    sys.argv = [source.name]
    sys.path[:0] = source.path
    lines.register(source)
    limits = Limits(statement_seconds, import_seconds, total_seconds)
    beside = source.path[0] if source.path else ""
    reader = Reader(limits, skip, skip_reasons or {}, progress, source.kind == "directory", beside)
    recursion_limit = sys.getrecursionlimit()
    try:
        with silence():
            return _import(source, reader) if source.kind == "module" else _read(source, reader)
    finally:
        sys.setrecursionlimit(recursion_limit)
        reset_torch_state()
        _remember(source, known)


def _read(source: Source, reader: Reader) -> Loaded:
    statements = split(source)
    finder = Modules([statement for statement in statements if statement.unit.module], reader, source.file)
    sys.meta_path.insert(0, finder)
    _finders.append(finder)
    if source.kind == "directory":
        namespace = finder.collect()
    else:
        module = ModuleType(NAMESPACE)
        if source.file:
            module.__file__ = source.file
        sys.modules[NAMESPACE] = module
        reader.run([statement for statement in statements if not statement.unit.module], module)
        namespace = reader.offered(vars(module))
    lost = {name: f"{place}: {why}" for (_, name), (place, why) in reader.lost.items() if name not in namespace}
    return Loaded(namespace, [reader.unread[index] for index in sorted(reader.unread)], lost)


def _import(source: Source, reader: Reader) -> Loaded:
    """Imports a module as Python does: in whole or not at all."""
    if 0 in reader.skip:
        return Loaded({}, failure=reader.skip_reasons.get(0, "ended the process"))
    if reader.progress is not None:
        reader.progress(0)
    try:
        with time_limit(reader.limits.imports):
            module = importlib.import_module(source.module)
            return Loaded(_names(module))
    except OutOfTime:
        return Loaded({}, failure=f"took longer than {reader.limits.imports:g} s")
    except BaseException as error:
        frames = lines.submission_lines(error.__traceback__)
        place = f" ({frames[-1][0]})" if frames else ""
        return Loaded({}, failure=f"{reason(error)}{place}")


def _names(module: ModuleType) -> dict[str, Any]:
    """Returns a module's names, with those that it says it has and makes on demand (PEP 562)."""
    exposed = getattr(module, "__all__", ())
    lazy = {name: getattr(module, name, None) for name in exposed if name not in vars(module)}
    return {**vars(module), **lazy}


# What a load leaves behind in this process, for the next one to clear away.
_finders: list[Modules] = []
_modules: set[str] = set()
_path: list[str] = []


def _forget_previous() -> None:
    for finder in _finders:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
    for name in _modules:
        sys.modules.pop(name, None)
    for entry in _path:
        if entry in sys.path:
            sys.path.remove(entry)
    _finders.clear()
    _modules.clear()
    _path.clear()
    importlib.invalidate_caches()


def _remember(source: Source, known: set[str]) -> None:
    _path.extend(source.path)
    _modules.add(NAMESPACE)
    for name in set(sys.modules) - known:
        attributes = vars(sys.modules[name]) if isinstance(sys.modules[name], ModuleType) else {}
        file = attributes.get("__file__")
        beside = isinstance(file, str) and file.startswith(source.path) and "site-packages" not in file
        if beside or isinstance(attributes.get("__loader__"), Modules):
            _modules.add(name)
