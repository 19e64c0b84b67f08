"""The live view: rates from two looks, and frames that fit any terminal."""

from __future__ import annotations

import asyncio
import codecs
import fcntl
import io
import json
import os
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from i2ptunnel.app import CONTROL_SOCKET
from i2ptunnel.cli.main import main
from i2ptunnel.cli.watch import Rates, bars, screen
from i2ptunnel.control import ControlServer


def status(got: int = 0, sent: int = 0, tunnels: int = 1, **router: Any) -> dict[str, Any]:
    return {
        "state": "ready",
        "reason": None,
        "remedy": None,
        "uptime_s": 90.0,
        "pid": 7,
        "version": "1",
        "data_dir": "/d",
        "reseed": {"state": "idle", "last_error": None, "next_in_s": None},
        "naming": {"error": "no names"},
        "services": {},
        "tunnels": [
            {
                "name": f"web{number}",
                "type": "httpclient",
                "state": "running",
                "connections_open": 3,
                "bytes_from_i2p": got,
                "bytes_to_i2p": sent,
                "last_error": "it broke\x1b[2J" if number else None,
            }
            for number in range(tunnels)
        ],
        "router": {
            "routers": 900,
            "floodfills": 90,
            "floodfill": False,
            "floodfill_why": "it is hidden",
            "hidden": {"hidden": True, "why": "hidden is set"},
            "published": [],
            "introducers": 0,
            "port_mapping": {"mapped": [], "reason": None},
            "clock": {"warning": None},
            "bytes_received": 0,
            "bytes_sent": 0,
            "links": {"inbound": 1, "outbound": 2, "ntcp2": 3, "ssu2": 0, "hybrid": 0},
            "builds_started": 10,
            "builds_succeeded": 5,
            "transit_tunnels": 4,
            "bandwidth": {
                "inbound_bytes_s": 1000.0,
                "outbound_bytes_s": 2000.0,
                "transit_bytes_s": 10.0,
                "limit_inbound_bytes_s": 4_000_000,
                "limit_outbound_bytes_s": 4_000_000,
            },
            "reachability": {
                "transports": {"ntcp2/ipv4": "ok", "ssu2/ipv6": "disabled"},
                "why": "?",
            },
            **router,
        },
    }


def test_rates_of_tunnels_are_the_difference_of_two_looks() -> None:
    rates = Rates()
    rates.add(status(1000, 500), 10.0)
    assert rates.tunnels == {}
    rates.add(status(5000, 500), 12.0)
    assert rates.tunnels == {"web0": (2000.0, 0.0)}
    # A tunnel that was started anew counts from zero: never a rate below it.
    rates.add(status(0, 0), 14.0)
    assert rates.tunnels == {"web0": (0.0, 0.0)}
    assert list(rates.history["in"]) == [1000.0] * 3


def lines_of(now: dict[str, Any], width: int = 120, height: int = 40) -> list[str]:
    """What a terminal of this size shows, without colours."""
    rates = Rates()
    rates.add(now, 0.0)
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, markup=False, emoji=False)
    console.print(screen(now, rates, height))
    return out.getvalue().splitlines()


def test_a_screen_says_what_goes_on() -> None:
    text = "\n".join(lines_of(status()))
    for words in ("ready  up 1m30s", "1.0 kB/s", "50 % of builds", "ntcp2/ipv4 ok", "web0"):
        assert words in text
    assert "ssu2/ipv6" not in text
    over = {"address": "h:7654", "ready": 1, "sessions": 2}
    assert "1 of 2 sessions" in "\n".join(lines_of(status(i2cp=over)))


def test_no_screen_is_larger_than_the_terminal_or_obeys_what_it_shows() -> None:
    for width, height in ((120, 30), (20, 12)):
        lines = lines_of(status(tunnels=200), width, height)
        assert len(lines) == height and max(map(len, lines)) <= width
        assert not any("\x1b" in line for line in lines)
    lines = lines_of(status(tunnels=200), 120, 30)
    assert lines[-1] == "… and 179 further tunnels" and "it broke\\x1b[2J" in lines[-2]
    assert len(lines_of(status(tunnels=200), 1, 1)) < 20
    assert "[red]:smile:" in "\n".join(lines_of(status() | {"reason": "[red]:smile:"}))


def test_bars() -> None:
    assert bars(deque([0.0, 4.0, 8.0]), 8.0) == "▁▅█"
    assert bars(deque([0.0]), 0.0) == "▁"


