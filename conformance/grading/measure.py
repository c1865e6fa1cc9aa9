"""How fast a class is graded: ``python -m conformance.grading.measure --sizes 1,10,100 --profiles quick,standard``.

Prints submissions a minute, the cost of one more, the memory at the peak, the speed-up from one worker to more, and
where the time of a verdict goes. On a machine that does something else the numbers mean little.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from conformance.grading.copies import write_class
from conformance.runner.processes import descendants

ROOT = Path(__file__).parents[2]
# Between two looks at the memory; a verdict takes seconds.
LOOK_SECONDS = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, and prints a table."""
    p = argparse.ArgumentParser(prog="python -m conformance.grading.measure", description=__doc__)
    p.add_argument("--sizes", default="1,10,100", help="how many submissions (default: 1,10,100)")
    p.add_argument("--profiles", default="quick,standard", help="(default: quick,standard)")
    p.add_argument("--workers", default=f"1,{os.cpu_count()}", help="how many workers (default: 1 and all cores)")
    p.add_argument("--item", action="append", default=[], help="judge only this item (repeatable)")
    p.add_argument("--no-table", action="store_true", help="do not show where the time goes")
    arguments = p.parse_args(argv)
    sizes, workers = _numbers(arguments.sizes), _numbers(arguments.workers)
    items = [part for item in arguments.item for part in ("--item", item)]
    print(f"`import torch` takes {_import_torch():.1f} s here now; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="class-") as name:
        folder = Path(name)
        for size in sizes:
            write_class(folder / f"class{size}", size)
        for profile in arguments.profiles.split(","):
            _table(folder, profile, sizes, workers, items)
            if not arguments.no_table:
                _phases(folder / f"class{max(sizes)}", folder / "out", profile, arguments.item)
    return 0


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",")})


def _import_torch() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - started


def _table(folder: Path, profile: str, sizes: list[int], workers: list[int], items: list[str]) -> None:
    print(f"\n{profile}\n  submissions  workers  seconds  a minute  one more  speed-up  peak MiB")
    alone: dict[int, float] = {}
    for count in workers:
        last: tuple[int, float] | None = None
        for size in sizes:
            out = folder / f"out-{profile}-{count}-{size}"
            seconds, peak = _graded(folder / f"class{size}", out, profile, count, items)
            alone.setdefault(size, seconds)
            more = f"{(seconds - last[1]) / (size - last[0]):.2f} s" if last else ""
            speed_up = f"{alone[size] / seconds:.2f}" if count != workers[0] else ""
            pace = f"{seconds:7.1f}  {60 * size / seconds:8.1f}"
            print(f"  {size:11}  {count:7}  {pace}  {more:>8}  {speed_up:>8}  {peak:8}", flush=True)
            last = size, seconds


def _graded(folder: Path, out: Path, profile: str, workers: int, items: list[str]) -> tuple[float, int]:
    """Returns the seconds that grading a class takes, and the memory of all its processes at the peak, in MiB."""
    command = [sys.executable, "-m", "conformance", "grade", str(folder), "--out", str(out), "--profile", profile]
    started, peak = time.perf_counter(), 0
    with (folder.parent / "log").open("w+") as log:
        child = subprocess.Popen([*command, "-n", str(workers), *items], cwd=ROOT, stdout=log, stderr=log)
        while child.poll() is None:
            peak = max(peak, sum(_mebibytes(pid) for pid in [child.pid, *descendants(child.pid)]))
            try:
                child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        seconds = time.perf_counter() - started
        if child.returncode not in (0, 1):
            log.seek(0)
            raise SystemExit(f"grading failed with exit code {child.returncode}:\n{log.read()[-3000:]}")
    return seconds, peak


def _mebibytes(pid: int) -> int:
    """Returns the memory of a process, what it shares counted in parts; 0 where that is not to be had."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) // 1024
    except (OSError, ValueError):
        return 0


def _phases(folder: Path, out: Path, profile: str, items: list[str]) -> None:
    """Prints where the time of a verdict in a warm process goes."""
    started = time.perf_counter()
    from conformance.engine.options import Options
    from conformance.faces import says
    from conformance.grading.folder import Folder
    from conformance.grading.found import find
    from conformance.grading.job import job_of
    from conformance.grading.stopwatch import Stopwatch
    from conformance.grading.warm import Warm

    imports = time.perf_counter() - started
    found, _ = find([str(folder)], out)
    options = Options(profile=profile, items=tuple(items))
    warm, target = Warm(), Folder(out, says())
    started = time.perf_counter()
    warm.judge(job_of(found[0].path, options))
    first = time.perf_counter() - started
    watch = Stopwatch()
    with watch.watching():
        for submission in found[:10]:
            job = job_of(submission.path, options)
            target.write(submission, job.key, warm.judge(job))
    warm.close()
    count = len(found[:10])
    total = sum(watch.seconds.values()) / count
    print(f"  import the judge {imports:.2f} s; first verdict, with a runner that starts, {first:.2f} s")
    print(f"  a verdict in a warm process {total:.2f} s, mean of {count}, {watch.calls / count:.0f} calls:")
    for phase, seconds in sorted(watch.seconds.items(), key=lambda pair: -pair[1]):
        print(f"    {phase:26} {seconds / count:6.2f} s  {100 * seconds / count / total:3.0f} %", flush=True)


if __name__ == "__main__":
    sys.exit(main())
