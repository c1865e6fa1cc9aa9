"""What a property says of one observation: checks that count, compare and explain."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from conformance.engine.properties import Property, Variant
from conformance.numerics import statistics
from conformance.numerics.bounded import Bounded
from conformance.numerics.compare import close, same_bits
from conformance.report.model import Entry, Level, SourceLine, Status
from conformance.runner.protocol import Opaque, device_of

Seen = SimpleNamespace
# Pairs kept for the chart of one requirement.
SPREAD = 100
# Losses kept of a training run: more than a chart has columns.
CURVE = 2000


@dataclass(frozen=True)
class Failure:
    """Why one example failed: the requirement, what came back, what was expected, and where.

    ``malformed``: what came back is not what its driver sends.
    """

    requirement: str
    status: Status
    got: str
    expected: str
    path: str = ""
    entries: tuple[Entry, ...] = ()
    lines: tuple[SourceLine, ...] = ()
    tensor: torch.Tensor | None = field(default=None, compare=False, repr=False)
    exact: Bounded | None = field(default=None, compare=False, repr=False)
    place: tuple[Any, ...] | None = field(default=None, compare=False, repr=False)
    described: str | None = field(default=None, compare=False, repr=False)
    malformed: bool = False


class Mismatch(Exception):
    """An example that a property does not hold for."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.requirement)
        self.failure = failure


@dataclass
class Tally:
    """What the checks of one requirement add up to."""

    comparisons: int = 0
    informative: int = 0
    budget_used: float | None = None
    spread: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Logged:
    """One check as it went, for telling whether two submissions answer alike."""

    requirement: str
    path: str
    ok: bool
    text: str
    got: torch.Tensor | None = None
    exact: Bounded | None = None
    size: float | None = None


class Check:
    """Checks of one run of a property; each names the requirement that it serves.

    A check that fails ends the example by raising ``Mismatch``, unless its requirement is in ``known``: then its
    failure has been found already, the check returns False, and the search goes on for others.
    """

    def __init__(self, prop: Property, variant: Variant, known: frozenset[str] = frozenset()) -> None:
        self.prop = prop
        self.variant = variant
        self.known = known
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.log: list[Logged] = []
        self.share = 0.0
        self.curve: list[float] = []

    def draw(self, losses: Any) -> None:
        """Keeps the losses of a training run for a chart; what is no list of numbers is judged elsewhere."""
        numbers = losses if isinstance(losses, list) else []
        self.curve = [float(loss) for loss in numbers[:CURVE] if isinstance(loss, int | float)]

    def that(self, requirement: str, ok: bool, *, got: object, expected: str, path: str = "") -> bool:
        """Checks a plain condition; ``got`` is shown as it is, ``expected`` is a phrase."""
        return self._settle(requirement, ok, path, _show(got), expected)

    def tensor(
        self,
        requirement: str,
        got: Any,
        *,
        shape: tuple[int, ...] | None = None,
        dtype: torch.dtype | str | None = None,
        path: str = "output",
    ) -> bool:
        """Checks that something is a tensor of a shape and dtype on the device of the variant.

        On meta a finding is only what lies elsewhere: all else is judged, and blamed, where there are values.
        """
        name = str(dtype).removeprefix("torch.") if dtype is not None else None
        expected = ["a tensor"]
        ok = isinstance(got, torch.Tensor)
        if shape is not None:
            expected.append(f"of shape {tuple(shape)}")
            ok = ok and tuple(got.shape) == tuple(shape)
        expected.append(f"of dtype {name}" if name is not None else "of any dtype")
        if name is not None:
            ok = ok and str(got.dtype) == f"torch.{name}"
        device = self.variant.device
        expected.append(f"on {device}")
        elsewhere = isinstance(got, torch.Tensor) and device_of(got) != device.split(":")[0]
        ok = ok and not elsewhere
        label = f"{path}: " if path != "output" else ""
        shown, asked = label + kind_of(got), label + " ".join(expected)
        return self._settle(requirement, ok, path, shown, asked, elsewhere=elsewhere)

    def close(
        self,
        requirement: str,
        got: Any,
        expected: Bounded,
        *,
        dtype: torch.dtype | str | None = None,
        path: str = "output",
        form: str | None = None,
    ) -> bool:
        """Checks a tensor: shape, dtype and device first, then every entry against its bound.

        Args:
            requirement: what the values serve.
            got: what came back.
            expected: the exact values with their bounds.
            dtype: the dtype asked for; None where any will do.
            path: where it sits in the observation.
            form: the requirement that shape, dtype and device serve; ``requirement`` by default.
        """
        __tracebackhide__ = True
        if not self.tensor(form or requirement, got, shape=expected.shape, dtype=dtype, path=path):
            return False
        if got.device.type == "meta":
            return True
        found = close(got, expected)
        tally = self.tallies[requirement]
        tally.comparisons += found.judged
        tally.informative += found.informative
        tally.budget_used = max(tally.budget_used or 0.0, found.budget_used)
        if len(tally.spread) < SPREAD:
            tally.spread.extend(found.spread)
        self.share = max(self.share, found.budget_used if math.isfinite(found.budget_used) else 1e6)
        entries = tuple(
            Entry(path + _index(d.index), *_told_apart(d.got, d.expected), f"{d.bound:.2g}") for d in found.worst
        )
        got_text, expected_text = _summary(found.violations, found.entries, entries)
        compared = (got, expected)
        return self._settle(requirement, not found.violations, path, got_text, expected_text, entries, compared, 0)

    def bits(self, requirement: str, got: Any, expected: torch.Tensor, *, path: str) -> bool:
        """Checks that a tensor is bit for bit another: an input left as it was, tokens handed through."""
        shape, dtype = tuple(expected.shape), expected.dtype
        if not self.tensor(requirement, got, shape=shape, dtype=dtype, path=path):
            return False
        if got.device.type == "meta" or same_bits(got, expected):
            return self._settle(requirement, True, path, "", "", count=max(1, expected.numel()))
        a, b = got.detach().reshape(-1), expected.detach().reshape(-1)
        differs = ((a != b) & ~((a != a) & (b != b))).nonzero().reshape(-1)[:6].tolist()
        entries = tuple(
            Entry(f"{path}{_place(expected, i)}", _number(a[i].item()), _number(b[i].item()), "0") for i in differs
        )
        got_text = ", ".join(f"{e.path} = {e.got}" for e in entries) or "other bits (a zero of the other sign)"
        expected_text = ", ".join(f"{e.path} = {e.expected}" for e in entries) or "the same bits"
        compared = (got, Bounded.exact(expected, torch.float64))
        return self._settle(requirement, False, path, got_text, expected_text, entries, compared)

    def number(self, requirement: str, got: Any, expected: Bounded, *, path: str) -> bool:
        """Checks a Python float against an exact value with its bound."""
        if not self.that(requirement, type(got) is float, got=kind_of(got), expected="a Python float", path=path):
            return False
        return self.close(requirement, torch.tensor(got, dtype=torch.float64), expected, path=path)

    def chance(
        self, requirement: str, p_value: float, *, got: str, expected: str, path: str = "", size: float | None = None
    ) -> bool:
        """Checks that an outcome is no less likely, for a right submission, than the suite's share of its budget.

        ``size`` is what tells one failed answer from another, where a number does.
        """
        text, ok = f"{got} (p = {p_value:.2g})", p_value >= statistics.ALPHA
        return self._settle(requirement, ok, path, text, expected, size=size)

    def _settle(
        self,
        requirement: str,
        ok: bool,
        path: str,
        got: str,
        expected: str,
        entries: tuple[Entry, ...] = (),
        compared: tuple[torch.Tensor, Bounded] | None = None,
        count: int = 1,
        size: float | None = None,
        elsewhere: bool = False,
    ) -> bool:
        ok = bool(ok) if isinstance(ok, bool | np.bool_) else False  # what was forged may compare to something else
        if self.variant.device == "meta":
            if not ok and not elsewhere:  # no matter of devices
                return False
            requirement = "device"
        tally = self.tallies[requirement]
        tally.comparisons += count
        tally.informative += count
        tensor, exact = compared or (None, None)
        self.log.append(Logged(requirement, path, ok, got, tensor, exact, size))
        if not ok and requirement not in self.known:
            rule = self.prop.level(requirement, self.variant) is Level.RULE
            status = Status.RULE if rule else Status.WRONG
            failure = Failure(requirement, status, got, expected, path, entries, (), tensor, exact)
            raise Mismatch(failure)
        return ok


