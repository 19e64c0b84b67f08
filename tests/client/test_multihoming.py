"""One destination on two routers: whoever is left serves."""

from __future__ import annotations

import pytest

from core.client.config import LastingKeys
from core.data.private_keys import PrivateKeys
from core.i2np.message import MessageType
from core.streaming.connection import Stream
from core.streaming.events import Connected, StreamOpened
from core.streaming.state import StreamState
from tests.client.parties import STEP_S, Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
KEYS = PrivateKeys.generate_destination(SeededEntropy("site"), 7)
KEPT = LastingKeys.generate(SeededEntropy("kept"))


def home(world: World, lasting: LastingKeys | None = None, *, is_multihomed: bool = True) -> Party:
    party = world.add("site", keys=KEYS, publish=True, lasting=lasting, is_multihomed=is_multihomed)
    world.run_until(lambda: party.engine.is_ready)
    world.run(3)
    return party


def open_stream(world: World, client: Party) -> Stream:
    return client.engine.streams.connect(
        KEYS.destination, to_port=80, from_port=0, now=world.network.now, initial=b"GET"
    )


def visit(world: World, client: Party, limit_s: float) -> Stream:
    """Open a stream, as a browser does that tries again after 5 seconds."""
    end = world.network.now + limit_s
    while world.network.now < end:
        stream = open_stream(world, client)
        client.events.clear()
        for _ in range(int(5 / STEP_S)):
            world.run(STEP_S)
            if any(isinstance(e, Connected) and e.stream is stream for e in client.events):
                return stream
        stream.reset(world.network.now)
    raise AssertionError("nobody served")


def serving(parties: list[Party], stream: Stream) -> tuple[Party, Stream]:
    """Where a stream of a client ends."""
    for party in parties:
        for event in party.events:
            if isinstance(event, StreamOpened) and event.stream.remote_id == stream.local_id:
                return party, event.stream
    raise AssertionError("the stream ends nowhere")


@pytest.mark.parametrize("lasting", [None, KEPT], ids=["own keys", "copied session keys"])
@pytest.mark.parametrize("first", [0, 1])
def test_one_goes_and_the_other_serves(first: int, lasting: LastingKeys | None) -> None:
    """At both turns of who goes; at the end the one that is left has come back."""
    world = World(START)
    parties = [home(world, lasting), home(world, lasting)]
    client = world.add("client")
    assert client.find(KEYS.hash).lease_set is not None
    used, _ = serving(parties, visit(world, client, 5))
    gone = used if first == 0 else next(party for party in parties if party is not used)
    world.stop(gone)
    parties.remove(gone)
    assert serving(parties, visit(world, client, 120))[0] is parties[0]
    parties.append(home(world, lasting))
    world.run(100)
    world.stop(parties.pop(0))
    assert serving(parties, visit(world, client, 120))[0] is parties[0]


def test_newcomers_find_who_is_left() -> None:
    world = World(START)
    homes = [home(world), home(world)]
    for gone in homes:
        world.stop(gone)
        left = home(world) if gone is homes[1] else homes[1]
        world.run(90)
        newcomer = world.add(f"newcomer {homes.index(gone)}")
        assert newcomer.find(KEYS.hash).lease_set is not None
        assert serving([left], visit(world, newcomer, 10))[0] is left


def test_a_stream_stays_where_it_began() -> None:
    world = World(START)
    parties = [home(world), home(world)]
    client = world.add("client")
    assert client.find(KEYS.hash).lease_set is not None
    stream = visit(world, client, 5)
    owner, peer = serving(parties, stream)
    assert peer.read() == b"GET"
    for minute in range(30):
        words = b"%d" % minute
        assert stream.write(words) == peer.write(words) == len(words)
        for party in (client, owner):
            party.engine.run(world.network.now)
        world.run(60)
        assert stream.read() == peer.read() == words
    assert stream.state is peer.state is StreamState.OPEN


@pytest.mark.parametrize("is_multihomed", [False, True])
def test_only_who_is_told_so_publishes_often(is_multihomed: bool) -> None:
    world = World(START)
    party = home(world, is_multihomed=is_multihomed)
    before = party.node.sent.count(("tunnel", MessageType.DATABASE_STORE))
    world.run(1200)
    stores = party.node.sent.count(("tunnel", MessageType.DATABASE_STORE)) - before
    assert 15 <= stores <= 50 if is_multihomed else stores <= 10


def test_who_has_no_service_leaves_the_address_to_the_others() -> None:
    world = World(START)
    homes = [home(world), home(world)]
    idle, busy = homes
    idle.engine.set_serving(False, world.network.now)
    world.run(100)
    before = idle.node.sent.count(("tunnel", MessageType.DATABASE_STORE))
    for number in range(4):
        newcomer = world.add(f"newcomer {number}")
        assert newcomer.find(KEYS.hash).lease_set is not None
        assert serving(homes, visit(world, newcomer, 10))[0] is busy
        world.run(60)
    assert idle.node.sent.count(("tunnel", MessageType.DATABASE_STORE)) == before
    assert idle.engine.is_ready
    idle.engine.set_serving(True, world.network.now)
    world.stop(busy)
    homes.remove(busy)
    world.run(10)
    assert serving([idle], visit(world, world.add("last"), 20))[0] is idle
