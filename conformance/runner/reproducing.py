"""What every reproducer carries: reading a submission's definitions, laying out a case, comparing.

Its source is copied into the scripts, which need torch and the submission only.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import copy
import faulthandler
import importlib
import io
import json
import random
import sys
import traceback
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import torch

# What drivers have from the judge's guard; in a script nobody watches.
paused = contextlib.nullcontext
Family = SimpleNamespace(LINEAR="", EMBEDDING="", DROPOUT="")


def reference_bases(kind: type, *families: str) -> list[str]:
    """Returns none: what a class inherits from is a matter of the rules, which no script shows."""
    return []


def strided(
    storage: torch.Tensor, shape: Any, stride: Any, offset: int, requires_grad: bool, device: str
) -> torch.Tensor:
    """Returns a tensor laid out as the judge laid it out."""
    if device == "meta":
        return torch.empty(shape, dtype=storage.dtype, device="meta").requires_grad_(requires_grad)
    empty = torch.empty(0, dtype=storage.dtype)
    tensor = empty.set_(storage.untyped_storage(), offset if storage.numel() else 0, shape, stride).to(device)
    return tensor.requires_grad_() if requires_grad else tensor


def unpacked(text: str, dtype: torch.dtype) -> torch.Tensor:
    """Returns a flat tensor from its bytes in base64."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=dtype)


def names_of(path: str) -> dict[str, Any]:
    """Returns what a submission defines: imports, definitions and assignments; what fails is left out.

    Exits 2 where there is no such file, which shows nothing.
    """
    file = Path(path)
    if not file.exists():
        if "/" in path or file.suffix in (".py", ".ipynb"):
            print(f"there is no {path} here: name the submission, python THIS_FILE SUBMISSION", file=sys.stderr)
            sys.exit(2)
        return vars(importlib.import_module(path))
    if file.is_dir():
        sys.path.insert(0, str(file.resolve()))
        found: dict[str, Any] = {}
        for part in sorted(file.glob("*.py")):
            found.update(names_of(str(part)))
        return found
    sys.path.insert(0, str(file.resolve().parent))
    text = file.read_text("utf-8")
    cells = [text]
    if file.suffix == ".ipynb":
        code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        cells = ["".join(cell["source"]) for cell in code]
    space: dict[str, Any] = {"__name__": "submission"}
    sys.modules["submission"] = SimpleNamespace(__dict__=space)  # type: ignore[assignment]
    for cell in cells:
        plain = "\n".join("pass" if line.lstrip()[:1] in ("%", "!") else line for line in cell.splitlines())
        with contextlib.suppress(SyntaxError):
            for statement in ast.parse(plain).body:
                if not isinstance(statement, ast.Expr):
                    _run(statement, space)
    return space


def _run(statement: ast.stmt, space: dict[str, Any]) -> None:
    body = ast.Module([statement], [])
    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(body, "submission", "exec", flags=annotations_flag), space)


# `from __future__ import annotations`, which the exercises begin with, holds for each statement on its own.
annotations_flag = 0x1000000


def reproduce(
    driver: Any, path: str, names: list[str], cases: list[Any], expected: Any, said: Any, asked: str, seconds: float
) -> None:
    """Runs the driver on the cases, prints got, expected and bound, and exits 1 while the finding stands.

    Exits 2 where that cannot be told, since what was expected was worked out from values that are other by now.
    With ``seconds`` (0 for no limit) it also exits 1, and shows where, when a call takes longer.
    """
    warnings.simplefilter("ignore")
    space = names_of(sys.argv[1] if len(sys.argv) > 1 else path)
    items = SimpleNamespace(**{name: space.get(name) for name in names})
    torch.set_num_threads(1)
    seen: dict[str, Any] = {}
    for case in cases:
        torch.manual_seed(0)
        random.seed(0)
        torch.set_deterministic_debug_mode("warn")  # memory that nobody has written holds NaN
        torch._C._set_deterministic_fill_uninitialized_memory(True)
        if seconds:
            print(f"asked for {asked}; where it is by then:", flush=True)
            faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                seen = driver(items, copy.deepcopy(case))  # the next call gets it as it is
        except Exception:
            traceback.print_exc()
            print(f"\nexpected: {asked}")
            sys.exit(1)
        faulthandler.cancel_dump_traceback_later()
    if expected is None:
        text, then = said
        now = described(seen)
        print(f"got:      {text}\nexpected: {asked}\n\nobserved here: {now}")
        sys.exit(int(then is not None and now == then))  # None: it raised, which it did not do here
    keys, value, bound = expected
    got = _at(keys, seen)
    otherwise = said[1] is not None and described(seen) != said[1]
    if not isinstance(got, torch.Tensor) or got.numel() != value.numel():
        print(f"got:      {got}\nexpected: a tensor of shape {tuple(value.shape)}")
        _stands(otherwise)
    error = (got.detach().double().reshape(value.shape) - value).abs()
    right = (error <= bound) | (got.detach().double().reshape(value.shape) == value) | bound.isinf()
    right |= got.detach().double().reshape(value.shape).isnan() & value.isnan()
    print(f"got:\n{got.detach()}\nexpected:\n{value}\nbound:\n{bound}\n{int((~right).sum())} of {right.numel()} differ")
    if not right.all():
        _stands(otherwise)
    sys.exit(0)


def _stands(otherwise: bool) -> NoReturn:
    """Ends the script where an answer is not the expected one: with 1, or 2 where that no longer tells."""
    if otherwise:
        print("\nThat need not be wrong: what is expected was worked out from what the submission drew or computed")
        print("itself, which is not what it was when it was judged. Judge it again.")
    sys.exit(2 if otherwise else 1)


def _at(keys: tuple[Any, ...], seen: Any) -> Any:
    """Returns what sits at a place of an observation; None if there is no such place."""
    for key in keys:
        there = key in seen if isinstance(seen, dict) else isinstance(seen, list | tuple) and key < len(seen)
        seen = seen[key] if there else None
    return seen


def described(value: Any) -> str:
    """Returns what an observation looks like, whole numbers as they are, others in few digits."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1) if value.device.type != "meta" else torch.empty(0)
        numbers = ", ".join(f"{x:.4g}" if isinstance(x, float) else str(x) for x in flat[:6].tolist())
        if flat.numel() > 6:
            numbers += f", …; mean {float(flat.double().mean()):.4g}"
        return f"{value.dtype}{list(value.shape)}({numbers}){', requires grad' * value.requires_grad}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {described(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({', '.join(described(item) for item in value)})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"<{getattr(value, 'type_name', type(value).__qualname__).rsplit('.', 1)[-1]}>"


def place_of(value: Any, tensor: torch.Tensor, path: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
    """Returns the keys that lead to a tensor, or to one of its entries in another shape; None if there is none."""
    if isinstance(value, torch.Tensor):
        same = value.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
        return path if same and value.numel() == tensor.numel() > 0 else None
    value = vars(value) if isinstance(value, SimpleNamespace) else value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    places = (place_of(item, tensor, (*path, key)) for key, item in pairs)
    return next((place for place in places if place is not None), None)
