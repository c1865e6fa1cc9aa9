"""A result as Gradescope's ``results.json``, with the points that a course gives.

A course may write a TOML file; every line of it is optional::

    default = 1                       # points for an item that [points] does not name
    partial = false                   # true: an item earns the share of its requirements that are met
    visibility = "visible"            # or "hidden", "after_due_date", "after_published"
    stdout_visibility = "hidden"      # what the judge itself prints

    [points]
    LayerNorm = 5
    accuracy = 0                      # judged and shown, but without points

Without a file every item is worth one point. An exercise that the submission does not contain earns nothing where
``[points]`` names one of its items, and is left out where it does not.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.report.files import write_whole
from conformance.report.message import message_of
from conformance.report.model import ItemResult, Result, Status
from conformance.report.text import clean, head
from conformance.report.words import (
    WORDS,
    absent,
    environment,
    headline,
    item_reason,
    mend_first,
    one_a_requirement,
    sentence_of,
    summary,
)

VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")

# A page of a learner's findings; Gradescope shows each test's output whole.
LINES = 200


@dataclass(frozen=True)
class Scheme:
    """How a course gives points."""

    default: float = 1.0
    partial: bool = False
    visibility: str = "visible"
    stdout_visibility: str = "hidden"
    points: Mapping[str, float] = field(default_factory=dict)


def read_scheme(path: Path, known: Collection[str]) -> Scheme:
    """Returns the scheme that a course wrote.

    Args:
        path: the TOML file.
        known: the names of all items there are.

    Raises:
        ValueError: the file is not TOML, or a line of it means nothing; the message names the line and the way out.
        OSError: the file cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    names = list(Scheme.__dataclass_fields__)
    for name in data:
        if name not in names:
            raise ValueError(f"{path}: {name!r} is no setting; there are {', '.join(names)}")
    for name in ("visibility", "stdout_visibility"):
        if data.get(name, "visible") not in VISIBILITIES:
            raise ValueError(f"{path}: {name} is one of {', '.join(VISIBILITIES)} but got {data[name]!r}")
    if not isinstance(data.get("partial", False), bool):
        raise ValueError(f"{path}: partial is true or false but got {data['partial']!r}")
    points = data.get("points", {})
    if not isinstance(points, dict):
        raise ValueError(f"{path}: [points] is a table of items and numbers but got {points!r}")
    for name in points:
        if name not in known:
            raise ValueError(f"{path}: [points] names {name!r}, but the items are {', '.join(sorted(known))}")
    for name, value in [("default", data.get("default", 1)), *points.items()]:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise ValueError(f"{path}: the points for {name} are a number of at least 0 but got {value!r}")
    return Scheme(**data)


def gradescope_results(result: Result, *, says: Mapping[str, str], scheme: Scheme | None = None) -> dict[str, Any]:
    """Returns the data of ``results.json``.

    Args:
        result: what to grade.
        says: for each requirement's id the sentence of the exercise.
        scheme: the points; default one for each item.
    """
    scheme = scheme or Scheme()
    gone = absent(result)
    items = [item for item in result.items.values() if item.exercise not in gone or item.name in scheme.points]
    return {
        "output": f"{headline(result).capitalize()}: {summary(result)}.\n{environment(result)}",
        "output_format": "text",
        "test_output_format": "text",
        "visibility": scheme.visibility,
        "stdout_visibility": scheme.stdout_visibility,
        "execution_time": round(result.seconds),
        "tests": [_test(item, number, result, says, scheme) for number, item in enumerate(items, 1)],
    }


def write_gradescope(result: Result, path: Path, *, says: Mapping[str, str], scheme: Scheme | None = None) -> None:
    """Writes ``results.json``, whole or not at all.

    Raises:
        OSError: the folder is not there or cannot be written to.
    """
    data = gradescope_results(result, says=says, scheme=scheme)
    write_whole(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def _test(item: ItemResult, number: int, result: Result, says: Mapping[str, str], scheme: Scheme) -> dict[str, Any]:
    points = float(scheme.points.get(item.name, scheme.default))
    share = _met(item, result) if scheme.partial else float(item.status is Status.PASS)
    return {
        "name": f"{item.name}: {WORDS[item.status]}",
        "number": str(number),
        "score": round(points * share, 2),
        "max_score": points,
        "status": "passed" if item.status is Status.PASS else "failed",
        "output": _output(item, result, says),
        "output_format": "text",
        "visibility": scheme.visibility,
    }


def _met(item: ItemResult, result: Result) -> float:
    """The share of an item's counted requirements that hold; an item without any earns all or nothing."""
    held: dict[str, bool] = {}
    for row in item.properties:
        if result.counts(row) and row.status is not Status.SKIPPED:
            held[row.requirement] = held.get(row.requirement, True) and row.status is Status.PASS
    if item.status is Status.PASS or not held:
        return float(item.status is Status.PASS)
    return sum(held.values()) / len(held)


def _output(item: ItemResult, result: Result, says: Mapping[str, str]) -> str:
    if item.status is Status.JUDGE_ERROR:
        return "The judge itself failed here; this says nothing about your code. Tell whoever runs the course."
    rows = [row for row in result.findings() if row.item == item.name and result.counts(row)]
    parts = [
        clean(item_reason(item), 1000),
        mend_first(item, result),
        *(message_of(row, sentence_of(row, says)) for row in one_a_requirement(rows)),
    ]
    return head("\n\n".join(part for part in parts if part), LINES)
