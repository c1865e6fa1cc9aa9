"""Imports point one way: the runner knows no answer, reports know only the result model, numerics only torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
# For each part: what of this project it may import.
ALLOWED = {
    "runner": ("conformance.runner",),
    "report": ("conformance.report",),
    "numerics": ("conformance.numerics",),
    "engine": (
        "conformance.engine",
        "conformance.numerics",
        "conformance.report",
        "conformance.runner",
        "conformance.contract",
        "conformance.faults",
    ),
}
DRIVERS = ("conformance.runner.roles", "conformance.runner.guard")
OUTSIDE_OF_RUNNERS = ("hypothesis", "pytest", "scipy", "rich", "jinja2")


def imported(path: Path) -> Iterator[str]:
    """Yields the modules that a file imports, `from conformance import contract` as conformance.contract."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports relative to itself, where nobody sees from what"
            assert not node.level, f"{path} imports relative to itself, where nobody sees from what"
            for alias in node.names:
                where = PACKAGE.parent / node.module.replace(".", "/") / alias.name
                is_module = where.is_dir() or where.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def files(part: str) -> list[Path]:
    return sorted((PACKAGE / part).rglob("*.py"))


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    for path in files(part):
        for name in imported(path):
            if name.split(".")[0] in ("conformance", "impl", "benchmarks"):
                assert name.startswith(ALLOWED[part]), f"{path.name} imports {name}"


def test_drivers_import_torch_and_the_runners_helpers_only() -> None:
    for path in PACKAGE.glob("suite/*/driver.py"):
        for name in imported(path):
            if name.startswith(("conformance", "impl")):
                assert name.startswith(DRIVERS), f"{path.parent.name}/driver.py imports {name}"


def test_what_runs_beside_a_submission_imports_no_library_of_the_judge() -> None:
    for path in [*files("runner"), *PACKAGE.glob("suite/*/driver.py")]:
        for name in imported(path):
            assert name.split(".")[0] not in OUTSIDE_OF_RUNNERS, f"{path.name} imports {name}"


def test_only_oracles_and_tests_know_oracles() -> None:
    for path in PACKAGE.glob("suite/**/*.py"):
        if path.name in ("driver.py", "cases.py", "faults.py") or path.parent.name == "faults":
            assert not [name for name in imported(path) if name.endswith(".oracle")], path


def test_nothing_in_the_judge_knows_the_reference_solution() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "selftest" not in path.parts and "grading" not in path.parts:
            assert "impl" not in {name.split(".")[0] for name in imported(path)}, path


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    for folder in (PACKAGE, PACKAGE.parent / "impl", PACKAGE.parent / "benchmarks"):
        for path in folder.rglob("*.py"):
            assert len(path.read_text("utf-8").splitlines()) <= 400, path
