"""The same seed is the same exam, whatever else is imported where the judge runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DRAW = """
import sys
sys.path.insert(0, {folder!r})
{extra}
import hypothesis
from hypothesis import strategies as st
import conformance.engine.run

@hypothesis.seed(3)
@hypothesis.settings(max_examples=300, database=None, deadline=None)
@hypothesis.given(st.integers())
def draw(number):
    print(number)

draw()
"""


def test_constants_of_other_modules_are_not_drawn(tmp_path: Path) -> None:
    numbers = ", ".join(str(7**power) for power in range(8, 60))
    (tmp_path / "elsewhere.py").write_text(f"numbers = [{numbers}]\n")
    drawn = [
        subprocess.run(
            [sys.executable, "-c", DRAW.format(folder=str(tmp_path), extra=extra)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for extra in ("", "import elsewhere")
    ]
    assert drawn[0] == drawn[1]
    assert str(7**20) not in drawn[1].splitlines()
