"""Measures what a verdict costs, side by side with ``python -c "import torch"`` in the same minute (T).

``python -m conformance.selftest.numbers`` prints a table: the goal, the seconds, the multiple of T.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

import impl
from conformance import contract
from conformance.engine.judge import judge, plan
from conformance.engine.options import PROFILES, Options
from conformance.engine.run import run_property
from conformance.engine.session import RunnerSession
from conformance.runner.client import Runner
from conformance.runner.launch import launch
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.runner.loading import read_submission

# Goals, as multiples of T: cold, and for one more submission in the same run.
GOALS = {("cold", "quick"): 3, ("cold", "standard"): 8, ("one more", "quick"): 1, ("one more", "standard"): 3}
JUDGES_SHARE_MS = 2.0


def timed(command: list[str], times: int) -> float:
    """Returns the median wall time of a command."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def a_runner() -> Runner:
    """Returns a runner that may read the reference solution, which is the submission here."""
    return Runner.ready(launch(readable=(Path(impl.__file__),)))


def cost_per_example(submission: str) -> tuple[float, int]:
    """Returns the judge's own CPU time for an example, in milliseconds, and over how many examples."""
    runner = a_runner()
    session = RunnerSession.open(runner.process, read_submission(submission), list(contract.items()), rules=True)
    options = Options()
    tasks = plan(options, session.report.names)
    spent, examples = 0.0, 0
    for prop, variant in tasks:
        started = time.process_time()
        run = run_property(prop, variant, session, examples=options.examples, seed=0, target=False)
        spent += time.process_time() - started
        examples += run.examples
    session.close()
    runner.close()
    return 1000 * spent / examples, examples


def main(arguments: list[str]) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m conformance.selftest.numbers", description=__doc__)
    parser.add_argument("submission", nargs="?", default="impl")
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    defer_dynamo()
    base = timed([sys.executable, "-c", "import torch"], asked.times)
    print(f"T = {base:.2f} s (median of {asked.times})\n")
    print("| what | seconds | multiple of T | goal |\n| --- | --- | --- | --- |")
    for profile in ("quick", "standard"):
        assert profile in PROFILES
        cold = timed([sys.executable, "-m", "conformance", asked.submission, "--profile", profile], asked.times)
        _row(f"cold verdict, {profile}", cold, base, GOALS["cold", profile])
        runner = a_runner()
        more = []
        for _ in range(asked.times):
            started = time.perf_counter()
            judge(read_submission(asked.submission), runner, Options(profile=profile))
            more.append(time.perf_counter() - started)
        runner.close()
        _row(f"one more in the same run, {profile}", statistics.median(more), base, GOALS["one more", profile])
    cost, examples = cost_per_example(asked.submission)
    print(f"\nThe judge's own cost: {cost:.2f} ms an example over {examples} examples (goal: {JUDGES_SHARE_MS:g} ms)")


def _row(name: str, seconds: float, base: float, goal: int) -> None:
    print(f"| {name} | {seconds:.2f} | {seconds / base:.1f} | {goal} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
