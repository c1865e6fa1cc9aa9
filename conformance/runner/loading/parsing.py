"""Units to syntax trees, with Jupyter's own syntax out of the way and errors kept where they belong."""

from __future__ import annotations

import ast
import re
import warnings

from conformance.runner.loading.magics import without_magics
from conformance.runner.loading.salvage import Broken, salvaged
from conformance.runner.loading.source import Unit

# Magics that run Python in the notebook's namespace.
_WRAPPING = re.compile("time|timeit|capture|prun|memit")


def parse(unit: Unit) -> list[ast.stmt | Broken]:
    """Returns a unit's statements, with line numbers of its file or cell, and what does not parse.

    A syntax error costs a notebook's cell as a whole, as in Jupyter, and in a script the block around it.
    """
    text, shift = unit.text, unit.first_line - 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a string is the learner's business
            parts = _parse_text(text, whole=unit.cell is not None)
    except (ValueError, RecursionError, MemoryError) as error:
        parts = [Broken(1, f"{type(error).__name__}: {error}", text)]
    parts = [inner for part in parts for inner in _unwrapped(part)]
    for part in parts:
        if isinstance(part, ast.stmt):
            ast.increment_lineno(part, shift)
    return [Broken(part.line + shift, part.why, part.text) if isinstance(part, Broken) else part for part in parts]


def _parse_text(text: str, *, whole: bool) -> list[ast.stmt | Broken]:
    try:
        return list(ast.parse(text).body)
    except SyntaxError:
        plain = without_magics(text)
    try:
        return list(ast.parse(plain).body)
    except SyntaxError as error:
        return [Broken.of(error, plain)] if whole else salvaged(plain)


def _unwrapped(part: ast.stmt | Broken) -> list[ast.stmt | Broken]:
    """Takes the code out of ``get_ipython().run_cell_magic("time", "", "code")``, as nbconvert exports %%time."""
    match part:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_cell_magic" | "run_line_magic"),
                args=[ast.Constant(value=str(magic)), *_, ast.Constant(value=str(code))],
            ) as call
        ) if _WRAPPING.fullmatch(magic) and is_shell_call(call):
            return [_on_line(part.lineno, inner) for inner in _parse_text(code, whole=False)]
    return [part]


def _on_line(line: int, part: ast.stmt | Broken) -> ast.stmt | Broken:
    """Moves code that was one string in the file to the line of that string."""
    if isinstance(part, Broken):
        return Broken(line, part.why, part.text)
    for node in ast.walk(part):
        for attribute in {"lineno", "end_lineno"} & set(node._attributes):
            setattr(node, attribute, line)
    return part


def is_shell_call(call: ast.Call) -> bool:
    """Tells a method call on ``get_ipython()``."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython"
