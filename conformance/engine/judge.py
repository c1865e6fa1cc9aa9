"""Judges a submission: plans the properties, spreads them over processes, and gathers the verdict."""

from __future__ import annotations

import gc
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
from conformance.engine.diagnose import fitting_faults, in_float32, suspects_of, unreadable
from conformance.engine.in_process import InProcessSession
from conformance.engine.options import Options
from conformance.engine.properties import Property, Variant, all_properties, is_main
from conformance.engine.rows import item_result, missing_row, rows_of
from conformance.engine.run import FULL, LIGHT, Run, run_property
from conformance.engine.session import RunnerSession, Session
from conformance.faults import Fault, mistakes_of, path_of
from conformance.report.model import SEVERITY, Level, PropertyResult, Result, Status, Unread
from conformance.runner import limits
from conformance.runner.client import LoadReport, Process, Runner
from conformance.runner.loading import Source, read_submission
from conformance.runner.loading.names import meant, torchs_own, uses

Task = tuple[Property, Variant]
# Properties of an item that find something before the rest is followed less far.
ENOUGH = 2


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
    """Returns the properties to run, with their variants: how the work is done is asked last, of what gave answers."""
    wanted = [name for name in options.wanted() if name in present]
    devices = [device for device in options.devices if device != "cpu" and is_there(device)]
    tasks: list[Task] = []
    for prop in all_properties():
        if prop.item not in wanted or (not options.rules and prop.only_rules):
            continue
        variants = [v for v in prop.variants if "cpu" in options.devices or v.device == "meta"]
        variants += [Variant(v.dtype, device) for v in prop.variants for device in devices if v.device == "cpu"]
        tasks += [(prop, variant) for variant in variants]
    return sorted(tasks, key=lambda task: task[0].only_rules)


def is_there(device: str) -> bool:
    """Returns whether a device can be judged on here."""
    kind = device.split(":")[0]
    backend = getattr(torch, kind, None) if kind != "mps" else torch.backends.mps
    return kind == "cpu" or (backend is not None and bool(backend.is_available()))


def by_item(tasks: list[Task]) -> list[list[int]]:
    """Returns the places of the tasks of each item, the dearest item first so that no worker is left waiting.

    What may take longest in one call trains, and is dearer than any number of calls that do not.

    One worker takes all of an item: how far a finding is followed depends on what was found of the item before, and
    must not depend on who was faster.
    """
    places: dict[str, list[int]] = {}
    for place, (prop, _) in enumerate(tasks):
        places.setdefault(prop.item, []).append(place)
    cost = {}
    for item, mine in places.items():
        props = [tasks[place][0] for place in mine]
        cost[item] = max(prop.seconds for prop in props), sum(prop.share * prop.seconds for prop in props)
    return [places[item] for item in sorted(places, key=cost.__getitem__, reverse=True)]


