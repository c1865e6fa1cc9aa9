"""One row of the results, and files of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1


class UnreadableResultsError(Exception):
    """A file that is not one of ours; the message says why."""


@dataclass
class Row:
    """What one arm did in one case; `status` is 'ok', or why there is nothing to report."""

    workload: str
    shape: list[int]
    dtype: str
    device: str
    threads: int
    arm: str
    status: str = "ok"
    median: float | None = None  # seconds a step, as all times here
    iqr: float | None = None
    minimum: float | None = None
    n: int = 0
    cold: float | None = None
    device_median: float | None = None
    ratio: list[float] | None = None  # torch's time over this arm's: value, low, high
    claim: str | None = None
    noise_floor: float | None = None
    peak_mib: float | None = None
    bound: float | None = None  # seconds that moving the bytes takes at the least
    steps_per_block: int = 0
    stopped_by: str | None = None
    samples: list[float] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        """What two files' rows are matched by."""
        shape = "x".join(map(str, self.shape))
        return self.workload, shape, self.dtype, self.device, str(self.threads), self.arm


@dataclass
class Results:
    """Rows, and the machine they come from."""

    machine: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    rows: list[Row]


def write(results: Results, path: Path) -> None:
    """As JSON, raw samples included."""
    path.write_text(json.dumps({"schema": SCHEMA, **asdict(results)}, indent=1))


def read(path: Path) -> Results:
    """Raises UnreadableResultsError for a file that `write` did not make."""
    try:
        data = json.loads(path.read_text())
        if data["schema"] != SCHEMA:
            raise UnreadableResultsError(
                f"{path} has schema {data['schema']}, and this version reads {SCHEMA}: measure again"
            )
        rows = [Row(**row) for row in data["rows"]]
        return Results(data["machine"], data["before"], data["after"], rows)
    except OSError as error:
        raise UnreadableResultsError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableResultsError(f"{path} holds no benchmark results ({type(error).__name__}: {error})") from None