def kind_of(value: Any) -> str:
    """Returns what something is, in words: "a tensor of shape (2, 3), float32, on cpu", "a tuple of 2"."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"a tensor of shape {tuple(value.shape)} of dtype {dtype} on {device_of(value)}"
    if isinstance(value, Opaque):
        return f"an object of type {value.type_name}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, dict):
        return f"a dict with the keys {sorted(value)}"
    return f"{value!r} (a {type(value).__name__})" if value is not None else "None"


def _show(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, torch.Tensor | Opaque | list | tuple | dict):
        return kind_of(value) if isinstance(value, torch.Tensor | Opaque) or len(repr(value)) > 200 else repr(value)
    return repr(value)


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _place(tensor: torch.Tensor, flat: int) -> str:
    return _index(tuple(int(i) for i in np.unravel_index(flat, tuple(tensor.shape)))) if tensor.ndim else ""


def _number(number: float) -> str:
    return f"{number:.9g}" if isinstance(number, float) else repr(number)


def _told_apart(got: float, expected: float) -> tuple[str, str]:
    """Returns two numbers in as few digits as show that they differ."""
    pair = _number(got), _number(expected)
    return pair if pair[0] != pair[1] else (repr(got), repr(expected))


def _summary(violations: int, entries: int, worst: tuple[Entry, ...]) -> tuple[str, str]:
    """Returns what to show as got and expected of a comparison with violations."""
    if not violations:
        return "", ""
    got = ", ".join(f"{entry.path} = {entry.got}" for entry in worst[:3])
    expected = ", ".join(f"{entry.path} = {entry.expected} ± {entry.bound}" for entry in worst[:3])
    many = f" ({violations} of {entries} entries differ)" if violations > len(worst[:3]) else ""
    return got + many, expected
