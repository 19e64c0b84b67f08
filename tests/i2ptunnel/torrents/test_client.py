"""The torrent client with real workers: two of them, over sessions that are joined in memory."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.services import Services
from i2ptunnel.torrents.client import Limits, TorrentClient
from i2ptunnel.torrents.process import TorrentRefused
from tests.support.origin import body_of
from tests.support.sam_bridge import SamNetwork
from tests.support.torrents import (
    TRACKER,
    first_path,
    magnet_of,
    make_torrent,
    tracker,
    until,
    write_torrent,
)

FILM = body_of(700_000)
NAMES = ["one", "two"]


def drive(work: Coroutine[Any, Any, None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(100):
            await work

    asyncio.run(run())


class Side:
    """A torrent client and where its things are."""

    def __init__(self, network: SamNetwork, root: Path) -> None:
        self.root = root
        self.downloads = root / "downloads"
        self.state = root / "torrents"
        self.client = TorrentClient(
            root, network, network.naming, ConnectionBudget(), retry_first_s=0.05
        )
        self.services = Services(retry_first_s=0.05)

    async def start(self, **options: Any) -> None:
        await self.services.apply({"torrents": self.client.wanted(TorrentsSection(**options))})
        await self.client.apply_limits()

    def torrent(self) -> dict[str, Any]:
        (one,) = self.client.list()
        return one

    def state_of(self) -> str | None:
        torrents = self.client.list() if self.client.is_running else []
        return torrents[0]["state"] if torrents else None

    @property
    def pid(self) -> int:
        snapshot = self.client.snapshot()
        assert snapshot is not None
        return int(snapshot["pid"] or 0)


@asynccontextmanager
async def side(network: SamNetwork, root: Path, **options: Any) -> AsyncIterator[Side]:
    one = Side(network, root)
    try:
        await one.start(**options)
        yield one
    finally:
        await one.services.stop()


@asynccontextmanager
async def film(
    root: Path, **options: Any
) -> AsyncIterator[tuple[bytes, dict[bytes, dict[bytes, None]], Side, Side]]:
    """A torrent of FILM, the tracker's swarms, a side that has the file and one that has not.

    ``options``: of the second side.
    """
    network = SamNetwork(root)
    (root / "a/downloads").mkdir(parents=True)
    torrent = make_torrent(root / "a/downloads", {"film.bin": FILM}, [TRACKER])
    async with (
        tracker(network) as swarms,
        side(network, root / "a") as seed,
        side(network, root / "b", **options) as leech,
    ):
        yield torrent, swarms, seed, leech


def test_a_torrent_goes_from_one_to_the_other(tmp_path: Path) -> None:
    """By magnet link, so that metadata, too, comes from the peer."""

    async def run() -> None:
        async with film(tmp_path) as (torrent, swarms, seed, leech):
            await seed.client.add(file=torrent)
            await until("it seeds", lambda: seed.state_of() == "seeding")
            await until("it announces", lambda: len(swarms) > 1)
            added = await leech.client.add(magnet=magnet_of(torrent))
            assert added["trackers"] == 1
            await until("it is there", lambda: leech.state_of() == "seeding")
            assert (leech.downloads / "film.bin").read_bytes() == FILM
            one = leech.torrent()
            assert (one["id"], one["name"]) == (added["id"], "film.bin")
            assert one["size"] == one["done"] == len(FILM)
            # Trackers and peers are told nothing of us.
            requests = b"".join(swarms[b""]).lower()
            assert b"libtorrent" not in requests
            assert b"127.0.0.1" not in requests
            _modes_are_private(leech)
            snapshot = leech.client.snapshot()
            assert snapshot is not None
            assert snapshot["sam"]["bytes_from_i2p"] > len(FILM)

    drive(run())


def _modes_are_private(one: Side) -> None:
    for folder in (one.downloads, one.state):
        assert folder.stat().st_mode & 0o777 == 0o700
        for path in folder.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path


def test_what_leads_out_of_i2p_is_removed(tmp_path: Path) -> None:
    async def run() -> None:
        network = SamNetwork(tmp_path)
        trackers = [
            TRACKER,
            "http://tracker.example.com/a",
            "udp://tracker.i2p:80",
            "https://x.i2p/",
        ]
        torrent = make_torrent(
            tmp_path / "src", {"f": b"x" * 9}, trackers, web_seed="http://seeds.example.com/f"
        )
        link = magnet_of(torrent, "x.pe=192.0.2.1:6881", "ws=http://e.example/f")
        async with side(network, tmp_path / "a", trackers=("http://more.i2p/a",)) as one:
            added = await one.client.add(file=torrent)
            assert added["removed"] == {"trackers": 3, "web_seeds": 1}
            assert added["trackers"] == 2
            await one.client.remove(added["id"])
            added = await one.client.add(magnet=link)
            assert added["removed"] == {"trackers": 3, "web_seeds": 2, "peers": 1}
            with pytest.raises(TorrentRefused, match="no tracker in I2P"):
                other = make_torrent(tmp_path / "src", {"g": b"y"}, [])
                await one.client.add(file=other, trackers=("http://a.example.com/a",))

    drive(run())


def test_torrents_outlive_workers_and_the_service(tmp_path: Path) -> None:
    """One that is killed is started again with what it had, the paused one paused."""

    async def run() -> None:
        network = SamNetwork(tmp_path)
        (tmp_path / "a/downloads").mkdir(parents=True)
        made = {
            name: make_torrent(tmp_path / "a/downloads", {name: name.encode() * 99}, [TRACKER])
            for name in NAMES
        }
        async with side(network, tmp_path / "a") as one:
            for name in NAMES:
                await one.client.add(file=made[name])

            def states() -> dict[str, str]:
                if not one.client.is_running:
                    return {}
                return {torrent["name"]: torrent["state"] for torrent in one.client.list()}

            await one.client.pause("two")
            wanted = {"one": "seeding", "two": "paused"}
            await until("one is paused", lambda: states() == wanted)
            pids = {one.pid}
            for _ in range(2):
                os.kill(one.pid, signal.SIGKILL)
                await until("another worker", lambda: one.pid not in {0, *pids})
                pids.add(one.pid)
                await until("all is there", lambda: states() == wanted)
            snapshot = one.client.snapshot()
            assert snapshot is not None
            assert snapshot["worker"]["retries"] == 2
            await one.services.stop()
            assert one.client.snapshot() is None
            with pytest.raises(Unavailable, match="there is no torrent client"):
                one.client.list()
            await one.start()
            await until("all is there again", lambda: states() == wanted)
            await one.client.resume("two")
            await until("it goes on", lambda: states()["two"] == "seeding")

    drive(run())


def _saved(one: Side) -> Any:
    """What the disk has of its only torrent; None before there is something."""
    found = next(one.state.glob("*.resume"), None)
    return None if found is None else lt.read_resume_data(found.read_bytes())


@pytest.mark.long
@pytest.mark.parametrize("is_known", [False, True], ids=["before", "after"])
def test_a_worker_is_killed_when_metadata_comes(tmp_path: Path, is_known: bool) -> None:
    """What a magnet link did not say is learnt again, or saved and used: it goes on at once."""

    async def run() -> None:
        async with film(tmp_path, download_rate=100_000) as (torrent, swarms, seed, leech):
            await seed.client.add(file=torrent)
            await until("it announces", lambda: len(swarms) > 1)
            await leech.client.add(magnet=magnet_of(torrent))

            def is_time() -> bool:
                if is_known:
                    return _saved(leech).ti is not None
                return leech.torrent()["peers"] > 0

            await until("it is time", lambda: leech.client.list() and is_time())
            assert leech.torrent()["done"] < len(FILM)
            os.kill(leech.pid, signal.SIGKILL)
            await until("another worker", lambda: leech.state_of() is None)
            await until("it goes on", leech.state_of)
            await leech.client.limit(Limits(None, None, 20))
            await until("it is there", lambda: leech.state_of() == "seeding", 30)
            assert (leech.downloads / "film.bin").read_bytes() == FILM

    drive(run())


def test_private_torrents_ask_their_own_trackers_alone(tmp_path: Path) -> None:
    """BEP 27. Whether a magnet link is private is known with its metadata, and not before."""
    own = "http://own.i2p/a"
    no_pex, no_dht = lt.torrent_flags.disable_pex, lt.torrent_flags.disable_dht

    async def run() -> None:
        network = SamNetwork(tmp_path)
        (tmp_path / "a/downloads").mkdir(parents=True)
        public, private = (
            make_torrent(tmp_path / "a/downloads", {name: FILM}, [TRACKER], is_private=is_private)
            for name, is_private in (("public", False), ("private", True))
        )
        async with (
            tracker(network) as swarms,
            side(network, tmp_path / "a", trackers=(own,)) as seed,
            side(network, tmp_path / "b", trackers=(own,)) as leech,
        ):
            with pytest.raises(TorrentRefused, match="no trackers but its own"):
                await seed.client.add(file=private, trackers=("http://more.i2p/a",))
            assert (await seed.client.add(file=private))["trackers"] == 1
            saved = _saved(seed)
            assert (saved.trackers, saved.ti.priv()) == ([TRACKER], True)
            assert saved.flags & no_pex and saved.flags & no_dht
            await seed.client.remove("private")

            assert (await seed.client.add(file=public))["trackers"] == 2
            assert not _saved(seed).flags & no_pex
            await until("it announces", lambda: len(swarms) > 1)
            assert (await leech.client.add(magnet=magnet_of(public)))["trackers"] == 1
            saved = _saved(leech)
            assert (saved.trackers, saved.ti) == ([TRACKER], None)
            assert saved.flags & no_pex
            await until("it is there", lambda: leech.state_of() == "seeding")
            saved = _saved(leech)
            assert (saved.trackers, saved.ti.priv()) == ([TRACKER, own], False)
            assert saved.flags & no_dht and not saved.flags & no_pex

    drive(run())


def test_what_is_held_back_is_still_there_after_a_restart(tmp_path: Path) -> None:
    """A magnet link whose files turn out to have the name of another torrent's."""

    async def run() -> None:
        async with film(tmp_path) as (theirs, swarms, seed, leech):
            await seed.client.add(file=theirs)
            await until("it announces", lambda: len(swarms) > 1)
            for word in (b"x", b"y", b"z"):  # whose ID is lower makes no difference
                own = make_torrent(leech.downloads, {"film.bin": word * 99}, [])
                first = (await leech.client.add(file=own))["id"]
                second = (await leech.client.add(magnet=magnet_of(theirs)))["id"]
                wanted = {first: "seeding", second: "error"}

                def states() -> dict[str, str]:
                    return {one["id"]: one["state"] for one in leech.client.list()}

                await until("it is held back", lambda wanted=wanted: states() == wanted)
                await leech.services.stop()
                await leech.start()
                await until("it is, still", lambda wanted=wanted: states() == wanted)
                assert (leech.downloads / "film.bin").read_bytes() == word * 99
                await leech.client.remove(first)
                await leech.client.remove(second)

    drive(run())


