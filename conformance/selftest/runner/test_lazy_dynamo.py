"""The stand-in for torch's compiler: every way to import the real one, or a part of it, still works."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEFERRED = "from conformance.runner.lazy_dynamo import defer_dynamo; defer_dynamo(); import sys; "


def _after(statements: str) -> str:
    """Returns what statements print in a process of their own that has deferred the compiler."""
    command = [sys.executable, "-c", DEFERRED + statements]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "statements",
    [
        "import torch._dynamo; from torch._dynamo.utils import counters as found",
        "import torch._dynamo.config as found; found.suppress_errors = True",
        "from torch._dynamo.backends.debugging import eager as found",
        "import torch._dynamo.repro.after_aot as found",
    ],
)
def test_a_part_of_the_compiler_can_be_imported(statements: str) -> None:
    printed = _after(f"{statements}; print(found is not None, sys.modules['torch._dynamo'].__spec__.name)")
    assert printed == "True torch._dynamo"


def test_a_part_is_imported_once() -> None:
    statements = "import torch._dynamo.utils as a; import torch._dynamo as b; print(b.utils is a, a.__spec__.name)"
    assert _after(statements) == "True torch._dynamo.utils"


def test_what_only_wants_to_be_left_alone_does_not_import_it() -> None:
    statements = "import torch; torch.zeros(2, device='meta') + 1; torch.optim.SGD([torch.ones(1)]).zero_grad(); "
    assert _after(statements + "print('torch._dynamo.utils' in sys.modules)") == "False"
