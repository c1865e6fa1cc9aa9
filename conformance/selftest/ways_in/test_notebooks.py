"""Notebooks as learners write them get the verdicts that ``expected.toml`` tells of."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conformance import Options, check
from conformance.report.model import Status

NOTEBOOKS = Path(__file__).parents[1] / "data" / "notebooks"
EXPECTED = tomllib.loads((NOTEBOOKS / "expected.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_notebook_gets_its_verdict(name: str) -> None:
    expected = EXPECTED[name]
    result = check(NOTEBOOKS / name, Options(profile="quick", jobs=1))
    statuses = {item: str(verdict.status) for item, verdict in result.items.items()}
    bad = [row for row in result.findings() if expected["items"].get(row.item) == "pass" and result.counts(row)]
    assert {item: statuses[item] for item in expected["items"]} == expected["items"], [row.message for row in bad]
    others = {item for item, status in statuses.items() if item not in expected["items"] and status != Status.MISSING}
    assert not others, f"of these nothing is expected: {others}"


def test_the_learners_norms_are_found_with_a_case_that_shows_it() -> None:
    result = check(NOTEBOOKS / "learner_half_done.ipynb", Options(profile="quick", exercise=3, jobs=1))
    rms = [row for row in result.findings() if row.item == "RMSNorm" and result.counts(row)]
    assert any("outside the root" in (row.suspect or "") for row in rms)
    layer = [row for row in result.findings() if row.item == "LayerNorm" and row.requirement.endswith("formula")]
    assert all(row.counterexample for row in layer)
    assert layer
