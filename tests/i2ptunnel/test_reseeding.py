"""Reseeding as a whole: rounds, what is remembered, when it is due, what is told."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.api import Bundle, BundleFault, BundleRefused, LinkCounts, RouterStatus
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from i2ptunnel import reseeding as reseeding_module
from i2ptunnel.config.network_kinds import IpAddress
from i2ptunnel.config.router_model import Ntcp2Section, ReseedSection, RouterSection
from i2ptunnel.health import Facts, State, assess
from i2ptunnel.netdb_files import RouterKeeper, take_pending
from i2ptunnel.reseed import fetch as fetching
from i2ptunnel.reseed.attempts import REST_S, Attempts
from i2ptunnel.reseed.faults import ReseedFault, Trouble
from i2ptunnel.reseed.round import Progress, Round
from i2ptunnel.reseed.servers import Server
from i2ptunnel.reseeding import Reseeding
from tests.support.bundles import Signer, zip_files, zip_of
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.netdb_network import NETWORK_ID, build_router_info
from tests.support.reseed_server import Answer, ReseedServer, response, write_certificates

SIGNER = Signer()
STRANGER = Signer("stranger@mail.i2p")
IMPOSTOR = Signer(number=1)
GONE = Signer("gone@mail.i2p", valid_until=datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
KEYS = [PrivateKeys.generate_router(SeededEntropy(f"reseeding {n}")) for n in range(3)]
HOUR_MS = 3600_000


def infos(age_ms: int = HOUR_MS, network_id: int = NETWORK_ID) -> list[RouterInfo]:
    stamp = int(time.time() * 1000) - age_ms
    return [build_router_info(keys, stamp, network_id=network_id) for keys in KEYS]


class Place:
    """A data directory, reseed servers, and a program that asks them."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path, self._stack = path, stack
        self.certificates = write_certificates(path / "certificates", SIGNER, GONE)
        self.servers: list[ReseedServer] = []
        self.wall = FakeWallClock(time.time())
        self.router = RouterKeeper(path / "data")
        self.lines: list[str] = []
        (path / "data").mkdir()

    def serve(self, answer: Answer) -> ReseedServer:
        server = self._stack.enter_context(ReseedServer(self.path, answer))
        self.servers.append(server)
        return server

    def reseeding(self, **more: Any) -> Reseeding:
        urls = tuple(server.url for server in self.servers)
        section = RouterSection(
            network_id=NETWORK_ID,
            reseed=ReseedSection(urls=urls, certificates=self.certificates),
        )
        data_dir = self.path / "data"
        return Reseeding(
            section, data_dir, self.router, show=self.lines.append, wall=self.wall.now, **more
        )

    def run(self) -> dict[str, Any]:
        """One round of a new program."""
        return asyncio.run(self.reseeding().now())


@pytest.fixture
def place(tmp_path: Path) -> Any:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def test_two_servers_are_asked(place: Place) -> None:
    for part in infos():
        place.serve(response(SIGNER.bundle([part])))
    status = place.run()
    assert (status["bundles"], status["routers"], status["last_error"]) == (2, 2, None)
    assert sorted(len(server.requests) for server in place.servers) == [0, 1, 1]
    assert status["state"] == "waiting" and status["signers"] == 1
    assert place.lines[-1] == ""
    assert "reseeding: 2 of 2 bundles" in place.lines
    assert any(f"asking {place.servers[0].name}" in line for line in place.lines) or any(
        f"asking {place.servers[1].name}" in line for line in place.lines
    )


def bomb() -> bytes:
    return zip_files({f"routerInfo-{n}.dat": bytes(5_000_000) for n in range(4)})


def lzma_bomb() -> bytes:
    return zip_files({"routerInfo-a.dat": bytes(5_000_000)}, zipfile.ZIP_LZMA)


def changed(data: bytes) -> bytes:
    position = len(data) // 2
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


