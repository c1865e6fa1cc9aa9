"""python -m benchmarks compare A.json B.json [--force]; python -m benchmarks show A.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare import DifferentMachinesError, compare
from benchmarks.results import UnreadableResultsError, read
from benchmarks.tables import markdown


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 wrong usage, unreadable files, or different machines without --force."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Look at results of `pytest benchmarks`.")
    commands = parser.add_subparsers(dest="command", required=True)
    comparison = commands.add_parser("compare", help="two files of one machine")
    comparison.add_argument("a", type=Path)
    comparison.add_argument("b", type=Path)
    comparison.add_argument("--force", action="store_true", help="even if the machines differ")
    show = commands.add_parser("show", help="the tables of one file")
    show.add_argument("file", type=Path)
    args = parser.parse_args(argv)
    try:
        if args.command == "compare":
            print(compare(read(args.a), read(args.b), args.force))
        else:
            print(markdown(read(args.file)))
    except (UnreadableResultsError, DifferentMachinesError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
