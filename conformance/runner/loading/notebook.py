"""A notebook file to its code cells."""

from __future__ import annotations

import json
import re
from typing import Any

from conformance.runner.loading.source import Unit, UnreadableSubmission

# Plain json instead of nbformat: half the notebooks that learners hand in are slightly invalid, and it is 0.3 s faster.

_WRITEFILE = re.compile(r"\s*%%(?:writefile|file)\s+(?!-a\b)(?:\./)?([A-Za-z_]\w*)\.py\s*\n")


def notebook_units(text: str, name: str, module: str = "") -> list[Unit]:
    """Returns the code cells of a notebook of format 2 to 4, numbered from 1 among the code cells.

    A cell under ``%%writefile layers.py`` becomes the module ``layers``, for the cells that import it.

    Raises:
        UnreadableSubmission: the text is no Python notebook, or one without code.
    """
    cells = _code_cells(_parse(text, name), name)
    units = [_unit(source, number, name, module) for number, source in enumerate(cells, start=1)]
    if not any(unit.text.strip() for unit in units):
        raise UnreadableSubmission(f"{name} has no code cells with code in them")
    return units


def _unit(source: str, number: int, name: str, module: str) -> Unit:
    filename = f"{name}, cell {number}"
    written = _WRITEFILE.match(source)
    if written is None:
        return Unit(number, 1, source, filename, module)
    body = "\n" * source[: written.end()].count("\n") + source[written.end() :]
    return Unit(number, 1, body, filename, written[1], imported_only=True)


def _parse(text: str, name: str) -> dict[str, Any]:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise UnreadableSubmission(f"{name} is empty")
    if text.lstrip()[:1] == "<":
        raise UnreadableSubmission(f"{name} is a web page, not a notebook: download the raw .ipynb file instead")
    try:
        data = json.loads(text)
    except RecursionError:
        raise UnreadableSubmission(f"{name} is no notebook: its JSON is nested too deeply") from None
    except ValueError as error:
        raise UnreadableSubmission(f"{name} is no notebook: its JSON is invalid ({error})") from None
    if not isinstance(data, dict) or not isinstance(data.get("cells", data.get("worksheets")), list):
        raise UnreadableSubmission(f'{name} is JSON but no notebook: it has no list called "cells"')
    return data


def _code_cells(data: dict[str, Any], name: str) -> list[str]:
    language = _language(data)
    if language not in ("python", "python3", "ipython", "ipython3", ""):
        raise UnreadableSubmission(f"{name} is a notebook in {language}, not in Python")
    if isinstance(data.get("cells"), list):
        cells = data["cells"]
    else:  # formats 2 and 3 keep their cells in worksheets, and call the source "input"
        sheets = [sheet["cells"] for sheet in data["worksheets"] if isinstance(sheet, dict) and "cells" in sheet]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_source(cell.get("source", cell.get("input"))) for cell in code]


def _language(data: dict[str, Any]) -> str:
    metadata = data.get("metadata")
    for key, entry in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(part, dict) and isinstance(part.get(entry), str):
            return str(part[entry]).lower()
    return ""


def _source(source: object) -> str:
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
