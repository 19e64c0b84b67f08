"""One address on several machines by a meta lease set: published, resolved, and failed over."""

from __future__ import annotations

import pytest

from core.client.config import MetaOptions
from core.data.lease_set import LeaseSet2
from core.data.lease_set_variants import KIND_META, MetaLease, MetaLeaseSet
from core.data.payload import PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from core.datagram.formats import DATAGRAM1, DATAGRAM2, DATAGRAM3, Content
from core.datagram.manager import Mailbox
from tests.client.parties import Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
ENTROPY = SeededEntropy("meta")
ADDRESS = PrivateKeys.generate_destination(ENTROPY, 7)
MACHINES = [PrivateKeys.generate_destination(ENTROPY, 7) for _ in range(3)]
TRANSIENT = [ADDRESS.authorise_transient(ENTROPY, int(START) + 90_000) for _ in MACHINES]


def machine(world: World, number: int, costs: tuple[int, ...] = (0, 0, 0)) -> Party:
    """Each has a transient key of its own for the common address."""
    listed = tuple((keys.hash, cost) for keys, cost in zip(MACHINES, costs, strict=True))
    return world.add(
        f"machine {number}",
        keys=MACHINES[number],
        publish=True,
        meta=MetaOptions(TRANSIENT[number], listed),
    )


def three(world: World, costs: tuple[int, ...] = (0, 0, 0)) -> list[Party]:
    parties = [machine(world, number, costs) for number in range(3)]
    world.run_until(lambda: all(party.engine.is_ready for party in parties))
    world.run(120)
    return parties


def served(world: World) -> MetaLeaseSet:
    """The newest that floodfills have."""
    found = [node.netdb._lease_sets.served.get(ADDRESS.hash) for node in world.floodfills]
    metas = [one for one in found if isinstance(one, MetaLeaseSet)]
    return max(metas, key=lambda one: one.published_ms)


def found(client: Party) -> bytes:
    """Which machine a lookup of the common address leads to."""
    lease_set = client.find(ADDRESS.hash).lease_set
    assert isinstance(lease_set, LeaseSet2)
    return lease_set.hash


def test_all_machines_are_listed_and_signed_for_by_the_address() -> None:
    world = World(START)
    three(world, (5, 0, 9))
    meta = served(world)
    assert meta.verify()
    assert meta.hash == ADDRESS.hash
    assert meta.header.offline is not None
    assert [(lease.target, lease.cost, lease.kind) for lease in meta.leases] == [
        (keys.hash, cost, 3) for keys, cost in zip(MACHINES, (5, 0, 9), strict=True)
    ]
    assert world.stored(ADDRESS.hash) >= 3


def test_the_cheapest_is_taken_and_kept() -> None:
    world = World(START)
    three(world, (5, 0, 9))
    client = world.add("client")
    assert {found(client) for _ in range(5)} == {MACHINES[1].hash}
    client.engine.note_unreachable(MACHINES[1].hash, world.network.now)
    assert {found(client) for _ in range(5)} == {MACHINES[0].hash}
    client.engine.note_unreachable(MACHINES[0].hash, world.network.now)
    assert found(client) == MACHINES[2].hash
    # Later the first ones count again; who serves well is kept all the same.
    world.run(130)
    assert found(client) == MACHINES[2].hash
    client.engine.note_unreachable(MACHINES[2].hash, world.network.now)
    assert found(client) == MACHINES[1].hash


def test_clients_spread_over_those_that_cost_the_same() -> None:
    world = World(START)
    three(world)
    clients = [world.add(f"client {number}") for number in range(12)]
    assert {found(client) for client in clients} == {keys.hash for keys in MACHINES}


def test_one_without_a_lease_set_is_passed_over() -> None:
    world = World(START)
    parties = three(world, (0, 1, 2))
    for gone in parties[:2]:
        world.stop(gone)
        for node in world.floodfills:
            node.netdb._lease_sets.served.remove(gone.keys.hash)
    assert found(world.add("client")) == MACHINES[2].hash


