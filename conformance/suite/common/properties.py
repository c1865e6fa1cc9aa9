"""Properties that every item has, made from the contract."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from hypothesis import strategies as st

from conformance import contract
from conformance.engine.checking import Check, Seen
from conformance.engine.properties import Test, holds
from conformance.suite.tensors import Case


@dataclass(frozen=True, repr=False)
class ItemCase(Case):
    """An item, by name."""

    item: str


def leaves_autograd_as_it_was(check: Check, requirement: str, seen: Seen) -> None:
    """Checks that autograd is on after the call, or off where it was off: else what comes next is not as it was."""
    got, expected = "autograd switched over", "autograd on or off as before"
    check.that(requirement, seen.autograd is True, got=got, expected=expected, path="after the call")


def has_signature(item: str) -> Test:
    """Returns the property that an item can be called as the contract says, with the contract's defaults."""

    def test(case: ItemCase, seen: Seen, check: Check) -> None:
        said = contract.items()[case.item]
        check.that("signature", seen.kind != "int", got=seen.kind, expected=f"a {said.kind}", path=case.item)
        if seen.parameters is None:
            return  # a callable written in C shows no signature; that it can be called is judged elsewhere
        asked = said.parameters()
        wrong = _first_difference(asked, seen.parameters)
        shown = ", ".join(_shown(entry) for entry in seen.parameters)
        # Without annotations, as that of the submission: what differs is what is wrong.
        expected = ", ".join(_shown((name, "", value is not Parameter.empty, value)) for name, value in asked)
        got = f"{case.item}({shown}): {wrong}"
        check.that("signature", wrong is None, got=got, expected=f"{case.item}({expected})")

    cases = st.just(ItemCase(item))
    declare = holds(
        item=item,
        name="signature",
        driver="common.signature",
        cases=lambda: cases,
        requirements=("signature",),
        share=0.0,  # there is but one case
    )
    return declare(test)


def _first_difference(asked: list[tuple[str, Any]], seen: list[tuple[str, str, bool, Any]]) -> str | None:
    """Returns what keeps a call that the contract allows from meaning the same; None if nothing does.

    Parameters without a default are passed by position, so their names are free; those with one go by name too.
    Further parameters are free if they have a default; ``*args`` and ``**kwargs`` may take what is asked.
    """
    positional = [entry for entry in seen if entry[1] in ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")]
    by_name = {entry[0]: entry for entry in seen}
    variadic = {entry[1] for entry in seen}
    for place, (name, default) in enumerate(asked):
        here = positional[place] if place < len(positional) else None
        if default is Parameter.empty:
            if here is None and "VAR_POSITIONAL" not in variadic:
                return f"there is no place for `{name}`"
            continue
        if name not in by_name:
            if "VAR_KEYWORD" in variadic:
                continue
            return f"there is no parameter `{name}`"
        _, _, given, value = by_name[name]
        if not given:
            return f"`{name}` has lost its default {default!r}"
        if (type(value) is not type(default) and not _numbers(value, default)) or value != default:
            return f"the default of `{name}` is {value!r} where {default!r} was asked"
        if here is not None and here[0] != name:
            return f"`{here[0]}` stands where `{name}` was asked"
    named = {name for name, default in asked if default is not Parameter.empty}
    for name, kind, given, _ in seen[len(asked) :]:
        if not given and kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY") and name not in named:
            return _surplus(name, asked, seen)
    return None


def _surplus(name: str, asked: list[tuple[str, Any]], seen: list[tuple[str, str, bool, Any]]) -> str:
    """Returns what is wrong where a parameter is needed beyond those that were asked."""
    if name not in dict(asked):
        return f"`{name}` is needed and was not asked for"
    needed = [entry for entry in seen if not entry[2] and not entry[1].startswith("VAR_")]
    wanted = [default for _, default in asked if default is Parameter.empty]
    return f"{len(needed)} arguments are needed where {len(wanted)} were asked"


def _numbers(a: object, b: object) -> bool:
    return all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b))


def _shown(entry: tuple[str, str, bool, Any]) -> str:
    name, kind, given, default = entry
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(kind, "")
    return f"{stars}{name}={default!r}" if given else f"{stars}{name}"