_BOUND_S = 30.0


class Terminal:
    """``status --watch`` in a pseudo-terminal, of a program whose status is ours."""

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        # A read may end within a character.
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        ours, theirs = os.openpty()
        self._ours = ours
        self.resize(24, 100)
        words = ("status", "--watch", "--data-dir", str(data_dir), *options)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "i2ptunnel", *words],
            env=os.environ | {"TERM": "xterm-256color", "NO_COLOR": "", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=partial(fcntl.ioctl, theirs, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.text = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, words: str, times: int = 1) -> str:
        """All that came so far, with these words so often."""
        until = time.monotonic() + _BOUND_S
        while self.text.count(words) < times:
            if time.monotonic() > until or not select.select([self._ours], [], [], _BOUND_S)[0]:
                self._process.kill()
                raise TimeoutError(f"no {words!r}: {self.wait()}, {self.text[-3000:]!r}")
            self.text += self._decode(os.read(self._ours, 65536))
        return self.text

    def interrupt(self) -> int:
        """As ^C does; the exit status."""
        os.write(self._ours, b"\x03")
        return self.wait()

    def wait(self) -> int:
        """The exit status."""
        with suppress(OSError):  # the other end has been closed
            while more := os.read(self._ours, 65536):
                self.text += self._decode(more)
        os.close(self._ours)
        return self._process.wait(20)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Of a program that runs in another thread; its traffic grows from look to look."""
    looks = count(1)

    async def next_status(_: dict[str, Any]) -> dict[str, Any]:
        return status(next(looks) * 1_000_000, tunnels=30)

    async def serve() -> None:
        server = ControlServer(tmp_path / CONTROL_SOCKET, {"status": next_status})
        await server.start()
        started.set()
        await ended.wait()
        await server.stop()

    loop, started, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    yield tmp_path
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    loop.close()


@pytest.mark.long
def test_on_a_terminal(data_dir: Path) -> None:
    """Its own size counts, not what a parent with readline left in the environment."""
    terminal = Terminal(data_dir, COLUMNS="80", LINES="24")
    text = terminal.read_until("further tunnels", 2)
    assert text.index("\x1b[?1049h") < text.index("web0") and "\x1b[?25l" in text
    assert "\x1b[32mrunning" in text and "\x1b[1mtunnel" in text
    assert "further tunnels" in text and "web29" not in text
    assert re.search(r"web0 .* [1-9][0-9.]* kB/s", text), "the rate of two looks"
    terminal.resize(60, 100)
    terminal.read_until("web29")
    assert terminal.interrupt() == 0
    assert terminal.text.rstrip().endswith("\x1b[?25h\x1b[?1049l")
    assert "Traceback" not in terminal.text


def test_a_terminal_without_colours(data_dir: Path) -> None:
    terminal = Terminal(data_dir, NO_COLOR="1")
    text = terminal.read_until("further tunnels")
    assert "\x1b[?1049h" in text and not re.search("\x1b\\[[0-9;]*m", text)
    assert terminal.interrupt() == 0


@pytest.mark.parametrize(("options", "more"), [(["--json"], {}), ([], {"TERM": "dumb"})])
def test_a_terminal_that_gets_plain_lines(
    data_dir: Path, options: list[str], more: dict[str, str]
) -> None:
    terminal = Terminal(data_dir, *options, **more)
    text = terminal.read_until("web29")
    assert "\x1b" not in text.replace("\\u001b", "")
    assert terminal.interrupt() == 0


@pytest.mark.long
def test_the_terminal_is_as_before_when_the_program_ends(data_dir: Path) -> None:
    terminal = Terminal(data_dir)
    terminal.read_until("web0")
    os.unlink(data_dir / CONTROL_SOCKET)
    assert terminal.wait() == 4
    screens, _, after = terminal.text.partition("\x1b[?1049l")
    assert "web0" in screens and "not running" in after


def test_a_program_that_watches_gets_one_line_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [{"state": "building"}, {"state": "ready"}]

    def next_answer(*_: object) -> dict[str, str]:
        if not answers:
            raise KeyboardInterrupt
        return answers.pop(0)

    monkeypatch.setattr("i2ptunnel.cli.status.ask", next_answer)
    monkeypatch.setattr("i2ptunnel.cli.status.INTERVAL_S", 0)
    main(["status", "--watch", "--json", "--data-dir", str(tmp_path)])
    states = [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()]
    assert states == ["building", "ready"]
