"""Where the time goes: py-spy on the processes of one route while it is saturated.

``python -m tests.bench.profiles [--streams N] [--seconds S] [--top N] [--lines]`` needs ``py-spy``
in the venv (installed by hand; it is no dependency). *self* is time in the function itself and in
the C code it calls.

Samples count only while the interpreter lock is held. py-spy samples wall time, and when all cores
are busy a process loses its core mostly inside ``send``: without that rule system calls would seem
to cost several times what they do. How much the kernel takes, ``perf`` tells.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from tests.bench import load
from tests.bench.fabric import (
    KINDS,
    TRANSPORTS,
    Fabric,
    Node,
    Route,
    loopback,
    pid_of,
    running,
)
from tests.bench.origin import OriginProcess
from tests.support.fetch_i2pd import installed

_RATE = 400
ROLES = ("sender", "participant out", "outbound endpoint", "inbound gateway", "receiver")


def _py_spy() -> str:
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise SystemExit("py-spy is missing: pip install py-spy")
    return found


def record(pid: int, seconds: int, folder: Path, *, lines: bool) -> list[tuple[list[str], int]]:
    """Collapsed stacks and their samples."""
    out = folder / f"{pid}.raw"
    command = [_py_spy(), "record", "-p", str(pid), "-d", str(seconds), "-r", str(_RATE)]
    command += ["--gil", "-f", "raw", "-o", str(out)]
    if not lines:
        command.append("-F")
    subprocess.run(command, check=True, capture_output=True)
    stacks = []
    for line in out.read_text().splitlines():
        text, _, count = line.rpartition(" ")
        stack = text.split(";")
        stacks.append((stack, int(count)))
    return stacks


def top(stacks: list[tuple[list[str], int]], count: int) -> list[str]:
    """Lines of text: share by itself, share with callees, function."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for stack, samples in stacks:
        total += samples
        own[stack[-1]] += samples
        for frame in set(stack):
            whole[frame] += samples
    lines = [f"  {'self %':>7} {'total %':>8}  function"]
    for frame, samples in own.most_common(count):
        share, with_callees = 100 * samples / total, 100 * whole[frame] / total
        lines.append(f"  {share:7.1f} {with_callees:8.1f}  {frame}")
    return lines


class _Load:
    """Transfers again and again until closed."""

    def __init__(self, fabric: Fabric, route: Route, streams: int, path: str) -> None:
        self._fabric, self._route, self._streams, self._path = fabric, route, streams, path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            load.transfer(self._fabric.address_of(self._route), self._path, streams=self._streams)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profiles", description=__doc__)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--lines", action="store_true", help="by source line")
    parser.add_argument("--path", default="/bytes/5000000", help="what is downloaded")
    parser.add_argument("--hops", default="ours", choices=("ours", "i2pd"))
    parser.add_argument("--transport", default="ntcp2", choices=TRANSPORTS)
    parser.add_argument("--first-octet", type=int, default=121)
    arguments = parser.parse_args()
    route = Route("ours", "ours", arguments.hops)
    with tempfile.TemporaryDirectory(prefix="i2ptunnel-bench-") as name, OriginProcess() as origin:
        folder = Path(name)
        fabric = Fabric(
            folder,
            installed("sid"),
            routes=[route],
            places=loopback(arguments.first_octet),
            transport=arguments.transport,
        )
        with running(fabric, dict.fromkeys(KINDS, origin.port)):
            load.wait_for_page(fabric.address_of(route))
            roles: dict[str, Node] = fabric.roles(route, upload=False)
            with _Load(fabric, route, arguments.streams, arguments.path):
                for role in ROLES:
                    if roles[role].kind != "ours":
                        continue
                    stacks = record(
                        pid_of(roles[role]), arguments.seconds, folder, lines=arguments.lines
                    )
                    print(f"{role}:")
                    print("\n".join(top(stacks, arguments.top)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
