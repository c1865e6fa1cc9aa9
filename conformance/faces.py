"""Shows results: brings the contract's sentences to the faces of ``report``, which know only the result model."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import contract
from conformance.faults import mistakes_of
from conformance.report.model import PropertyResult, Result, Status

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


def show(result: Result, console: Console, arguments: argparse.Namespace, *, many: bool = False) -> None:
    """Prints a result, and writes the reports that the command line asks for.

    With several submissions each report's file name gets the submission's name in front of its ending.
    """
    from conformance.report.terminal import print_result

    print_result(result, console, says=says())
    stem = Path(result.submission).stem
    for name in ("json", "html", "junit", "markdown", "gradescope", "reproduce"):
        path: Path | None = getattr(arguments, name)
        if path is not None:
            write(result, name, path.with_name(f"{path.stem}-{stem}{path.suffix}") if many else path, arguments.points)


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
    """Prints one requirement: sentence, oracle, properties, usual mistakes.

    Raises:
        ValueError: there is no such requirement.
    """
    from difflib import get_close_matches

    from conformance.engine.properties import all_properties

    requirement = contract.requirements().get(name)
    if requirement is None:
        near = get_close_matches(name, contract.requirements(), 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; --list shows them all"
        raise ValueError(f"there is no requirement {name!r}{hint}")
    area, item, last = name.split(".")
    print(f"{requirement.id}  [{requirement.level}]\n")
    print(f"What must hold   {requirement.means}")
    print(f"Where it is from {requirement.says}")
    if requirement.how:
        print(f"How it is judged {requirement.how}")
    if requirement.forbids:
        print(f"Not to be reached {', '.join(requirement.forbids)}")
    print("\nProperties that judge it")
    for prop in all_properties():
        if prop.item == item and last in (*prop.requirements, *(["device"] if _on_meta(prop.variants) else [])):
            variants = ", ".join(variant.label for variant in prop.variants if variant.label) or "one variant"
            print(f"    {area}.{item}.{prop.name}  ({variants})")
            drawn = (prop.cases.__doc__ or prop.test.__doc__ or prop.test.__name__.replace("_", " ")).strip()
            print(f"        {drawn.splitlines()[0]}")
    print(f"\nUsual mistakes with {item}")
    for fault in mistakes_of(area, item):
        print(f"    {fault.sentence}")
    sys.stdout.flush()
    return 0


def _on_meta(variants: object) -> bool:
    return any(variant.device == "meta" for variant in variants)  # type: ignore[attr-defined]
