"""What a submission may not do, and what an honest one has to be able to do, without bubblewrap's help."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.runner import landlock, seccomp
from conformance.runner.landlock import all_but
from conformance.runner.launch import ROOT
from conformance.selftest.runner.conftest import Load, Say

filtered = pytest.mark.skipif(not seccomp.available(), reason="this kernel has no filter to offer")
landlocked = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")


@filtered
@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['true'])",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 9)",
        "os.killpg(0, 9)",
        "os.setsid()",
        "os.setpgid(0, 0)",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "os.chmod(os.getcwd(), 0)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.unshare(0x10000000)" if hasattr(os, "unshare") else "os.setsid()",
        "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    ],
)
def test_the_kernel_refuses_what_reaches_beyond_the_process(say: Say, line: str) -> None:
    assert "PermissionError" in say(line, "import os, resource, signal, socket, subprocess")


@landlocked
@pytest.mark.parametrize(
    "line",
    [
        f"open({str(ROOT / 'conformance' / 'hostile.txt')!r}, 'w')",
        f"open({str(ROOT / 'conformance' / 'suite' / 'norm' / 'oracle.py')!r})",
        f"open({str(ROOT / 'conformance' / 'numerics' / 'bounded.py')!r})",
        f"open({str(ROOT / 'impl' / 'norm.py')!r})",
        "open('/tmp/conformance_hostile', 'w')",
        "open('/dev/shm/conformance_hostile', 'w')",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "open(f'/proc/{os.getppid()}/environ', 'rb')",
        "os.symlink('/etc', '/tmp/conformance_hostile')",
    ],
)
def test_files_of_others_are_out_of_reach(say: Say, line: str) -> None:
    assert "PermissionError" in say(line, "import os")


@pytest.mark.parametrize(
    "line",
    [
        "open('notes.txt', 'w').write('x')",
        "tempfile.mkdtemp()",
        "open(os.path.expanduser('~/settings'), 'w')",
        "open('/dev/null', 'w').write('x')",
        f"open({str(ROOT / 'conformance' / 'suite' / 'norm' / 'driver.py')!r}).read()",
        "threads()",
        "torch.save(torch.ones(3), 'x.pt'), torch.load('x.pt')",
        "torch.ones(200, 200) @ torch.ones(200, 200)",
        "torch.zeros(2**26)",
        "socket.socketpair()",
        "platform.processor()",
        "os.listdir('/')",
        "os.fork() or os._exit(0)",
        "shutil.copyfile(os.__file__, 'copy.py')",
        "np.random.default_rng(0).normal(size=1000)",
        "asyncio.run(asyncio.sleep(0))",
    ],
)
def test_honest_code_does_not_notice(say: Say, line: str) -> None:
    setup = """
import asyncio, os, platform, shutil, socket, tempfile, threading
import numpy as np
import torch
def threads():
    found = []
    work = [threading.Thread(target=lambda: found.append(torch.ones(9).sum().item())) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert found == [9.0] * 4
"""
    assert say(line, setup) == "ok"


def test_plots_can_be_drawn(say: Say) -> None:
    pytest.importorskip("matplotlib")
    assert say("plt.plot([1, 2]); plt.savefig('plot.png')", "import matplotlib.pyplot as plt") == "ok"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("torch.ones(2**31)", "memory"),
        ("bytearray(2**34)", "MemoryError"),
        ("[os.open('/dev/null', 0) for _ in range(5000)]", "Too many open files"),
        ("open('big', 'wb').write(bytes(2**27))", "File too large"),
    ],
)
def test_resources_end_with_an_error_of_the_submission(say: Say, line: str, error: str) -> None:
    assert error in say(line, "import os\nimport torch")


@filtered
def test_forks_are_counted_and_their_processes_end_with_the_reading(load: Load) -> None:
    process, report = load("import os\nfor _ in range(100):\n    os.fork()\nx = 1", "x")
    assert "BlockingIOError" in str(report.unread) or "InterruptedError" in str(report.unread)
    assert report.names == ["x"]
    process.fork().close()


def test_everything_but_the_hidden_is_allowed(tmp_path: Path) -> None:
    for name in ("a/secret/x", "a/open", "b/y", "c/secret"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    hidden = {tmp_path / "a" / "secret", tmp_path / "c" / "secret"}
    assert sorted(all_but(tmp_path, hidden)) == [tmp_path / "a" / "open", tmp_path / "b"]
    assert all_but(tmp_path, set()) == [tmp_path]
    assert all_but(tmp_path, {tmp_path}) == []
