"""The command on a small class: verdicts, table, going on where it was, and leaving nothing behind."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.cli import UNUSABLE
from conformance.grading import run
from conformance.grading.cli import INTERRUPTED, main
from conformance.report.json_file import read_json
from conformance.selftest.grading.conftest import RIGHT, WRONG, Write

ARGUMENTS = ["--profile", "quick", "--item", "RMSNorm"]
ROOT = Path(__file__).parents[3]

COPYING = """
def copied(path):
    space = {}
    exec(open(path).read(), space)
    return space["RMSNorm"]
"""


@pytest.fixture
def class_folder(write: Write) -> Path:
    """Six submissions: right, its copy, two wrong ones, one in a folder, one that cannot be read."""
    write("alice.py")
    write("bob.py")
    write("sums.py", WRONG["sums.py"])
    write("crashes.py", WRONG["crashes.py"])
    write("carol/parts.py")
    write("carol/hw.py", "from parts import RMSNorm")
    return write("empty.ipynb", "").parent


def verdicts(out: Path) -> dict[str, str]:
    """Returns what the table says of each submission."""
    with (out / "summary.csv").open(newline="") as file:
        return {row["submission"]: row["verdict"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("sandbox", [[], ["--no-sandbox"]])
def test_nobody_reads_what_the_others_handed_in(write: Write, tmp_path: Path, sandbox: list[str]) -> None:
    others = write("alice.py"), write("carol/parts.py")
    for number, path in enumerate(others):
        write(f"copycat{number}.py", f"{COPYING}\nRMSNorm = copied({str(path)!r})")
    out = tmp_path / "out"
    main([str(others[0].parent), "--out", str(out), *ARGUMENTS, "-n", "1", *sandbox])
    found = verdicts(out)
    assert found["alice.py"] == "conforms"
    assert "conforms" not in (found["copycat0.py"], found["copycat1.py"])


def test_a_class_is_graded_and_then_nothing_is_left_to_do(
    class_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = [str(class_folder), "--out", str(out), *ARGUMENTS, "-n", "1"]
    assert main(arguments) == UNUSABLE
    expected = dict.fromkeys(["alice.py", "bob.py", "carol"], "conforms")
    expected |= dict.fromkeys(["sums.py", "crashes.py"], "does not conform") | {"empty.ipynb": "unreadable"}
    assert verdicts(out) == expected
    for stem in ("alice", "bob", "carol", "sums", "crashes", "empty"):
        assert (out / f"{stem}.html").is_file()
    assert read_json(out / "bob.json").submission == "bob.py"
    (finding,) = [row for row in read_json(out / "sums.json").findings() if row.requirement == "norm.RMSNorm.formula"][
        :1
    ]
    assert "SUBMISSION = 'sums.py'" in (finding.reproducer or "")

    def nothing(*_: object) -> None:
        raise AssertionError("everything is done")

    monkeypatch.setattr(run, "_verdicts", nothing)
    (class_folder / "alice.py").rename(class_folder / "anna.py")
    assert main(arguments) == UNUSABLE
    del expected["alice.py"]
    assert verdicts(out) == {**expected, "anna.py": "conforms"}


def test_an_interruption_leaves_no_process_and_no_scratch_and_loses_nothing(write: Write, tmp_path: Path) -> None:
    for number in range(6):
        write(f"s{number}.py", f"{RIGHT}\n# {number}\n")
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "conformance", "grade", str(tmp_path / "class"), "--out", str(out), *ARGUMENTS]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(scratch)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    child = start()
    assert child.stderr is not None
    assert "[1/6]" in child.stderr.readline()
    os.killpg(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == INTERRUPTED, said
    assert "goes on from here" in said
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []
    done = set(out.glob("s*.json"))
    assert 0 < len(done) < 6
    before = {path: path.stat().st_mtime_ns for path in done}
    deadline = time.monotonic() + 5
    while _living(child.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _living(child.pid) == []
    child = start()
    _, said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    assert f"{len(done)} of 6 have their verdict already" in said
    assert f"/{6 - len(done)}]" in said
    assert set(verdicts(out).values()) == {"conforms"}
    assert {path: path.stat().st_mtime_ns for path in done} == before


def test_without_dask_or_a_scheduler_it_says_what_to_do(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.py")
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = [str(tmp_path / "class"), "--out", str(tmp_path / "out"), *ARGUMENTS, "--scheduler", "tcp://x:1"]
    assert main(arguments) == UNUSABLE
    assert 'pip install "torch-conformance[cluster]"' in capsys.readouterr().err


def test_what_makes_no_sense_is_wrong_usage(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("a.py")
    assert main([str(path), "--out", str(tmp_path / "out"), "--in-process"]) == UNUSABLE
    assert main([str(path), "--out", str(path), *ARGUMENTS]) == UNUSABLE
    assert str(path) in capsys.readouterr().err


def _living(session: int) -> list[str]:
    """Returns the processes of a session that still live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text(errors="replace").rpartition(")")
        except OSError:
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state not in "ZX":
            found.append(name)
    return found
