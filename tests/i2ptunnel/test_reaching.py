"""``why``: how far a visit gets, over sessions in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.base.errors import Unavailable
from i2ptunnel.answer_texts import why_lines
from i2ptunnel.naming.address import Address, NameFault, read_address
from i2ptunnel.naming.names import normalise
from i2ptunnel.reaching import Place, WhyFault, read_place, why
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession

B32 = "shx5vqsw7usdaunyzr2qmes2fq37oumybpudrd4jjj4e4vk4uusa.b32.i2p"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("http://site.i2p", Place("site.i2p", 80, "/")),
        ("site.i2p", Place("site.i2p", 80, "/")),
        ("HTTP://Site.i2p:8080/a b?q=\u00e4", Place("site.i2p", 8080, "/a%20b?q=%C3%A4")),
        ("https://site.i2p/x", Place("site.i2p", 443, None)),
        ("irc.i2p:6667", Place("irc.i2p", 6667, None)),
        ("irc://irc.i2p", Place("irc.i2p", 6667, None)),
        (f"http://me:secret@{B32}/", Place(B32, 80, "/")),
        ("http://site.i2p.alt/", Place("site.i2p", 80, "/")),
        ("http://site.i2p/a\r\nHost: b", Place("site.i2p", 80, "/aHost:%20b")),
    ],
)
def test_what_is_asked_for(text: str, place: Place) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://example.com/", "outside I2P"),
        ("http://127.0.0.1/", "on this machine"),
        ("http://site.i2p:99999/", "no URL"),
        ("http://", "no host name"),
        ("", "no host name"),
        ("gopher://site.i2p/", "which port"),
        ("http://[::1/", "no URL"),
        ("http://a b.i2p/", "no host name"),
    ],
)
def test_what_cannot_be_asked_for(text: str, words: str) -> None:
    with pytest.raises(WhyFault, match=words):
        read_place(text)


class Resolver:
    def __init__(self, address: Address) -> None:
        self._address = address

    async def resolve(self, name: str) -> Address:
        found = read_address(normalise(name))
        if found is not None:
            return found
        if name == "site.i2p":
            return self._address
        raise NameFault("the name is in no address book", "unknown_name")


class Names:
    """The names and the session of a program; ``server`` is the site."""

    def __init__(self) -> None:
        self.network = LoopbackNetwork()
        self.own, self.server = self.network.session(), self.network.session()
        self.resolver = Resolver(Address(self.server.destination.hash))

    @asynccontextmanager
    async def session(self) -> AsyncIterator[LoopbackSession]:
        try:
            await self.own.wait_ready(0.05)
        except Unavailable as error:
            raise Unavailable(str(error), error.code) from None
        yield self.own

    def why_unknown(self, name: str) -> str:
        return "subscriptions were fetched a minute ago"


async def answer(names: Names, text: bytes) -> bytes:
    """Serve one visit; returns what it sent."""
    stream = await names.server.accept()
    sent = await stream.read()
    if text:
        await stream.write(text)
    await stream.close()
    return sent


def steps(found: dict[str, Any]) -> dict[str, bool | None]:
    return {one["stage"]: one["ok"] for one in found["stages"]}


def test_a_site_that_answers() -> None:
    async def main() -> tuple[dict[str, Any], bytes]:
        names = Names()
        serving = asyncio.create_task(answer(names, b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n"))
        return await why(names, "http://site.i2p/x", 5), await serving

    found, sent = asyncio.run(main())
    assert found["ok"] and found["failure"] is None
    assert list(steps(found).values()) == [True] * 5
    assert all(one["seconds"] >= 0 for one in found["stages"])
    assert found["stages"][-1]["text"] == "said HTTP/1.1 200 OK"
    head = sent.decode()
    # As a proxy's request: no name, no program, nothing of ours.
    assert head.startswith("HEAD /x HTTP/1.1\r\nHost: ") and "site.i2p" not in head
    assert "User-Agent: MYOB/6.66 (AN/ON)" in head
    assert [mark for mark, _ in why_lines(found)] == ["✓"] * 5


@pytest.mark.parametrize(
    ("url", "failed", "words"),
    [
        ("http://nobody.i2p/", "name", "a minute ago"),
        (f"http://{B32}/", "lease_set", "offline"),
    ],
)
def test_where_it_ends(url: str, failed: str, words: str) -> None:
    found = asyncio.run(why(Names(), url, 1))
    assert not found["ok"] and words in found["failure"]
    (broken,) = (one for one in found["stages"] if one["ok"] is False)
    assert broken["stage"] == failed and words in broken["text"]
    after = list(steps(found).values())
    assert after[after.index(False) + 1 :] == [None] * (len(after) - after.index(False) - 1)
    assert "not come to" in [*why_lines(found)][-1][1]


def test_without_tunnels_and_with_a_silent_server() -> None:
    async def main() -> list[dict[str, Any]]:
        names = Names()
        names.own.is_ready = False
        no_tunnels = await why(names, "site.i2p", 1)
        names.own.become_ready()
        serving = asyncio.create_task(answer(names, b""))
        closed = await why(names, "site.i2p", 5)
        await serving
        silent = await why(names, "site.i2p", 1)
        return [no_tunnels, closed, silent, await why(names, "site.i2p:22", 1)]

    no_tunnels, closed, silent, other = asyncio.run(main())
    assert steps(no_tunnels)["tunnels"] is False
    assert steps(closed)["server"] is False and "closed" in closed["failure"]
    assert steps(silent)["server"] is False and "1 s" in silent["failure"]
    # A service that is not asked for a page has no such step.
    assert other["ok"] and "server" not in steps(other)
