"""Nothing that a submission does at top level stops it from being read, or costs more than itself."""

from __future__ import annotations

import faulthandler
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from conformance.runner.loading import OutOfTime, load, read_submission, submission_lines, time_limit, where
from conformance.selftest.loading.conftest import Write, read, whys


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "endless",
    [
        "while True: pass",
        "while True:\n    try:\n        x = 1\n    except Exception:\n        pass",
        "while True:\n    try:\n        x = sum(range(100))\n    except:\n        pass",
        "import time\nslept = time.sleep(1000)",
        "for epoch in range(10**9):\n    loss = epoch ** 2",
        "class A:\n    def __del__(self):\n        while True: pass\na = A()\na = None",
        "def f(): return f()\nimport sys\nlimit = sys.setrecursionlimit(10**6)\nwhile True:\n    a = 1",
        "x = [i for i in iter(int, 1)]",
    ],
)
def test_what_does_not_end_costs_itself(endless: str, notebook: Write) -> None:
    started = time.monotonic()
    loaded = read(notebook("a = 1", endless, "b = 2"), statement_seconds=0.2)
    assert time.monotonic() - started < 3
    assert "b" in loaded.namespace
    assert all("took longer than 0.2 s" in why for why in whys(loaded))


def test_a_slow_import_is_given_its_time(script: Write) -> None:
    script("import time\ntime.sleep(0.4)\nx = 1", "slow_helper.py")
    code = "from slow_helper import x\ntry:\n    import slow_helper\nfinally:\n    y = 1"
    assert read(script(code), statement_seconds=0.1).unread == []
    assert whys(read(script("import slow_helper as s"), import_seconds=0.1)) == ["took longer than 0.1 s"]


def test_all_statements_together_have_a_limit(notebook: Write) -> None:
    cells = ["import time", *["x = time.sleep(0.15)"] * 3, "y = time.sleep(9)"]
    loaded = read(notebook(*cells), statement_seconds=5, total_seconds=0.3)
    assert whys(loaded) == ["took longer than 0.5 s"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys\nx = sys.exit(1)", "ends the program (SystemExit)"),
        ("x = exit()", "ends the program (SystemExit)"),
        ("def f(): raise KeyboardInterrupt\nx = f()", "KeyboardInterrupt"),
        ("x = input('name? ')", "asks for input, and there is nobody to answer"),
        (
            "import no_such_module_x",
            "ModuleNotFoundError: No module named 'no_such_module_x' (not installed beside the judge)",
        ),
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        ("class E(BaseException): pass\ndef f(): raise E('a\\nb')\nx = f()", "E: a"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\ndef f(): raise E\nx = f()", "E"),
        ("class E(Exception):\n    def __str__(self):\n        while True: pass\ndef f(): raise E\nx = f()", "E"),
        ("def f(): return f()\nx = f()", "RecursionError: maximum recursion depth exceeded"),
        ("x = undefined + 1", "NameError: name 'undefined' is not defined"),
    ],
)
def test_every_exception_is_a_sentence(code: str, why: str, notebook: Write) -> None:
    loaded = read(notebook(code, "b = 2"))
    assert whys(loaded) == [why]
    assert "x" not in loaded.namespace
    assert loaded.namespace["b"] == 2


def test_a_device_that_is_not_there_costs_what_uses_it(notebook: Write) -> None:
    loaded = read(notebook("import torch\ndevice = 'cuda:7'\nw = torch.ones(2).to(device)\nv = w + 1", "b = device"))
    assert loaded.namespace["b"] == "cuda:7"
    assert [entry.line for entry in loaded.unread] == [3, 4]
    assert whys(loaded)[1] == "needs `w`, which was not read (cell 1, line 3)"


def test_an_annotation_that_names_what_is_not_installed_costs_nothing(notebook: Write) -> None:
    cells = [
        "from not_installed import Float",
        "def twice(x: Float[int, '...']) -> Float:\n    return 2 * x",
        "class Pair:\n    left: Float\n    def right(self, x: Float = twice(1)): return x",
        "four = twice(2)",
        "value = Float(3)",
    ]
    loaded = read(notebook(*cells))
    assert loaded.namespace["four"] == 4
    assert loaded.namespace["Pair"]().right() == 2
    assert [unread.cell for unread in loaded.unread] == [1, 5]


def test_the_line_that_failed_is_reported(notebook: Write) -> None:
    loaded = read(notebook("x = 1\nclass A:\n    y = 2\n    z = y / 0\n\nw = A"))
    assert [(entry.cell, entry.line) for entry in loaded.unread] == [(1, 4), (1, 6)]
    assert loaded.lost["A"] == "cell 1, line 4: ZeroDivisionError: division by zero"


