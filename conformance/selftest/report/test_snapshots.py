"""The texts that users see change on purpose only."""

from __future__ import annotations

import pytest

from conformance.selftest.report.faces import SNAPSHOTS, faces

FACES = faces()


@pytest.mark.parametrize("name", FACES)
def test_text_is_as_in_its_snapshot(name: str) -> None:
    held = (SNAPSHOTS / name).read_text(encoding="utf-8")
    how = "python -m conformance.selftest.report.regenerate writes the snapshots anew"
    assert FACES[name]() == held, how


def test_every_snapshot_has_its_face() -> None:
    assert {path.name for path in SNAPSHOTS.iterdir()} == set(FACES)
