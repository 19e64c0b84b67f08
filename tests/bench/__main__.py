"""``python -m tests.bench``: throughput, delay, CPU and memory beside i2pd's, on one network.

Writes ``bench.json``, ``bench.txt`` and ``bench.svg`` into the directory of ``--out``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from core.base import native
from tests.bench import components
from tests.bench.fabric import (
    ALL_ROUTES,
    KINDS,
    PLAIN_ROUTES,
    SAME_ROUTES,
    TRANSPORTS,
    Fabric,
    loopback,
    running,
)
from tests.bench.network import Effort, NetworkBench, Results
from tests.bench.origin import OriginProcess
from tests.bench.picture import draw
from tests.bench.report import as_text
from tests.support.fetch_i2pd import installed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="result directory")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--rounds", type=int, help="rounds of every measurement (default 5)")
    parser.add_argument("--mixed", action="store_true", help="also our end with i2pd's end")
    parser.add_argument("--ssu2", action="store_true", help="only what is measured over SSU2")
    parser.add_argument("--first-octet", type=int, default=101, help="127.N.0.1 of first router")
    parser.add_argument("--components", action="store_true", help="only the cost of components")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    arguments = _arguments()
    if arguments.components:
        _say(components.as_text(components.measure_all(rounds=9)))
        return 0
    effort = Effort.quick() if arguments.quick else Effort()
    if arguments.rounds:
        effort = replace(effort, rounds=arguments.rounds)
    program = installed("sid")
    began = time.time()
    results = Results()
    routes = ALL_ROUTES if arguments.mixed else PLAIN_ROUTES
    for transport in ("ssu2",) if arguments.ssu2 else TRANSPORTS:
        with (
            tempfile.TemporaryDirectory(prefix="i2ptunnel-bench-") as folder,
            OriginProcess() as origin,
        ):
            fabric = Fabric(
                Path(folder),
                program,
                routes=SAME_ROUTES if transport == "ssu2" else routes,
                places=loopback(arguments.first_octet),
                transport=transport,
            )
            with running(fabric, dict.fromkeys(KINDS, origin.port)):
                if transport == "ssu2":
                    bench = NetworkBench(
                        fabric, effort, Path(folder), _say, results=results, case_prefix="SSU2, "
                    )
                    bench.run_transfers()
                else:
                    NetworkBench(fabric, effort, Path(folder), _say, results=results).run()
    about = {
        "python": f"{platform.python_version()}, {Path(sys.executable).resolve()}",
        "router code": native.description(),
        "i2pd": program.version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "began": time.strftime("%Y-%m-%d %H:%M", time.gmtime(began)),
        "seconds": round(time.time() - began),
        "effort": asdict(effort),
    }
    columns = [route.name for route in routes]
    text = as_text(results, columns, about)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "bench.txt").write_text(text)
    document = {"about": about, **results.as_json()}
    (arguments.out / "bench.json").write_text(json.dumps(document, indent=1))
    (arguments.out / "bench.svg").write_text(draw(results, columns, about))
    _say(text)
    _say(f"written to {arguments.out}/bench.txt, bench.json and bench.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
