"""impl's compiled AdamW conforms; in a process that it has to itself, as the compiler is kept out of all others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Every size but 0 and 1, for which the compiler would make loops of their own, and is held to eight of them.
COMPILED = """
import impl.compiled
from impl.compiled import AdamWState, adamw_step_, adamw_step_many_, init_adamw_state
impl.compiled.LARGE = 2
"""


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_the_compiled_step_conforms(tmp_path: Path) -> None:
    submission = tmp_path / "compiled.py"
    submission.write_text(COMPILED)
    options = ["--profile", "quick", "--no-rules", "--in-process"]
    for item in ("adamw_step_", "adamw_step_many_"):
        options += ["--item", item]
    command = [sys.executable, "-m", "conformance", str(submission), *options]
    # The compiler tells of each time that it compiles again.
    told = {**os.environ, "TORCH_LOGS": "recompiles"}
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # Once for each floating dtype but the first at least: what was judged is what was compiled.
    assert done.stderr.count("Recompiling function _update_") >= 3, done.stderr
