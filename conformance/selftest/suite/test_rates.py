"""What a check of the rates calls worse."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from conformance.selftest.rates import Tally, main, matrix, summary, worse


def figures(tally: Tally, fooled: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the figures of a run in which Linear alone was judged, with 20 hostile submissions."""
    total = asdict(tally)
    return {
        "items": {"Linear": total}, "total": total, "properties": 3, "dead": [], "hostile": 20, "fooled": list(fooled),
        "profile": "quick", "honest_profile": "quick",
    }  # fmt: skip


WRITTEN = Tally(faults=40, found=40, nameable=30, named=28, honest=10, passed=10, showable=40, shown=40)
TABLES = summary(figures(WRITTEN)) + "\n" + matrix(figures(WRITTEN))


@pytest.mark.parametrize(
    ("tally", "fooled", "said"),
    [
        (WRITTEN, (), ""),
        (Tally(faults=7, found=7, nameable=5, named=3, honest=2, passed=2, showable=7, shown=7), (), ""),  # a part
        (Tally(faults=7, found=6, nameable=5, named=5), (), "Linear, faults found: 1 short where it was written 0"),
        (Tally(nameable=5, named=2), (), "Linear, named: 3 short where it was written 2"),
        (Tally(honest=2, passed=1), (), "Linear, honest passed: 1 short where it was written 0"),
        (Tally(showable=2, shown=1), (), "reproducers that show the fault, value: 1 short where it was written 0"),
        (Tally(), ("forged",), "hostile submissions not passed, value: 1 short where it was written 0"),
    ],
)
def test_one_more_that_is_short_is_worse(tally: Tally, fooled: tuple[str, ...], said: str) -> None:
    complaints = worse(figures(tally, fooled), TABLES)
    assert said in complaints if said else not complaints


def test_a_part_has_to_be_one_and_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--part", "6/6"], ["--part", "half"], ["--part", "1/6", "--write"]):
        with pytest.raises(SystemExit):
            main(arguments)
    assert "a part is K/N" in capsys.readouterr().err
