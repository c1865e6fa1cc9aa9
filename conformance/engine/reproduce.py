"""Writes a script that shows a finding with nothing but torch and the submission."""

from __future__ import annotations

import base64
import inspect
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conformance import contract
from conformance.engine.checking import Failure
from conformance.engine.run import WARM, Found, Run
from conformance.report.model import Status
from conformance.runner import reproducing, roles
from conformance.runner.drivers import find_drivers
from conformance.runner.loading import Source
from conformance.runner.protocol import DTYPE_NAMES, Strided

# Tensors up to this size are written as lists, which a person can read and change.
READABLE = 64


def script(source: Source, run: Run, found: Found) -> str | None:
    """Returns the reproducer of a finding; None where a script of its own cannot show it (a missing item, a rule).

    The script carries the driver's own source, so that what it does is what the judge did; the case, tensor by
    tensor; and the expected values with their bound, or the text of what was expected.
    """
    failure, prop = found.failure, run.prop
    if failure.status not in (Status.WRONG, Status.CRASH, Status.TIMEOUT):
        return None
    driver = find_drivers()[prop.driver]
    module = inspect.getmodule(driver)
    assert module is not None
    requirement = prop.requirement(failure.requirement)
    names = [prop.item, *contract.items()[prop.item].needs]
    parts = [
        f'"""{prop.item}: {requirement.means}.\n\n'
        f"What the judge saw: {_plain(failure.got)}\nWhat was expected: {_plain(failure.expected)}\n\n"
        f"Run it as: python THIS_FILE [SUBMISSION]. It needs torch and the submission, prints got, expected and\n"
        f'bound, and exits 1 while the finding stands.\n"""\n',
        "from __future__ import annotations\n",
        _source_of(reproducing),
        _source_of(roles),
        _source_of(module),
        f"SUBMISSION = {origin(source)!r}",
        f"NAMES = {names!r}",
        f"DEVICE = {run.variant.device!r}\n",
        *_cases(found, run.variant.device),
        f"EXPECTED = {_expected(failure)}",
        f"SAID = {(failure.got, failure.described)!r}",
        f"ASKED = {failure.expected!r}",
        f"SECONDS = {prop.seconds if failure.status is Status.TIMEOUT else 0.0}  # of a call; 0 for no limit\n",
        f"reproduce({driver.__name__}, SUBMISSION, NAMES, CASES, EXPECTED, SAID, ASKED, SECONDS)",
    ]
    return "\n".join(parts) + "\n"


def origin(source: Source) -> str:
    """Returns how to name a submission on a command line: a path from here, or a module."""
    if source.module:
        return source.module
    return os.path.relpath(source.file or Path(source.path[0] if source.path else ".") / source.name)


def _plain(text: str) -> str:
    return text.replace("\\", "/").replace('"""', "'''")


def _source_of(module: Any) -> str:
    """Returns a module's source without its docstring, its __future__ line and its imports of this package."""
    text = inspect.getsource(module)
    text = re.sub(r'\A""".*?"""\n', "", text, flags=re.DOTALL)
    text = re.sub(r"^from __future__ import annotations\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^from conformance[\w.]* import \([^)]*\)\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^from conformance[\w.]* import \w+ as \w+\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^(from conformance[\w.]* import .*)\n", "", text, flags=re.MULTILINE).strip() + "\n"


def _cases(found: Found, device: str) -> list[str]:
    """Returns the lines of the cases to run; one that has to come before, as many times as the judge ran it."""
    case = [_case(found.case, device), "]"]
    if found.earlier is None:
        return ["CASES = [", *case]
    return [f"CASES = {WARM + 1} * [", _case(found.earlier, device), "] + [", *case]


def _case(case: Any, device: str) -> str:
    shipped = case.ship(device)
    lines = [f"        {name}={_literal(value)}," for name, value in shipped.items()]
    return (
        f"    # {type(case).__name__}({', '.join(field.name for field in fields(case))})\n    SimpleNamespace(\n"
        + "\n".join(lines)
        + "\n    ),"
    )


def _literal(value: Any) -> str:
    if isinstance(value, Strided):
        flat = _tensor(value.storage)
        args = f"{flat}, {value.shape}, {value.stride}, {value.offset}, {value.requires_grad}, {value.device!r}"
        return f"strided({args})"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_literal(item)}, " for item in value) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _tensor(flat: torch.Tensor) -> str:
    dtype = f"torch.{DTYPE_NAMES[flat.dtype]}"
    if flat.numel() <= READABLE:
        numbers = ", ".join(_literal(number) for number in flat.tolist())
        return f"torch.tensor([{numbers}], dtype={dtype})"
    packed = base64.b64encode(flat.contiguous().view(torch.uint8).numpy().tobytes()).decode()
    return f"unpacked({packed!r}, {dtype})"


def _expected(failure: Failure) -> str:
    """Returns the expected values with their bound and where they sit in the observation, as a literal; or None."""
    if failure.place is None or failure.exact is None:
        return "None"
    value = failure.exact.value
    bound = np.broadcast_to(failure.exact.bound, value.shape)
    return f"({failure.place!r}, {_array(value)}, {_array(bound)})"


def _array(array: np.ndarray[Any, Any]) -> str:
    tensor = torch.from_numpy(np.array(array, dtype=np.float64))
    return f"{_tensor(tensor.reshape(-1))}.reshape({tuple(tensor.shape)})"