@pytest.mark.parametrize(
    ("answer", "said", "trouble"),
    [
        (lambda: response(changed(SIGNER.bundle(infos()))), "it has been changed", Trouble.SERVER),
        (
            lambda: response(SIGNER.bundle(infos())[:-100]),
            "damaged or ends early",
            Trouble.SERVER,
        ),
        (
            lambda: response(STRANGER.bundle(infos())),
            "its signer stranger@mail.i2p is not known",
            Trouble.SIGNER,
        ),
        (lambda: response(IMPOSTOR.bundle(infos())), "it has been changed", Trouble.SERVER),
        (
            lambda: response(GONE.bundle(infos())),
            "the certificate of its signer gone@mail.i2p has expired",
            Trouble.SIGNER,
        ),
        (
            lambda: response(SIGNER.su3(zip_of(infos()) + bytes(2 << 20))),
            "the bundle is larger than 1 MiB",
            Trouble.SERVER,
        ),
        (lambda: response(SIGNER.su3(bomb())), "the bundle has no routers", Trouble.SERVER),
        (lambda: response(SIGNER.su3(lzma_bomb())), "the bundle has no routers", Trouble.SERVER),
        (
            lambda: response(SIGNER.bundle(infos(network_id=2))),
            "for another network",
            Trouble.SERVER,
        ),
        (
            lambda: response(SIGNER.bundle(infos(100 * HOUR_MS))),
            "all routers in the bundle are too old",
            Trouble.CLOCK,
        ),
        (lambda: response(b"no", "403 Forbidden"), "refuses (403)", Trouble.SERVER),
        (
            lambda: response(b"", "301 Moved", "Location: https://127.0.0.1:9/"),
            "which is not followed",
            Trouble.SERVER,
        ),
        (lambda: response(b"<html>a page</html>"), "not an su3 file", Trouble.SERVER),
    ],
)
def test_what_a_bad_server_leaves(
    place: Place, answer: Callable[[], bytes], said: str, trouble: Trouble
) -> None:
    """Nothing is taken, the reason and the remedy are told, and the next server is asked."""
    bad = place.serve(answer())
    status = place.run()
    assert f"none of 1 reseed server has brought routers ({bad.name}: " in status["last_error"]
    assert said in status["last_error"]
    assert said in status["servers"][bad.name]
    assert status["remedy"] == trouble.remedy
    assert status["routers"] == 0 and len(bad.requests) == 1
    good = place.serve(response(SIGNER.bundle(infos())))
    status = place.run()
    assert (status["bundles"], status["routers"]) == (1, 3)
    assert (len(bad.requests), len(good.requests)) == (1, 1)


def test_a_slow_server_does_not_hold_up_the_round(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "READ_TIMEOUT_S", 0.2)

    def wait(connection: ssl.SSLSocket) -> None:
        place.servers[0].ending.wait(10)

    place.serve(wait)
    for _ in range(2):
        place.serve(response(SIGNER.bundle(infos())))
    status = place.run()
    assert status["bundles"] == 2


def test_attempts_are_remembered(place: Place) -> None:
    server = place.serve(response(b"no", "403 Forbidden"))
    place.run()
    for wait_s in (0, REST_S - 1):
        place.wall.time += wait_s
        with pytest.raises(Unavailable, match="asked lately"):
            place.run()
    assert len(server.requests) == 1
    place.wall.time += 2
    server.answer = response(SIGNER.bundle(infos()))
    assert place.run()["routers"] == 3 and len(server.requests) == 2
    # a clock that was set back makes nobody wait
    place.wall.time -= 86400
    assert place.run()["bundles"] == 1


def test_who_was_not_reached_is_tried_sooner(place: Place) -> None:
    with ReseedServer(place.path, b"") as gone:
        pass
    place.servers.append(gone)
    waits = []
    for _ in range(6):
        status = place.run()
        assert "no connection" in status["last_error"]
        waits.append(status["next_in_s"])
        place.wall.time += waits[-1]
    assert waits == [30, 60, 120, 240, 300, 300]


def test_an_hour_after_it_was_killed(place: Place) -> None:
    """What was begun then says nothing about a server that is not reached now."""
    with ReseedServer(place.path, b"") as gone:
        pass
    place.servers.append(gone)
    attempts = Attempts(place.path / "data" / "reseed.json", place.wall.now)
    attempts.note_request(Server.of(gone.url))
    asyncio.run(attempts.save())
    place.wall.time += REST_S
    status = place.run()
    assert "no connection" in status["last_error"] and status["next_in_s"] == 30


def test_the_second_bundle_comes_later(place: Place) -> None:
    """Who joined with one fetches another, and gives up after some tries; that is no failure."""
    first, second = (place.serve(response(SIGNER.bundle([info]))) for info in infos()[:2])
    second.answer = response(b"no", "403 Forbidden")
    made = place.reseeding()

    async def rounds() -> list[dict[str, Any]]:
        found = [await made.now()]
        for _ in range(2):
            place.wall.time += REST_S
            first.answer = response(b"no", "403 Forbidden")
            found.append(await made.now())
        second.answer = response(SIGNER.bundle(infos()[1:2]))
        place.wall.time += REST_S
        assert made._second_tries == 1
        return [*found, await made.now()]

    states = asyncio.run(rounds())
    assert [one["routers"] for one in states] == [1, 1, 1, 1]
    assert [one["last_error"] for one in states] == [None] * 4
    assert made._second_tries == 0 and len(take_routers(place)) == 2


