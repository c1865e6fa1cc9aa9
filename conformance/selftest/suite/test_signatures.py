"""What the suite says of a signature that is not the one asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.api import check
from conformance.engine.options import Options

HEAD = "def train_step_mse"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ("model, x, y, optimizer", "4 arguments are needed where 3 were asked"),
        ("model, batch, optimizer, lr", "`lr` is needed and was not asked for"),
        ("model, batch", "there is no place for `optimizer`"),
    ],
)
def test_a_signature_is_told_beside_the_one_that_was_asked(parameters: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "step.py"
    file.write_text(f"{HEAD}({parameters}):\n    return 0.0\n")
    result = check(str(file), Options(items=("train_step_mse",), profile="quick", jobs=1, diagnose=False))
    row = next(row for row in result.findings() if row.requirement.endswith("signature"))
    assert row.got == f"train_step_mse({parameters}): {complaint}"
    assert row.expected == "train_step_mse(model, batch, optimizer)"
    assert [line.code for line in row.lines] == [f"{HEAD}({parameters}):"]
