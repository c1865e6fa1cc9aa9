"""Two files of results side by side, if they are of one machine."""

from __future__ import annotations

from benchmarks.machine import differences
from benchmarks.results import Results
from benchmarks.tables import seconds


class DifferentMachinesError(Exception):
    """The two files were not measured on the same machine; the message says in what they differ."""


def compare(a: Results, b: Results, force: bool = False) -> str:
    """A table of the rows that are in both: b's median over a's, so that below 1 is an improvement.

    The two were not interleaved: a change within the noise floor of either file, or within the quartiles, is no change.

    Raises:
        DifferentMachinesError: the machines differ, and `force` is off.
    """
    unlike = differences(a.machine, b.machine)
    if unlike and not force:
        raise DifferentMachinesError(
            "these results are of different machines, so their times say nothing about the code "
            f"({'; '.join(unlike)}). Measure both on one machine, or insist with --force"
        )
    lines = [f"**Different machines** ({'; '.join(unlike)})", ""] if unlike else []
    lines += [f"A: commit {a.machine['commit']}. B: commit {b.machine['commit']}.", ""]
    lines += ["| case | arm | A | B | B/A | |", "| --- | --- | --- | --- | --- | --- |"]
    others = {row.key: row for row in b.rows}
    matched = 0
    for row in a.rows:
        other = others.pop(row.key, None)
        if other is None:
            continue
        matched += 1
        *case, arm = row.key
        if row.median is None or other.median is None:
            lines.append(f"| {' '.join(case)} | {arm} | {row.status} | {other.status} | | |")
            continue
        ratio = other.median / row.median
        noise = max(row.noise_floor or 0, other.noise_floor or 0, ((row.iqr or 0) + (other.iqr or 0)) / row.median)
        words = "slower" if ratio > 1 + noise else "faster" if ratio < 1 / (1 + noise) else "level"
        times = f"{seconds(row.median)} | {seconds(other.median)}"
        lines.append(f"| {' '.join(case)} | {arm} | {times} | {ratio:.2f} | {words} |")
    lines += ["", f"{matched} rows in both, {len(a.rows) - matched} only in A, {len(others)} only in B."]
    return "\n".join(lines) + "\n"
