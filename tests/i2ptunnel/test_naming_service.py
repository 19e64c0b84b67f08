"""The address books of one running appliance: sessions, our own names, control commands."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from core.base.errors import I2PError, Unavailable
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.model import Configuration
from i2ptunnel.keyfiles import generate_keys, write_new_keys
from i2ptunnel.naming.store import Book
from i2ptunnel.naming_service import NamingService
from i2ptunnel.pinging import ping
from i2ptunnel.relay.channel import I2pSession
from i2ptunnel.status_text import names_lines
from tests.support.deterministic import FakeWallClock
from tests.support.loopback_session import LoopbackNetwork
from tests.support.waiting import until


class Appliance:
    """A service with sessions in memory."""

    def __init__(self, path: Path, text: str) -> None:
        self.network = LoopbackNetwork()
        self.released = 0
        self.path = path
        self.service = NamingService(
            configuration(text), path, self.network.open, self._release, FakeWallClock().now
        )

    async def _release(self, session: I2pSession) -> None:
        self.released += 1
        await session.close()

    def names(self) -> dict[str, bool]:
        """The local book: name -> whether it is signed."""
        entries = self.service.books.store.entries((Book.LOCAL,))
        return {entry.name: bool(entry.line) for entry in entries}


def configuration(text: str) -> Configuration:
    return load_text(text).configuration


SERVERS = """
tunnels:
  one: {type: httpserver, target: 127.0.0.1:80, hostname: one.i2p, keys: one.dat}
  two: {type: httpserver, target: 127.0.0.1:80, hostname: two.i2p}
  hidden: {type: httpserver, target: 127.0.0.1:80, hostname: hidden.i2p, keys: hidden.dat,
           encrypted: {enabled: true}}
  off: {type: httpserver, target: 127.0.0.1:80, hostname: off.i2p, keys: one.dat, enabled: false}
  odd: {type: httpserver, target: 127.0.0.1:80, hostname: proxy.i2p, keys: odd.dat}
  none: {type: server, target: 127.0.0.1:80}
"""


def test_names_of_our_own_tunnels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("i2ptunnel.naming.feeds.POLL_S", 0.005)
    for name in ("one", "hidden", "odd"):
        write_new_keys(tmp_path / f"{name}.dat", generate_keys())
    caplog.set_level(logging.WARNING, "i2ptunnel")

    async def main() -> None:
        appliance = Appliance(tmp_path, SERVERS.replace("keys: one.dat, enabled", "enabled"))
        appliance.service.start()
        await until("one name", lambda: appliance.names() == {"one.i2p": True})
        write_new_keys(tmp_path / "two.dat", generate_keys())  # made when the tunnel starts
        both = {"one.i2p": True, "two.i2p": True}
        await until("both names", lambda: appliance.names() == both)
        assert (await appliance.service.resolver.resolve("www.two.i2p")).hash
        await appliance.service.stop()
        appliance.service.close()

    asyncio.run(asyncio.wait_for(main(), 10))
    # said once: the one name that cannot stand in a book
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "tunnel odd" in caplog.text


def test_fetching_and_its_status(tmp_path: Path) -> None:
    text = "naming: {subscriptions: [http://feed.i2p/hosts.txt]}\n"

    async def main() -> None:
        appliance = Appliance(tmp_path, text)
        service = appliance.service
        (result,) = await service.fetch(None)
        assert not result["is_ok"] and "address book" in result["outcome"]
        assert appliance.released == 1
        (request,) = appliance.network.requests
        assert request.is_shared and not request.publish and request.keys_file is None
        assert await service.fetch(["http://other.i2p/"]) == []
        status = await service.fresh_status()
        assert status["subscriptions"][0]["failures"] == 1 and status == appliance.service.status()
        appliance.service.configure(configuration("naming: {subscriptions: []}\n"))
        assert appliance.service.status()["subscriptions"] == []
        appliance.service.close()
        assert "error" in appliance.service.status()

    asyncio.run(main())


def test_the_first_book_is_for_the_public_network(tmp_path: Path) -> None:
    for number, (text, is_loaded) in enumerate(
        (
            ("router: {}\n", True),
            ("router: {network_id: 2}\n", True),
            ("router: {network_id: 99}\n", False),
            ("naming: {first_book: false}\n", False),
        )
    ):
        service = Appliance(tmp_path / str(number), text).service
        assert (service.status()["names"]["router"] > 60) is is_loaded
        service.configure(configuration("naming: {first_book: true}\n"))
        assert service.status()["names"]["router"] > 60
        service.close()


def test_what_is_told_of_a_name_that_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "hosts.txt").write_text("junk\n")

    async def main() -> None:
        appliance = Appliance(tmp_path, "naming: {first_book: false, subscriptions: []}\n")
        service = appliance.service
        assert service.why_unknown("forum") == "did you mean forum.i2p?"
        assert "no subscription is set up" in service.why_unknown("new.i2p")
        service.configure(configuration("naming: {subscriptions: [http://feed.i2p/]}\n"))
        assert "have not been fetched yet" in service.why_unknown("new.i2p")
        await service.fetch(None)
        assert "could not be fetched yet. The next attempt" in service.why_unknown("new.i2p")
        assert service.resolver.feed_state is not None
        assert service.resolver.feed_state().clause == service.why_unknown("new.i2p")
        for name, words in (("new.i2p", "could not be fetched"), ("forum", "forum.i2p?")):
            with pytest.raises(I2PError, match=words):
                await ping(service, name, 1)
        text = "\n".join(names_lines(service.status()))
        assert "could not be fetched yet" in text
        assert "http://feed.i2p/: the name is in no address book" in text
        assert "hosts.txt: 1 line left out; line 1: there is no name=destination" in text
        service.close()

    asyncio.run(main())


def test_without_tunnels_into_i2p(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i2ptunnel.naming_service._READY_TIMEOUT_S", 0.01)

    async def main() -> None:
        appliance = Appliance(tmp_path, "naming: {subscriptions: [http://feed.i2p/]}\n")
        appliance.network.starts_ready = False
        with pytest.raises(Unavailable, match="no tunnels"):
            await appliance.service.fetch(None)
        assert appliance.released == 1
        appliance.service.close()

    asyncio.run(main())


def test_the_session_of_client_tunnels_is_used(tmp_path: Path) -> None:
    text = (
        "naming: {subscriptions: [http://feed.i2p/]}\n"
        "tunnels:\n"
        "  own: {type: sockstunnel, listen: '127.0.0.1:1', shared: false, inbound: {length: 1}}\n"
        "  web: {type: httpclient, listen: '127.0.0.1:2', inbound: {length: 2}}\n"
    )

    async def main() -> None:
        appliance = Appliance(tmp_path, text)
        await appliance.service.fetch(None)
        (request,) = appliance.network.requests
        assert request == replace(request, is_shared=True)
        assert request.inbound.length == 2 and request.outbound.length == 3
        appliance.service.close()

    asyncio.run(main())
