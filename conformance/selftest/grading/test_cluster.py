"""A real scheduler and two worker processes on loopback, one of which is killed in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import UNUSABLE
from conformance.selftest.grading.conftest import RIGHT, WRONG, Write

ROOT = Path(__file__).parents[3]
ARGUMENTS = ["--profile", "quick", "--item", "RMSNorm"]
PATIENCE_SECONDS = 300

pytestmark = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")


@contextmanager
def running(*command: str, cwd: Path, path: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a Python module beside the test, and ends it after."""
    env = {**os.environ, "PYTHONPATH": str(path)}
    with (cwd / "log").open("ab") as log:
        child = subprocess.Popen([sys.executable, "-m", *command], cwd=cwd, env=env, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yields the address of a scheduler with two workers, and the one of them that has no nanny to start it again."""
    told = folder / "scheduler.json"
    here = ("--host", "127.0.0.1", "--no-dashboard")
    with ExitStack() as stack:
        start = ("distributed.cli.dask_scheduler", *here, "--port", "0", "--scheduler-file", str(told))
        stack.enter_context(running(*start, cwd=folder))
        worker = ("distributed.cli.dask_worker", *here, "--scheduler-file", str(told), "--nthreads", "1")
        wait_for(told.exists, folder)
        stack.enter_context(running(*worker, "--nanny", "--name", "stays", cwd=folder))
        victim = stack.enter_context(running(*worker, "--no-nanny", "--name", "dies", cwd=folder))
        wait_for(lambda: (folder / "log").read_text().count("Registered to") == 2, folder)
        yield json.loads(told.read_text())["address"], victim


def wait_for(true: Any, folder: Path) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
        time.sleep(0.05)


def grading(folder: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Starts grading a class."""
    command = [sys.executable, "-m", "conformance", "grade", str(folder), "--out", str(out), *ARGUMENTS, *more]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def compared(out: Path) -> dict[str, Any]:
    """Returns every verdict, but for the time that it took."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(entry) for key, entry in value.items() if key != "seconds"}
        return [timeless(entry) for entry in value] if isinstance(value, list) else value

    return {path.name: timeless(json.loads(path.read_text())) for path in sorted(out.glob("*.json"))}


@pytest.mark.slow
def test_a_worker_that_dies_loses_nothing_and_changes_no_verdict(write: Write, tmp_path: Path) -> None:
    for name, text in WRONG.items():
        write(name, text)
    for number in range(3):
        write(f"right{number}.py", f"{RIGHT}\n# {number}\n")
    write("carol/hw.py", "from parts import RMSNorm")
    write("carol/parts.py", WRONG["outside.py"])
    folder = write("empty.py", "").parent
    here, there = tmp_path / "here", tmp_path / "there"
    with cluster(tmp_path) as (address, victim), grading(folder, there, "--scheduler", address) as child:
        assert child.stderr is not None
        said = [child.stderr.readline() for _ in range(2)]
        victim.kill()
        said += child.communicate(timeout=PATIENCE_SECONDS)[1].splitlines()
    assert any("[8/8]" in line for line in said), said
    with grading(folder, here) as child_here:
        child_here.communicate(timeout=PATIENCE_SECONDS)
    assert child_here.returncode == child.returncode
    assert len(compared(here)) == 9
    assert compared(there) == compared(here)


def test_a_scheduler_without_this_package_is_a_sentence(write: Write, tmp_path: Path) -> None:
    write("right.py", RIGHT)
    (tmp_path / "conformance.py").touch()  # stands in the way of the package
    told = tmp_path / "scheduler.json"
    start = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    with running(*start, "--scheduler-file", str(told), cwd=tmp_path, path=tmp_path):
        wait_for(told.exists, tmp_path)
        address = json.loads(told.read_text())["address"]
        child = grading(tmp_path / "class", tmp_path / "out", "--scheduler", address)
        _, said = child.communicate(timeout=PATIENCE_SECONDS)
    assert child.returncode == UNUSABLE, said
    assert f"the scheduler at {address} cannot read this: it needs this package too" in said