def test_a_request_to_a_dead_worker_is_answered(tmp_path: Path) -> None:
    async def run() -> None:
        async with side(SamNetwork(tmp_path), tmp_path / "a") as one:
            os.kill(one.pid, signal.SIGKILL)
            with pytest.raises(Unavailable, match="torrent client"):
                await one.client.pause("none")

    drive(run())


def test_removing_with_files_and_without(tmp_path: Path) -> None:
    async def run() -> None:
        downloads = tmp_path / "a/downloads"
        downloads.mkdir(parents=True)
        made = [make_torrent(downloads, {name: b"x" * 99}, [TRACKER]) for name in NAMES]
        async with side(SamNetwork(tmp_path), tmp_path / "a") as one:
            for torrent in made:
                await one.client.add(file=torrent)
            await until("both seed", lambda: len(one.client.list()) == 2)
            await one.client.remove("one", data=True)
            await one.client.remove("two")
            await until("none is left", lambda: not one.client.list())
            assert [path.name for path in downloads.iterdir()] == ["two"]
            assert [path for path in one.state.iterdir() if path.suffix == ".resume"] == []
            with pytest.raises(TorrentRefused, match="no torrent has"):
                await one.client.remove("one")

    drive(run())


def test_files_stay_where_they_belong(tmp_path: Path) -> None:
    """Links, and files of another torrent."""

    async def run() -> None:
        linked = {
            b"attr": b"l",
            b"path": [b"a"],
            b"symlink path": [b"..", b"..", b"b"],
            b"length": 0,
        }
        link = write_torrent([{b"length": 9, b"path": [b"f"]}, linked], b"x" * 9, [], name="m")
        same = [
            make_torrent(tmp_path / f"src{n}", {"f": bytes([n]) * 99}, [TRACKER]) for n in range(2)
        ]
        async with side(SamNetwork(tmp_path), tmp_path / "a") as one:
            await one.client.add(file=same[0])
            with pytest.raises(TorrentRefused, match="another torrent has files at f"):
                await one.client.add(file=same[1])
            await one.client.remove("f")
            with pytest.raises(TorrentRefused, match="symbolic links"):
                await one.client.add(file=link)

    drive(run())


