"""What a destination keeps over a restart of its router, and what that means to correspondents."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.client.config import LastingKeys, SessionConfig
from core.client.session import REPLAY_MARGIN_S
from core.data.lease_set import LeaseSet2
from core.data.payload import PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from core.i2np.message import Message
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.streaming.events import Connected
from tests.client.parties import STEP_S, Party, World
from tests.support.deterministic import FakeWallClock, SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
KEYS = PrivateKeys.generate_destination(SeededEntropy("site"), 7)
KEPT = LastingKeys.generate(SeededEntropy("kept"))


def site(world: World, lasting: LastingKeys | None) -> Party:
    owner = world.add("site", keys=KEYS, publish=True, lasting=lasting)
    world.run_until(lambda: owner.engine.is_ready)
    world.run(1)
    return owner


def key_of(owner: Party) -> tuple[tuple[int, bytes], ...]:
    current = owner.engine.own.current
    assert current is not None
    return current.encryption_keys


def visit(world: World, client: Party) -> float:
    """Open a stream, as a browser does that tries again after 5 seconds; how long that took."""
    started = world.network.now
    for _ in range(20):
        client.engine.streams.connect(
            KEYS.destination, to_port=80, from_port=0, now=world.network.now
        )
        client.events.clear()
        for _ in range(50):
            world.run(STEP_S)
            if any(isinstance(event, Connected) for event in client.events):
                return world.network.now - started
    raise AssertionError("the site was never reached")


@pytest.mark.parametrize("lasting", [None, KEPT], ids=["new key", "kept key"])
def test_visitors_find_their_way_soon(lasting: LastingKeys | None) -> None:
    """i2pd, Java: keep the key, too. It does not tell that ratchet sessions are lost."""
    world = World(START)
    first = site(world, lasting)
    before = key_of(first)
    client = world.add("client")
    assert isinstance(client.find(KEYS.hash).lease_set, LeaseSet2)
    assert visit(world, client) < 2
    world.stop(first)
    world.run(1)
    second = site(world, lasting)
    assert (key_of(second) == before) is (lasting is not None)
    assert visit(world, client) < 10
    assert visit(world, client) < 2


def test_a_restart_within_a_second() -> None:
    """i2pd, Java and we: a lease set of the same second is no newer one."""
    world = World(START)

    def start() -> Party:
        owner = world.add("site", keys=KEYS, publish=True, lasting=KEPT)
        world.run_until(lambda: owner.engine.is_ready)
        return owner

    world.run(1.05 - world.network.now % 1.0)
    first = start()
    published_s = first.engine.own.published_s
    world.stop(first)
    second = start()
    assert second.engine.own.published_s == published_s, "else nothing is tested"
    assert visit(world, world.add("client")) < 12


@pytest.mark.parametrize("lasting", [None, KEPT], ids=["new key", "kept key"])
def test_what_was_sent_for_the_lease_set_from_before(lasting: LastingKeys | None) -> None:
    world = World(START)
    first = site(world, lasting)
    client = world.add("client")
    assert client.find(KEYS.hash).lease_set is not None
    (tunnel,) = first.pool.inbound
    world.stop(first)
    second = site(world, lasting)
    world.tunnels[tunnel.gateway_hash, tunnel.gateway_tunnel_id] = second
    mailbox = second.engine.datagrams.bind(PROTOCOL_RAW, 2)
    client.engine.datagrams.send(KEYS.hash, b"hello", protocol=PROTOCOL_RAW, from_port=1, to_port=2)
    client.engine.run(world.network.now)
    world.run(1)
    assert (mailbox.take() is not None) is (lasting is not None)


@pytest.mark.parametrize("pause_s", [1.0, REPLAY_MARGIN_S + 2.0])
def test_what_was_taken_before_is_not_taken_again(pause_s: float) -> None:
    """Within the margin nobody can tell; what is older is recognised by its date."""
    world = World(START)
    first = site(world, KEPT)
    client = world.add("client")
    assert client.find(KEYS.hash).lease_set is not None
    client.engine.datagrams.send(KEYS.hash, b"pay", protocol=PROTOCOL_RAW, from_port=1, to_port=2)
    client.engine.run(world.network.now)
    ((_, _, data),) = world.under_way
    body = Message.parse_standard(data).body[4:]
    world.run(pause_s)
    assert first.engine.ratchet.counters.new_sessions == 1
    world.stop(first)
    second = world.add("site", keys=KEYS, publish=True, lasting=KEPT)
    second.engine.receive_garlic(body, world.network.now)
    counters = second.engine.ratchet.counters
    is_old = pause_s > REPLAY_MARGIN_S
    assert (counters.stale, counters.new_sessions) == ((1, 0) if is_old else (0, 1))


def test_hops_keep_their_order(tmp_path: Path) -> None:
    wall = FakeWallClock()
    entropy = SeededEntropy("router")
    config = RouterConfig(data_dir=tmp_path, network_id=77)
    router = RouterEngine(config, RouterKeys.generate(entropy), 0, wall, entropy, 0.0)
    orders = []
    for lasting in (KEPT, KEPT, None, None):
        client = router.open_client(SessionConfig("site", KEYS, lasting=lasting), KEYS, 0.0)
        orders.append(client.pool.order_key)
        router.close_client(client, 0.0)
    assert orders[0] == orders[1] == KEPT.peer_order
    assert len(set(orders)) == 3
    assert all(len(order) == 32 for order in orders)


def test_kept_keys_are_never_shown() -> None:
    shown = repr(SessionConfig("site", KEYS, lasting=KEPT))
    assert KEPT.encryption.hex() not in shown and repr(KEPT.encryption) not in shown
    assert repr(KEPT.peer_order) not in shown
