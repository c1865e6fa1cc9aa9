"""The benchmark's own logic, without a stopwatch: `pytest benchmarks/selftest_logic.py`."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import impl
from benchmarks import workloads
from benchmarks.__main__ import main
from benchmarks.arms import contract_arm
from benchmarks.cases import Case, cases
from benchmarks.compare import DifferentMachinesError, compare
from benchmarks.machine import describe, state
from benchmarks.measure import measure
from benchmarks.picture import draw
from benchmarks.results import Results, Row, UnreadableResultsError, read, write
from benchmarks.sampling import Effort, interleave
from benchmarks.statistics import Ratio, claim, noise_floor, paired_ratio, summarise
from benchmarks.tables import markdown, seconds

_EFFORT = Effort(warm_up_seconds=0.0, block_seconds=1e-4, budget_seconds=1.0, min_rounds=3, max_rounds=3)
_CASE = Case("cross-entropy", workloads.cross_entropy, (8, 5), torch.float32, "cpu", 1, passes=3, tensors_touched=2)


def _results(**changes: Any) -> Results:
    rows = [
        Row("w", [2, 3], "float32", "cpu", 1, "impl", median=1e-3, iqr=1e-5, n=9, ratio=[1.0, 0.9, 1.1], claim="level")
    ]
    rows.append(Row("w", [2, 3], "float32", "cuda", 1, "impl", status="no device cuda on this machine"))
    return Results({**describe(), **changes}, state(), state(), rows)


def test_summary_of_known_numbers() -> None:
    summary = summarise([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (summary.median, summary.iqr, summary.minimum, summary.n) == (3.0, 2.0, 1.0, 5)


def test_one_sample_has_no_spread() -> None:
    assert summarise([2.0]).iqr == 0.0


def test_paired_ratio_cancels_what_slows_both() -> None:
    slowdown = [1.0, 7.0, 3.0, 1.5]
    ratio = paired_ratio([2 * s for s in slowdown], slowdown)
    assert (ratio.value, ratio.low, ratio.high) == (2.0, 2.0, 2.0)


def test_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    # 200 intervals that each cover with probability 0.95 (0.90 at the worst, for medians of 25): fewer than 160 would
    # happen with probability below 1e-5.
    rng = random.Random(0)
    covered = 0
    for _ in range(200):
        baseline, arm = ([rng.lognormvariate(0, 0.1) for _ in range(25)] for _ in range(2))
        ratio = paired_ratio(baseline, arm)
        covered += ratio.low <= 1 <= ratio.high
    assert covered >= 160


def test_unpaired_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="one of each in every round"):
        paired_ratio([1.0], [])


def test_no_claim_inside_the_noise_floor() -> None:
    floor = noise_floor(Ratio(1.0, 0.8, 1.1))
    assert floor == pytest.approx(0.25)
    assert claim(Ratio(1.2, 1.15, 1.24), floor) == "level"
    assert claim(Ratio(1.5, 1.3, 1.6), floor) == "faster"
    assert claim(Ratio(0.5, 0.4, 0.7), floor) == "slower"


def test_every_arm_takes_equally_many_steps_in_every_round() -> None:
    taken = {"a": 0, "b": 0}

    def counting(name: str) -> Callable[[], None]:
        def step() -> None:
            taken[name] += 1

        return step

    run = interleave({name: counting(name) for name in taken}, torch.device("cpu"), _EFFORT)
    assert taken["a"] == taken["b"]
    assert {len(samples.seconds) for samples in run.samples.values()} == {3}


def test_rounds_end_when_the_time_is_up() -> None:
    effort = Effort(warm_up_seconds=0.0, block_seconds=1e-4, budget_seconds=0.01, min_rounds=2, max_rounds=10**6)
    run = interleave({"a": lambda: None}, torch.device("cpu"), effort)
    assert run.stopped_by == "time"
    assert 2 <= len(run.samples["a"].seconds) < 10**6


def _with(loss: Callable[[Tensor, Tensor], Tensor]) -> Row:
    arm = contract_arm("submission", {**vars(impl), "cross_entropy_from_logits": loss})
    return measure(_CASE, arm, _EFFORT)[-1]


def test_a_right_submission_is_measured() -> None:
    row = _with(impl.cross_entropy_from_logits)
    assert row.status == "ok"
    assert row.n == 3
    assert row.ratio is not None
    assert row.bound is not None


def test_fast_but_wrong_is_an_error() -> None:
    assert _with(lambda logits, targets: logits.sum()).status.startswith("wrong: off by")


def test_a_crash_is_a_row() -> None:
    def crash(logits: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("no such luck")

    assert _with(crash).status == "failed: RuntimeError: no such luck"


def test_out_of_memory_is_a_row() -> None:
    def hog(logits: Tensor, targets: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("too much")

    assert _with(hog).status == "out of memory"


def test_a_missing_part_is_a_row() -> None:
    assert measure(_CASE, contract_arm("submission", {}), _EFFORT)[-1].status == "missing: no cross_entropy_from_logits"


def test_a_missing_device_is_a_row_for_every_arm() -> None:
    case = Case("cross-entropy", workloads.cross_entropy, (8, 5), torch.float32, "no-such-device", 1)
    assert [row.status for row in measure(case, None, _EFFORT)] == ["no device no-such-device on this machine"] * 3


@pytest.mark.parametrize("quick", [True, False])
def test_cases_are_distinct(quick: bool) -> None:
    names = [str(case) for case in cases(quick, ["cpu", "cuda"])]
    assert len(set(names)) == len(names)


def test_results_survive_the_file(tmp_path: Path) -> None:
    results = _results()
    write(results, tmp_path / "a.json")
    assert read(tmp_path / "a.json") == results


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "rows": [{"x": 1}]}'])
def test_files_that_are_no_results_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UnreadableResultsError, match=r"a\.json"):
        read(path)


def test_different_machines_are_not_compared_silently() -> None:
    a, b = _results(), _results(cpu="another")
    with pytest.raises(DifferentMachinesError, match=r"cpu: .* and another.*--force"):
        compare(a, b)
    assert compare(a, b, force=True).startswith("**Different machines**")


def test_another_commit_is_the_same_machine() -> None:
    a, b = _results(), _results(commit="abc1234")
    b.rows[0].median = 2e-3
    table = compare(a, b)
    assert "| 2.00 | slower |" in table
    assert "2 rows in both, 0 only in A, 0 only in B" in table


def test_compare_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(_results(), tmp_path / "a.json")
    write(_results(cores=1024), tmp_path / "b.json")
    files = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main(["compare", *files]) == 2
    assert "cores" in capsys.readouterr().err
    assert main(["compare", *files, "--force"]) == 0
    assert main(["show", str(tmp_path / "missing.json")]) == 2


def test_table_shows_every_row_and_why_it_is_empty() -> None:
    table = markdown(_results())
    assert "| 2x3 | float32 | impl | 1 ms |" in table
    assert "no device cuda on this machine" in table


def test_picture_is_drawn(tmp_path: Path) -> None:
    draw(_results(), tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize(
    ("value", "words"), [(None, "-"), (2.0, "2 s"), (1.5e-3, "1.5 ms"), (2e-6, "2 µs"), (3e-9, "3 ns")]
)
def test_seconds_in_words(value: float | None, words: str) -> None:
    assert seconds(value) == words
