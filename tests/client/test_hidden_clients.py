"""What those whom an unpublished client has visited learn of it afterwards: nothing."""

from __future__ import annotations

import asyncio

import pytest

from core.base.errors import Unavailable
from core.data.payload import PROTOCOL_RAW
from core.io.session import ClientSession
from core.streaming.events import Connected, Pong, Reset, StreamOpened
from core.streaming.options import StreamingOptions
from core.tunnel.shape import TunnelShape
from tests.client.parties import Party, World

pytestmark = pytest.mark.doubles

CLIENT = StreamingOptions(accepts_streams=False, answer_pings=False)
NOON = 1_699_963_200.0


def _visit(world: World) -> tuple[Party, Party]:
    """A published site and a client that has just talked to it over a stream."""
    site = world.add("site", publish=True)
    world.run_until(lambda: site.engine.is_ready)
    client = world.add("client", streaming=CLIENT)
    _host(world, client)
    assert client.find(site.keys.hash).lease_set is not None
    stream = client.engine.streams.connect(
        site.keys.destination, now=world.network.now, initial=b"GET /"
    )
    client.engine.run(world.network.now)
    world.run_until(lambda: any(isinstance(event, Connected) for event in client.events))
    served = next(event.stream for event in site.events if isinstance(event, StreamOpened))
    served.close(world.network.now)
    stream.close(world.network.now)
    world.run(3)
    return site, client


def _call(world: World, site: Party, client: Party) -> None:
    """The site tries everything to hear of the client again."""
    now = world.network.now
    site.engine.streams.ping(client.keys.hash, now)
    site.engine.streams.connect(client.keys.destination, now=now)
    site.engine.datagrams.send(
        client.keys.hash, b"?", protocol=PROTOCOL_RAW, from_port=1, to_port=2
    )
    site.engine.run(now)


def _host(world: World, party: Party) -> ClientSession:
    class Host:
        def now(self) -> float:
            return world.network.now

        def touch(self, engine: object) -> None:
            party.engine.run(world.network.now)

        def reshape_session(self, engine: object, *_: TunnelShape) -> None: ...

        def close_session(self, *_: object) -> None: ...

    return ClientSession(Host(), party.engine)


def test_a_client_answers_no_calls() -> None:
    world = World(NOON)
    site, client = _visit(world)
    _call(world, site, client)
    world.run(20)
    assert not any(isinstance(event, Pong) for event in site.events)
    assert not any(isinstance(event, Reset) for event in site.events)
    assert client.engine.streams.streams == []
    assert client.engine.streams.counters["refused"] > 0
    # The other way round it is a service, which says what is the matter.
    client.engine.streams.ping(site.keys.hash, world.network.now)
    client.engine.run(world.network.now)
    world.run(5)
    assert any(isinstance(event, Pong) for event in client.events)


def test_calls_bring_no_new_leases_so_the_client_is_lost_with_the_old_ones() -> None:
    world = World(NOON)
    site, client = _visit(world)
    for _ in range(30):
        _call(world, site, client)
        world.run(60)
    found = site.find(client.keys.hash)
    assert found.lease_set is None
    assert client.engine.is_ready


def test_who_is_talked_to_is_told_new_leases() -> None:
    world = World(NOON)
    site, client = _visit(world)
    mailbox = site.engine.datagrams.bind(PROTOCOL_RAW, 2)
    for _ in range(15):
        client.engine.datagrams.send(
            site.keys.hash, b"!", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        client.engine.run(world.network.now)
        world.run(100)
        assert mailbox.take() is not None
    assert site.find(client.keys.hash).lease_set is not None


def test_peers_streams_are_taken_from_the_first_accept_on() -> None:
    world = World(NOON)
    site = world.add("site", publish=True)
    world.run_until(lambda: site.engine.is_ready)
    session = _host(world, site)
    assert not site.engine.streams.is_listening

    async def main() -> None:
        waiting = asyncio.ensure_future(session.accept())
        await asyncio.sleep(0)
        assert site.engine.streams.is_listening
        await session.close()
        try:
            await waiting
        except Unavailable as error:
            assert error.code == "closed"
        else:
            raise AssertionError("accepted from nobody")

    asyncio.run(main())
