"""A result written to a file must come back as it was, and a bad file must be refused in one sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from conformance.report.json_file import json_text, read_json, write_json
from conformance.selftest.report.samples import SAMPLES, conforming, hostile


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "hostile"])
def test_a_result_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    write_json(SAMPLES[name](), tmp_path / "result.json")
    assert read_json(tmp_path / "result.json") == SAMPLES[name]()


def test_infinities_come_back_and_the_file_is_strict_json(tmp_path: Path) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    text = json_text(hostile())
    json.loads(text, parse_constant=refuse)
    (tmp_path / "result.json").write_text(text)
    row = read_json(tmp_path / "result.json").items["LayerNorm"].properties[0]
    assert row.budget_used == math.inf
    assert math.isnan(row.spread[2][0])
    assert row.message == hostile().items["LayerNorm"].properties[0].message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"schema": 2}', '{"schema": 1}', '{"schema": 1, "items": [], "unread": []}']
)
def test_a_file_that_is_no_result_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json"):
        read_json(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_json(conforming(), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"
