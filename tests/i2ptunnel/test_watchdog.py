"""The watchdog is the event loop's own: while that stands still, systemd hears nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from i2ptunnel.demo import free_port

INTERVAL_S = 1.0
#: longer than systemd waits
BLOCKED_S = 2 * INTERVAL_S

#: the program, in whose loop something blocks a second after it is up
_CHILD = """
import asyncio, sys, time
from pathlib import Path
from i2ptunnel.app import App
from i2ptunnel.config.loader import load, read_source

class Blocked(App):
    async def _until_stopped(self):
        asyncio.get_running_loop().call_later(1, time.sleep, float(sys.argv[2]))
        await super()._until_stopped()

loaded = load([read_source(Path(sys.argv[1]))])
asyncio.run(Blocked(loaded, lambda: loaded).run())
"""


@pytest.mark.long
def test_a_blocked_loop_is_silent_for_longer_than_systemd_waits(tmp_path: Path) -> None:
    place = "127.78.7.6"
    router = {
        "data_dir": "data",
        "network_id": 78,
        "bind": place,
        "port": free_port(place, 0),
        "reseed": {"enabled": False},
        "time": {"ntp": False},
    }
    (tmp_path / "i.yaml").write_text(yaml.safe_dump({"router": router}))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path / "i.yaml"), str(BLOCKED_S)],
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": str(int(INTERVAL_S * 1_000_000)),
            },
        )
        try:
            while not systemd.recv(4096).startswith(b"READY=1"):
                pass
            gaps = []
            heard = began = time.monotonic()
            while heard - began < 1 + BLOCKED_S + 2 * INTERVAL_S:
                if systemd.recv(4096) == b"WATCHDOG=1":
                    gaps.append(time.monotonic() - heard)
                    heard = time.monotonic()
        finally:
            child.kill()
            child.wait()
    # It beats at half the time, stops with the loop, and beats again.
    assert max(gaps) > BLOCKED_S - 0.1 > INTERVAL_S, gaps
    assert sorted(gaps)[len(gaps) // 2] < INTERVAL_S and len(gaps) >= 5, gaps
