"""Runs statements one by one in a module's namespace and keeps book of what failed."""

from __future__ import annotations
import __future__

import ast
import inspect
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import ModuleType, TracebackType
from typing import NamedTuple

from conformance.runner.loading.deadline import OutOfTime, time_limit
from conformance.runner.loading.lines import where
from conformance.runner.loading.loaded import UnreadStatement
from conformance.runner.loading.reasons import reason
from conformance.runner.loading.statements import Statement

# What a statement still gets when all statements together have had their time.
_LATE_SECONDS = 0.5
_POSTPONED = __future__.annotations.compiler_flag
_NOT_IN_SIBLING = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


class Limits(NamedTuple):
    """How long code may take, in seconds: a statement, one that imports, all together."""

    statement: float
    imports: float
    total: float


@dataclass
class Reader:
    """Runs statements; see ``load`` for most arguments.

    Args:
        name_files: whether reasons say which file they speak of.
        beside: the folder of the submission.
    """

    limits: Limits
    skip: Collection[int] = frozenset()
    skip_reasons: Mapping[int, str] = field(default_factory=dict)
    progress: Callable[[int], None] | None = None
    name_files: bool = False
    beside: str = ""
    unread: dict[int, UnreadStatement] = field(default_factory=dict)
    lost: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # (module, name): (place, reason)
    borrowed: dict[str, object] = field(default_factory=dict)  # what `from torch.nn import *` brought
    used: float = 0.0
    process: int = field(default_factory=os.getpid)

    def run(self, statements: list[Statement], module: ModuleType) -> None:
        """Runs the statements of one module, then once more those that needed a name defined only further down.

        Cells of a notebook are not always run from top to bottom; a repeated statement never replaces a later one.
        """
        flags = 0
        latest: dict[str, int] = {}
        waiting: list[tuple[Statement, str, int]] = []
        for statement in statements:
            flags |= _future_flags(statement.node)
            missing = self._attempt(statement, module, flags)
            if missing is None:
                latest.update(dict.fromkeys(statement.names, statement.index))
            elif missing:
                waiting.append((statement, missing, flags))
        while ready := self._ready(waiting, module, latest):
            again = {statement.index for statement, _, _ in ready}
            waiting = [entry for entry in waiting if entry[0].index not in again]
            for statement, _, its_flags in ready:
                missing = self._attempt(statement, module, its_flags)
                if missing is None:
                    latest.update(dict.fromkeys(statement.names, statement.index))
                elif missing:
                    waiting.append((statement, missing, its_flags))

    def _ready(
        self, waiting: list[tuple[Statement, str, int]], module: ModuleType, latest: Mapping[str, int]
    ) -> list[tuple[Statement, str, int]]:
        """Returns what to try again: where the missing name is there now; if none, where it will never be.

        The latter without the values of annotations, which may name what is installed elsewhere only.
        """
        current = [entry for entry in waiting if not _replaced(entry[0], latest)]
        if found := [entry for entry in current if entry[1] in vars(module)]:
            return found
        lost = [entry for entry in current if (module.__name__, entry[1]) in self.lost and not entry[2] & _POSTPONED]
        return [(statement, missing, flags | _POSTPONED) for statement, missing, flags in lost]

    def _attempt(self, statement: Statement, module: ModuleType, flags: int) -> str | None:
        """Runs a statement: None if it went through, else the name that it lacks ("" if that is not the reason)."""
        if statement.index in self.skip:
            self._lose(statement, module, statement.line, self.skip_reasons.get(statement.index, "ended the process"))
            return ""
        if statement.node is None:
            self._lose(statement, module, statement.line, statement.why)
            return ""
        if self.progress is not None:
            self.progress(statement.index)
        seconds = self.limits.imports if statement.imports else self.limits.statement
        if self.used > self.limits.total:
            seconds = min(seconds, _LATE_SECONDS)
        started = time.monotonic()
        try:
            with time_limit(seconds):
                body = ast.Module([statement.node], [])
                code = compile(body, statement.unit.filename, "exec", flags, dont_inherit=True)
                exec(code, vars(module))
        except OutOfTime:
            self._lose(statement, module, statement.line, f"took longer than {seconds:g} s")
            return ""
        except BaseException as error:
            line = _line(error.__traceback__, statement)
            missing = error.name if isinstance(error, NameError) and isinstance(error.name, str) else ""
            self._lose(statement, module, line, self._why(error, missing, module))
            return missing
        finally:
            if os.getpid() != self.process:
                os._exit(0)  # a fork that the submission made: it is not to read on, and report, a second time
            self.used += time.monotonic() - started
            self._anchor_path()
        self.unread.pop(statement.index, None)
        for name in statement.names:
            self.lost.pop((module.__name__, name), None)
            self.borrowed.pop(name, None)
        self.borrowed.update(_borrowed(statement.node))
        return None

    def offered(self, names: dict[str, object]) -> dict[str, object]:
        """Returns the names that are the submission's to offer: not those of torch that it only got by ``import *``."""
        if not self.borrowed:
            return names
        nothing = object()
        return {name: value for name, value in names.items() if self.borrowed.get(name, nothing) is not value}

    def _anchor_path(self) -> None:
        """Lets ``sys.path.append("..")`` mean the folder above the submission, not above the working directory."""
        for place, entry in enumerate(sys.path):
            if isinstance(entry, str) and self.beside and entry and not os.path.isabs(entry):
                sys.path[place] = os.path.join(self.beside, entry)

    def _lose(self, statement: Statement, module: ModuleType, line: int, why: str) -> None:
        unit = statement.unit
        for name in statement.names:
            self.lost[module.__name__, name] = (where(unit.filename, line), why)
        why = f"in {unit.filename}: {why}" if self.name_files else why
        self.unread[statement.index] = UnreadStatement(statement.index, unit.cell, line, why)

    def _why(self, error: BaseException, missing: str, module: ModuleType) -> str:
        """Blames the statement that should have defined a missing name, if there is one."""
        key = (module.__name__, missing)
        if isinstance(error, ImportError) and (found := _NOT_IN_SIBLING.match(str(error))):
            key = (found[2], found[1])
        cause = self.lost.get(key)
        if cause is None or not key[1]:
            return reason(error)
        return f"needs `{key[1]}`, which was not read ({cause[0]})"


def _future_flags(node: ast.stmt | None) -> int:
    """Returns the compiler flags of ``from __future__ import ...``; they hold for all code below, as in Jupyter."""
    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = [getattr(__future__, alias.name, None) for alias in node.names]
    return sum({feature.compiler_flag for feature in features if isinstance(feature, __future__._Feature)})


def _borrowed(node: ast.stmt) -> dict[str, object]:
    """Returns what ``from torch.nn import *`` brings in."""
    if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*" or not node.module:
        return {}
    module = sys.modules.get(node.module)
    return dict(vars(module)) if node.module.split(".")[0] == "torch" and module is not None else {}


def _replaced(statement: Statement, latest: Mapping[str, int]) -> bool:
    return any(latest.get(name, -1) > statement.index for name in statement.names)


def _line(trace: TracebackType | None, statement: Statement) -> int:
    """Returns the line of the statement, or within the class body, that was being run; not one inside a function."""
    line = statement.line
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == statement.unit.filename and not code.co_flags & inspect.CO_OPTIMIZED:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
