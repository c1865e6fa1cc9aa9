"""Every case once: `pytest benchmarks`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch

from benchmarks.arms import Arm, impl_arm
from benchmarks.cases import Case, cases
from benchmarks.measure import measure
from benchmarks.results import Row
from benchmarks.sampling import QUICK, STANDARD
from benchmarks.workloads import Place


def _devices() -> list[str]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return ["cpu", accelerator.type if accelerator else "cuda"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = cases(metafunc.config.getoption("--bench-quick"), _devices())
    metafunc.parametrize("case", found, ids=str)


# torch.compile and pytest-benchmark warn of what the rows say anyway.
@pytest.mark.filterwarnings("ignore")
def test_arms_agree_and_are_measured(
    case: Case, submission: Arm | None, rows: list[Row], benchmark: Any, request: pytest.FixtureRequest
) -> None:
    effort = QUICK if request.config.getoption("--bench-quick") else STANDARD
    measured = measure(case, submission, effort)
    rows += measured
    benchmark.extra_info["rows"] = [asdict(row) for row in measured]
    wrong = [f"{row.arm}: {row.status}" for row in measured if row.status.startswith(("wrong", "failed"))]
    if wrong:
        pytest.fail("; ".join(wrong), pytrace=False)
    impl = next(row for row in measured if row.arm == "impl")
    if impl.status != "ok":
        pytest.skip(impl.status)
    # pytest-benchmark's own table and storage: impl alone, from a fresh state each round, in blocks as long as above.
    place = Place(torch.device(case.device), case.dtype)

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        step = case.build(impl_arm(), place, *case.shape).step
        step()
        return (step,), {}

    def block(step: Any) -> None:
        for _ in range(impl.steps_per_block):
            step()
        if case.device != "cpu":
            torch.accelerator.synchronize()

    benchmark.pedantic(block, setup=fresh, rounds=3, iterations=1)