def test_who_is_gone_is_listed_no_more_and_who_is_back_is() -> None:
    world = World(START)
    parties = three(world)
    for gone in parties[:2]:
        world.stop(gone)
    world.run(420)
    assert [lease.target for lease in served(world).leases] == [MACHINES[2].hash]
    assert parties[2].engine.meta is not None and parties[2].engine.meta.up == 1
    back = machine(world, 0)
    world.run_until(lambda: back.engine.is_ready)
    world.run(180)
    assert {lease.target for lease in served(world).leases} == {
        MACHINES[0].hash, MACHINES[2].hash
    }  # fmt: skip


def test_who_has_no_service_is_not_listed() -> None:
    world = World(START)
    parties = three(world)
    parties[0].engine.set_serving(False, world.network.now)
    world.run(5)
    listed = {lease.target for lease in served(world).leases}
    assert listed == {MACHINES[1].hash, MACHINES[2].hash}
    world.run(500)
    listed = {lease.target for lease in served(world).leases}
    assert listed == {MACHINES[1].hash, MACHINES[2].hash}
    parties[0].engine.set_serving(True, world.network.now)
    world.run(5)
    assert len(served(world).leases) == 3


def test_who_has_no_service_publishes_nothing_for_answers_that_come_later() -> None:
    """The last answer of a round that was under way finds nobody up, or only others."""
    world = World(START)
    party = machine(world, 0)
    world.run_until(lambda: party.engine.is_ready)
    meta = party.engine.meta
    assert meta is not None
    world.run_until(lambda: bool(meta._requests))
    party.engine.set_serving(False, world.network.now)
    world.run(60)
    assert meta.current is None and meta.up == 0


def test_a_client_learns_of_machines_that_came_later() -> None:
    world = World(START)
    first = machine(world, 0)
    world.run_until(lambda: first.engine.is_ready)
    world.run(30)
    client = world.add("client")
    assert found(client) == MACHINES[0].hash
    second = machine(world, 1)
    world.run_until(lambda: second.engine.is_ready)
    world.run(120)
    world.stop(first)
    client.engine.note_unreachable(MACHINES[0].hash, world.network.now)
    # All that it knows of has failed: it asks for the list once more.
    assert client.find(ADDRESS.hash).lease_set is None
    assert found(client) in (MACHINES[0].hash, MACHINES[1].hash)
    client.engine.note_unreachable(MACHINES[0].hash, world.network.now)
    assert found(client) == MACHINES[1].hash


def test_a_machine_that_was_silent_is_looked_for_until_its_turn_comes_again() -> None:
    """It may have begun anew meanwhile, with other tunnels."""
    world = World(START)
    only = machine(world, 0)
    world.run_until(lambda: only.engine.is_ready)
    world.run(30)
    client = world.add("client")
    before = client.find(ADDRESS.hash).lease_set
    assert isinstance(before, LeaseSet2)
    world.renew_tunnels(only)
    world.run(30)
    client.engine.note_unreachable(MACHINES[0].hash, world.network.now)
    world.run(20)
    assert client.find(ADDRESS.hash).lease_set is None
    after = client.find(ADDRESS.hash).lease_set
    assert isinstance(after, LeaseSet2)
    assert set(after.leases).isdisjoint(before.leases)


def publish(world: World, keys: PrivateKeys, *leases: MetaLease) -> None:
    """Put a meta lease set on the floodfills."""
    now_ms = int(world.network.wall.now() * 1000)
    meta = MetaLeaseSet.build(keys, leases, now_ms, now_ms + 3_600_000)
    for node in world.floodfills:
        assert node.netdb._lease_sets.add_served(meta, now_ms).is_stored


def test_a_tree_is_followed_and_a_circle_ends() -> None:
    world = World(START)
    parties = three(world)
    inner, ring = (PrivateKeys.generate_destination(ENTROPY, 7) for _ in range(2))
    outer = PrivateKeys.generate_destination(ENTROPY, 7)
    ends = int((START + 7200) * 1000)
    publish(world, inner, MetaLease(parties[0].keys.hash, 3, 0, ends))
    publish(
        world,
        outer,
        MetaLease(ring.hash, KIND_META, 0, ends),
        MetaLease(inner.hash, KIND_META, 1, ends),
    )
    publish(world, ring, MetaLease(outer.hash, KIND_META, 0, ends))
    client = world.add("client")
    lease_set = client.find(outer.hash).lease_set
    assert isinstance(lease_set, LeaseSet2) and lease_set.hash == MACHINES[0].hash
    assert client.find(ring.hash).lease_set is not None


