"""Measures the judge: faults found and named, honest oddities left alone, hostile submissions not passed.

``python -m conformance.selftest.rates`` prints the figures; ``--write`` puts them into README.md and the matrix of
faults and properties into conformance/README.md; ``--check`` exits 1 where a figure is worse than they say, and
``--part 2/6`` looks at the third sixth of each only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from conformance import contract
from conformance.engine.options import PROFILES, Options
from conformance.engine.properties import all_properties
from conformance.report.model import Level, Status
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.selftest.hostile.judging import judge_corpus
from conformance.selftest.matrix import ALL, Verdict, runner, verdicts
from conformance.selftest.reproducers import complaint

ROOT = Path(__file__).parents[2]
README, TABLE = ROOT / "README.md", ROOT / "conformance" / "README.md"
# Fewer comparisons of honest oddities than this say little of how rare a false alarm is; an item that has them not is
# judged at `thorough` under further seeds, so many at most.
ENOUGH_COMPARISONS = 100_000
FURTHER_SEEDS = 8
MADE_BY = "<!-- rates: made by python -m conformance.selftest.rates --write -->"
MARKS = re.compile(rf"({MADE_BY}\n).*?(<!-- /rates -->)", re.DOTALL)


@dataclass
class Tally:
    """What one item adds up to."""

    faults: int = 0
    found: int = 0
    named: int = 0
    nameable: int = 0
    shown: int = 0
    showable: int = 0
    seconds: float = 0.0
    honest: int = 0
    passed: int = 0
    comparisons: int = 0
    worst_share: float = 0.0
    missed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    killed: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What is judged in one go: the faults, or the honest oddities, of one area or of one of its items."""

    area: str
    honest: bool
    profile: str
    seed: int
    only: str = ""
    part: tuple[int, int] = ALL


def _judged(job: Job) -> list[tuple[str, dict[str, Any]]]:
    """Returns a tally for each item of a job."""
    torch.set_num_threads(1)
    defer_dynamo()
    options = Options(profile=job.profile, seed=job.seed, jobs=1, diagnose=not job.honest)
    tallies: dict[str, Tally] = defaultdict(Tally)
    with runner() as ready:
        judged = verdicts(ready.process, job.area, honest=job.honest, options=options, only=job.only, part=job.part)
        for verdict in judged:
            (_count_honest if job.honest else _count_fault)(tallies[verdict.fault.item], verdict)
    return [(item, asdict(tally)) for item, tally in tallies.items()]


def _count_fault(tally: Tally, verdict: Verdict) -> None:
    found = [row for row in verdict.found(parity=False) if row.status is not Status.JUDGE_ERROR]
    tally.faults += 1
    tally.found += bool(found)
    tally.seconds += verdict.seconds
    if not found:
        tally.missed.append(f"{verdict.fault.item}.{verdict.fault.name}")
    for row in verdict.found():
        tally.killed.setdefault(row.id.split("[")[0], []).append(verdict.fault.name)
    if any(row.status is Status.WRONG and row.level is Level.EXERCISE for row in found):
        tally.nameable += 1
        tally.named += any(verdict.fault.sentence in (row.suspect or "") for row in found)
    first = next((row for row in found if row.reproducer), None)
    if first is not None:
        why = complaint(verdict.area, verdict.fault, first)
        tally.showable += 1
        tally.shown += not why
        tally.unshown += [f"{verdict.fault.item}.{verdict.fault.name}: {first.id} {why}"] if why else []


def _count_honest(tally: Tally, verdict: Verdict) -> None:
    bad = verdict.found(parity=False)
    tally.honest += 1
    tally.passed += not bad
    tally.comparisons += sum(row.comparisons for row in verdict.rows)
    tally.alarms += [f"{verdict.fault.name}: {row.id}" for row in bad]
    shares = [row.budget_used for row in verdict.rows if row.status is Status.PASS and row.budget_used is not None]
    tally.worst_share = max([tally.worst_share, *shares])


def measure(
    profile: str, seeds: int, honest_profile: str, hostile: bool, part: tuple[int, int] = ALL
) -> dict[str, Any]:
    """Returns every figure: of all, and of each item; of a part of what there is to judge they are that part's."""
    started = time.perf_counter()
    jobs = [Job(area, False, profile, 0, part=part) for area in contract.AREAS]
    jobs += [Job(area, True, honest_profile, seed, part=part) for seed in range(seeds) for area in contract.AREAS]
    items: dict[str, Tally] = {name: Tally() for name in contract.items()}
    context = multiprocessing.get_context("spawn")
    cores = os.cpu_count() or 1
    with context.Pool(cores, maxtasksperchild=4) as pool:
        for seed in range(seeds, seeds + FURTHER_SEEDS + 1):
            for tallies in pool.imap_unordered(_judged, jobs):
                for item, tally in tallies:
                    _merge(items[item], Tally(**tally))
            if not seeds or part != ALL:
                break
            few = [name for name, mine in items.items() if mine.honest and mine.comparisons < ENOUGH_COMPARISONS]
            # One item's oddities may take a quarter of an hour: no core is to wait for another.
            shares = [(first, cores) for first in range(cores)]
            areas = {name: contract.items()[name].area for name in few}
            jobs = [Job(areas[name], True, "thorough", seed, name, share) for name in few for share in shares]
    total = Tally()
    for mine in items.values():
        _merge(total, mine)
    every = {f"{prop.area}.{prop.item}.{prop.name}" for prop in all_properties()} if part == ALL else set(total.killed)
    hostiles = judge_corpus(part) if hostile else {}
    return {
        "items": {name: asdict(tally) for name, tally in items.items()},
        "total": asdict(total),
        "properties": len(every),
        "dead": sorted(every - set(total.killed)),
        "hostile": len(hostiles),
        "fooled": sorted(name for name, passed in hostiles.items() if passed),
        "seeds": seeds,
        "profile": profile,
        "honest_profile": honest_profile,
        "seconds": time.perf_counter() - started,
    }


