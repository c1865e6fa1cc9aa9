"""No hostile submission passes, harms the judge, keeps it long, or leaves anything behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from conformance.engine import judge as judging
from conformance.engine import run, session
from conformance.engine.options import Options
from conformance.engine.properties import all_properties
from conformance.report.model import Result, Status
from conformance.runner import client
from conformance.runner.client import Runner
from conformance.runner.landlock import version
from conformance.runner.launch import ROOT, launch
from conformance.runner.loading import read_submission
from conformance.runner.processes import descendants
from conformance.runner.sandbox import available
from conformance.selftest.hostile.corpus import Hostile, corpus

CORPUS = corpus()
# What bubblewrap would take care of by itself is tried without it too.
BARE = (
    "closes_descriptors", "clears_evidence", "door_program", "exits_hard_at_import", "fills_disk", "forges_reply",
    "forks_without_end", "kills_parent", "leaves_daemon", "leaves_thread", "prints_verdict", "reads_judge",
    "reads_oracles", "starves_parent", "stops_parent", "takes_memory", "writes_judge", "writes_reports",
)  # fmt: skip
# Many times what the slowest needs on an idle machine.
SANE_SECONDS = 180.0
# Where a submission could leave something: the places that it tries.
PLACES = (Path.cwd(), Path.home(), Path("/dev/shm"), Path("/var/tmp"), Path(tempfile.gettempdir()))
TREES = (ROOT / "conformance", Path(torch.__file__).parent)


@dataclass
class Desk:
    """A judge at work: its runner, and the processes that the runner consists of."""

    runner: Runner
    own: frozenset[int]

    def strays(self) -> set[int]:
        """Returns the processes below the runner that are not its own."""
        return set(descendants(self.runner.launch.child.pid)) - self.own


@pytest.fixture(scope="module")
def desk_of() -> Iterator[Callable[[bool], Desk]]:
    """Yields a function that gives the desk with bubblewrap, or the one without."""
    desks: dict[bool, Desk] = {}

    def give(sandboxed: bool) -> Desk:
        if sandboxed not in desks:
            runner = Runner.ready(launch(sandboxed=sandboxed))
            desks[sandboxed] = Desk(runner, frozenset(descendants(runner.launch.child.pid)))
        return desks[sandboxed]

    yield give
    for desk in desks.values():
        first, scratch = desk.runner.launch.child.pid, desk.runner.launch.scratch
        started = [Path("/proc", str(pid)) for pid in (first, *descendants(first))]
        desk.runner.close()
        assert _gone(started), "a process was left"
        assert not scratch.exists()
        assert not scratch.with_suffix(".log").exists()
    assert not left_behind()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the judge less patient, and content with less of each finding, so that the corpus takes minutes only."""
    properties = [
        replace(
            prop,
            seconds=min(prop.seconds, 2.0),
            variants=tuple(v for v in prop.variants if v == prop.variants[0] or v.device == "meta"),
        )
        for prop in all_properties()
    ]
    monkeypatch.setattr(judging, "all_properties", lambda: properties)
    monkeypatch.setattr(judging, "FULL", run.LIGHT)
    monkeypatch.setattr(session, "ITEM_SECONDS", 4.0)
    monkeypatch.setattr(session, "crowding", lambda: 1.0)
    monkeypatch.setattr(session, "FORK_SECONDS", 8.0)
    monkeypatch.setattr(session, "LOST_SECONDS", 16.0)
    monkeypatch.setattr(client, "SHORT_SECONDS", 8.0)


@pytest.mark.skipif(not available(), reason="bubblewrap is not installed, or may not be used here")
@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
@pytest.mark.usefixtures("hurried")
def test_no_hostile_submission_passes(hostile: Hostile, desk_of: Callable[[bool], Desk]) -> None:
    holds_out(hostile, desk_of(True))


@pytest.mark.parametrize("hostile", [h for h in CORPUS if h.name in BARE], ids=lambda hostile: hostile.name)
@pytest.mark.usefixtures("hurried")
def test_none_passes_without_bubblewrap(hostile: Hostile, desk_of: Callable[[bool], Desk]) -> None:
    holds_out(hostile, desk_of(False))


def test_every_submission_says_what_it_tries() -> None:
    assert len(CORPUS) >= 40
    assert len({hostile.tries for hostile in CORPUS}) == len(CORPUS)
    assert all(hostile.tries.endswith(".") and "\n" not in hostile.tries for hostile in CORPUS)
    assert set(BARE) <= {hostile.name for hostile in CORPUS}
    assert {hostile.status for hostile in CORPUS} == {"", "rule"}
    assert all(hostile.status == "rule" for hostile in CORPUS if hostile.name.startswith("removes_guard"))


def holds_out(hostile: Hostile, desk: Desk) -> None:
    """Asserts that judging a hostile submission gives no pass, ends, and leaves a runner that goes on as it was."""
    started = time.monotonic()
    options = Options(items=(hostile.item,), profile="quick", jobs=1, diagnose=False)
    result = judging.judge(read_submission(str(hostile.path)), desk.runner, options)
    assert time.monotonic() - started < SANE_SECONDS
    found_out(hostile, result)
    assert _soon(lambda: not desk.strays()), f"processes are left: {desk.strays()}"
    desk.runner.process.fork().close()
    if desk.runner.launch.sandbox or version():
        assert not left_behind()


def found_out(hostile: Hostile, result: Result) -> None:
    """Asserts that the item is not a pass, by a verdict and not by a fault of the judge."""
    item = result.items[hostile.item]
    assert not result.conforms
    assert item.status not in (Status.PASS, Status.JUDGE_ERROR, Status.SKIPPED), item.reason
    assert all(row.status is not Status.JUDGE_ERROR for row in item.properties)
    if hostile.status:
        assert item.status == hostile.status, item.reason


def left_behind() -> list[Path]:
    """Returns the files that submissions of the corpus have left."""
    found = [path for place in PLACES if place.is_dir() for path in place.glob("conformance_hostile*")]
    for tree in TREES:
        for folder, _, names in os.walk(tree):
            found += [Path(folder, name) for name in names if name.startswith("conformance_hostile")]
    return found


def _gone(processes: list[Path]) -> bool:
    return _soon(lambda: not any(path.exists() for path in processes))


def _soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Waits for what the kernel may take a moment to do."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
