"""Shows results: brings the contract's sentences to the faces of ``report``, which know only the result model."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import contract
from conformance.cli import REPORTS
from conformance.report.model import PropertyResult, Result, Status
from conformance.report.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.report.progress import Steps


class Live:
    """A live line of progress on standard error, from the moment the number of steps is known."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.steps: Steps | None = None

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    def planned(self, steps: int) -> None:
        """Opens the line."""
        from rich.console import Console

        from conformance.report.progress import progress

        self.steps = self.stack.enter_context(progress(Console(stderr=True), steps))

    def advance(self, item: str, status: Status) -> None:
        """Moves the line on."""
        if self.steps is not None:
            self.steps.advance(item, status)


def console() -> Console:
    """Returns the console of standard output; rich reads NO_COLOR, COLUMNS and whether it is a terminal."""
    from rich.console import Console

    return Console()


def says() -> dict[str, str]:
    """Returns what each requirement asks, by id."""
    return {name: requirement.means for name, requirement in contract.requirements().items()}


def show(result: Result, console: Console, arguments: argparse.Namespace, *, stem: str = "") -> None:
    """Prints a result, and writes the reports that the command line asks for.

    Args:
        result: what to show.
        console: where to print it.
        arguments: what the command line asks for.
        stem: where there are several submissions, what stands for this one in the file names of its reports.
    """
    try:
        show_verdict(result, console)
    finally:  # also where whoever reads the output has gone away
        for name in REPORTS:
            path: Path | None = getattr(arguments, name)
            if path is not None:
                named = path.with_name(f"{path.stem}-{stem}{path.suffix}") if stem else path
                write(result, name, named, arguments.points)


def show_verdict(result: Result, console: Console) -> None:
    """Prints a result; one sentence where there was nothing to judge."""
    from conformance.report.terminal import print_result

    if "nothing" in result.extras:
        print(f"conformance: {nothing_in(result)}", file=sys.stderr)
    else:
        print_result(result, console, says=says())


def nothing_in(result: Result) -> str:
    """Returns one sentence on a submission that defines nothing of what is asked for."""
    first = result.unread[0] if result.unread else None
    why = ""
    if first is not None:
        cell = f"cell {first.cell}, " if first.cell is not None else ""
        why = f" ({cell}line {first.line}: {one_line(first.why)})"
    return f"{result.submission} defines none of the names that the exercises ask for{why}; --list shows them"


def write(result: Result, face: str, path: Path, points: Path | None = None) -> None:
    """Writes one report; ``face`` is the name of the option that asks for it."""
    from conformance.report import files, gradescope, html, json_file, junit, markdown

    if face == "json":
        json_file.write_json(result, path)
    elif face == "html":
        html.write_html(result, path, says=says())
    elif face == "junit":
        junit.write_junit(result, path, says=says())
    elif face == "markdown":
        files.write_whole(path, markdown.markdown(result, says=says()))
    elif face == "gradescope":
        scheme = gradescope.read_scheme(points, list(contract.items())) if points else None
        gradescope.write_gradescope(result, path, says=says(), scheme=scheme)
    elif face == "reproduce":
        row = first_with_reproducer(result)
        files.write_whole(path, row.reproducer or "" if row else "# nothing to reproduce: there is no finding\n")


def first_with_reproducer(result: Result) -> PropertyResult | None:
    """Returns the first finding that counts and has a reproducer; failing that, the first that has one."""
    rows = [row for row in result.findings() if row.reproducer]
    return next((row for row in rows if result.counts(row)), rows[0] if rows else None)


def show_comparison(old: Path, new: Path) -> int:
    """Prints what got better and worse between two results; returns 1 if anything that counts got worse."""
    from conformance.report.compare import compare, comparison_text
    from conformance.report.json_file import read_json

    comparison = compare(read_json(old), read_json(new))
    print(comparison_text(comparison))
    return comparison.exit_code


def show_contract() -> int:
    """Prints every item with its signature and what is asked of it."""
    for item in contract.items().values():
        print(f"{item.name}{item.signature}   exercise {item.exercise}, {item.area}")
        for requirement in item.requirements:
            print(f"    {requirement.id}  [{requirement.level}]\n        {requirement.means}")
    return 0


def show_requirement(name: str) -> int:
    """Prints what ``explanation`` says of a requirement.

    Raises:
        ValueError: there is no such requirement.
    """
    from conformance.explain import explanation

    print(explanation(name))
    return 0