def _merge(into: Tally, other: Tally) -> None:
    for name, value in asdict(other).items():
        if name == "killed":
            for prop, faults in value.items():
                into.killed.setdefault(prop, []).extend(faults)
        elif name == "worst_share":
            into.worst_share = max(into.worst_share, value)
        else:
            setattr(into, name, getattr(into, name) + value)


def summary(figures: dict[str, Any]) -> str:
    """Returns the table for the README."""
    total = figures["total"]
    per_fault = total["seconds"] / max(total["faults"], 1)
    alive = figures["properties"] - len(figures["dead"])
    rows = [
        ("faults found (`" + figures["profile"] + "`)", f"{total['found']} of {total['faults']}"),
        ("faults named rightly", f"{total['named']} of {total['nameable']}"),
        ("reproducers that show the fault", f"{total['shown']} of {total['showable']}"),
        ("properties that a fault breaks", f"{alive} of {figures['properties']}"),
        (
            f"honest oddities left alone (`{figures['honest_profile']}`, and `thorough` where comparisons are few)",
            f"{total['passed']} of {total['honest']} in {total['comparisons']:,} comparisons",
        ),
        ("hostile submissions not passed", f"{figures['hostile'] - len(figures['fooled'])} of {figures['hostile']}"),
        ("seconds a fault, found, shrunk and diagnosed", f"{per_fault:.1f}"),
    ]
    return "| figure | value |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def matrix(figures: dict[str, Any]) -> str:
    """Returns the table of items for conformance/README.md."""
    head = "| item | faults found | named | honest passed | comparisons | worst honest share of the bound |\n"
    lines = [head, "| --- | --- | --- | --- | --- | --- |\n"]
    for name, t in figures["items"].items():
        named = f"{t['named']} of {t['nameable']}"
        honest = f"{t['passed']} of {t['honest']}"
        share, count = f"{t['worst_share']:.2f}", f"{t['comparisons']:,}"
        lines.append(f"| {name} | {t['found']} of {t['faults']} | {named} | {honest} | {count} | {share} |\n")
    lines.append("\n| property | faults that break it |\n| --- | --- |\n")
    lines += [f"| `{prop}` | {len(set(faults))} |\n" for prop, faults in sorted(figures["total"]["killed"].items())]
    return "".join(lines)


def worse(figures: dict[str, Any], written: str) -> list[str]:
    """Returns what is worse than the tables that were written: more that is not found, named, passed or kept out."""
    then = _short(written)
    return [
        f"{name}, {what}: {count} short where it was written {then[name, what]}"
        for (name, what), count in _short(summary(figures) + "\n" + matrix(figures)).items()
        if count > then.get((name, what), 0)
    ]


def _short(text: str) -> dict[tuple[str, str], int]:
    """Returns by how much each "found of all" in the tables of a text is short of all, by its row and its column."""
    short: dict[tuple[str, str], int] = {}
    titles: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not titles or not cells:
            titles = cells
        for title, cell in zip(titles, cells, strict=False):
            if of := re.match(r"(\d+) of (\d+)", cell):
                short[cells[0].split(" (")[0], title] = int(of[2]) - int(of[1])
    return short


def _part(text: str) -> tuple[int, int]:
    first, _, every = text.partition("/")
    if not (first.isdigit() and every.isdigit() and int(first) < int(every)):
        raise argparse.ArgumentTypeError(f"a part is K/N with K from 0 to N - 1, as 2/6, but got {text!r}")
    return int(first), int(every)


def main(arguments: list[str]) -> int:
    """Measures, prints, writes or checks; returns 1 where a check fails."""
    parser = argparse.ArgumentParser(prog="python -m conformance.selftest.rates", description=__doc__)
    parser.add_argument("--profile", default="quick", choices=list(PROFILES))
    parser.add_argument("--honest-profile", default="quick", choices=list(PROFILES))
    parser.add_argument("--seeds", type=int, default=1, help="seeds that the honest oddities are judged under")
    parser.add_argument("--no-hostile", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--part", type=_part, default=ALL, metavar="K/N", help="every N-th of each only, from the K-th")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    if asked.write and asked.part != ALL:
        parser.error("--write needs all of it, so it contradicts --part")
    figures = measure(asked.profile, asked.seeds, asked.honest_profile, not asked.no_hostile, asked.part)
    print(summary(figures))
    for name in ("missed", "alarms", "unshown"):
        for entry in figures["total"][name]:
            print(f"{name}: {entry}")
    for name in ("dead", "fooled"):
        for entry in figures[name]:
            print(f"{name}: {entry}")
    print(f"{figures['seconds']:.0f} s")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1))
    if asked.write:
        for path, text in ((README, summary(figures)), (TABLE, matrix(figures))):
            before, after = MARKS.split(path.read_text("utf-8"))[::3]
            path.write_text(f"{before}{MADE_BY}\n{text}<!-- /rates -->{after}", "utf-8")
    written = README.read_text("utf-8") + TABLE.read_text("utf-8")
    problems = worse(figures, written) if asked.check else []
    for problem in problems:
        print(f"worse: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
