"""Which keys of a correspondent's lease set are used, and what is said if there is none for us."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from core.base.errors import Retry, Unavailable
from core.client.config import EncryptedLeaseSetOptions, LastingKeys
from core.client.session import ClientEngine
from core.crypto.blinding import Blinding
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.lease_set import Lease, LeaseSet2
from core.data.lease_set_layers import daily_key, seal_lease_set
from core.data.lease_set_variants import AnyLeaseSet
from core.data.payload import PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from core.io.session import ClientSession
from core.tunnel.shape import TunnelShape
from tests.client.parties import Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
DAY = int(START) // 86400
ELGAMAL, MLKEM768 = (0, b"e" * 256), (6, b"m" * 1184)
#: of a type that was never used
P256 = (1, b"p" * 64)


@dataclass
class Host:
    """A router whose turns are the world's."""

    world: World

    def now(self) -> float:
        return self.world.network.now

    def touch(self, engine: ClientEngine) -> None:
        pass

    def reshape_session(
        self, engine: ClientEngine, inbound: TunnelShape, outbound: TunnelShape
    ) -> None:
        raise NotImplementedError

    def close_session(self, session: ClientSession, engine: ClientEngine) -> None:
        raise NotImplementedError


def silent_site(world: World) -> Party:
    """A session that publishes nothing by itself."""
    owner = world.add("site")
    world.run(1)
    return owner


def leases_of(owner: Party) -> list[Lease]:
    return [
        Lease(one.gateway_hash, one.gateway_tunnel_id, one.expires_ms) for one in owner.pool.inbound
    ]


def with_keys(owner: Party, *keys: tuple[int, bytes], blinded: bool = False) -> LeaseSet2:
    leases = leases_of(owner)
    published_ms = int(owner.wall.now() * 1000)
    return LeaseSet2.build(
        owner.keys, keys, leases, published_ms, leases[0].end_ms, blinded=blinded
    )


def publish(world: World, owner: Party, lease_set: AnyLeaseSet) -> None:
    owner.node.netdb.publish_lease_set(lease_set, owner.engine.owner, world.network.now)
    world.run_until(lambda: world.stored(lease_set.hash) >= 3)


@pytest.mark.parametrize("before", [(), (ELGAMAL,), (MLKEM768,), (MLKEM768, ELGAMAL)])
@pytest.mark.parametrize("after", [(), (ELGAMAL,), (MLKEM768, ELGAMAL)])
def test_of_several_keys_the_one_of_type_4_is_used(
    before: tuple[tuple[int, bytes], ...], after: tuple[tuple[int, bytes], ...]
) -> None:
    world = World(START)
    owner = silent_site(world)
    ours = (4, owner.engine.ratchet.keys[4].public)
    publish(world, owner, with_keys(owner, *before, ours, *after))
    client = world.add("client")
    found = client.find(owner.keys.hash).lease_set
    assert isinstance(found, LeaseSet2)
    assert len(found.encryption_keys) == len(before) + 1 + len(after)
    mailbox = owner.engine.datagrams.bind(PROTOCOL_RAW, 2)
    client.engine.datagrams.send(
        owner.keys.hash, b"hello", protocol=PROTOCOL_RAW, from_port=1, to_port=2
    )
    client.engine.run(world.network.now)
    world.run(0.5)
    got = mailbox.take()
    assert got is not None and got.content.payload == b"hello"


@pytest.mark.parametrize("kind", ["p256", "mlkem only", "short key", "short elgamal"])
def test_a_lease_set_without_a_key_for_us_is_no_missing_one(kind: str) -> None:
    world = World(START)
    owner = silent_site(world)
    keys = {
        "p256": P256,
        "mlkem only": MLKEM768,
        "short key": (4, b"k" * 31),
        "short elgamal": (0, b"e" * 255),
    }
    publish(world, owner, with_keys(owner, keys[kind]))
    client = world.add("client")
    for _ in range(2):  # asked for, and known already
        found = client.find(owner.keys.hash)
        assert (found.lease_set, found.why) == (None, "encryption_unsupported")
    assert client.find(b"n" * 32).why == "lease_set_not_found"


def test_a_session_says_so() -> None:
    world = World(START)
    owner = silent_site(world)
    publish(world, owner, with_keys(owner, P256))
    client = world.add("client")

    async def main() -> Unavailable:
        session = ClientSession(Host(world), client.engine)
        asking = asyncio.create_task(session.lookup(owner.keys.hash))
        await asyncio.sleep(0)
        world.run_until(lambda: bool(client.found()))
        session._on_found(client.found()[-1])
        with pytest.raises(Unavailable, match="no encryption that this router knows") as caught:
            await asking
        return caught.value

    error = asyncio.run(main())
    assert (error.code, error.retry) == ("encryption_unsupported", Retry.NEVER)


