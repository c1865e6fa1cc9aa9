"""A comparison must say what got better and worse, and its exit code only whether something got worse."""

from __future__ import annotations

from dataclasses import replace

from conformance.report.compare import Kind, compare
from conformance.report.model import Level, Result, Status
from conformance.selftest.report.samples import conforming, half_done, item, parity, passed, result


def one(status: Status, level: Level = Level.EXERCISE) -> Result:
    row = replace(passed("Linear", "values"), status=status, level=level)
    return result("hw3.ipynb", [item("Linear", 3, [passed("Linear", "grads"), row], "")])


def kinds(old: Status, new: Status) -> list[Kind]:
    return [change.kind for change in compare(one(old), one(new)).properties]


def test_passing_is_better_than_not_looking_is_better_than_any_failure() -> None:
    assert kinds(Status.WRONG, Status.PASS) == [Kind.BETTER]
    assert kinds(Status.PASS, Status.SKIPPED) == [Kind.WORSE]
    assert kinds(Status.SKIPPED, Status.CRASH) == [Kind.WORSE]
    assert kinds(Status.WRONG, Status.MISSING) == [Kind.CHANGED]
    assert kinds(Status.CRASH, Status.WRONG) == [Kind.CHANGED]
    assert kinds(Status.WRONG, Status.WRONG) == []


def test_only_what_got_worse_or_is_gone_makes_the_exit_code_1() -> None:
    assert compare(one(Status.PASS), one(Status.WRONG)).exit_code == 1
    assert compare(one(Status.WRONG), one(Status.PASS)).exit_code == 0
    assert compare(one(Status.WRONG), one(Status.CRASH)).exit_code == 0
    assert compare(half_done(), half_done()).exit_code == 0
    assert compare(conforming(), one(Status.PASS)).exit_code == 1


def test_what_does_not_count_is_left_out() -> None:
    assert compare(one(Status.PASS, Level.PARITY), one(Status.WRONG, Level.PARITY)).properties == []
    assert compare(parity(), parity()).exit_code == 0


def test_another_seed_profile_or_torch_is_pointed_out() -> None:
    new = replace(one(Status.PASS), seed=3, profile="quick", environment={"torch": "2.6.0"})
    assert compare(one(Status.PASS), new).caveats == [
        "the seed differs: 0 then, 3 now",
        "the profile differs: standard then, quick now",
        "torch differs: 2.13.0 then, 2.6.0 now",
    ]


def test_a_property_that_judges_several_requirements_is_compared_requirement_by_requirement() -> None:
    rows = [replace(passed("Linear", "values"), requirement=f"layers.Linear.{name}") for name in ("formula", "shape")]
    worse = [replace(rows[0], status=Status.WRONG), rows[1]]
    old, new = (result("hw3.ipynb", [item("Linear", 3, both, "")]) for both in (rows, worse))
    assert [change.kind for change in compare(old, new).properties] == [Kind.WORSE]
    assert [change.property for change in compare(old, new).properties] == [f"{rows[0].id}: formula"]
