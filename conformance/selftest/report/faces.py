"""Every text that a user sees of the sample results, as it is held in the snapshot files."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from conformance.report.compare import compare, comparison_text
from conformance.report.gradescope import gradescope_results
from conformance.report.markdown import markdown
from conformance.report.model import Result
from conformance.report.terminal import print_result
from conformance.selftest.report.samples import SAMPLES, SAYS, broken_judge, conforming, half_done

SNAPSHOTS = Path(__file__).parent / "snapshots"


def terminal(result: Result, width: int = 80, encoding: str = "utf-8") -> str:
    """Returns what a result looks like in a pipe."""
    buffer = io.BytesIO()
    with io.TextIOWrapper(buffer, encoding=encoding, newline="\n") as file:
        print_result(result, Console(file=file, width=width, color_system=None), says=SAYS)
        file.flush()
        return buffer.getvalue().decode(encoding)


def gradescope(result: Result) -> str:
    """Returns what a learner reads on Gradescope, one test after the other."""
    data = gradescope_results(result, says=SAYS)
    tests = (f"[{test['score']:g}/{test['max_score']:g}] {test['name']}\n{test['output']}" for test in data["tests"])
    return "\n\n".join([data["output"], *tests]) + "\n"


def faces() -> dict[str, Callable[[], str]]:
    """Returns for each snapshot file's name what makes the text that it must hold."""
    made: dict[str, Callable[[], str]] = {}
    for name, make in SAMPLES.items():
        made[f"{name}.terminal.txt"] = partial(_face, terminal, make)
        made[f"{name}.markdown.txt"] = partial(_face, partial(markdown, says=SAYS), make)
    made["half_done.gradescope.txt"] = partial(_face, gradescope, half_done)
    made["broken_judge.gradescope.txt"] = partial(_face, gradescope, broken_judge)
    for name, old, new in (("better", half_done, conforming), ("worse", conforming, half_done)):
        made[f"{name}.compare.txt"] = partial(_compared, old, new)
    made["same.compare.txt"] = partial(_compared, half_done, half_done)
    return made


def _face(show: Callable[[Result], str], make: Callable[[], Result]) -> str:
    return show(make())


def _compared(old: Callable[[], Result], new: Callable[[], Result]) -> str:
    return comparison_text(compare(old(), new()))