def test_names_that_lead_elsewhere(tmp_path: Path) -> None:
    """Downloaded from one who has them; libtorrent takes out what leads upwards."""

    async def run() -> None:
        network = SamNetwork(tmp_path)
        entry = {b"length": 9, b"path": [b"..", b"..", b"..", b"evil"]}
        evil = write_torrent([entry], b"x" * 9, [TRACKER], name="../n")
        roots = [tmp_path / "seed/in", tmp_path / "leech/in"]
        async with (
            tracker(network) as swarms,
            side(network, roots[0]) as seed,
            side(network, roots[1]) as leech,
        ):
            place = seed.downloads / first_path(evil)
            place.parent.mkdir(parents=True)
            place.write_bytes(b"x" * 9)
            await seed.client.add(file=evil)
            await until("it seeds", lambda: seed.state_of() == "seeding")
            await until("it announces", lambda: len(swarms) > 1)
            await leech.client.add(file=evil)
            await until("it is there", lambda: leech.state_of() == "seeding")
            found = [path for path in roots[1].parent.rglob("*") if path.name == "evil"]
            assert len(found) == 1
            assert found[0].is_relative_to(leech.downloads)
            assert found[0].read_bytes() == b"x" * 9

    drive(run())


def test_nonsense_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with side(SamNetwork(tmp_path), tmp_path / "a", max_torrents=1) as one:
            for wrong in ({"file": b"d4:infode"}, {"file": b""}, {"magnet": "magnet:?xt=nothing"}):
                with pytest.raises(TorrentRefused, match="this is no"):
                    await one.client.add(**wrong)  # type: ignore[arg-type]
            with pytest.raises(TorrentRefused, match="a magnet link or a torrent file"):
                await one.client.add()
            with pytest.raises(TorrentRefused, match="at most"):
                await one.client.add(file=bytes(1_400_001))
            torrent = make_torrent(tmp_path / "src", {"f": b"x"}, [])
            assert (await one.client.add(file=torrent))["trackers"] == 0
            with pytest.raises(TorrentRefused, match="1 torrents already"):
                await one.client.add(file=make_torrent(tmp_path / "src", {"g": b"y"}, []))

    drive(run())


def test_limits_hold_and_outlive_a_worker(tmp_path: Path) -> None:
    async def run() -> None:
        async with side(SamNetwork(tmp_path), tmp_path / "a", upload_rate=50_000) as one:
            assert one.client.limits == Limits(None, 50_000, 200)
            before = one.pid
            await one.start(upload_rate=60_000)  # a reload
            assert one.pid == before
            assert one.client.limits.upload_rate == 60_000
            await one.client.limit(Limits(10_000, None, 20))
            await one.start(upload_rate=60_000)  # another one, which changes nothing
            assert one.client.limits == Limits(10_000, None, 20)

    drive(run())


def test_without_libtorrent_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    async def run() -> None:
        async with side(SamNetwork(tmp_path), tmp_path / "a") as one:
            assert "pip install libtorrent" in one.services.failed["torrents"]

    drive(run())
