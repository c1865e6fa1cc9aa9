"""A Python file to units: as a whole, or by its cells where it has them."""

from __future__ import annotations

import re

from conformance.runner.loading.source import Unit

# `# %%` (percent format, VS Code, Spyder, Jupytext) and `# In[3]:` (exported by nbconvert).
_MARKER = re.compile(r"#\s?%%(?P<title>.*)|#\s?In\s?\[[\d\s*]*\]:?\s*$")
_PROSE = re.compile(r"\[(markdown|md|raw|html)\]", re.IGNORECASE)


def script_units(text: str, name: str, module: str = "") -> list[Unit]:
    """Returns the cells of a script, or the script as one unit; markdown cells are left out."""
    units: list[Unit] = []
    lines: list[str] = []
    first, prose = 1, False

    def close() -> None:
        if not prose and any(line.strip() for line in lines):
            units.append(Unit(None, first, "\n".join(lines) + "\n", name, module))

    for number, line in enumerate(text.split("\n"), start=1):
        marker = _MARKER.match(line)
        if marker:
            close()
            lines, first = [], number
            prose = bool(_PROSE.search(marker["title"] or ""))
        lines.append(line)
    close()
    return units