@dataclass
class Bench:
    """What a worker judges with: a session, and a clean process of the runner to load the faults in."""

    session: Session
    base: Process | None
    options: Options
    source: Source | None = None
    faults: dict[str, RunnerSession] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    fitting: dict[str, list[Fault]] = field(default_factory=dict)
    crashes: dict[str, set[str]] = field(default_factory=dict)
    stubs: dict[str, PropertyResult] = field(default_factory=dict)

    def run(self, prop: Property, variant: Variant) -> list[PropertyResult]:
        """Returns the rows of one property; the judge's own failure becomes a row that says so.

        Of an item that has shown enough, further findings are followed less far.
        """
        options = self.options
        if prop.item in self.stubs:
            requirement = prop.requirement(prop.requirements[0])
            level = prop.level(requirement.name, variant)
            return [replace(self.stubs[prop.item], id=prop.id(variant), requirement=requirement.id, level=level)]
        effort = FULL if self.found.get(prop.item, 0) < ENOUGH else LIGHT
        try:
            run = run_property(
                prop,
                variant,
                self.session,
                examples=options.examples,
                seed=options.seed,
                target=options.profile == "thorough",
                effort=effort,
            )
            if run.refused is not None and not self.found.get(prop.item):
                run.findings.append(run.refused)
            self._leave_out_crashes(run)
            if self.base is not None and any(found.failure.malformed for found in run.findings):
                mistakes = mistakes_of(prop.area, prop.item)
                run.judge_error = unreadable(run, self._faults(prop.area), mistakes) or run.judge_error
            suspects: dict[str, str] = {}
            if run.findings and options.diagnose and self.base is not None and variant.device == "cpu":
                suspects = self._diagnosed(run)
            counts = any(prop.level(f.failure.requirement, variant) is not Level.PARITY for f in run.findings)
            self.found[prop.item] = self.found.get(prop.item, 0) + counts
            rows = rows_of(run, suspects, self.source)
            if run.examples <= 1 and is_main(prop, variant) and any(row.status is Status.MISSING for row in rows):
                # Its main property's first case: nothing else of the item is there either.
                self.stubs[prop.item] = next(row for row in rows if row.status is Status.MISSING)
            return rows
        except Exception:
            requirement = prop.requirement(prop.requirements[0])
            text = f"the judge's own fault:\n{traceback.format_exc()[-2000:]}"
            level = prop.level(requirement.name, variant)
            name = prop.id(variant)
            return [PropertyResult(name, prop.item, requirement.id, level, Status.JUDGE_ERROR, message=text)]

    def _leave_out_crashes(self, run: Run) -> None:
        """Takes out of a run on meta what crashes on the CPU too: that is no matter of devices."""
        known = self.crashes.setdefault(run.prop.item, set())
        if run.variant.device == "meta":
            left = [found for found in run.findings if found.failure.got not in known]
            if len(left) < len(run.findings):
                run.unsupported = "it crashes there as it does on the CPU"
            run.findings = left
        else:
            known.update(found.failure.got for found in run.findings if found.failure.status is Status.CRASH)

    def _diagnosed(self, run: Run) -> dict[str, str]:
        """Returns the suspects of a run; after an item's first diagnosis only those that fitted then are tried."""
        item, rounded = run.prop.item, in_float32(run)
        candidates = self.fitting.get(item) or mistakes_of(run.prop.area, item)
        if self.found.get(item, 0) >= ENOUGH and item not in self.fitting:
            return rounded
        fitting = fitting_faults(run, self._faults(run.prop.area), candidates)
        fit = list(dict.fromkeys(fault for pairs in fitting.values() for fault, _ in pairs))
        if fit:
            self.fitting[item] = fit
        return {**rounded, **suspects_of(fitting)}

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
    session = RunnerSession.open(runner.process, source, names, rules=options.rules, accelerated=options.accelerated)
    try:
        report = contained(session.report, source, options)
        tasks = plan(options, report.names)
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
    result = gather(source, rows, report, options, runner.sandbox)
    return replace(result, seconds=time.perf_counter() - started)


def judge_in_process(source: Source, options: Options, progress: Progress) -> Result:
    """Returns the verdict on a submission that runs in this very process; arguments as ``judge`` has them."""
    started = time.perf_counter()
    session = InProcessSession(source, list(contract.items()), rules=options.rules)
    report = contained(session.report, source, options)
    tasks = plan(options, report.names)
    rows = _spread([Bench(session, None, options, source)], tasks, progress)
    session.close()
    result = gather(source, rows, report, options, "none: in the judge's own process")
    return replace(result, seconds=time.perf_counter() - started)


def contained(report: LoadReport, source: Source, options: Options) -> LoadReport:
    """Returns what was loaded, less the exercises of which there is nothing but what was imported from torch.

    With ``--item`` the named items are judged wherever they come from.
    """
    if options.items:
        return report
    imported = torchs_own(source, report.names)
    exercises = {contract.items()[name].exercise for name in report.names if name not in imported}
    return replace(report, names=[name for name in report.names if contract.items()[name].exercise in exercises])


