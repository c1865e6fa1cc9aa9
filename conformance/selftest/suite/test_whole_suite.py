"""What must hold of the suite as a whole, seen on the reference solution."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import impl
from conformance import contract
from conformance.engine.checking import Check
from conformance.engine.properties import Property, Variant, all_properties
from conformance.engine.run import run_property
from conformance.engine.session import RunnerSession
from conformance.numerics.statistics import MOST_LOOKS
from conformance.runner import reproducing, roles
from conformance.runner.client import Runner
from conformance.runner.drivers import find_drivers
from conformance.runner.launch import launch
from conformance.runner.loading import read_submission

# Of a thorough run, which has this many examples for each of a quick one.
QUICK, THOROUGH = 25, 1000


@pytest.fixture(scope="module")
def session() -> Iterator[RunnerSession]:
    """Yields a session on the reference solution."""
    runner = Runner.ready(launch(sandboxed=False, readable=(Path(impl.__file__),)))
    opened = RunnerSession.open(runner.process, read_submission("impl"), list(contract.items()), rules=True)
    yield opened
    opened.close()
    runner.close()


def on_meta() -> list[tuple[Property, Variant]]:
    """Returns the properties that are judged on the meta device."""
    return [(prop, variant) for prop in all_properties() for variant in prop.variants if variant.device == "meta"]


def test_nothing_keeps_the_reference_from_being_judged_on_meta(session: RunnerSession) -> None:
    for prop, variant in on_meta():
        run = run_property(prop, variant, session, examples=QUICK, seed=0, target=False)
        assert (run.unsupported, run.findings) == (None, []), prop.id(variant)


def test_a_right_submission_is_judged_by_chance_within_the_budget(
    session: RunnerSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    chance = Check.chance

    def counted(self: Check, *arguments: str | float, **texts: str) -> bool:
        nonlocal looks
        looks += 1
        return chance(self, *arguments, **texts)  # type: ignore[arg-type]

    monkeypatch.setattr(Check, "chance", counted)
    for prop in all_properties():
        for variant in prop.variants:
            if variant.device == "cpu" and variant.dtype in (None, "float32"):
                run_property(prop, variant, session, examples=QUICK, seed=0, target=False)
    # Half of the looks, if that, are at float64, which is left out above.
    assert 0 < 2 * looks * THOROUGH / QUICK <= MOST_LOOKS


def test_cases_that_were_drawn_before_are_the_cases_that_would_be_drawn(session: RunnerSession) -> None:
    prop = next(prop for prop in all_properties() if prop.item == "Linear" and prop.name == "forward")
    runs = [run_property(prop, prop.variants[0], session, examples=QUICK, seed=17, target=False) for _ in range(2)]
    fresh, again = ([repr(case) for case, _ in run.cases] for run in runs)
    assert fresh == again
    assert len(set(fresh)) > 1


def test_the_parts_of_a_reproducer_have_no_name_in_common() -> None:
    drivers = {inspect.getmodule(driver) for driver in find_drivers().values()} - {None}
    shared = names_in(reproducing) & names_in(roles)
    for driver in drivers:
        assert driver is not None
        shared |= names_in(driver) & (names_in(reproducing) | names_in(roles))
    assert not shared


def names_in(module: ModuleType) -> set[str]:
    """Returns the names that a module's own statements give to functions, classes and values."""
    found = set()
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
            found |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return found
