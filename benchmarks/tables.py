"""Results as Markdown, which a terminal shows well enough too."""

from __future__ import annotations

from itertools import groupby

from benchmarks.machine import in_words
from benchmarks.results import Results, Row

# The thresholds of torch.utils.benchmark.
_NOISY, _UNUSABLE = 0.10, 0.25


def seconds(value: float | None) -> str:
    """Three digits and a unit."""
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def markdown(results: Results) -> str:
    """A heading that says what the numbers come from, and a table for each workload, device and number of threads."""
    lines = [
        in_words(results.machine),
        "",
        f"TF32 {_on(results.machine['tf32'])}, deterministic {_on(results.machine['deterministic'])}, autocast "
        f"{_on(results.machine['autocast'])}; load {results.before['load']} before and {results.after['load']} after.",
        "",
        "Ratio: torch's time over the arm's, above 1 is faster than torch, with its 95 % interval. The row of torch "
        "again is torch against itself: a ratio inside its interval is noise, and called level. Limit: the share of "
        "the time that moving the bytes takes, at the speed of the faster of a copy and an in-place scaling in the "
        "same rounds.",
    ]
    workloads = list(dict.fromkeys(row.workload for row in results.rows))
    ordered = sorted(results.rows, key=lambda row: (workloads.index(row.workload), row.device, row.threads))
    for (workload, device, threads), rows in groupby(ordered, key=lambda row: (row.workload, row.device, row.threads)):
        count = f"{threads} thread{'s' if threads != 1 else ''}"
        where = f"{device}, {count}" if device == "cpu" else device
        lines += ["", f"### {workload} ({where})", "", *_table(list(rows))]
    return "\n".join(lines) + "\n"


def _table(rows: list[Row]) -> list[str]:
    header = ["size", "dtype", "arm", "median", "IQR", "min", "n", "cold", "ratio", "verdict"]
    on_device = any(row.device_median is not None for row in rows)
    bounded = any(row.bound is not None for row in rows)
    header += ["device time"] * on_device + ["limit"] * bounded + ["peak memory"]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        size = "x".join(f"{n:,}" for n in row.shape)
        if row.status != "ok":
            cells = [size, row.dtype, row.arm, row.status] + [""] * (len(header) - 4)
        else:
            cells = [
                size,
                row.dtype,
                row.arm,
                seconds(row.median),
                seconds(row.iqr) + _warning(row),
                seconds(row.minimum),
            ]
            cells += [str(row.n), seconds(row.cold), _ratio(row), row.claim or "baseline"]
            cells += [seconds(row.device_median)] * on_device
            cells += [f"{row.bound / row.median:.0%}" if row.bound and row.median else "-"] * bounded
            cells += [f"{row.peak_mib:.3g} MiB" if row.peak_mib is not None else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    noisy = [row for row in rows if row.status == "ok" and _warning(row)]
    if noisy:
        lines += [
            "",
            "(!) spread above 10 % of the median, (!!) above 25 %: close other programs, or measure for longer.",
        ]
    return lines


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    value, low, high = row.ratio
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _warning(row: Row) -> str:
    spread = (row.iqr or 0.0) / row.median if row.median else 0.0
    return " (!!)" if spread > _UNUSABLE else " (!)" if spread > _NOISY else ""


def _on(value: bool) -> str:
    return "on" if value else "off"
