"""Nothing goes around I2P: addresses of all kinds by HTTP, CONNECT, SOCKS 4a and 5, and Chromium.

All of it in a closed and watched network (:mod:`tests.support.leak_run`): no name server is asked
and nothing is sent to anybody but other routers and the services on this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.leak_run import addresses

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

NOT_ALLOWED, NO_HOST, SOCKS4_REFUSED = "2", "4", "91"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What one run brought; see the module it runs."""
    root: Path = tmp_path_factory.mktemp("leaks")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.leak_run", str(root)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    yield json.loads(done.stdout)


def test_the_watch_sees_names_packets_and_connections(run: dict[str, Any]) -> None:
    control = run["control"]
    assert control["names"] == ["seen.example"]
    assert any(sent.endswith(" 17 53") for sent in control["sent"])
    assert {"2001:db8::2 17 9", "203.0.113.2 6 80"} <= set(control["sent"])
    assert run["lost"] == 0


@pytest.mark.parametrize("way", ["ask_http", "ask_connect"])
def test_http(run: dict[str, Any], way: str) -> None:
    answers = run[way]["answers"]
    assert len(answers) == len(addresses()) >= 100
    assert set(answers.values()) <= {"400", "403", "502", "503"}, answers
    assert answers["localhost"] == answers["[::]:8443"] == "403"
    _nothing_left(run[way])


def test_socks5(run: dict[str, Any]) -> None:
    """CONNECT and RESOLVE."""
    answers = run["ask_socks5"]["answers"]
    assert len(answers) == len(addresses())
    assert set(answers.values()) <= {f"{NOT_ALLOWED} {NOT_ALLOWED}", f"{NO_HOST} {NO_HOST}"}
    _nothing_left(run["ask_socks5"])


def test_socks4a(run: dict[str, Any]) -> None:
    answers = run["ask_socks4a"]["answers"]
    assert len(answers) == len(addresses())
    assert set(answers.values()) == {SOCKS4_REFUSED}
    _nothing_left(run["ask_socks4a"])


@pytest.mark.parametrize("way", ["chromium_http", "chromium_socks"])
def test_chromium_set_up_as_our_page_tells(run: dict[str, Any], way: str) -> None:
    """A page tries all it can: images, frames, fetch, WebSocket, prefetching, beacons, WebRTC."""
    assert run[way]["tried"] > run[way]["refused"] > 100
    _nothing_left(run[way])


def _nothing_left(found: dict[str, Any]) -> None:
    assert found["sent"] == []
    assert found["names"] == []
    assert found["seen"] > 0