def test_the_owner_changes_it() -> None:
    world = World(START)
    owner = silent_site(world)
    publish(world, owner, with_keys(owner, P256))
    client = world.add("client")
    assert client.find(owner.keys.hash).why == "encryption_unsupported"
    world.run(2)
    ours = (4, owner.engine.ratchet.keys[4].public)
    changed = with_keys(owner, P256, ours)
    owner.node.netdb.publish_lease_set(changed, owner.engine.owner, world.network.now)
    world.run(10)
    assert world.add("late client").find(owner.keys.hash).lease_set == changed


def test_inside_an_encrypted_lease_set() -> None:
    world = World(START)
    owner = silent_site(world)
    destination = owner.keys.destination
    options = EncryptedLeaseSetOptions()
    blinding = Blinding(destination.signing_type, destination.signing_key, options.secret)
    inner = with_keys(owner, P256, blinded=True)
    key = daily_key(owner.keys, blinding, DAY)
    publish(world, owner, seal_lease_set(inner, blinding, key, SeededEntropy("seal"), None))
    found = world.add("client").find(BlindedTarget(BlindedAddress.of(destination)))
    assert (found.lease_set, found.why) == (None, "encryption_unsupported")


def _talk(world: World, sender: Party, receiver: Party, text: bytes, seconds: float = 2.0) -> None:
    mailbox = receiver.engine.datagrams.bind(PROTOCOL_RAW, 2)
    sender.engine.datagrams.send(
        receiver.keys.hash, text, protocol=PROTOCOL_RAW, from_port=1, to_port=2
    )
    sender.engine.run(world.network.now)
    world.run(seconds)
    got = mailbox.take()
    receiver.engine.datagrams.unbind(mailbox)
    assert got is not None and got.content.payload == text


def _used(one: Party, other: Party) -> int:
    remote = one.engine._remotes.by_hash[other.keys.hash]
    assert remote.static is not None and one.engine.ratchet.has_session(remote.static)
    return remote.crypto_type


@pytest.mark.parametrize(
    ("visitor", "site", "used"),
    [
        ((), (), 6),
        ((6, 4), (7, 6, 4), 6),
        ((7, 6, 4), (7, 4), 7),
        ((4,), (7, 6, 4), 4),
        ((6, 4), (4,), 4),
        ((6,), (6, 4), 6),
    ],
)
def test_the_highest_type_that_both_have_is_used_both_ways(
    visitor: tuple[int, ...], site: tuple[int, ...], used: int
) -> None:
    world = World(START)
    there = world.add("there", publish=True, encryption_types=site)
    client = world.add("client", encryption_types=visitor)
    world.run_until(lambda: world.stored(there.keys.hash) >= 3)
    for text in (b"one", b"two"):
        _talk(world, client, there, text)
        _talk(world, there, client, text)
    assert (_used(client, there), _used(there, client)) == (used, used)
    keys = [kind for kind, _ in there.engine.own.published.encryption_keys]
    assert keys == sorted(site or (6, 4), reverse=True)


def test_of_no_common_type_nothing_comes() -> None:
    world = World(START)
    there = world.add("there", publish=True, encryption_types=(4,))
    world.run_until(lambda: world.stored(there.keys.hash) >= 3)
    client = world.add("client", encryption_types=(6,))
    assert client.find(there.keys.hash).why == "encryption_unsupported"


def test_the_publishers_favourite_comes_first_in_its_lease_set() -> None:
    world = World(START)
    owner = silent_site(world)
    keys = dict(owner.engine.own.published.encryption_keys)
    publish(world, owner, with_keys(owner, (4, keys[4]), (6, keys[6])))
    client = world.add("client")
    _talk(world, client, owner, b"hello")
    assert _used(client, owner) == 4


def test_who_writes_with_another_of_its_keys_is_answered_so() -> None:
    """It knows us from the time when we had one key only, and we know both of it."""
    world = World(START)
    lasting = LastingKeys(b"k" * 32, b"p" * 32)
    before = world.add("site", publish=True, encryption_types=(4,), lasting=lasting)
    client = world.add("client")
    world.run_until(lambda: world.stored(before.keys.hash) >= 3)
    client.find(before.keys.hash)
    world.stop(before)
    world.run(10)
    after = world.add("site", keys=before.keys, publish=True, lasting=lasting)
    world.run(5)
    for old in before.pool.inbound:  # as if its leases had stayed
        world.tunnels[(old.gateway_hash, old.gateway_tunnel_id)] = after
    _talk(world, client, after, b"hello")
    _talk(world, after, client, b"answer")
    assert (_used(client, after), _used(after, client)) == (4, 4)


