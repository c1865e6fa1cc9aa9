"""Judges the hostile corpus and tells which submissions got a pass for the item that they fake."""

from __future__ import annotations

import multiprocessing
import os

import torch

from conformance.engine.judge import judge
from conformance.engine.options import Options
from conformance.report.model import Status
from conformance.runner.client import Runner
from conformance.runner.launch import launch
from conformance.runner.lazy_dynamo import defer_dynamo
from conformance.runner.loading import UnreadableSubmission, read_submission
from conformance.selftest.hostile.corpus import Hostile, corpus
from conformance.selftest.matrix import ALL


def judge_corpus(part: tuple[int, int] = ALL) -> dict[str, bool]:
    """Returns, for each hostile submission of a part, whether its item passed; one that cannot be read has not."""
    workers = os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        parts = pool.map(_judge_all, [corpus()[part[0] :: part[1]][start::workers] for start in range(workers)])
    return {name: passed for part in parts for name, passed in part.items()}


def _judge_all(share: list[Hostile]) -> dict[str, bool]:
    """Returns for each of a worker's share of the corpus whether it passed."""
    torch.set_num_threads(1)
    defer_dynamo()
    passed = {}
    runner = Runner.ready(launch())
    for hostile in share:
        if not runner.process.alive:  # it took the whole runner down, which is its own affair
            runner.close()
            runner = Runner.ready(launch())
        try:
            source = read_submission(str(hostile.path))
            result = judge(source, runner, Options(items=(hostile.item,), profile="quick", jobs=1, diagnose=False))
            passed[hostile.name] = result.items[hostile.item].status is Status.PASS
        except UnreadableSubmission:
            passed[hostile.name] = False
    runner.close()
    return passed
