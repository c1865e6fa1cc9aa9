"""From the Python stack: the submission's lines, and the function of torch that they called."""

from __future__ import annotations

import functools
import linecache
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch

IsSubmission = Callable[[str], bool]
Where = Callable[[str, int], str]

_JUDGE = str(Path(__file__).parents[2])
_NOT_THE_SUBMISSION = (
    str(Path(torch.__file__).parent),
    _JUDGE,
    str(Path(linecache.__file__).parent),
    "<frozen",
)

# What stands around every call of torch: naming it would tell a reader nothing.
_MACHINERY = re.compile(
    r"torch\.(_ops|overrides|_functorch\b.*|nn\.modules\.(module|container)|optim\.optimizer|utils\._contextlib)"
)


@functools.lru_cache(maxsize=4096)
def is_nobody_elses(filename: str) -> bool:
    """Guesses that a file is the submission's: it is not torch's, Python's or the judge's."""
    return not filename.startswith(_NOT_THE_SUBMISSION)


def plain_where(filename: str, line: int) -> str:
    """Names a line by its file."""
    return f"{filename}, line {line}"


class Arrival(NamedTuple):
    """Where the reference was reached: the innermost frame of the submission, and the function of torch it called."""

    frame: FrameType | None
    module: str
    qualname: str

    def function(self) -> str:
        """Returns the name of the function that was called; empty if it was none of torch's Python."""
        return public_name(self.module, self.qualname) if self.qualname else ""


def arrival(is_submission: IsSubmission, end: FrameType | None) -> Arrival:
    """Walks this thread's stack outwards to the submission's first frame, or to the frame ``end``."""
    entry_module, entry, in_torch = "", "", True
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame is not end:
        code = frame.f_code
        if is_submission(code.co_filename) and not _is_program(frame):
            return Arrival(frame, entry_module, entry)
        if in_torch and not code.co_filename.startswith(_JUDGE):
            module: Any = dict.get(frame.f_globals, "__name__")  # both may be the submission's own
            in_torch = type(module) is str and module.startswith("torch.")
            if in_torch and not is_machinery(module):
                entry_module, entry = module, code.co_qualname
        frame = frame.f_back
    return Arrival(None, entry_module, entry)


def _is_program(frame: FrameType) -> bool:
    """Tells whether a frame is the judge's own program (``python -c ...``, a script), which has run all else."""
    return frame.f_back is None and frame.f_code.co_name == "<module>"


@functools.lru_cache(maxsize=4096)
def is_machinery(module: str) -> bool:
    """Tells whether a module of torch only carries calls to others."""
    return _MACHINERY.fullmatch(module) is not None


def lines(is_submission: IsSubmission, where: Where, frame: FrameType | None) -> tuple[tuple[str, str], ...]:
    """Returns the submission's lines on the stack from ``frame`` outwards, as (where, code), outermost first."""
    found = []
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        if is_submission(file) and not _is_program(frame):
            found.append((where(file, line), linecache.getline(file, line).strip()))
        frame = frame.f_back
    return tuple(reversed(found))


def public_name(module: str, qualname: str) -> str:
    """Returns a torch function's name as people write it: ``torch.nn.Linear``, ``torch.optim.AdamW.step``."""
    name = f"{module}.{qualname}".removesuffix(".__init__").replace("torch._tensor.", "torch.")
    return re.sub(r"^torch\.(?:(nn)\.modules|(optim))\.\w+\.(?=_?[A-Z])", r"torch.\1\2.", name)