def gather(source: Source, rows: list[PropertyResult], report: LoadReport, options: Options, sandbox: str) -> Result:
    """Returns the result that rows of properties add up to."""
    items, used = {}, uses(source, list(contract.items()))
    for name in options.wanted():
        mine = [row for row in rows if row.item == name]
        if name not in report.names:
            mine = [missing_row(name, report.lost.get(name), meant(source, name, contract.items()))]
        items[name] = replace(item_result(name, mine, options.level), uses=used[name])
    notes = [f"left out: {why}" for why in source.left_out]
    notes += [f"skipped on {name}: there is no such device here" for name in options.devices if not is_there(name)]
    nothing = not options.items and not any(name in report.names for name in options.wanted())
    if nothing:
        notes.append("nothing to judge: it defines none of the names that the exercises ask for")
    curve = next((row.curve for row in rows if row.curve), None)
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
            "devices": [*filter(is_there, options.devices), "meta"],
            "sandbox": sandbox,
        },
        items=items,
        notes=notes,
        unread=[Unread(entry["cell"], entry["line"], entry["why"]) for entry in report.unread],
        extras={**({"nothing": True} if nothing else {}), **({"loss_curve": curve} if curve else {})},
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


def _spread(benches: list[Bench], tasks: list[Task], progress: Progress) -> list[PropertyResult]:
    """Runs the tasks on forks of this process, one for each bench, and returns their rows in the order of the plan."""
    progress.planned(len(tasks))
    done: dict[int, list[PropertyResult]] = {}
    groups = by_item(tasks)
    if len(benches) == 1:
        for place in (place for group in groups for place in group):
            done[place] = benches[0].run(*tasks[place])
            progress.advance(tasks[place][0].item, _worst(done[place]))
    else:
        _share_out(benches, tasks, groups, done, progress)
    return [row for place, task in enumerate(tasks) for row in done.get(place) or [_lost(*task)]]


def _share_out(
    benches: list[Bench],
    tasks: list[Task],
    groups: list[list[int]],
    done: dict[int, list[PropertyResult]],
    progress: Progress,
) -> None:
    """Hands the groups to forks of this process as they ask for more, and puts into ``done`` what they send."""
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    workers = []
    gc.freeze()  # a collection in a worker would write to every object of torch, and so copy them all
    try:
        for bench in benches:
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(bench, tasks, theirs), daemon=True)
            worker.start()
            theirs.close()
            pipes.append(ours)
            workers.append(worker)
        _serve(pipes, tasks, list(groups), done, progress)
    except BaseException:  # Ctrl-C; nobody is left to be sent anything
        for worker in workers:
            worker.kill()
        raise
    finally:
        gc.unfreeze()
        for worker in workers:
            worker.join()


def _serve(
    pipes: list[Connection],
    tasks: list[Task],
    waiting: list[list[int]],
    done: dict[int, list[PropertyResult]],
    progress: Progress,
) -> None:
    """Sends groups that are waiting to whoever asks for one, until all have been told that there is nothing left."""
    busy = list(pipes)
    while busy:
        for ready in wait(busy):
            assert isinstance(ready, Connection)
            try:
                message = ready.recv()
            except EOFError:  # the worker died; what it had in hand is missing from `done`
                busy.remove(ready)
                continue
            if message is not None:
                place, done[place] = message
                progress.advance(tasks[place][0].item, _worst(done[place]))
            elif waiting:
                ready.send(waiting.pop(0))
            else:
                ready.send(None)
                busy.remove(ready)


def _worst(rows: list[PropertyResult]) -> Status:
    """Returns the worst status, for the line of progress; what is mere parity would only alarm there."""
    asked = (row.status for row in rows if row.level is not Level.PARITY)
    return max(asked, key=SEVERITY.__getitem__, default=Status.PASS)


def _work(bench: Bench, tasks: list[Task], pipe: Connection) -> None:
    """Asks for groups of tasks and sends the rows of each task, until it is told that there is nothing left."""
    limits.die_with_parent()  # killed, it can tell nobody
    try:
        pipe.send(None)
        while (group := pipe.recv()) is not None:
            for place in group:
                pipe.send((place, bench.run(*tasks[place])))
            pipe.send(None)
        bench.close()
    finally:
        os._exit(0)


def _lost(prop: Property, variant: Variant) -> PropertyResult:
    requirement = prop.requirement(prop.requirements[0])
    text = "the judge's own fault: the process that judged this died"
    return PropertyResult(
        prop.id(variant), prop.item, requirement.id, requirement.level, Status.JUDGE_ERROR, message=text
    )
