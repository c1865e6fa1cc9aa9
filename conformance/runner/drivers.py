"""Finds the drivers: the public functions of every ``suite/<area>/driver.py``, under the name ``area.function``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SUITE = Path(__file__).parent.parent / "suite"


def find_drivers() -> dict[str, Callable[[SimpleNamespace, SimpleNamespace], dict[str, Any]]]:
    """Returns every driver by name; importing them imports torch and nothing that knows an answer."""
    drivers = {}
    for path in sorted(SUITE.glob("*/driver.py")):
        area = path.parent.name
        module = importlib.import_module(f"conformance.suite.{area}.driver")
        for name, function in vars(module).items():
            own = inspect.isfunction(function) and function.__module__ == module.__name__
            if own and not name.startswith("_"):
                drivers[f"{area}.{name}"] = function
    return drivers
