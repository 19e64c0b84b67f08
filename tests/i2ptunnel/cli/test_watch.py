"""The live view: rates from two looks, and frames that fit any terminal."""

from __future__ import annotations

import io
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.cli.main import main
from i2ptunnel.cli.watch import Rates, bars, frame, watch


def status(got: int = 0, sent: int = 0, tunnels: int = 1, **router: Any) -> dict[str, Any]:
    return {
        "state": "ready",
        "reason": None,
        "remedy": None,
        "uptime_s": 90.0,
        "pid": 7,
        "version": "1",
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
            "links": {"inbound": 1, "outbound": 2},
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
            "reachability": {"transports": {"ntcp2/ipv4": "ok", "ssu2/ipv6": "disabled"}},
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


def test_a_frame_says_what_goes_on() -> None:
    rates = Rates()
    rates.add(status(), 0.0)
    text = "\n".join(frame(status(), rates, 120, 40))
    for words in ("ready  up 1m30s", "1.0 kB/s", "50 % of builds", "ntcp2/ipv4 ok", "web0"):
        assert words in text
    assert "ssu2/ipv6" not in text
    over = {"address": "h:7654", "ready": 1, "sessions": 2}
    assert "1 of 2 sessions" in "\n".join(frame(status(i2cp=over), rates, 120, 40))


def test_no_frame_is_larger_than_the_terminal_or_obeys_what_it_shows() -> None:
    rates = Rates()
    rates.add(status(tunnels=200), 0.0)
    for width, height in ((120, 30), (20, 5), (1, 1)):
        lines = frame(status(tunnels=200), rates, width, height)
        assert len(lines) <= height and max(map(len, lines)) <= width
        assert not any("\x1b" in line for line in lines)
    assert "further lines" in frame(status(tunnels=200), rates, 120, 30)[-1]


def test_bars() -> None:
    assert bars(deque([0.0, 4.0, 8.0]), 8.0) == "▁▅█"
    assert bars(deque([0.0]), 0.0) == "▁"


def test_the_terminal_is_as_before_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    looks = iter([status(1), status(2)])

    def look() -> dict[str, Any]:
        found = next(looks, None)
        if found is None:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        watch(look)
    text = out.getvalue()
    assert text.startswith("\x1b[?1049h") and text.endswith("\x1b[?1049l")
    assert text.count("web0") == 2


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
