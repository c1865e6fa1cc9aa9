"""Every fault is found at ``quick``, every property is broken by one, and no honest oddity is found.

Twenty minutes on two cores; ``python -m conformance.selftest.rates`` also measures diagnosis and reproducers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from conformance import contract
from conformance.engine.options import Options
from conformance.engine.properties import all_properties
from conformance.report.model import Status
from conformance.runner.client import Process
from conformance.selftest.matrix import Verdict, runner, verdicts

QUICK = Options(profile="quick", jobs=1, diagnose=False)
ITEMS = list(contract.items())


@pytest.fixture(scope="module")
def base() -> Iterator[Process]:
    torch.set_num_threads(1)
    with runner() as ready:
        yield ready.process


def judged(base: Process, item: str, *, honest: bool) -> list[Verdict]:
    """Returns the verdict on each fault, or each honest oddity, of an item."""
    return list(verdicts(base, contract.items()[item].area, honest=honest, options=QUICK, only=item))


@pytest.mark.parametrize("item", ITEMS)
def test_every_fault_is_found_and_every_property_finds_one(item: str, base: Process) -> None:
    broken: set[str] = set()
    missed = []
    for verdict in judged(base, item, honest=False):
        found = [row for row in verdict.found() if row.status is not Status.JUDGE_ERROR]
        broken.update(row.id.split("[")[0] for row in found)
        if len(found) < len(verdict.found()) or not any(row in found for row in verdict.found(parity=False)):
            missed.append(verdict.fault.name)
    dead = {f"{prop.area}.{item}.{prop.name}" for prop in all_properties() if prop.item == item} - broken
    assert not missed
    assert not dead, "no fault breaks these properties"


@pytest.mark.parametrize("item", ITEMS)
def test_no_honest_oddity_is_found(item: str, base: Process) -> None:
    alarms = {
        verdict.fault.name: [row.message for row in found]
        for verdict in judged(base, item, honest=True)
        if (found := verdict.found(parity=False))
    }
    assert not alarms
