"""By hand: ``python -m tests.fuzz --inputs 1000000 [part of a name …]``."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.runner import run
from tests.fuzz.table import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each parser")
    parser.add_argument("names", nargs="*", help="only parsers with one of these in their name")
    arguments = parser.parse_args()
    wanted = [name.lower() for name in arguments.names]
    failed = 0
    for target in TARGETS:
        if wanted and not any(name in target.name for name in wanted):
            continue
        began = time.monotonic()
        report = run(target, arguments.inputs)
        print(
            f"{target.name:36} {report.inputs:8} inputs {time.monotonic() - began:7.1f} s"
            f"  taken {report.accepted:7}  slowest {report.slowest_s * 1000:5.1f} ms"
            f"  memory {report.growth_mb:+6.1f} MB",
            flush=True,
        )
        for fault in report.faults:
            print("   ", fault)
        failed += bool(report.faults)
    return 1 if failed else 0


sys.exit(main())
