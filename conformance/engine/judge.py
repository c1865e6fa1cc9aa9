"""Judges a submission: plans the properties, spreads them over processes, and gathers the verdict."""

from __future__ import annotations

import multiprocessing
import os
import platform
import time
import traceback
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

import torch

from conformance import contract
from conformance.engine.diagnose import suspects_of
from conformance.engine.in_process import InProcessSession
from conformance.engine.options import Options
from conformance.engine.properties import Property, Variant, all_properties
from conformance.engine.rows import item_result, rows_of
from conformance.engine.run import run_property
from conformance.engine.session import RunnerSession, Session
from conformance.faults import path_of
from conformance.report.model import SEVERITY, Level, PropertyResult, Result, Status, Unread
from conformance.runner.client import LoadReport, Process, Runner
from conformance.runner.loading import Source, read_submission

Task = tuple[Property, Variant]


class Progress(Protocol):
    """Who is told how far the judge is."""

    def planned(self, steps: int) -> None:
        """Says how many properties will be run."""

    def advance(self, item: str, status: Status) -> None:
        """Says that a property of an item is done, and what became of it."""


class Silence:
    """Tells nobody."""

    def planned(self, steps: int) -> None:
        """Says nothing."""

    def advance(self, item: str, status: Status) -> None:
        """Says nothing."""


def plan(options: Options, present: list[str]) -> list[Task]:
    """Returns the properties to run, with their variants, the slowest first so that no worker is left waiting."""
    wanted = [name for name in options.wanted() if name in present]
    devices = [device for device in options.devices if device != "cpu"]
    tasks: list[Task] = []
    for prop in all_properties():
        if prop.item not in wanted or (not options.rules and _only_rules(prop)):
            continue
        variants = [v for v in prop.variants if "cpu" in options.devices or v.device == "meta"]
        variants += [Variant(v.dtype, device) for v in prop.variants for device in devices if v.device == "cpu"]
        tasks += [(prop, variant) for variant in variants]
    return sorted(tasks, key=lambda task: -task[0].share * task[0].seconds)


def _only_rules(prop: Property) -> bool:
    return all(prop.requirement(name).level is Level.RULE for name in prop.requirements)


@dataclass
class Bench:
    """What a worker judges with: a session, and a clean process of the runner to load the faults in."""

    session: Session
    base: Process | None
    options: Options
    source: Source | None = None
    faults: dict[str, RunnerSession] = field(default_factory=dict)

    def run(self, prop: Property, variant: Variant) -> list[PropertyResult]:
        """Returns the rows of one property; the judge's own failure becomes a row that says so."""
        options = self.options
        try:
            target = options.profile != "quick"
            run = run_property(
                prop, variant, self.session, examples=options.examples, seed=options.seed, target=target
            )
            suspects: dict[str, str] = {}
            if run.findings and options.diagnose and self.base is not None and variant.device == "cpu":
                suspects = suspects_of(run, self._faults(prop.area))
            return rows_of(run, suspects, self.source)
        except Exception:
            requirement = prop.requirement(prop.requirements[0])
            text = f"the judge's own fault:\n{traceback.format_exc()[-2000:]}"
            level = prop.level(requirement.name, variant)
            name = prop.id(variant)
            return [PropertyResult(name, prop.item, requirement.id, level, Status.JUDGE_ERROR, message=text)]

    def close(self) -> None:
        """Ends the sessions on the faults."""
        for faults in self.faults.values():
            faults.close()

    def _faults(self, area: str) -> RunnerSession:
        if area not in self.faults:
            assert self.base is not None
            source = read_submission(str(path_of(area)))
            names = list(contract.items())
            self.faults[area] = RunnerSession.open(self.base, source, names, rules=False, trusted=True)
        return self.faults[area]


def judge(source: Source, runner: Runner, options: Options, progress: Progress | None = None) -> Result:
    """Returns the verdict on a submission.

    Args:
        source: what was handed in, read but not run.
        runner: a runner that is ready.
        options: what to judge and how.
        progress: told of each property that is done.

    Raises:
        UnreadableSubmission: it could not be loaded.
    """
    started = time.perf_counter()
    names = list(contract.items())
    session = RunnerSession.open(runner.process, source, names, rules=options.rules)
    try:
        tasks = plan(options, session.report.names)
        count = max(1, min(options.workers, len(tasks)))
        benches = []
        for _ in range(count):
            base = runner.process.fork()
            benches.append(Bench(session.share(base), base, options, source))
        rows = _spread(benches, tasks, progress or Silence())
        for bench in benches:
            bench.session.close()
            bench.close()
            if bench.base is not None:
                bench.base.close()
    finally:
        session.close()
    result = gather(source, rows, session.report, options, runner.sandbox)
    return replace(result, seconds=time.perf_counter() - started)


