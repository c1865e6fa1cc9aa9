"""What ``--reproduce`` writes exits 1 while its finding stands, 0 when it is gone, 2 where that cannot be told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.selftest.ways_in.test_command_line import run

NORM = """
import torch
from torch import nn

class RMSNorm(nn.Module):
    calls = 0

    def __init__(self, normalized_shape, eps=1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x):
        RMSNorm.calls += 1
        scale = 1.5 if RMSNorm.calls > 100 else 1
        return scale * x / torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight
"""
NETWORK = """
import torch.nn.functional as F
from torch import nn

class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff=None):
        super().__init__()
        self.up, self.down = nn.Linear(d_model, d_ff or 4 * d_model), nn.Linear(d_ff or 4 * d_model, d_model)

    def forward(self, x):
        return self.down(F.relu(self.up(x)))
"""


@pytest.mark.parametrize(
    ("item", "wrong", "old", "new", "code"),
    [
        pytest.param("RMSNorm", NORM, "1.5 if", "1 if", 0, id="wrong after a hundred calls"),
        pytest.param("FeedForward", NETWORK, "F.relu", "F.gelu", 0, id="with parameters of its own"),
        pytest.param("FeedForward", NETWORK, "F.relu(", "F.silu(2 * ", 2, id="wrong in another way by now"),
    ],
)
def test_it_shows_what_it_is_for(item: str, wrong: str, old: str, new: str, code: int, tmp_path: Path) -> None:
    path, script = tmp_path / "hw.py", tmp_path / "case.py"
    path.write_text(wrong)
    run(path, "--item", item, "--profile", "quick", "--reproduce", script)
    assert reproduced(script, path).returncode == 1
    path.write_text(wrong.replace(old, new))
    again = reproduced(script, path)
    assert again.returncode == code, again.stdout + again.stderr
    assert ("Judge it again" in again.stdout) == (code == 2)


def test_without_its_submission_it_says_so(tmp_path: Path) -> None:
    path, script = tmp_path / "hw.py", tmp_path / "case.py"
    path.write_text(NETWORK)
    run(path, "--item", "FeedForward", "--profile", "quick", "--reproduce", script)
    path.unlink()
    done = reproduced(script)
    assert done.returncode == 2
    assert "name the submission" in done.stderr


def reproduced(*arguments: Path) -> subprocess.CompletedProcess[str]:
    """Returns what a script did."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False)