def test_ended_entries_and_an_empty_circle_lead_nowhere() -> None:
    world = World(START)
    ring = [PrivateKeys.generate_destination(ENTROPY, 7) for _ in range(2)]
    ends = int((START + 7200) * 1000)
    publish(world, ring[0], MetaLease(ring[1].hash, KIND_META, 0, ends))
    publish(world, ring[1], MetaLease(ring[0].hash, KIND_META, 0, ends))
    ended = PrivateKeys.generate_destination(ENTROPY, 7)
    publish(world, ended, MetaLease(MACHINES[0].hash, 3, 0, int((START - 5) * 1000)))
    client = world.add("client")
    assert client.find(ring[0].hash).lease_set is None
    assert client.find(ended.hash).lease_set is None


def taken(parties: list[Party], mailboxes: list[Mailbox]) -> list[tuple[int, Content]]:
    """(number of the machine, what came there) since the last call."""
    found = []
    for number, mailbox in enumerate(mailboxes):
        while (datagram := mailbox.take()) is not None:
            assert parties[number].engine.datagrams.counters.get("invalid", 0) == 0
            found.append((number, datagram.content))
    return found


@pytest.mark.parametrize("protocol", [PROTOCOL_RAW, DATAGRAM1, DATAGRAM2, DATAGRAM3])
def test_datagrams_reach_one_machine_and_the_next_one_when_that_is_gone(protocol: int) -> None:
    """Also the first ones, which wait for the list, and those that are signed for their target."""
    world = World(START)
    parties = three(world, (0, 1, 2))
    mailboxes = [party.engine.datagrams.bind(port=2) for party in parties]
    client = world.add("client")

    def send(payload: bytes) -> None:
        assert client.engine.datagrams.send(
            ADDRESS.hash, payload, protocol=protocol, from_port=1, to_port=2
        )

    for payload in (b"first", b"second"):
        send(payload)
        world.run(20)
    came = taken(parties, mailboxes)
    assert [(number, content.payload) for number, content in came] == [
        (0, b"first"),
        (0, b"second"),
    ]
    if protocol != PROTOCOL_RAW:
        assert {content.sender_hash for _, content in came} == {client.keys.hash}
    world.stop(parties[0])
    for node in world.floodfills:
        node.netdb._lease_sets.served.remove(MACHINES[0].hash)
    for _ in range(120):
        send(b"third")
        world.run(1)
        if came := taken(parties, mailboxes):
            break
    assert [number for number, _ in came] == [1]
    assert not client.engine._remotes.by_hash[ADDRESS.hash].waiting


def test_datagrams_to_a_list_that_leads_nowhere_are_dropped() -> None:
    world = World(START)
    ring = [PrivateKeys.generate_destination(ENTROPY, 7) for _ in range(2)]
    ends = int((START + 7200) * 1000)
    publish(world, ring[0], MetaLease(ring[1].hash, KIND_META, 0, ends))
    publish(world, ring[1], MetaLease(ring[0].hash, KIND_META, 0, ends))
    client = world.add("client")
    client.engine.datagrams.send(ring[0].hash, b"hello", protocol=PROTOCOL_RAW)
    world.run_until(lambda: client.engine.stats.no_lease_set == 1)
    world.run(60)
    assert not any(remote.waiting for remote in client.engine._remotes.by_hash.values())
    assert len(client.node.finished()) < 10


def test_a_packet_of_a_stream_is_not_sent_to_a_machine_that_it_is_not_for() -> None:
    world = World(START)
    parties = three(world)
    client = world.add("client")
    assert client.find(ADDRESS.hash).lease_set is not None
    client.engine.streams.connect(ADDRESS.destination, now=world.network.now)
    world.run(20)
    assert client.engine.stats.no_lease_set >= 1
    assert not any(party.engine.stats.messages_in for party in parties)
