"""Makes the judge's pytest options known in a checkout; an installed package brings them by its entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

_installed = any(entry.value == "conformance.plugin" for entry in entry_points(group="pytest11"))
pytest_plugins = [] if _installed else ["conformance.plugin"]