# ElGamal


@pytest.mark.parametrize(
    ("visitor", "site"),
    [((6, 4), (0,)), ((4,), (0,)), ((0,), (6, 4, 0)), ((0,), (4, 0)), ((0,), (0,))],
)
def test_who_has_only_elgamal_is_reached_and_reaches(
    visitor: tuple[int, ...], site: tuple[int, ...]
) -> None:
    world = World(START)
    there = world.add("there", publish=True, encryption_types=site)
    client = world.add("client", encryption_types=visitor)
    world.run_until(lambda: world.stored(there.keys.hash) >= 3)
    for text in (b"one", b"two", b"three"):
        _talk(world, client, there, text)
        _talk(world, there, client, text)
    for one, other in ((client, there), (there, client)):
        remote = one.engine._remotes.by_hash[other.keys.hash]
        assert remote.is_elgamal and remote.static is not None
        assert one.engine.elgamal.is_established(remote.static)
        assert remote.known_lease_set_s == one.engine.own.published_s
    assert there.engine.stats.foreign_lease_set == client.engine.stats.foreign_lease_set == 0


def test_only_who_has_nothing_better_is_told_the_spare_elgamal_key() -> None:
    world = World(START)
    old = world.add("old", publish=True, encryption_types=(0,))
    new = world.add("new", publish=True)
    client = world.add("client")
    world.run_until(lambda: world.stored(old.keys.hash) >= 3 and world.stored(new.keys.hash) >= 3)
    for site in (new, old):
        assert client.engine.elgamal.keys == () or site is old
        _talk(world, client, site, b"hello")
    told = {}
    for site in (old, new):
        lease_set = site.engine._remotes.by_hash[client.keys.hash].lease_set
        assert isinstance(lease_set, LeaseSet2)
        told[site.keys.hash] = [kind for kind, _ in lease_set.encryption_keys]
    assert told == {old.keys.hash: [6, 4, 0], new.keys.hash: [6, 4]}
    assert client.engine.own.current.elgamal_key is None


def test_an_elgamal_site_knows_our_new_leases_and_we_its_after_new_tunnels() -> None:
    world = World(START)
    old = world.add("old", publish=True, encryption_types=(0,))
    client = world.add("client")
    world.run_until(lambda: world.stored(old.keys.hash) >= 3)
    _talk(world, client, old, b"hello")
    for party in (client, old, client):
        world.renew_tunnels(party)
        world.run(3)
        _talk(world, client, old, b"again", 4)
        _talk(world, old, client, b"answer", 4)


def test_an_elgamal_site_that_was_restarted_is_found_again() -> None:
    """It has forgotten the tags, so what begins with one is noise to it."""
    world = World(START)
    lasting = LastingKeys(b"k" * 32, b"p" * 32)
    old = world.add("old", publish=True, encryption_types=(0,), lasting=lasting)
    client = world.add("client")
    world.run_until(lambda: world.stored(old.keys.hash) >= 3)
    for text in (b"one", b"two"):
        _talk(world, client, old, text)
    world.stop(old)
    world.run(20)
    again = world.add("old", keys=old.keys, publish=True, encryption_types=(0,), lasting=lasting)
    world.run(5)
    mailbox = again.engine.datagrams.bind(PROTOCOL_RAW, 2)
    for _ in range(60):
        client.engine.datagrams.send(
            again.keys.hash, b"hello", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        client.engine.run(world.network.now)
        world.run(1)
        if mailbox.take() is not None:
            break
    else:
        raise AssertionError("nothing arrived")


@pytest.mark.parametrize("signing_type", [0, 1, 2, 3, 7, 11])
def test_destinations_of_every_signing_type_are_reached(signing_type: int) -> None:
    """DSA, ECDSA P-256, P-384 and P-521, Ed25519, Red25519."""
    world = World(START)
    keys = PrivateKeys.generate_destination(SeededEntropy("keys"), signing_type)
    there = world.add("there", keys=keys, publish=True)
    client = world.add("client")
    world.run_until(lambda: world.stored(there.keys.hash) >= 3)
    _talk(world, client, there, b"hello")
    _talk(world, there, client, b"answer")