def take_routers(place: Place) -> list[RouterInfo]:
    place.router.save()
    return take_pending(place.path / "data")


def test_a_request_is_written_down_before_it_is_sent(place: Place) -> None:
    """So a program that is killed meanwhile does not ask the same server again."""
    kept: list[Any] = []

    def look(connection: ssl.SSLSocket) -> None:
        kept.append(json.loads((place.path / "data" / "reseed.json").read_text()))
        connection.sendall(response(SIGNER.bundle(infos())))
        connection.unwrap()

    server = place.serve(look)
    assert place.run()["bundles"] == 1
    assert kept[0]["servers"][server.name]["is_asked"] is True


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"servers": {"a": 3}}', b"[" * 60_000])
def test_a_damaged_memory_does_no_harm(place: Place, junk: bytes) -> None:
    (place.path / "data" / "reseed.json").write_bytes(junk)
    place.serve(response(SIGNER.bundle(infos())))
    assert place.run()["bundles"] == 1


def test_the_memory_is_bounded(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "reseed.json", time.time)
    for number in range(300):
        attempts.note_outcome(Server(f"h{number}", 443, "/"), "x" * 5000, is_good=False)
    asyncio.run(attempts.save())
    assert (tmp_path / "reseed.json").stat().st_size < 60_000
    again = Attempts(tmp_path / "reseed.json", time.time)
    assert again.of(Server("h299", 443, "/")).failures == 1
    assert again.of(Server("h1", 443, "/")).failures == 0


def test_a_keeper_keeps_for_the_next_start(place: Place) -> None:
    place.serve(response(SIGNER.bundle(infos())))
    place.run()
    place.router.save()
    assert len(take_pending(place.path / "data")) == 3


# A round, without servers


def bundle(number: int) -> Bundle:
    return Bundle((build_router_info(KEYS[number], 1),), 0, SIGNER.name)


class Parts:
    """What a round uses: each server's answer is a future."""

    def __init__(self) -> None:
        self.answers = {n: asyncio.get_running_loop().create_future() for n in range(3)}
        self.joined: list[Bundle] = []
        self.asked: list[int] = []
        self.changed = asyncio.Event()

    async def obtain(self, server: Server, _: Callable[[int], None]) -> Bundle:
        self.asked.append(server.port)
        self.changed.set()
        return cast(Bundle, await self.answers[server.port])

    async def join(self, one: Bundle) -> int:
        self.joined.append(one)
        self.changed.set()
        return 1

    async def note(self, server: Server, outcome: str, is_good: bool) -> None:
        return None

    def round(self, join_after_s: float) -> Round:
        return Round(self.obtain, self.join, self.note, lambda _: None, join_after_s=join_after_s)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


SERVERS = [Server("s", number, "/") for number in range(3)]


def test_a_round_waits_for_two() -> None:
    async def main() -> Progress:
        parts = Parts()
        running = asyncio.create_task(parts.round(60).run(SERVERS))
        await parts.until(lambda: len(parts.asked) == 2)
        parts.answers[0].set_result(bundle(0))
        await asyncio.sleep(0)
        assert not parts.joined
        # the second one fails, so the third is asked
        parts.answers[1].set_exception(ReseedFault("refuses"))
        await parts.until(lambda: parts.asked == [0, 1, 2])
        assert not parts.joined
        parts.answers[2].set_result(bundle(2))
        return await running

    progress = asyncio.run(main())
    assert (progress.bundles, progress.taken, len(progress.failures)) == (2, 2, 1)


def test_a_round_joins_with_one_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """And the second comes later."""

    async def main() -> Progress:
        parts = Parts()
        running = asyncio.create_task(parts.round(0.01).run(SERVERS))
        await parts.until(lambda: len(parts.asked) == 2)
        parts.answers[0].set_result(bundle(0))
        await parts.until(lambda: parts.joined == [bundle(0)])
        assert not running.done()
        parts.answers[1].set_result(bundle(1))
        await parts.until(lambda: len(parts.joined) == 2)
        return await running

    assert asyncio.run(main()).taken == 2
    assert "joins with its routers, and fetches a second bundle later" in caplog.text