def in_child(work: Callable[[], object]) -> int:
    """Runs something in a fork and returns how that ended."""
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        try:
            work()
        finally:
            os._exit(99)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def test_a_fork_that_the_submission_makes_reads_no_further(notebook: Write, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = read_submission(str(notebook("import os\npid = os.fork()", f"x = open({str(mark)!r}, 'a').write('x')")))
    assert in_child(lambda: load(source)) == 99
    time.sleep(0.1)
    assert mark.read_text() == "x"


@pytest.mark.parametrize(
    ("killer", "code"),
    [
        ("import os\nx = os._exit(0)", 0),
        ("import os, signal\nx = os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes\nx = ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
def test_a_statement_that_kills_the_process_can_be_left_out(killer: str, code: int, notebook: Write) -> None:
    source = read_submission(str(notebook("a = 1", killer, "b = 2")))
    reader, writer = os.pipe()

    def tell(index: int) -> None:
        os.write(writer, bytes([index]))

    assert in_child(lambda: load(source, progress=tell)) == code
    os.close(writer)
    last = os.read(reader, 100)[-1]
    os.close(reader)
    told: list[int] = []
    loaded = load(source, skip={last}, skip_reasons={last: "killed the process"}, progress=told.append)
    assert [(entry.cell, entry.line, entry.why) for entry in loaded.unread] == [(2, 2, "killed the process")]
    assert (loaded.namespace["a"], loaded.namespace["b"]) == (1, 2)
    assert last not in told


def test_nothing_that_is_printed_is_seen(notebook: Write, capfd: pytest.CaptureFixture[str]) -> None:
    cell = """
import os, subprocess, sys, warnings, logging
a = print("python")
b = os.write(1, b"descriptor")
c = subprocess.run(["echo", "child"])
d = sys.stderr.write("error")
e = warnings.warn("warning")
f = logging.warning("logged")
keep = sys.stdout
"""
    loaded = read(notebook(cell), statement_seconds=5)
    assert loaded.unread == []
    print("kept", file=loaded.namespace["keep"])
    assert capfd.readouterr() == ("", "")
    print("seen")
    assert capfd.readouterr().out == "seen\n"


def test_torchs_switches_are_put_back(notebook: Write) -> None:
    cell = """
import torch, random
a = torch.set_default_dtype(torch.float64)
b = torch.set_default_device("meta")
c = torch.set_grad_enabled(False)
d = torch.autograd.set_detect_anomaly(True)
e = torch.set_deterministic_debug_mode("error")
f = torch.manual_seed(1234)
g = torch.set_num_threads(64)
h = torch.set_flush_denormal(True)
i = random.seed(7)
"""
    threads = torch.get_num_threads()
    read(notebook("a = 1"))
    first = torch.rand(3)
    assert read(notebook(cell)).unread == []
    assert torch.equal(torch.rand(3), first)
    assert (torch.zeros(1).dtype, torch.zeros(1).device.type) == (torch.float32, "cpu")
    assert torch.is_grad_enabled()
    assert not torch.is_anomaly_enabled()
    assert torch.get_deterministic_debug_mode() == 1
    assert torch.empty(3).isnan().all(), "memory that nobody has written is not poisoned"
    assert torch.get_num_threads() == threads
    assert torch.tensor(1e-39) * 1 > 0


def test_submissions_in_one_process_do_not_see_each_other(notebook: Write, script: Write) -> None:
    script("x = 1", "my_helper.py")
    assert read(notebook("import my_helper\na = my_helper.x")).namespace["a"] == 1
    script("x = 22", "my_helper.py")
    loaded = read(notebook("import my_helper\nb = my_helper.x"))
    assert loaded.namespace["b"] == 22
    assert "a" not in loaded.namespace


def test_a_tracebacks_lines_are_the_submissions_own(notebook: Write) -> None:
    cell = "\ndef f(n):\n    return [g(n)\n            for _ in '1']\n\ndef g(n):\n    return 1 / n"
    namespace = read(notebook("x = 1", cell)).namespace
    with pytest.raises(ZeroDivisionError) as caught:
        namespace["f"](0)
    lines = submission_lines(caught.value.__traceback__)
    assert lines[0] == ("cell 2, line 3", "return [g(n)")
    assert lines[-1] == ("cell 2, line 7", "return 1 / n")
    assert inspect.getsource(namespace["g"]) == "def g(n):\n    return 1 / n\n"
    assert where("hw3.ipynb, cell 2", 4) == "cell 2, line 4"


def test_a_scripts_lines_are_counted_in_the_file(script: Write) -> None:
    text = "# %%\nx = 1\n# %% [markdown]\n# prose\n# %%\ny = 2\ndef f():\n    return 1 / 0\nclass A:\n    z = 1\n"
    namespace = read(script(text)).namespace
    with pytest.raises(ZeroDivisionError) as caught:
        namespace["f"]()
    assert submission_lines(caught.value.__traceback__) == [("hw3.py, line 8", "return 1 / 0")]
    assert inspect.getsource(namespace["A"]) == "class A:\n    z = 1\n"
    assert namespace["__file__"].endswith("hw3.py")


def test_time_limits_nest_and_the_tightest_holds() -> None:
    started = time.monotonic()
    with pytest.raises(OutOfTime), time_limit(0.1), time_limit(10):
        time.sleep(10)
    with time_limit(10):
        with pytest.raises(OutOfTime), time_limit(0.1):
            time.sleep(10)
        assert sys.exc_info() == (None, None, None)
    assert time.monotonic() - started < 2
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
