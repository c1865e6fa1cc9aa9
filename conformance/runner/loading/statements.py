"""Units to top-level statements: which are run, which are not, and what each would have defined."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from conformance.runner.loading.parsing import is_shell_call, parse
from conformance.runner.loading.salvage import Broken
from conformance.runner.loading.source import Source, Unit

# Asserts, raises and bare expressions define nothing. Their absence cannot cost a definition, and running them is
# what makes learners' notebooks slow, noisy and fragile.
_RUN = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.Global),
    *(ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match, ast.AsyncFor, ast.AsyncWith),
)
_BLOCKS = (ast.If, ast.With, ast.Try, ast.TryStar)
# Bare calls that build up what a definition needs: sys.path.append(...), parser.add_argument(...), setattr(C, "f", f);
# and whatever registers something, as operator.register_autograd(...) does.
_BUILDERS = frozenset(
    {"append", "extend", "insert", "update", "setdefault", "add", "setattr"}
    | {"add_argument", "add_subparsers", "set_defaults"}  # of argparse
)
_DEFINED = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)|^([^\W\d]\w*)[^\S\n]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a submission.

    Args:
        index: place among all statements of the submission; the same on every reading.
        unit: the unit that it stands in.
        line: its first line, in the count of the unit's file or cell.
        names: what it binds at top level.
        node: its syntax tree; None if it cannot be run.
        why: for such a one, the reason, as a sentence for a learner.
        imports: whether it imports, which may take longer than a definition should.
    """

    index: int
    unit: Unit
    line: int
    names: frozenset[str]
    node: ast.stmt | None
    why: str = ""
    imports: bool = False


def split(source: Source) -> list[Statement]:
    """Returns the statements of a submission that are to be run or reported, in order."""
    statements: list[Statement] = []
    for unit in source.units:
        for part in parse(unit):
            statement = _statement(part, unit, len(statements))
            if statement is not None:
                statements.append(statement)
    return statements


@lru_cache(maxsize=8)
def _defined(source: Source) -> dict[str, tuple[str, str]]:
    """Returns, for each name, where the last statement that can be run and binds it begins, and that line.

    A method goes by ``Class.method``.
    """
    found: dict[str, tuple[str, str]] = {}
    lines = {unit: unit.text.split("\n") for unit in source.units}
    for statement in split(source):
        unit, node = statement.unit, statement.node
        if node is None:
            continue
        place = f"cell {unit.cell}" if unit.cell is not None else unit.filename
        named = [(name, node) for name in statement.names]
        if isinstance(node, ast.ClassDef):
            found = {name: shown for name, shown in found.items() if not name.startswith(f"{node.name}.")}
            named += [(f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, ast.FunctionDef)]
        for name, part in named:
            line = part.lineno  # not that of a decorator
            found[name] = (f"{place}, line {line}", lines[unit][line - unit.first_line])
    return found


def definition(source: Source, name: str) -> tuple[str, str] | None:
    """Returns where a submission defines a name, as a report says it, and the line; None where it cannot be seen.

    Args:
        source: the submission.
        name: of an item, or of a method, ``LayerNorm.__init__``.
    """
    return _defined(source).get(name)


def _statement(part: ast.stmt | Broken, unit: Unit, index: int) -> Statement | None:
    if isinstance(part, Broken):
        lost = frozenset(name for pair in _DEFINED.findall(part.text) for name in pair if name)
        return Statement(index, unit, part.line, lost, None, part.why)
    line = _first_line(part)
    command = _command(part)
    if command is not None:
        return Statement(index, unit, line, bound_names(part), None, f"runs {command}, which the judge does not do")
    if not _is_run(part):
        return None
    simple = isinstance(part, ast.Import | ast.ImportFrom)
    imports = simple or (
        isinstance(part, _BLOCKS) and any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(part))
    )
    return Statement(index, unit, line, bound_names(part), part, imports=imports)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _is_run(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Expr):
        return isinstance(node, _RUN) or type(node).__name__ == "TypeAlias"
    if isinstance(node.value, ast.NamedExpr):
        return True
    call = node.value.func if isinstance(node.value, ast.Call) else None
    if not isinstance(call, ast.Attribute | ast.Name):
        return False
    return _called(call) in _BUILDERS or _called(call).startswith("register")


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _command(node: ast.stmt) -> str | None:
    """Names the shell command or notebook magic whose value the statement needs."""
    if not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
        return None
    if not is_shell_call(node.value):
        return None
    function = _called(node.value.func)
    arguments = [entry.value for entry in node.value.args if isinstance(entry, ast.Constant)]
    text = " ".join(str(value) for value in arguments)
    if isinstance(node, ast.Expr):
        return f"`%{text}`" if function == "run_line_magic" and text.startswith("run ") else None
    return f"the shell command `!{text}`" if function == "getoutput" else f"the magic `%{text}`"


def bound_names(node: ast.stmt) -> frozenset[str]:
    """Returns the names that a statement binds in its own scope."""
    names: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        entry = pending.pop()
        match entry:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(entry.name)
                continue  # what it holds is another scope
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Name(ctx=ast.Store()):
                names.add(entry.id)
            case ast.alias():
                names.add(entry.asname or entry.name.split(".")[0])
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                names.add(name)
        pending.extend(ast.iter_child_nodes(entry))
    return frozenset(names - {"*"})


def is_unfilled(node: ast.stmt | None) -> bool:
    """Tells the exercise's stub: a definition with a body that only raises ``NotImplementedError``."""
    if isinstance(node, ast.ClassDef):
        return any(is_unfilled(entry) for entry in node.body)
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    raised = [entry.exc for entry in node.body if isinstance(entry, ast.Raise)]
    calls = [entry.func if isinstance(entry, ast.Call) else entry for entry in raised]
    return any(isinstance(entry, ast.Name) and entry.id == "NotImplementedError" for entry in calls)
