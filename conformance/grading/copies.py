"""A class to measure with: copies of the reference solution that differ, every second one with a mistake."""

from __future__ import annotations

import shutil
from pathlib import Path

IMPL = Path(__file__).parents[2] / "impl"

# Each takes the place of one definition; usual mistakes of real notebooks, spread over the areas.
MISTAKES = (
    """
class RMSNorm(RMSNorm):
    def forward(self, x):
        return super().forward(x - x.mean(-1, keepdim=True))
""",
    """
def init_linear_(linear):
    return kaiming_uniform_(linear.weight)
""",
    """
class MLP(MLP):
    def forward(self, x):
        return super().forward(x).relu()
""",
    """
def cross_entropy_from_logits(logits, targets):
    return -logits.exp().div(logits.exp().sum(-1, keepdim=True)).log().gather(-1, targets[..., None]).mean()
""",
    """
def grad_with_backward(f, x):
    f(x).sum().backward()
    return x.grad
""",
    """
class Dropout(Dropout):
    def forward(self, x):
        return super().forward(x) * (1 - self.p)
""",
)


def write_class(folder: Path, count: int) -> None:
    """Writes a class of packages into a folder; no two of them are alike."""
    folder.mkdir(parents=True)
    for number in range(count):
        name = f"copy{number:03}"
        shutil.copytree(IMPL, folder / name, ignore=shutil.ignore_patterns("__pycache__", "mnist*"))
        for path in (folder / name).rglob("*.py"):
            text = path.read_text(encoding="utf-8").replace("from impl", f"from {name}")
            if path.name == "__init__.py":
                text += MISTAKES[number // 2 % len(MISTAKES)] if number % 2 else ""
            path.write_text(f"{text}\n# copy {number}\n", encoding="utf-8")
