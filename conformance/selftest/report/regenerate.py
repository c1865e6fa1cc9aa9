"""Writes the snapshot files anew: ``python -m conformance.selftest.report.regenerate``; read the diff afterwards."""

from __future__ import annotations

from conformance.selftest.report.faces import SNAPSHOTS, faces


def main() -> None:
    """Writes every snapshot and removes those that no face makes any more."""
    SNAPSHOTS.mkdir(exist_ok=True)
    made = faces()
    for old in SNAPSHOTS.iterdir():
        if old.name not in made:
            old.unlink()
    for name, make in made.items():
        (SNAPSHOTS / name).write_text(make(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
