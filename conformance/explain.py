"""Explains one requirement: its sentence, what judges it, how what is right and its bound come about."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from difflib import get_close_matches
from types import FunctionType, ModuleType

from conformance import contract
from conformance.engine.properties import Property, all_properties
from conformance.faults import mistakes_of
from conformance.numerics import bounded, statistics


def explanation(name: str) -> str:
    """Returns all there is to say of a requirement, as text.

    Raises:
        ValueError: there is no such requirement.
    """
    requirement = contract.requirements().get(name)
    if requirement is None:
        near = get_close_matches(name, contract.requirements(), 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; --list shows them all"
        raise ValueError(f"there is no requirement {name!r}{hint}")
    area, item, last = name.split(".")
    lines = [
        f"{requirement.id}  [{requirement.level}]",
        "",
        f"What must hold   {requirement.means}",
        f"Where it is from {requirement.says}",
    ]
    if requirement.how:
        lines.append(f"How it is judged {requirement.how}")
    if requirement.forbids:
        lines.append(f"Not to be reached {', '.join(requirement.forbids)}")
    judges = [
        prop
        for prop in all_properties()
        if prop.item == item and last in (*prop.requirements, *(["device"] if _on_meta(prop) else []))
    ]
    lines += ["", "Properties that judge it"]
    for prop in judges:
        variants = ", ".join(variant.label for variant in prop.variants if variant.label) or "one variant"
        drawn = prop.cases.__doc__ or prop.test.__doc__ or prop.test.__name__.replace("_", " ")
        lines += [f"    {area}.{item}.{prop.name}  ({variants})", f"        {drawn.strip().splitlines()[0]}"]
    lines += _right(area, judges)
    lines += ["", f"Usual mistakes with {item}"]
    lines += [f"    {fault.sentence}" for fault in mistakes_of(area, item)]
    return "\n".join(lines)


def _on_meta(prop: Property) -> bool:
    return any(variant.device == "meta" for variant in prop.variants)


def _right(area: str, judges: list[Property]) -> list[str]:
    """Returns what the properties compare with, and how bounds or probabilities come about; nothing where none do."""
    oracle = importlib.import_module(f"conformance.suite.{area}.oracle")
    functions = list(dict.fromkeys(function for prop in judges for function in _asked(prop, oracle)))
    if not functions:
        return []
    lines = ["", f"What is right (conformance/suite/{area}/oracle.py)"]
    for function in functions:
        lines += [f"    {function.__name__}", textwrap.indent(inspect.getdoc(function) or "", " " * 8)]
    names = {name for function in functions for name in _names(function, oracle)}
    for word, module in (("Bounded", bounded), ("statistics", statistics)):
        if word in names or (module is bounded and any("Bounded" in str(f.__annotations__) for f in functions)):
            title = f"How its {'bound' if module is bounded else 'error rate'} comes about ({_file(module)})"
            lines += ["", title, textwrap.indent((module.__doc__ or "").strip(), " " * 4)]
    return lines


def _asked(prop: Property, oracle: ModuleType) -> list[FunctionType]:
    """Returns the oracle's functions that a property asks, by itself or through helpers of its own module."""
    tests = vars(inspect.getmodule(prop.test))
    found: dict[FunctionType, None] = {}
    done: set[object] = set()
    waiting: list[object] = [prop.test]
    while waiting:
        test = waiting.pop(0)
        if not isinstance(test, FunctionType) or test in done or test.__module__ != prop.test.__module__:
            continue
        done.add(test)
        for name in test.__code__.co_names:
            function = vars(oracle).get(name)
            if isinstance(function, FunctionType) and function.__module__ == oracle.__name__:
                found[function] = None
            waiting.append(tests.get(name))
    return list(found)


def _names(function: FunctionType, oracle: ModuleType) -> set[str]:
    """Returns the names that a function of the oracle uses, by itself or through the oracle's others."""
    names: set[str] = set()
    waiting = [function]
    while waiting:
        for name in set(waiting.pop().__code__.co_names) - names:
            names.add(name)
            other = vars(oracle).get(name)
            if isinstance(other, FunctionType) and other.__module__ == oracle.__name__:
                waiting.append(other)
    return names


def _file(module: ModuleType) -> str:
    return module.__name__.replace(".", "/") + ".py"