def judge_in_process(source: Source, options: Options, progress: Progress) -> Result:
    """Returns the verdict on a submission that runs in this very process; arguments as ``judge`` has them."""
    started = time.perf_counter()
    session = InProcessSession(source, list(contract.items()), rules=options.rules)
    tasks = plan(options, session.report.names)
    rows = _spread([Bench(session, None, options, source)], tasks, progress)
    session.close()
    result = gather(source, rows, session.report, options, "none: in the judge's own process")
    return replace(result, seconds=time.perf_counter() - started)


def gather(
    source: Source, rows: list[PropertyResult], report: LoadReport, options: Options, sandbox: str
) -> Result:
    """Returns the result that rows of properties add up to."""
    items = {}
    for name in options.wanted():
        mine = [row for row in rows if row.item == name]
        if name not in report.names:
            mine = [_missing(name, report.lost.get(name))]
        items[name] = item_result(name, mine, options.level)
    return Result(
        submission=source.name,
        conforms=conforms(items, options),
        seed=options.seed,
        profile=options.profile,
        level=options.level,
        rules=options.rules,
        environment={
            "torch": torch.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            "devices": [*options.devices, "meta"],
            "sandbox": sandbox,
        },
        items=items,
        unread=[Unread(entry["cell"], entry["line"], entry["why"]) for entry in report.unread],
    )


def conforms(items: dict[str, Any], options: Options) -> bool:
    """Returns whether every item of each exercise that the submission contains passes.

    With ``--item`` the named items are what is asked for, whether they are there or not.
    """
    if options.items:
        asked = list(items.values())
    else:
        contained = {item.exercise for item in items.values() if item.status is not Status.MISSING}
        asked = [item for item in items.values() if item.exercise in contained]
    return bool(asked) and all(item.status is Status.PASS for item in asked)


def _missing(name: str, lost: str | None) -> PropertyResult:
    requirement = contract.items()[name].requirements[0]
    why = f"not there: {lost}" if lost else "not there"
    return PropertyResult(requirement.id, name, requirement.id, Level.EXERCISE, Status.MISSING, message=why)


def _spread(benches: list[Bench], tasks: list[Task], progress: Progress) -> list[PropertyResult]:
    """Runs the tasks on forks of this process, one for each bench, and returns their rows in the order of the plan."""
    progress.planned(len(tasks))
    if len(benches) == 1:
        results = []
        for prop, variant in tasks:
            found = benches[0].run(prop, variant)
            progress.advance(prop.item, _worst(found))
            results.append(found)
        return [row for rows in results for row in rows]
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    workers = []
    for bench in benches:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(bench, tasks, theirs), daemon=True)
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    waiting = list(range(len(tasks)))
    done: dict[int, list[PropertyResult]] = {}
    busy: dict[Connection, int] = {}
    for pipe in pipes:
        _hand_out(pipe, waiting, busy)
    while busy:
        for ready in wait(list(busy)):
            assert isinstance(ready, Connection)
            place = busy.pop(ready)
            prop, variant = tasks[place]
            try:
                done[place] = ready.recv()
            except EOFError:
                done[place] = [_lost(prop, variant)]
                continue
            progress.advance(prop.item, _worst(done[place]))
            _hand_out(ready, waiting, busy)
    for worker in workers:
        worker.join()
    for place in waiting:
        done[place] = [_lost(*tasks[place])]
    return [row for place in sorted(done) for row in done[place]]


def _worst(rows: list[PropertyResult]) -> Status:
    return max((row.status for row in rows), key=SEVERITY.__getitem__, default=Status.PASS)


def _hand_out(pipe: Connection, waiting: list[int], busy: dict[Connection, int]) -> None:
    """Sends a worker its next task, or None when there is none left."""
    if waiting:
        busy[pipe] = waiting.pop(0)
        pipe.send(busy[pipe])
    else:
        pipe.send(None)


def _work(bench: Bench, tasks: list[Task], pipe: Connection) -> None:
    """Serves task numbers until it is sent None."""
    try:
        while (place := pipe.recv()) is not None:
            pipe.send(bench.run(*tasks[place]))
        bench.close()
    finally:
        os._exit(0)


def _lost(prop: Property, variant: Variant) -> PropertyResult:
    requirement = prop.requirement(prop.requirements[0])
    text = "the judge's own fault: the process that judged this died"
    return PropertyResult(
        prop.id(variant), prop.item, requirement.id, requirement.level, Status.JUDGE_ERROR, message=text
    )
