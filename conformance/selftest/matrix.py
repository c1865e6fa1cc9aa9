"""Judges marked implementations one by one: every fault against every property of its item, or every honest oddity.

``python -m conformance.selftest.matrix --area norm`` prints a line for each fault: what found it, and how fast.
``--honest`` does so for the honest oddities, none of which may be found. ``--only NAME`` picks one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from conformance import contract
from conformance.engine.judge import ENOUGH, Bench, plan
from conformance.engine.options import PROFILES, Options
from conformance.engine.session import RunnerSession
from conformance.faults import Fault, faults_of, file_or_folder, marked_in, path_of
from conformance.report.model import Level, PropertyResult, Status
from conformance.runner.client import Process, Runner
from conformance.runner.launch import launch
from conformance.runner.loading import read_submission

HONEST = Path(__file__).parent / "honest"
# A part is every so-manieth of what there is to judge, from the so-manieth on: this is all.
ALL = (0, 1)


@dataclass(frozen=True)
class Verdict:
    """What judging one marked implementation gave: the rows of every property of its item."""

    area: str
    fault: Fault
    rows: tuple[PropertyResult, ...]
    seconds: float

    def found(self, *, parity: bool = True) -> list[PropertyResult]:
        """Returns the rows that are findings, with or without those that are mere parity."""
        fine = (Status.PASS, Status.SKIPPED)
        return [row for row in self.rows if row.status not in fine and (parity or row.level is not Level.PARITY)]

    @property
    def missed(self) -> bool:
        """Whether it shows no finding that counts, or the judge's own fault."""
        return not self.found(parity=False) or any(row.status is Status.JUDGE_ERROR for row in self.rows)


@contextmanager
def runner() -> Iterator[Runner]:
    """Yields a runner without a sandbox: what is judged here is ours."""
    ready = Runner.ready(launch(sandboxed=False))
    try:
        yield ready
    finally:
        ready.close()


def verdicts(
    base: Process, area: str, *, honest: bool, options: Options, only: str = "", part: tuple[int, int] = ALL
) -> Iterator[Verdict]:
    """Yields the verdict on each fault, or honest oddity, of an area: on each ``part[1]``-th, from ``part[0]`` on."""
    path = file_or_folder(HONEST / area) if honest else path_of(area)
    if not path.exists():
        return
    found = marked_in(path, f"conformance.selftest.honest.{area}") if honest else faults_of(area)
    source, names = read_submission(str(path)), list(contract.items())
    session = RunnerSession.open(base, source, names, rules=options.rules, trusted=True)
    for fault in found[part[0] :: part[1]]:
        if only and only not in (fault.name, fault.item):
            continue
        started = time.perf_counter()
        mine = session.standing_in(fault.item, fault.name)
        # Whether a fault is found is the question here; how small its case gets, only where it is to be diagnosed.
        bench = Bench(mine, base, options, source, found={} if options.diagnose else {fault.item: ENOUGH})
        tasks = plan(replace(options, items=(fault.item,)), [fault.item])
        rows = [row for prop, variant in tasks for row in bench.run(prop, variant)]
        mine.close()
        bench.close()
        yield Verdict(area, fault, tuple(rows), time.perf_counter() - started)
    session.close()


def main(arguments: list[str]) -> int:
    """Prints a line for each verdict; returns 1 if a fault was not found, or an honest oddity was."""
    parser = argparse.ArgumentParser(prog="python -m conformance.selftest.matrix", description=__doc__)
    parser.add_argument("--area", action="append", choices=contract.AREAS)
    parser.add_argument("--honest", action="store_true")
    parser.add_argument("--profile", default="quick", choices=list(PROFILES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one fault or one item")
    parser.add_argument("--diagnose", action="store_true", help="also name the usual mistake (faults only)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the findings in full")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    asked = Options(
        profile=options.profile, seed=options.seed, jobs=1, diagnose=options.diagnose and not options.honest
    )
    bad = 0
    with runner() as ready:
        for area in options.area or contract.AREAS:
            for verdict in verdicts(ready.process, area, honest=options.honest, options=asked, only=options.only):
                bad += _tell(verdict, options.honest, options.verbose)
    print(f"{bad} {'failed though right' if options.honest else 'not found'}")
    return 1 if bad else 0


def _tell(verdict: Verdict, honest: bool, verbose: bool) -> int:
    found = verdict.found(parity=False)
    where = ", ".join(dict.fromkeys(f"{row.id.split('.', 2)[2]}:{row.status}" for row in found)) or "-"
    share = max((row.budget_used or 0.0 for row in verdict.rows if row.status is Status.PASS), default=0.0)
    wrong = bool(found) if honest else verdict.missed
    mark = "BAD " if wrong else "ok  "
    suspects = "; ".join(dict.fromkeys(row.suspect for row in found if row.suspect))
    name = f"{verdict.fault.item}.{verdict.fault.name}"
    print(f"{mark}{name} [{verdict.seconds:.1f} s, budget {share:.2f}] {where} {suspects}")
    if verbose or (wrong and found):
        for row in found[: None if verbose else 2]:
            print("      " + (row.message or "").replace("\n", "\n      "))
    return int(wrong)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
