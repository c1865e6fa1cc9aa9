"""Small classes of submissions, and verdicts on them without judging."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.engine.options import Options
from conformance.grading.job import Job
from conformance.report.model import ItemResult, Level, PropertyResult, Result, Status

RIGHT = """
import torch
from torch import nn

class RMSNorm(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.weight
"""
WRONG = {
    "sums.py": RIGHT.replace("mean(", "sum("),
    "outside.py": RIGHT.replace(" + self.eps)", ") + self.eps"),
    "unscaled.py": RIGHT.replace(" * self.weight", ""),
    "crashes.py": RIGHT.replace("return x", "return y"),
}
QUICK = Options(items=("RMSNorm",), profile="quick")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a submission of a class."""

    def write(name: str, text: str = RIGHT) -> Path:
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def verdict(job: Job, status: Status = Status.PASS, message: str = "") -> Result:
    """Returns a verdict that nobody has judged."""
    name = "norm.RMSNorm.formula"
    row = PropertyResult(name, "RMSNorm", name, Level.EXERCISE, status, message=message)
    items = {"RMSNorm": ItemResult("RMSNorm", 3, status, message, [row])}
    environment = {"torch": "2"}
    name = job.source.name
    return Result(name, status is Status.PASS, 0, "quick", Level.EXERCISE, True, environment, items)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", "slow: takes tens of seconds")
