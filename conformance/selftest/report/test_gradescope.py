"""results.json must have Gradescope's published form, and give the points that the course wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.report.gradescope import Scheme, gradescope_results, read_scheme, write_gradescope
from conformance.selftest.report.samples import SAMPLES, SAYS, broken_judge, conforming, half_done

# https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format".
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
TEST = {
    "type": "object",
    "required": ["score"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number", "minimum": 0},
        "max_score": {"type": "number", "minimum": 0},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": FORMAT,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": VISIBILITY,
        "extra_data": {"type": "object"},
    },
}
RESULTS = {
    "type": "object",
    "required": ["tests"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "integer"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {"type": "array", "items": TEST},
        "leaderboard": {"type": "array"},
    },
}
ITEMS = list(conforming().items)


def points(data: dict[str, Any]) -> float:
    return sum(float(test["score"]) for test in data["tests"])


def read(tmp_path: Path, text: str) -> Scheme:
    path = tmp_path / "points.toml"
    path.write_text(text)
    return read_scheme(path, ITEMS)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_file_has_the_published_form(name: str, tmp_path: Path) -> None:
    write_gradescope(SAMPLES[name](), tmp_path / "results.json", says=SAYS)
    jsonschema.validate(json.loads((tmp_path / "results.json").read_text()), RESULTS)


def test_without_a_scheme_every_item_that_passes_is_one_point() -> None:
    assert points(gradescope_results(conforming(), says=SAYS)) == len(ITEMS)
    assert points(gradescope_results(half_done(), says=SAYS)) == 2


def test_a_course_gives_its_own_points(tmp_path: Path) -> None:
    scheme = read(tmp_path, 'default = 0\nvisibility = "after_due_date"\n[points]\nLinear = 3\nEmbedding = 2.5\n')
    data = gradescope_results(half_done(), says=SAYS, scheme=scheme)
    assert points(data) == 2.5
    assert sum(test["max_score"] for test in data["tests"]) == 5.5
    assert {test["visibility"] for test in data["tests"]} == {"after_due_date"}


def test_an_absent_exercise_costs_points_only_where_the_course_names_its_items() -> None:
    names = {test["name"] for test in gradescope_results(half_done(), says=SAYS)["tests"]}
    assert "adamw_step_: missing" not in names
    scheme = Scheme(points={"adamw_step_": 4})
    tests = gradescope_results(half_done(), says=SAYS, scheme=scheme)["tests"]
    assert [(test["score"], test["max_score"]) for test in tests if test["name"].startswith("adamw")] == [(0, 4)]


def test_partial_credit_is_the_share_of_requirements_met() -> None:
    data = gradescope_results(half_done(), says=SAYS, scheme=Scheme(partial=True))
    scores = {test["name"].split(":")[0]: test["score"] for test in data["tests"]}
    assert scores["LayerNorm"] == 0.25
    assert scores["Linear"] == 0.67
    assert scores["Embedding"] == 1
    assert scores["MLP"] == 0


def test_the_judges_own_failure_is_not_put_on_the_learner() -> None:
    output = gradescope_results(broken_judge(), says=SAYS)["tests"][0]["output"]
    assert "nothing about your code" in output


def test_a_long_run_counts_whole_seconds() -> None:
    data = gradescope_results(replace(conforming(), seconds=135.7), says=SAYS)
    assert data["execution_time"] == 136


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("points = 3", "is a table"),
        ("[points]\nLayernorm = 1", "'Layernorm', but the items are"),
        ("[points]\nLinear = -1", "points for Linear are a number of at least 0 but got -1"),
        ('[points]\nLinear = "3"', "points for Linear"),
        ("[points]\nLinear = nan", "points for Linear"),
        ('visibility = "secret"', "visibility is one of visible, hidden"),
        ('partial = "yes"', "partial is true or false"),
        ("total = 100", "'total' is no setting"),
        ("default = ", "is not TOML"),
        ("visibility = []", "visibility is one of"),
    ],
)
def test_a_scheme_that_means_nothing_is_refused_in_one_sentence(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        read(tmp_path, text)
    assert "points.toml" in str(caught.value)
