"""Options of `pytest benchmarks`, and what becomes of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arms import Arm, submission_arm
from benchmarks.machine import describe, state
from benchmarks.picture import draw
from benchmarks.results import Results, Row, write
from benchmarks.tables import markdown

_TABLE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks")
    group.addoption("--bench-quick", action="store_true", help="small sizes and short measurements: a minute or two")
    group.addoption(
        "--bench-out", type=Path, default=Path("out/bench"), metavar="DIR", help="results go here (out/bench)"
    )
    # Where the judge's plugin is installed, it has the same option already.
    with suppress(ValueError):
        group.addoption("--submission", metavar="PATH", help="measure this submission too; it runs in this process")


@pytest.fixture(scope="session")
def submission(request: pytest.FixtureRequest) -> Arm | None:
    """The arm of `--submission`, if there is one."""
    given: Any = request.config.getoption("--submission")
    target = given[0] if isinstance(given, list | tuple) and given else given
    return submission_arm(str(target)) if target else None


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    """All rows of the session; written out at its end, as JSON, Markdown and a picture."""
    machine, before = describe(), state()
    rows: list[Row] = []
    yield rows
    results = Results(machine, before, state(), rows)
    out: Path = request.config.getoption("--bench-out")
    out.mkdir(parents=True, exist_ok=True)
    write(results, out / "results.json")
    table = markdown(results)
    (out / "results.md").write_text(table)
    draw(results, out / "results.svg")
    request.config.stash[_TABLE] = f"{table}\nWritten to {out}: results.json, results.md, results.svg"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if table := config.stash.get(_TABLE, None):
        terminalreporter.section("benchmarks")
        terminalreporter.write_line(table)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """pytest-benchmark's own record knows the CPU and Python; this adds the rest."""
    machine_info.update(describe())
