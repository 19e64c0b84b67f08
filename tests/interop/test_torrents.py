"""The torrent client of two appliances, among real routers; and qBittorrent at our SAM."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import SAM_PORT, Network
from tests.support import fetch_sam
from tests.support.appliance import Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.origin import body_of
from tests.support.qbittorrent import QBittorrent
from tests.support.torrents import magnet_of, make_torrent

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

_PROGRAM = Path(__file__).parents[1] / "support/torrent_program.py"
TWO_HOPS = {"length": 2, "quantity": 2}
SECTION: dict[str, Any] = {"inbound": TWO_HOPS, "outbound": TWO_HOPS}


def torrents(appliance: Appliance, *words: str) -> str:
    """``i2ptunnel torrents …``, which must succeed."""
    done = run_command("torrents", *words, "--data-dir", str(appliance.data_dir), timeout_s=80)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def client(appliance: Appliance) -> dict[str, Any]:
    """What the status says of the torrent client."""
    status = appliance.status()
    return (status or {}).get("torrents") or {}


def listed(appliance: Appliance) -> dict[str, Any]:
    """The only torrent there is; empty if the client has none, or is starting."""
    return next(iter(client(appliance).get("torrents") or ()), {})


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
            for one in json.loads(torrents(appliance, "list", "--json")):
                torrents(appliance, "remove", "--data", one["id"])
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
    torrents(ours, "limits", "--download", f"{size // 4000}KB/s")
    began = time.monotonic()
    torrents(ours, "add", magnet_of(made))
    wait_until("some of it is there", lambda: listed(ours).get("done", 0) > size // 4, 200, 0.05)
    assert listed(ours)["done"] < size
    os.kill(client(ours)["pid"], signal.SIGKILL)
    wait_until("another worker runs", lambda: client(ours)["worker"]["retries"] == 1, 60)
    wait_until("it has the torrent", lambda: listed(ours), 60)
    torrents(ours, "limits", "--download", "0")
    wait_until("it is there", lambda: listed(ours).get("state") == "seeding", 240)
    took = time.monotonic() - began
    print(f"\n{size / took / 1e6:.2f} MB/s in {took:.1f} s, with a killed worker")
    film = ours.data_dir / "downloads/film.bin"
    assert hash_of(film) == hash_of(other.data_dir / "downloads/film.bin")
    assert film.stat().st_mode & 0o777 == 0o600
    one = json.loads(torrents(ours, "list", "--json"))[0]
    torrents(ours, "pause", one["id"][:8])
    wait_until("it is paused", lambda: listed(ours)["state"] == "paused", 20)
    torrents(ours, "remove", "--data", "film.bin")
    wait_until("it is gone", lambda: not listed(ours), 20)
    assert not film.exists()


@pytest.mark.slow
def test_qbittorrent_at_our_sam(
    network: Network, clients: tuple[Appliance, Appliance], tmp_path: Path
) -> None:
    """Set up to the letter of the guide, it downloads from the built-in client."""
    ours, other = clients
    seed(network, other, tmp_path, 4_000_000)
    program = QBittorrent(tmp_path / "q", (ours.address, SAM_PORT), 18_099)

    def has_all() -> bool:
        return [one["progress"] for one in program.torrents()] == [1]

    try:
        program.start(tmp_path / "film.torrent")
        wait_until("qBittorrent has it", has_all, 240, 0.5)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{program.torrents()}\n{program.log}") from None
    finally:
        program.stop()
    film = program.downloads / "film.bin"
    assert hash_of(film) == hash_of(other.data_dir / "downloads/film.bin")


# libtorrent's own programs over SAM


@dataclass
class Torrent:
    """Two libtorrent programs with one torrent."""

    folder: Path
    size: int
    tracker: str

    def make(self) -> Path:
        (self.folder / "leech").mkdir(parents=True)
        made = self.folder / "film.torrent"
        made.write_bytes(
            make_torrent(self.folder / "seed", {"film.bin": body_of(self.size)}, [self.tracker])
        )
        return made

    def start(self, mode: str, address: str, made: Path) -> subprocess.Popen[bytes]:
        words = [mode, f"{address}:{SAM_PORT}", str(made), str(self.folder / mode)]
        with (self.folder / f"{mode}.log").open("wb") as log:
            return subprocess.Popen(
                [fetch_sam.python(), str(_PROGRAM), *words], stdout=log, stderr=subprocess.STDOUT
            )

    def log(self, mode: str) -> str:
        return (self.folder / f"{mode}.log").read_text()[-6000:]


def transfer(network: Network, folder: Path, size: int, seeding: str, leeching: str) -> float:
    """The seconds that a torrent takes from a program at one bridge to one at another."""
    torrent = Torrent(folder, size, f"http://{network.tracker_site}/announce")
    made = torrent.make()
    programs = [torrent.start("seed", seeding, made)]
    try:
        wait_until("the seed announces", lambda: len(network.tracker.swarms) > 0, 90)
        began = time.monotonic()
        programs.append(torrent.start("leech", leeching, made))
        assert programs[1].wait(400) == 0
        took = time.monotonic() - began
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise AssertionError(f"{error}\n{torrent.log('seed')}\n{torrent.log('leech')}") from None
    finally:
        for program in programs:
            program.kill()
            program.wait()
        network.tracker.swarms.clear()
    assert hash_of(folder / "leech/film.bin") == hash_of(folder / "seed/film.bin")
    print(f"\n{size / took / 1e6:.2f} MB/s in {took:.1f} s from {seeding} to {leeching}")
    return took


def test_a_torrent_between_two_routers(network: Network, tmp_path: Path) -> None:
    transfer(network, tmp_path, 4_000_000, network.other.address, network.ours.address)
    status = network.ours.status()
    assert status is not None
    assert status["interfaces"]["sam"]["streams_total"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_over_our_sam_it_is_no_slower_than_over_i2pds(network: Network, tmp_path: Path) -> None:
    """50 MB in one run, each twice and the better one: machines have other things to do."""
    ours = network.other.address, network.ours.address
    theirs = network.i2pd_server.address, network.i2pd_proxy.address

    def best(name: str, pair: tuple[str, str]) -> float:
        folders = (tmp_path / f"{name}{number}" for number in range(2))
        return min(transfer(network, folder, 50_000_000, *pair) for folder in folders)

    assert best("ours", ours) <= best("theirs", theirs) * 1.05


@pytest.mark.slow
@pytest.mark.parametrize("is_seed_ours", [True, False], ids=["from ours", "to ours"])
def test_with_i2pds_sam_at_the_other_end(
    network: Network, tmp_path: Path, is_seed_ours: bool
) -> None:
    pair = network.other.address, network.i2pd_proxy.address
    transfer(network, tmp_path, 20_000_000, *(pair if is_seed_ours else reversed(pair)))
