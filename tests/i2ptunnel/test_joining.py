"""What a terminal shows while the router joins the network, and that nothing else sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from i2ptunnel import joining
from i2ptunnel.demo import free_port
from i2ptunnel.health import Facts, I2cpFacts, ReseedFacts
from i2ptunnel.joining import joining_line, show_joining
from i2ptunnel.netdb_files import keep_for_next_start
from tests.support.appliance import Appliance
from tests.support.deterministic import SeededEntropy
from tests.support.netdb_network import build_router_info

KNOWN = {"routers": 80, "links": 3, "builds_started": 9, "builds_succeeded": 4, "tunnels": 2}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            Facts(**KNOWN, tunnels_ready=1),
            "joining: 80 routers, 3 connected, 4 of 9 builds, 1 of 2 tunnels ready",
        ),
        (Facts(i2cp=I2cpFacts("a:1"), tunnels=2), "joining by a:1: 0 of 2 tunnels ready"),
        (Facts(reseed=ReseedFacts(is_running=True)), ""),
        (Facts(**KNOWN, is_stopping=True), ""),
        (Facts(), ""),  # nobody is known: the log says what helps
        (Facts(**KNOWN, clock_skew_s=900), ""),
    ],
)
def test_the_line(facts: Facts, line: str) -> None:
    assert joining_line(facts) == line
    assert len(line) < 80


def test_it_goes_on_until_ready_and_leaves_the_reseedings_line_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joining, "_EVERY_S", 0.0)
    course = iter(
        [
            Facts(reseed=ReseedFacts(is_running=True)),
            Facts(**KNOWN),
            Facts(**KNOWN, tunnels_ready=1),
            Facts(**KNOWN, tunnels_ready=2),
        ]
    )
    shown: list[str] = []
    asyncio.run(show_joining(lambda: next(course), shown.append))
    assert [one.rpartition(", ")[2] for one in shown] == [
        "0 of 2 tunnels ready",
        "1 of 2 tunnels ready",
        "",
    ]


def test_a_terminal_has_it_and_a_file_has_not(tmp_path: Path) -> None:
    """One router is known that nobody runs, so it stays at that."""
    place = "127.78.7.21"
    tunnels = {"web": {"type": "httpclient", "listen": f"unix:{tmp_path}/web"}}
    program = Appliance(tmp_path, place, free_port(place, 0), tunnels)
    program.write_config()
    program.data_dir.mkdir(mode=0o700)
    stranger = build_router_info(
        PrivateKeys.generate_router(SeededEntropy("stranger")), int(time.time() * 1000) - 3600_000
    )
    keep_for_next_start(program.data_dir, [stranger])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "i2ptunnel", "run", "-c", str(program.config_file)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    seen = b""
    try:
        with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            while b"0 of 1 tunnels ready" not in seen:
                seen += terminal.read(4096)
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(OSError):  # how a terminal without a program ends
                while True:
                    seen += terminal.read(4096)
    finally:
        process.kill()
        process.wait(20)
    assert b"joining: 1 routers, 0 connected, 0 of " in seen
    assert b"\r\x1b[K" in seen.rpartition(b"tunnels ready")[2]
    program.start()
    program.wait_up()
    program.stop()
    assert "tunnels ready" not in program.log and "\x1b" not in program.log
