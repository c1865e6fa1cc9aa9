"""What a submission must offer: its items, their signatures, and every requirement with id, level and source.

The data lies in ``suite/<area>/requirements.toml``, beside the cases and oracles that make it true.
"""

from __future__ import annotations

import functools
import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.report.model import Level

SUITE = Path(__file__).parent / "suite"
# In the order of the exercise texts.
AREAS = ("autograd", "data", "optim", "training", "init", "layers", "norm", "networks", "classification")


@dataclass(frozen=True)
class Requirement:
    """One thing that is asked of an item.

    Attributes:
        id: ``area.Item.name``, stable over versions.
        level: how binding it is.
        says: the sentence of the exercise text that it comes from, or "rulings" where the text is silent.
        means: what must hold, in one sentence for a learner.
        how: the oracle in one line: the formula, and how its bound comes about.
        forbids: for a rule, the families of references that the item may not reach.
    """

    id: str
    level: Level
    says: str
    means: str
    how: str = ""
    forbids: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rsplit(".", 1)[1]


@dataclass(frozen=True)
class Item:
    """One name that a submission offers.

    Attributes:
        name: as in the exercise text.
        area: the folder of the suite that judges it.
        exercise: 2 or 3.
        kind: "function", "class" or "dataclass".
        signature: of the function or the constructor, as Python writes it.
        needs: other items of the submission that the drivers of this one use where they are there.
    """

    name: str
    area: str
    exercise: int
    kind: str
    signature: str
    requirements: tuple[Requirement, ...]
    needs: tuple[str, ...] = ()

    def parameters(self) -> list[tuple[str, Any]]:
        """Returns the names and the defaults of the parameters; ``inspect.Parameter.empty`` where there is none."""
        scope: dict[str, Any] = {}
        exec(f"def f{self.signature}: ...", scope)  # the text is ours, from the TOML beside this file
        return [(p.name, p.default) for p in inspect.signature(scope["f"]).parameters.values()]


@functools.cache
def items() -> dict[str, Item]:
    """Returns every item by name, in the order of the exercise texts."""
    found: dict[str, Item] = {}
    for area in AREAS:
        path = SUITE / area / "requirements.toml"
        if path.exists():
            for name, table in tomllib.loads(path.read_text("utf-8")).items():
                found[name] = _item(area, name, table)
    return found


@functools.cache
def requirements() -> dict[str, Requirement]:
    """Returns every requirement by id."""
    return {requirement.id: requirement for item in items().values() for requirement in item.requirements}


def _item(area: str, name: str, table: dict[str, Any]) -> Item:
    asked = tuple(
        Requirement(
            id=f"{area}.{name}.{key}",
            level=Level(entry["level"]),
            says=entry["says"],
            means=entry["means"],
            how=entry.get("how", ""),
            forbids=tuple(entry.get("forbids", ())),
        )
        for key, entry in table["requirements"].items()
    )
    needs = tuple(table.get("needs", ()))
    return Item(name, area, table["exercise"], table["kind"], table["signature"], asked, needs)
