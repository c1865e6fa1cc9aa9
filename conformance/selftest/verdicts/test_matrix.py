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
    missed: list[str] = []
    for verdict in judged(base, item, honest=False):
        broken.update(row.id.split("[")[0] for row in verdict.found())
        missed += [verdict.fault.name] if verdict.missed else []
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
