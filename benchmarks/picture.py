"""Time over size for each workload: medians with their quartiles, and where one device overtakes another."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

from benchmarks.results import Results, Row

_Line = list[tuple[float, float, float]]  # size, median, half the IQR


def draw(results: Results, path: Path) -> None:
    """One panel a workload, both axes logarithmic; the suffix of the path decides the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels([row for row in results.rows if row.median and row.dtype in ("float32", "int64")])
    columns = min(3, max(1, len(panels)))
    lines_of_panels = math.ceil(len(panels) / columns) or 1
    figure = Figure(figsize=(5 * columns, 4 * lines_of_panels), layout="constrained")
    FigureCanvasAgg(figure)
    for i, (workload, arms) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(lines_of_panels, columns, i)
        axes.set(title=workload, xlabel="elements", ylabel="ms a step", xscale="log", yscale="log")
        for label, line in arms.items():
            sizes, medians, spreads = ([values[k] for values in line] for k in range(3))
            axes.plot(sizes, [m * 1e3 for m in medians], marker="o", markersize=3, label=label)
            low = [max(m - s, m / 10) * 1e3 for m, s in zip(medians, spreads, strict=True)]
            high = [(m + s) * 1e3 for m, s in zip(medians, spreads, strict=True)]
            axes.fill_between(sizes, low, high, alpha=0.2)
        for size in _crossovers(arms):
            axes.axvline(size, linestyle=":", color="black")
            axes.annotate("accelerator overtakes", (size, 0.02), xycoords=("data", "axes fraction"), rotation=90)
        axes.legend(fontsize="x-small")
    figure.savefig(path)


def _panels(rows: list[Row]) -> dict[str, dict[str, _Line]]:
    panels: defaultdict[str, defaultdict[str, _Line]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        assert row.median is not None
        where = f"{row.device}, {row.threads} thr." if row.device == "cpu" else row.device
        # Many small tensors and one large one are different curves over the same sizes.
        workload = f"{row.workload}, one tensor" if row.workload == "AdamW" and row.shape[0] == 1 else row.workload
        point = (float(math.prod(row.shape)), row.median, (row.iqr or 0) / 2)
        panels[workload][f"{row.arm} ({where})"].append(point)
    return {name: {label: sorted(line) for label, line in arms.items()} for name, arms in panels.items()}


def _crossovers(arms: dict[str, _Line]) -> list[float]:
    """Sizes from which impl on an accelerator is faster than impl on the CPU with all its threads."""
    lines = {label: line for label, line in arms.items() if label.startswith("impl (")}
    on_cpu = [line for label, line in lines.items() if "cpu" in label]
    found = []
    for label, line in lines.items():
        if "cpu" in label or not on_cpu:
            continue
        best_cpu: dict[float, float] = {}
        for size, median, _ in (point for cpu in on_cpu for point in cpu):
            best_cpu[size] = min(median, best_cpu.get(size, math.inf))
        faster = [size for size, median, _ in line if median < best_cpu.get(size, 0.0)]
        if faster and len(faster) < len(line):
            found.append(min(faster))
    return found
