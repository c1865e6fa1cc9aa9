"""The command line: exit codes, one sentence for bad input, reports, the same verdict every time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RIGHT = """
import torch
from torch import nn

class RMSNorm(nn.Module):
    def __init__(self, normalized_shape, eps=1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x):
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight
"""
WRONG = RIGHT.replace("torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps)",
                      "(torch.sqrt(x.square().mean(-1, keepdim=True)) + self.eps)")  # fmt: skip


def run(*arguments: str | Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Returns what the command line did, run from the root of the project."""
    command = [sys.executable, "-m", "conformance", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False, env=environment
    )


def test_a_right_item_conforms_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    for text, code, word in ((RIGHT, 0, "CONFORMS"), (WRONG, 1, "DOES NOT CONFORM")):
        path = tmp_path / "hw.py"
        path.write_text(text)
        done = run(path, "--item", "RMSNorm", "--profile", "quick")
        assert (done.returncode, done.stdout.splitlines()[0]) == (code, word), done.stdout + done.stderr


def test_the_same_submission_and_seed_give_the_same_findings(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(WRONG)
    results = []
    for name in ("a", "b"):
        run(
            path,
            "--item",
            "RMSNorm",
            "--profile",
            "quick",
            "--json",
            tmp_path / name,
            "-n",
            "2" if name == "a" else "1",
        )
        rows = json.loads((tmp_path / name).read_text())["items"]["RMSNorm"]["properties"]
        results.append([{key: value for key, value in row.items() if key != "seconds"} for row in rows])
    assert results[0] == results[1]


def test_every_report_is_written(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(WRONG)
    names = ("json", "html", "junit", "markdown", "gradescope", "reproduce")
    options = [part for name in names for part in (f"--{name}", tmp_path / name)]
    assert run(path, "--item", "RMSNorm", "--profile", "quick", *options).returncode == 1
    for name in names:
        assert "RMSNorm" in (tmp_path / name).read_text(), name
    shown = subprocess.run(
        [sys.executable, tmp_path / "reproduce", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 1, shown.stderr
    assert "differ" in shown.stdout
    path.write_text(RIGHT)
    mended = subprocess.run(
        [sys.executable, tmp_path / "reproduce", path], capture_output=True, timeout=60, check=False
    )
    assert mended.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.ipynb"], "there is no file nowhere.ipynb"),
        (["no.such.module"], "no.such.module"),
        (["impl", "--item", "LayerNrm"], "there is no item 'LayerNrm'"),
        (["impl", "--item", "LayerNorm", "--exercise", "2"], "LayerNorm belongs to exercise 3"),
        (["impl", "--exercise", "7"], "there is no exercise 7"),
        (["impl", "--profile", "slow"], "there is no profile 'slow'"),
        (["impl", "--level", "hard"], "there is no level 'hard'"),
        (["impl", "--device", "abacus"], "there is no device 'abacus'"),
        (["impl", "--device", "cpu:x"], "there is no device 'cpu:x'"),
        (["impl", "--seed", "-1"], "a seed is a whole number"),
        (["impl", "--exercise", "two"], "--exercise"),
        (["impl", "-n", "some"], "a number of processes or auto"),
        (["impl", "--slow"], "unrecognized arguments: --slow"),
        (["impl", "--json", "no/such/folder/x.json"], "there is no folder no/such/folder"),
        (["impl", "--html", "."], "is a folder"),
        (["impl", "--points", "points.toml"], "was not asked for"),
        (["impl", "--gradescope", "g.json", "--points", "no.toml"], "cannot read no.toml"),
        (["impl", "--list"], "contradicts a submission"),
        (["--list", "--explain", "norm.LayerNorm.eps"], "contradicts --explain"),
        (["impl", "--in-process", "-n", "4"], "contradicts"),
        (["--explain", "norm.LayerNorm.biased"], "norm.LayerNorm.biased-variance"),
        (["--compare", "nope.json", "nope.json"], "nope.json"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_two(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("text", "says"), [("# nothing\n", "none of the names"), ("def f(:\n", "line 1: SyntaxError")])
def test_a_file_without_the_names_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(text)
    done = run(path, "--profile", "quick")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_submissions_of_one_name_have_reports_of_their_own(tmp_path: Path) -> None:
    for folder, text in (("ada", RIGHT), ("bob", WRONG)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "hw.py").write_text(text)
    asked = ("--item", "RMSNorm", "--profile", "quick", "--json", tmp_path / "result.json")
    done = run(tmp_path / "ada" / "hw.py", tmp_path / "bob" / "hw.py", *asked)
    assert done.returncode == 1
    verdicts = [json.loads((tmp_path / f"result-{who}-hw.json").read_text())["conforms"] for who in ("ada", "bob")]
    assert verdicts == [True, False]
    assert f"python -m conformance {tmp_path / 'bob' / 'hw.py'} --item RMSNorm" in done.stdout


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m conformance --list | head -1", shell=True, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.startswith("grad_with_autograd_grad")
    assert done.stderr == ""


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("moment", ["conformance-*", "conformance-*/**/called"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_judge_that_is_ended_leaves_no_process(
    number: signal.Signals, moment: str, jobs: int, tmp_path: Path
) -> None:
    """While it imports torch, which swallows exceptions, and within an example of Hypothesis, which takes some."""
    submission = tmp_path / "slow.py"
    slow = RIGHT.replace("return", "open('called', 'w').close(); time.sleep(1)\n        return")
    submission.write_text("import time\n" + slow)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "conformance", str(submission), "-n", str(jobs), "--no-sandbox"]
    judge = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    with judge:
        try:
            deadline = time.monotonic() + 60
            while not [*tmp_path.glob(moment)]:
                assert time.monotonic() < deadline, "it does not get so far"
                time.sleep(0.05)
            time.sleep(0.5)
            judge.send_signal(number)
            assert judge.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
        finally:
            judge.kill()
    deadline = time.monotonic() + 20
    while (left := naming(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
    assert number == signal.SIGKILL or not [*tmp_path.glob("conformance-*")]


def naming(path: Path) -> list[str]:
    """Returns the processes on whose command line a path stands."""
    lines = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            lines[process.name] = (process / "cmdline").read_bytes()
    return [pid for pid, line in lines.items() if os.fsencode(path) in line]


def test_a_submission_that_leaves_hangs_or_eats_memory_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(RIGHT + "\nimport os\ndef fan_in_fan_out(weight):\n    os._exit(0)\n")
    done = run(path, "--item", "RMSNorm", "--item", "fan_in_fan_out", "--profile", "quick", "--json", tmp_path / "j")
    items = json.loads((tmp_path / "j").read_text())["items"]
    assert done.returncode == 1
    assert (items["RMSNorm"]["status"], items["fan_in_fan_out"]["status"]) == ("pass", "crash")


def test_in_process_gives_the_same_verdict(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(WRONG)
    done = run(path, "--item", "RMSNorm", "--profile", "quick", "--in-process")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "RMSNorm" in done.stdout


def test_list_and_explain_say_what_is_asked() -> None:
    listed = run("--list").stdout
    assert "norm.LayerNorm.biased-variance" in listed
    explained = run("--explain", "norm.LayerNorm.biased-variance").stdout
    assert "divides by D" in explained
    assert "(x - mean) / sqrt(var + eps) * weight + bias" in explained  # the oracle's formula
    assert "Running error analysis" in explained  # how its bound comes about
    assert "Usual mistakes" in explained


def test_pytest_judges_too(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    for text, code in ((RIGHT, 0), (WRONG, 1)):
        path.write_text(text)
        command = [sys.executable, "-m", "pytest", "conformance", "--submission", str(path), "--item", "RMSNorm"]
        done = subprocess.run(
            [*command, "--profile", "quick", "-q", "-p", "no:cacheprovider"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "CONFORM" in done.stdout


def test_several_submissions_get_the_verdicts_that_each_gets_alone(tmp_path: Path) -> None:
    names = ("a_right", "b_right", "c_wrong", "d_wrong")
    for name in names:
        (tmp_path / f"{name}.py").write_text(RIGHT if "right" in name else WRONG)
    options = ("--item", "RMSNorm", "--profile", "quick")
    together = run(*(tmp_path / f"{name}.py" for name in names), *options, "-n", "2", "--json", tmp_path / "all.json")
    assert together.returncode == 1
    for name in names:  # two of them judged with cases that were drawn for another
        run(tmp_path / f"{name}.py", *options, "--json", tmp_path / "alone.json")
        assert findings(tmp_path / f"all-{name}.json") == findings(tmp_path / "alone.json")


def findings(path: Path) -> list[dict[str, object]]:
    """Returns the rows of a result in JSON, without what depends on the clock."""
    rows = json.loads(path.read_text())["items"]["RMSNorm"]["properties"]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_pytest_fails_no_test_of_an_exercise_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(RIGHT)
    done = by_pytest(path, "--exercise", "2", "--profile", "quick")
    assert done.returncode == 2, done.stdout + done.stderr  # nothing to judge
    assert "failed" not in done.stdout
    assert "none of the names" in done.stderr


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_pytest_says_in_a_sentence_that_a_module_does_not_import(workers: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "__init__.py").write_text("raise RuntimeError('boom')\n")
    done = by_pytest(tmp_path / "broken", "--item", "Residual", "--profile", "quick", *workers)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "does not import: RuntimeError: boom" in done.stdout
    assert "client.py" not in done.stdout


def by_pytest(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Returns what the pytest way in did."""
    command = [sys.executable, "-m", "pytest", "conformance", "--submission", str(path), "-q", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_losses_of_the_training_run_are_reported_for_a_chart(tmp_path: Path) -> None:
    run("impl", "--item", "train_classifier", "--profile", "quick", "--json", tmp_path / "r", "--html", tmp_path / "h")
    losses = json.loads((tmp_path / "r").read_text())["extras"]["loss_curve"]
    assert sum(losses[-10:]) < sum(losses[:10]) / 2
    assert "Loss curve" in (tmp_path / "h").read_text()


SLOW_WHEN_LARGE = """
import time
from dataclasses import dataclass
import torch

@dataclass
class AdamWState:
    m: torch.Tensor
    v: torch.Tensor
    t: int

@torch.no_grad()
def adamw_step_(p, grad, state, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    if p.numel() > 100_000:
        time.sleep(600)  # as a loop over its entries would take
    t = state.t + 1
    m = betas[0] * state.m + (1 - betas[0]) * grad
    v = betas[1] * state.v + (1 - betas[1]) * grad * grad
    step = m / (1 - betas[0] ** t) / ((v / (1 - betas[1] ** t)).sqrt() + eps)
    p.copy_(p - lr * (step + weight_decay * p))
    return AdamWState(m, v, t)
"""


def test_what_is_slow_on_a_large_parameter_is_not_wrong(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text(SLOW_WHEN_LARGE)
    done = run(path, "--item", "adamw_step_", "--profile", "quick", "--json", tmp_path / "result")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "result").read_text())["items"]["adamw_step_"]["properties"]
    assert {row["id"] for row in rows if row["status"] == "skipped"} == {"optim.adamw_step_.large"}
