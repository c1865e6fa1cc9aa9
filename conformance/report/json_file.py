"""A result as a JSON file, and back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from conformance.report.files import write_whole
from conformance.report.model import Result


def write_json(result: Result, path: Path) -> None:
    """Writes the result as one JSON document, whole or not at all.

    JSON has no infinities and no NaN: they are written as the strings ``"Infinity"``, ``"-Infinity"`` and ``"NaN"``.

    Raises:
        OSError: the folder is not there or cannot be written to.
    """
    write_whole(path, json_text(result))


def json_text(result: Result) -> str:
    """Returns the result as the text of its JSON document."""
    return json.dumps(_plain(result.to_json()), indent=1, allow_nan=False) + "\n"


def read_json(path: Path) -> Result:
    """Returns the result that ``write_json`` wrote.

    Raises:
        ValueError: the file is no such result; the message says so in one sentence.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no result: expected a JSON object but got {type(data).__name__}")
    try:
        return Result.from_json(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} holds no result as --json writes it: {error!r}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)
