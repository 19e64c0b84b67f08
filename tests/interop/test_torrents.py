"""The torrent client of two appliances, among real routers; and qBittorrent at our SAM."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Network
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.origin import body_of
from tests.support.torrents import magnet_of, make_torrent

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

TWO_HOPS = {"length": 2, "quantity": 2}
SECTION: dict[str, Any] = {"inbound": TWO_HOPS, "outbound": TWO_HOPS}


def torrents(appliance: Appliance, *words: str) -> str:
    """``i2ptunnel torrents …``, which must succeed."""
    done = run_command("torrents", *words, "--data-dir", str(appliance.data_dir), timeout_s=80)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listed(appliance: Appliance) -> dict[str, Any]:
    """The only torrent there is; empty if the client has none, or is starting."""
    status = appliance.status()
    found = (status or {}).get("torrents") or {}
    return next(iter(found.get("torrents") or ()), {})


def configure(appliance: Appliance, section: dict[str, Any] | None) -> None:
    appliance.config["torrents"] = section
    appliance.write_config()
    done = run_command("reload", "-c", str(appliance.config_file), timeout_s=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def clients(network: Network) -> Iterator[tuple[Appliance, Appliance]]:
    """``ours`` and ``other``, with torrent clients."""
    pair = network.ours, network.other
    try:
        for appliance in pair:
            configure(appliance, SECTION)
        yield pair
    finally:
        for appliance in pair:
            configure(appliance, None)
        network.tracker.swarms.clear()


def seed(network: Network, appliance: Appliance, folder: Path, size: int) -> bytes:
    """Have an appliance serve a film; the torrent."""
    url = f"http://{network.tracker_site}/announce"
    made = make_torrent(appliance.data_dir / "downloads", {"film.bin": body_of(size)}, [url])
    (folder / "film.torrent").write_bytes(made)
    torrents(appliance, "add", str(folder / "film.torrent"))
    wait_until("the seed announces", lambda: len(network.tracker.swarms) > 0, 90)
    return made


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "size", [2_000_000, pytest.param(50_000_000, marks=pytest.mark.slow)], ids=["2 MB", "50 MB"]
)
def test_between_two_appliances(
    network: Network, clients: tuple[Appliance, Appliance], tmp_path: Path, size: int
) -> None:
    """By magnet link; the worker is killed on the way, and paused on what has come."""
    ours, other = clients
    made = seed(network, other, tmp_path, size)
    began = time.monotonic()
    torrents(ours, "add", magnet_of(made))
    wait_until("some of it is there", lambda: listed(ours).get("done", 0) > size // 4, 200, 0.05)
    status = ours.status()
    assert status is not None
    os.kill(status["torrents"]["pid"], signal.SIGKILL)
    wait_until("it is there", lambda: listed(ours).get("state") == "seeding", 240)
    took = time.monotonic() - began
    print(f"\n{size / took / 1e6:.2f} MB/s in {took:.1f} s, with a killed worker")
    film = ours.data_dir / "downloads/film.bin"
    assert hash_of(film) == hash_of(other.data_dir / "downloads/film.bin")
    assert film.stat().st_mode & 0o777 == 0o600
    status = ours.status()
    assert status is not None
    assert status["torrents"]["worker"]["retries"] == 1
    one = json.loads(torrents(ours, "list", "--json"))[0]
    torrents(ours, "pause", one["id"][:8])
    wait_until("it is paused", lambda: listed(ours)["state"] == "paused", 20)
    torrents(ours, "remove", "--data", "film.bin")
    wait_until("it is gone", lambda: not listed(ours), 20)
    assert not film.exists()
