"""What a judgement is asked to do, validated before anything runs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from conformance import contract
from conformance.report.model import Level

# Examples a property: enough for every fault of the suite; what one runs by default; what one runs overnight.
PROFILES = {"quick": 25, "standard": 100, "thorough": 1000}
DEVICES = ("cpu", "cuda", "mps", "xpu")
_DEVICE = re.compile(rf"({'|'.join(DEVICES)})(:\d+)?")


class UsageError(ValueError):
    """An option that makes no sense; the text is one sentence for whoever typed it."""


@dataclass(frozen=True)
class Options:
    """How a submission is judged.

    Args:
        items: judge only these; empty for all.
        exercise: judge only the items of exercise 2 or 3; None for both.
        profile: "quick", "standard" or "thorough".
        seed: of all that is drawn; another seed is another exam.
        level: "exercise", or "parity" to count what torch does besides.
        rules: whether it counts how the work was done.
        devices: devices to judge on besides meta.
        jobs: judging processes; 0 for one a core.
        in_process: whether the submission runs in the judge itself, for a debugger and for code one trusts.
        sandbox: whether to use bubblewrap where it is installed.
        diagnose: whether to look which usual mistake a finding looks like.
        hidden: files and folders that a submission may not read: in a class, what the others handed in.
    """

    items: tuple[str, ...] = ()
    exercise: int | None = None
    profile: str = "standard"
    seed: int = 0
    level: Level = Level.EXERCISE
    rules: bool = True
    devices: tuple[str, ...] = ("cpu",)
    jobs: int = 0
    in_process: bool = False
    sandbox: bool = True
    diagnose: bool = True
    hidden: tuple[str, ...] = ()
    extras: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = contract.items()
        for name in self.items:
            if name not in known:
                raise UsageError(f"there is no item {name!r}; the items are {', '.join(known)}")
            if self.exercise is not None and known[name].exercise != self.exercise:
                raise UsageError(f"{name} belongs to exercise {known[name].exercise}, not to exercise {self.exercise}")
        if self.exercise not in (None, 2, 3):
            raise UsageError(f"there is no exercise {self.exercise}; the exercises are 2 and 3")
        if self.profile not in PROFILES:
            raise UsageError(f"there is no profile {self.profile!r}; the profiles are {', '.join(PROFILES)}")
        for device in self.devices:
            if not _DEVICE.fullmatch(device):
                raise UsageError(f"there is no device {device!r}; the devices are {', '.join(DEVICES)}, or cuda:1")
        if self.seed < 0:
            raise UsageError(f"a seed is a whole number from 0 on, but got seed={self.seed}")
        if self.jobs < 0:
            raise UsageError(f"the number of processes is 0 (one a core) or more, but got jobs={self.jobs}")

    @property
    def examples(self) -> int:
        """Examples a property."""
        return PROFILES[self.profile]

    @property
    def accelerated(self) -> bool:
        """Whether a device other than the CPU is judged on."""
        return any(device != "cpu" for device in self.devices)

    @property
    def workers(self) -> int:
        """Judging processes, as asked or as many as there are cores."""
        if self.in_process:
            return 1
        return self.jobs or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self.jobs or 1

    def wanted(self) -> list[str]:
        """Returns the names of the items to judge, in the order of the contract."""
        return [
            name
            for name, item in contract.items().items()
            if (not self.items or name in self.items) and self.exercise in (None, item.exercise)
        ]
