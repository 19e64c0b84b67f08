"""Lookups of I2CP clients that have no session: lent ones search, and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from core.base.errors import Unavailable
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.i2cp.frames import FrameReader
from core.i2cp.lookup_messages import (
    BlindingInfo,
    DestLookup,
    DestReply,
    HostLookup,
    HostReply,
    LookupResult,
    LookupType,
)
from core.i2cp.messages import Message, parse_message, write_message
from core.i2cp.requests import BlindingTold, LookupWanted
from core.i2cp.server import ServerConnection
from core.i2cp.session_messages import NO_SESSION, GetDate
from core.io.i2cp_lookups import SESSIONLESS_BURST, Lookups, LookupService
from tests.support.deterministic import FakeWallClock, SeededEntropy

SITE = PrivateKeys.generate_destination(SeededEntropy("site")).destination
SECRET_SITE = PrivateKeys.generate_destination(SeededEntropy("secret"), 11).destination
OPTIONS = {"_smtp._tcp": "0 86400 25"}
READER = X25519Key.generate(SeededEntropy("reader"))
Found = tuple[Destination, Mapping[str, str]]


class Client:
    """A connection without a session. ``searched``: what the lent session was asked for."""

    def __init__(self, search: Callable[[bytes | BlindedTarget], Awaitable[Found]]) -> None:
        self.searched: list[bytes | BlindedTarget] = []
        self.server = ServerConnection(FakeWallClock())
        self.server.receive(b"\x2a")
        self._search = search
        self._frames = FrameReader()
        self._changed = asyncio.Event()
        self.service = LookupService(self._resolve, self._note)
        self.lookups = Lookups(self.service, self.server, {}, self._changed.set)
        self.say(GetDate("0.9.66"))
        self.heard()

    async def _resolve(self, name: str) -> bytes | Destination | None:
        return {"site.i2p": SITE, "hash.i2p": SITE.hash}.get(name)

    async def _note(self, target: bytes | BlindedTarget, timeout_s: float) -> Found:
        self.searched.append(target)
        return await self._search(target)

    def say(self, *messages: Message) -> None:
        self.server.receive(b"".join(write_message(one) for one in messages))
        while (request := self.server.next_request()) is not None:
            if isinstance(request, BlindingTold):
                self.lookups.learn_blinding(request.info)
            else:
                assert isinstance(request, LookupWanted)
                self.lookups.look_up(request)

    def heard(self) -> list[Message]:
        self._frames.feed(self.server.take_output())
        messages = []
        while (frame := self._frames.next()) is not None:
            messages.append(parse_message(*frame))
        return [one for one in messages if one is not None]

    async def answers(self, count: int) -> list[Message]:
        found = self.heard()
        async with asyncio.timeout(5):
            while len(found) < count:
                self._changed.clear()
                await self._changed.wait()
                found += self.heard()
        return found


async def _find_site(target: bytes | BlindedTarget) -> Found:
    if target == SITE.hash:
        return SITE, OPTIONS
    if isinstance(target, BlindedTarget):
        return SECRET_SITE, {}
    raise Unavailable("no lease set found", "lease_set_not_found")


async def _find_nothing_ever(target: bytes | BlindedTarget) -> Found:
    await asyncio.Event().wait()
    raise AssertionError


def ask(kind: LookupType, target: bytes | str | Destination, timeout_ms: int = 5000) -> HostLookup:
    return HostLookup(NO_SESSION, 7, timeout_ms, kind, target)


def reply(
    result: LookupResult,
    destination: Destination | None = None,
    options: Mapping[str, str] | None = None,
) -> HostReply:
    return HostReply(NO_SESSION, 7, result, destination, options)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (ask(LookupType.HASH, SITE.hash), reply(LookupResult.SUCCESS, SITE)),
        (ask(LookupType.HASH, b"x" * 32), reply(LookupResult.FAILURE)),
        (ask(LookupType.NAME, "site.i2p"), reply(LookupResult.SUCCESS, SITE)),
        (ask(LookupType.NAME, "hash.i2p"), reply(LookupResult.SUCCESS, SITE)),
        (ask(LookupType.NAME, SITE.b32), reply(LookupResult.SUCCESS, SITE)),
        (ask(LookupType.NAME, "nobody.i2p"), reply(LookupResult.FAILURE)),
        (ask(LookupType.HASH_OPTIONS, SITE.hash), reply(LookupResult.SUCCESS, SITE, OPTIONS)),
        (ask(LookupType.HASH_OPTIONS, b"x" * 32), reply(LookupResult.LEASE_SET_FAILED)),
        (ask(LookupType.NAME_OPTIONS, "site.i2p"), reply(LookupResult.SUCCESS, SITE, OPTIONS)),
        (ask(LookupType.DESTINATION_OPTIONS, SITE), reply(LookupResult.SUCCESS, SITE, OPTIONS)),
        (
            ask(LookupType.DESTINATION_OPTIONS, SECRET_SITE),
            reply(LookupResult.LEASE_SET_FAILED, SECRET_SITE),
        ),
        (DestLookup(SITE.hash), DestReply(SITE)),
        (DestLookup(b"x" * 32), DestReply(b"x" * 32)),
    ],
    ids=str,
)
def test_every_type_is_answered_without_a_session(asked: Message, answer: Message) -> None:
    async def main() -> None:
        client = Client(_find_site)
        client.say(asked)
        assert await client.answers(1) == [answer]

    asyncio.run(main())


def test_an_encrypted_address_is_searched_with_what_was_told_before() -> None:
    async def main() -> None:
        client = Client(_find_site)
        address = BlindedAddress.of(SECRET_SITE, needs_secret=True, needs_client_key=True)
        client.say(ask(LookupType.NAME, address.host))
        assert await client.answers(1) == [reply(LookupResult.SECRET_AND_KEY_REQUIRED)]
        key = SECRET_SITE.signing_type, SECRET_SITE.signing_key
        client.say(BlindingInfo(NO_SESSION, key, 11, 2**31, READER.private, False, "word"))
        client.say(ask(LookupType.NAME, address.host))
        assert await client.answers(1) == [reply(LookupResult.SUCCESS, SECRET_SITE)]
        assert client.searched == [BlindedTarget(address, "word", READER.private)]

    asyncio.run(main())


def test_a_search_ends_in_time() -> None:
    async def main() -> None:
        client = Client(_find_nothing_ever)
        client.say(ask(LookupType.HASH, SITE.hash, timeout_ms=10))
        assert await client.answers(1) == [reply(LookupResult.FAILURE)]

    asyncio.run(main())


def test_too_many_searches_are_refused_and_counted_and_names_are_not() -> None:
    async def main() -> None:
        client = Client(_find_site)
        for _ in range(SESSIONLESS_BURST + 1):
            client.say(ask(LookupType.HASH, SITE.hash))
            (answer,) = await client.answers(1)
        assert answer == reply(LookupResult.FAILURE)
        assert (len(client.searched), client.service.refused) == (SESSIONLESS_BURST, 1)
        client.say(ask(LookupType.NAME, "site.i2p"))
        assert await client.answers(1) == [reply(LookupResult.SUCCESS, SITE)]

    asyncio.run(main())


def test_searches_end_with_the_connection() -> None:
    async def main() -> None:
        client = Client(_find_nothing_ever)
        client.say(ask(LookupType.HASH, SITE.hash, timeout_ms=60_000))
        await asyncio.sleep(0)
        client.lookups.close()
        await asyncio.sleep(0)
        assert client.searched == [SITE.hash]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
