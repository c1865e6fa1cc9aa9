"""Properties: what a ``test_<area>.py`` declares, and the registry that the engine and pytest read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis.strategies import SearchStrategy

from conformance import contract
from conformance.report.model import Level

if TYPE_CHECKING:
    from conformance.engine.checking import Check, Seen

FLOATS = ("float32", "float64")
HALVES = ("bfloat16", "float16")
ALL_FLOATS = (*FLOATS, *HALVES)

T = TypeVar("T")
Test = Callable[[Any, "Seen", "Check"], None]
Cases = Callable[..., SearchStrategy[Any]]


@dataclass(frozen=True)
class Variant:
    """One run of a property: its dtype (None where it has none) and its device."""

    dtype: str | None = None
    device: str = "cpu"

    @property
    def label(self) -> str:
        """What stands in brackets behind the property's id; empty for the plain variant."""
        parts = [part for part in (self.dtype, self.device if self.device != "cpu" else None) if part]
        return ",".join(parts)

    @property
    def parity(self) -> bool:
        """Whether the variant judges a 16-bit dtype, which is parity whatever the requirement."""
        return self.dtype in HALVES


@dataclass(frozen=True)
class Property:
    """One property of one item.

    Attributes:
        item: the item that it judges and blames.
        name: its last part of the id, ``area.Item.name``.
        driver: what runs beside the submission, ``area.function``.
        cases: makes the strategy of its cases; gets the dtype where the property has dtypes.
        requirements: the names of the item's requirements that it checks; a crash is blamed on the first.
        variants: the dtypes and devices that it runs in.
        share: of the profile's examples; below one for what is slow or says the same again.
        seconds: time limit of one call.
        large: whether its inputs are so large that a call which takes longer is slow, and not wrong.
        always: makes the cases that every exam has besides those that are drawn, such as are larger than these; gets
            what ``cases`` gets.
        individual: whether what is expected rests on what the submission drew or computed itself, so that it is no
            longer what is expected of one that has been changed.
    """

    item: str
    name: str
    driver: str
    cases: Cases
    requirements: tuple[str, ...]
    test: Test
    variants: tuple[Variant, ...]
    share: float
    seconds: float
    large: bool = False
    always: Callable[..., list[Any]] | None = None
    individual: bool = False

    @property
    def area(self) -> str:
        """The area of its item."""
        return contract.items()[self.item].area

    def id(self, variant: Variant) -> str:
        """Returns ``area.Item.name[variant]``."""
        label = f"[{variant.label}]" if variant.label else ""
        return f"{self.area}.{self.item}.{self.name}{label}"

    def requirement(self, name: str) -> contract.Requirement:
        """Returns a requirement of the item by its last name."""
        return contract.requirements()[f"{self.area}.{self.item}.{name}"]

    @property
    def only_rules(self) -> bool:
        """Whether it asks only how the work is done."""
        return all(self.requirement(name).level is Level.RULE for name in self.requirements)

    def strategy(self, variant: Variant) -> SearchStrategy[Any]:
        """Returns the strategy of one variant's cases."""
        return _made(self.cases, variant)

    def further(self, variant: Variant) -> list[Any]:
        """Returns the cases that every exam has; none but in the first of its variants."""
        if self.always is None or variant != self.variants[0]:
            return []
        return _made(self.always, variant)

    def level(self, requirement: str, variant: Variant) -> Level:
        """Returns how binding a requirement is in a variant."""
        level = self.requirement(requirement).level
        return Level.PARITY if variant.parity and level is Level.EXERCISE else level


def _made(make: Callable[..., T], variant: Variant) -> T:
    """Returns the cases that a function makes for a variant, whose dtype it gets where there is one."""
    return make(variant.dtype) if variant.dtype else make()


REGISTRY: list[Property] = []


def is_main(prop: Property, variant: Variant) -> bool:
    """Returns whether of all that is judged of an item this gets the most examples."""
    first = max((mine for mine in REGISTRY if mine.item == prop.item), key=lambda mine: mine.share)
    return prop is first and variant == first.variants[0]


def holds(
    *,
    item: str,
    name: str,
    driver: str,
    cases: Cases,
    requirements: tuple[str, ...],
    dtypes: tuple[str, ...] = (),
    meta: bool = False,
    share: float = 1.0,
    seconds: float = 10.0,
    large: bool = False,
    always: Callable[..., list[Any]] | None = None,
    individual: bool = False,
) -> Callable[[Test], Test]:
    """Declares that a test function must hold for an item, and registers it.

    The function gets a case, what the driver saw on it, and a ``Check``. ``meta`` adds a run on the meta device,
    whose failures count as the item's requirement "device"; the other arguments are ``Property``'s.
    """

    def register(test: Test) -> Test:
        variants = [Variant(dtype) for dtype in dtypes] or [Variant()]
        if meta:
            variants.append(Variant(dtypes[0] if dtypes else None, "meta"))
        prop = Property(
            item, name, driver, cases, requirements, test, tuple(variants), share, seconds, large, always, individual
        )
        REGISTRY.append(prop)
        test.property = prop  # type: ignore[attr-defined]
        return test

    return register


def all_properties() -> list[Property]:
    """Returns the properties of every area, in the order of the contract."""
    for area in contract.AREAS:
        if (contract.SUITE / area / f"test_{area}.py").exists():
            importlib.import_module(f"conformance.suite.{area}.test_{area}")
    order = {name: place for place, name in enumerate(contract.items())}
    return sorted(REGISTRY, key=lambda prop: order[prop.item])