def test_a_round_in_which_all_fail() -> None:
    async def main() -> Progress:
        parts = Parts()
        parts.answers[0].set_exception(ReseedFault("x", Trouble.OFFLINE))
        parts.answers[1].set_exception(BundleRefused(BundleFault.NOT_YET_VALID, "y"))
        parts.answers[2].set_exception(BundleRefused(BundleFault.MALFORMED, "z"))
        return await parts.round(60).run(SERVERS)

    progress = asyncio.run(main())
    assert progress.failures == {"s:0": "x", "s:1": "y", "s:2": "z"} and not progress.bundles
    assert {*progress.troubles} == {Trouble.OFFLINE, Trouble.CLOCK, Trouble.SERVER}


# When


def section(network_id: int, **reseed: Any) -> RouterSection:
    return RouterSection(network_id=network_id, reseed=ReseedSection(**reseed))


def test_whom_it_asks(tmp_path: Path) -> None:
    def made(network_id: int, **reseed: Any) -> Reseeding:
        return Reseeding(section(network_id, **reseed), tmp_path, RouterKeeper(tmp_path))

    assert len(made(2).servers) == 14 and made(2).is_on
    assert not made(2, enabled=False).is_on
    assert not made(77).servers and not made(77).is_on
    assert made(77).status()["state"] == "off"
    own = made(77, urls=("https://127.0.0.1:9/",))
    assert [server.authority for server in own.servers] == ["127.0.0.1:9"] and own.is_on
    with pytest.raises(Unavailable, match=r"set router\.reseed\.urls"):
        asyncio.run(made(77).now())


def test_the_proxy_of_the_links_is_used_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hides his address from peers does not want to show it to reseed servers."""
    ways = []

    async def fetch(server: Server, way: fetching.Way, **_: object) -> bytes:
        ways.append((way.proxy, way.source))
        raise ReseedFault("x")

    monkeypatch.setattr(reseeding_module, "fetch_bundle", fetch)
    links = Ntcp2Section(proxy="socks5://127.0.0.1:9050")
    for number, (ntcp2, own, bind) in enumerate(
        (
            (links, None, ()),
            (links, "http://127.0.0.1:8080", ()),
            (Ntcp2Section(), None, (cast(IpAddress, _Address("127.0.0.9")),)),
        )
    ):
        made = RouterSection(
            network_id=77,
            ntcp2=ntcp2,
            bind=bind,
            reseed=ReseedSection(urls=("https://127.0.0.1:9/",), proxy=own),
        )
        directory = tmp_path / str(number)
        directory.mkdir()
        asyncio.run(Reseeding(made, directory, RouterKeeper(directory)).now())
    assert ways == [
        ("socks5://127.0.0.1:9050", None),
        ("http://127.0.0.1:8080", None),
        (None, "127.0.0.9"),
    ]


def _Address(text: str) -> object:
    import ipaddress

    return ipaddress.ip_address(text)


def test_when_it_is_due(tmp_path: Path) -> None:
    now = 1000.0
    nobody = LinkCounts(ntcp2=0, ssu2=0, inbound=0, outbound=0)
    status = SimpleNamespace(routers=49, links=nobody, clock_skew_s=0.0)
    made = Reseeding(
        section(77, urls=("https://127.0.0.1:9/",)),
        tmp_path,
        RouterKeeper(tmp_path),
        status=lambda: cast(RouterStatus, status),
        clock=lambda: now,
    )
    assert made._is_due()
    status.clock_skew_s = -90.0
    assert not made._is_due()
    status.clock_skew_s = 0.0
    # it works with few: nothing is asked until nobody is connected for a minute
    status.links = LinkCounts(ntcp2=0, ssu2=1, inbound=0, outbound=1)
    assert made._is_due()
    made._is_joined = True
    assert not made._is_due()
    status.links = nobody
    for after_s, is_due in ((0, False), (59, False), (60, True)):
        now = 1000.0 + after_s
        assert made._is_due() is is_due
    # with enough of them it takes longer
    status.routers = 50
    for after_s, is_due in ((60, False), (299, False), (300, True)):
        now = 1000.0 + after_s
        assert made._is_due() is is_due


def test_what_is_told(place: Place) -> None:
    place.serve(response(b"no", "403 Forbidden"))
    made = place.reseeding()
    assert assess(Facts(reseed=made.facts())).state is State.DEGRADED
    asyncio.run(made.now())
    health = assess(Facts(reseed=made.facts()))
    assert str(health).startswith("degraded: No other router is known, and no reseed server has")
    assert str(health).endswith("i2ptunnel netdb import i2pseeds.su3") and health.is_waiting
    made._progress = Progress(2, 1)
    health = assess(Facts(routers=3, reseed=made.facts()))
    assert health.state is State.RESEEDING and "1 of 2 have answered" in str(health)
    assert assess(Facts(routers=3, links=1, reseed=made.facts())).state is State.READY
