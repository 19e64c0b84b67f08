"""A destination whose keys a client has: it signs lease sets, payloads are handed through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from core.base.errors import DecodeError
from core.client.config import EncryptedLeaseSetOptions
from core.client.hosted import (
    INBOX_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    SIGNING_TIMEOUT_S,
    HostedConfig,
    HostedEngine,
    HostedEvent,
    LeaseSetWanted,
    SigningFailed,
    StatusKnown,
)
from core.client.hosted_options import hosted_config
from core.client.own_lease_set import OwnLeaseSet
from core.crypto.x25519 import X25519Key
from core.data import encryption_keys
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b64encode
from core.data.encryption_keys import EncryptionKeys
from core.data.lease_set import Lease, LeaseSet2
from core.data.lease_set_variants import MetaLease, MetaLeaseSet
from core.data.payload import PROTOCOL_RAW, wrap
from core.data.private_keys import PrivateKeys
from core.garlic.sessions import MessageKind
from core.i2cp.data_messages import Status
from core.tunnel.pool import TunnelPool
from tests.client.parties import Party, World
from tests.support.deterministic import SeededEntropy
from tests.support.original_lease_set import original_lease_set

pytestmark = pytest.mark.doubles

START = 1_700_000_000.0
PAYLOAD = wrap(PROTOCOL_RAW, 1, 2, b"payload")


class Hosted:
    """A client with its destination on a router of the world."""

    def __init__(
        self,
        world: World,
        name: str,
        secret: str | None = None,
        first: Hosted | None = None,
        publish: bool = True,
    ) -> None:
        """``first``: whose tunnels and encryption key it shares."""
        self.world = world
        self.party = world.add(name, publish=True) if first is None else first.twin(name)
        self.key = first.key if first else X25519Key.generate(SeededEntropy(f"{name} key"))
        keys = self.party.keys
        self.engine = HostedEngine(
            keys.destination,
            HostedConfig(name, publish=publish, secret=secret or ""),
            cast(TunnelPool, self.party.pool),
            self.party.node.netdb,
            self.party.wall,
            SeededEntropy(f"{name} hosted"),
            first=None if first is None else first.engine,
        )
        self.party.engine = self.engine  # type: ignore[assignment]
        options = None if secret is None else EncryptedLeaseSetOptions(secret)
        self.signer = OwnLeaseSet(
            keys, [(4, self.key.public)], publish, self.party.wall, SeededEntropy(1), options
        )
        self.events: list[HostedEvent] = []
        self.is_silent = False
        self.engine.leases_changed(world.network.now)

    def twin(self, name: str) -> Party:
        """Another destination on the same router, with the same tunnels."""
        own = self.party
        party = Party(
            self.world, own.node, own.wall, PrivateKeys.generate_destination(SeededEntropy(name))
        )
        party.pool = own.pool
        self.world.parties.append(party)
        return party

    def answer(self) -> None:
        """What a client does with what it is told."""
        while (event := self.engine.next_hosted_event()) is not None:
            self.events.append(event)
            if isinstance(event, LeaseSetWanted) and not self.is_silent:
                self.signer.build_over(event.leases, self.world.network.now)
                assert self.signer.published is not None
                self.engine.take_lease_set(
                    self.signer.published, [(4, self.key.private)], self.world.network.now
                )

    def run(self, seconds: float) -> None:
        end = self.world.network.now + seconds
        while self.world.network.now < end - 1e-6:
            self.world.run(0.1)
            self.answer()

    def payloads(self) -> list[bytes]:
        taken = []
        while (payload := self.engine.take_payload()) is not None:
            taken.append(payload)
        return taken


def _pair() -> tuple[World, Hosted, Hosted]:
    world = World(START)
    return world, Hosted(world, "one"), Hosted(world, "two")


def _run(seconds: float, *clients: Hosted) -> None:
    for _ in range(int(seconds * 10)):
        clients[0].world.run(0.1)
        for client in clients:
            client.answer()


def test_a_lease_set_is_asked_for_and_published() -> None:
    world, one, _ = _pair()
    one.run(10)
    (wanted, *_) = [event for event in one.events if isinstance(event, LeaseSetWanted)]
    tunnel = one.party.pool.inbound[0]
    assert wanted.leases == (
        Lease(tunnel.gateway_hash, tunnel.gateway_tunnel_id, tunnel.expires_ms),
    )
    assert world.stored(one.party.keys.hash) > 0
    assert one.engine.is_ready


def test_payloads_arrive_as_they_were_sent() -> None:
    world, one, two = _pair()
    _run(10, one, two)
    assert one.engine.send(two.party.keys.hash, PAYLOAD, 7, world.network.now) is None
    _run(5, one, two)
    assert two.payloads() == [PAYLOAD]
    assert StatusKnown(7, Status.GUARANTEED_SUCCESS) in one.events
    # The way back: the other one knows us from the lease set that came along.
    assert two.engine.send(one.party.keys.hash, PAYLOAD, 8, world.network.now) is (
        Status.GUARANTEED_SUCCESS
    )
    _run(2, one, two)
    assert one.payloads() == [PAYLOAD]


@pytest.mark.parametrize("waits_for", ["nothing", "lease set", "lease set, at the session"])
@pytest.mark.parametrize("kind", ["x25519", "elgamal"])
def test_a_message_that_must_not_carry_the_lease_set_does_not(waits_for: str, kind: str) -> None:
    """It stays due: the next message carries it. Only then can the other one answer at once."""
    world, one, two = _pair()
    if kind == "elgamal":
        one.is_silent = two.is_silent = True
        _run(2, one, two)
        for client in (one, two):
            _sign_original(client)
    _run(10, one, two)
    now, target = world.network.now, two.party.keys.hash
    if waits_for == "nothing":
        one.engine.lookup(target, now)
        _run(5, one, two)
        now = world.network.now
        assert one.engine.send(target, PAYLOAD, 1, now, with_lease_set=False) is (
            Status.GUARANTEED_SUCCESS
        )
    elif waits_for == "lease set":
        assert one.engine.send(target, PAYLOAD, 1, now, with_lease_set=False) is None
    else:
        one.engine._sending.send(
            target, [PAYLOAD], now, is_datagram=True, in_order=False, with_lease_set=False
        )
    for _ in range(50):
        _run(0.1, one, two)
        if payloads := two.payloads():
            break
    assert payloads == [PAYLOAD]
    known = two.engine._remotes.by_hash
    assert one.party.keys.hash not in known
    for _ in range(2):
        one.engine.send(target, PAYLOAD, 2, world.network.now)
        _run(5, one, two)
        assert two.payloads() == [PAYLOAD]
        assert known[one.party.keys.hash].lease_set is not None


def test_an_address_of_several_machines_takes_no_messages() -> None:
    world, one, two = _pair()
    _run(10, one, two)
    common = PrivateKeys.generate_destination(SeededEntropy("common"), 7)
    now_ms = int(world.network.wall.now() * 1000)
    ends_ms = now_ms + 3_600_000
    leases = [MetaLease(two.party.keys.hash, 3, 0, ends_ms)]
    meta = MetaLeaseSet.build(common, leases, now_ms, ends_ms)
    for node in world.floodfills:
        assert node.netdb._lease_sets.add_served(meta, now_ms).is_stored
    assert one.engine.send(common.hash, PAYLOAD, 9, world.network.now) is None
    _run(10, one, two)
    assert StatusKnown(9, Status.META_LEASE_SET) in one.events
    assert two.payloads() == []


def test_nobody_there_is_told() -> None:
    world, one, _ = _pair()
    one.run(10)
    assert one.engine.send(b"x" * 32, PAYLOAD, 9, world.network.now) is None
    one.run(60)
    assert StatusKnown(9, Status.NO_LEASE_SET) in one.events


def test_nothing_is_sent_before_a_lease_set_is_signed() -> None:
    world, one, two = _pair()
    one.is_silent = True
    one.run(5)
    status = one.engine.send(two.party.keys.hash, PAYLOAD, 1, world.network.now)
    assert status is Status.BAD_LOCAL_LEASE_SET


def test_a_payload_that_is_too_long_is_refused() -> None:
    world, one, two = _pair()
    one.run(5)
    long = bytes(PAYLOAD_BYTES_MAX + 1)
    status = one.engine.send(two.party.keys.hash, long, 1, world.network.now)
    assert status is Status.BAD_MESSAGE


def test_a_client_that_does_not_sign_is_given_up() -> None:
    _, one, _ = _pair()
    one.is_silent = True
    one.run(SIGNING_TIMEOUT_S + 1)
    assert SigningFailed() in one.events


def test_new_tunnels_bring_a_new_lease_set() -> None:
    world, one, _ = _pair()
    one.run(10)
    before = one.engine.own.published_s
    world.renew_tunnels(one.party)
    one.run(2)
    assert one.engine.own.published_s > before
    assert isinstance(one.engine.own.current, LeaseSet2)
    assert one.engine.own.current.leases[0].tunnel_id == world.next_tunnel


def test_a_client_that_does_not_read_loses_what_is_too_much() -> None:
    world, one, two = _pair()
    _run(10, one, two)
    assert one.engine._take_payload(None, bytes(INBOX_BYTES_MAX), 0, INBOX_BYTES_MAX)
    assert one.engine._take_payload(None, b"one more", 0, 8)
    assert one.engine.stats.inbox_full == 1
    assert len(one.payloads()) == 1
    assert two.engine.is_ready and world.parties


@pytest.mark.parametrize("wrong", ["key", "signature", "owner", "type", "age"])
def test_a_lease_set_that_is_wrong_is_refused(wrong: str) -> None:
    world, one, two = _pair()
    _run(5, one, two)
    before, now = one.engine.own.published, world.network.now
    assert isinstance(before, LeaseSet2)
    signer = two.signer if wrong == "owner" else one.signer
    date_ms = 1000 * int(START - 60 if wrong == "age" else START + 100)
    lease_set = LeaseSet2.build(
        signer._keys, [(4, one.key.public)], before.leases, date_ms, date_ms + 600_000
    )
    if wrong == "signature":
        lease_set = LeaseSet2.parse(lease_set.raw[:-1] + bytes((lease_set.raw[-1] ^ 1,)))
    keys = {"key": [(4, b"\x11" * 32)], "type": [(0, bytes(256))]}
    with pytest.raises(DecodeError):
        one.engine.take_lease_set(lease_set, keys.get(wrong, [(4, one.key.private)]), now)
    assert one.engine.own.published is before


def test_an_encrypted_lease_set_is_published_and_read_with_its_secret() -> None:
    world = World(START)
    one, visitor = Hosted(world, "one", secret="word"), world.add("visitor")
    one.run(10)
    address = BlindedAddress.of(one.party.keys.destination, needs_secret=True)
    found = visitor.find(BlindedTarget(address, "word"))
    assert isinstance(found.lease_set, LeaseSet2)
    assert found.lease_set.destination == one.party.keys.destination
    # What goes along with messages is the one inside.
    assert one.engine.own.current is not None and one.engine.own.is_encrypted
    assert world.stored(one.party.keys.hash) == 0


def test_an_encrypted_lease_set_that_cannot_be_read_here_is_published_all_the_same() -> None:
    world = World(START)
    one = Hosted(world, "one", secret="word")
    one.engine.own._config = HostedConfig("one")  # the router is not told the secret
    one.run(10)
    assert one.engine.own.published is not None and one.engine.own.current is None


def test_what_opens_an_encrypted_lease_set_is_among_the_options() -> None:
    own, shared = b"o" * 32, b"s" * 32
    psk = {"i2cp.leaseSetClient.psk.0": f"bmFtZQ==:{b64encode(shared)}"}
    assert hosted_config(psk).client_key == shared
    both = psk | {"i2cp.leaseSetPrivKey": b64encode(own), "i2cp.leaseSetSecret": "d29yZA=="}
    config = hosted_config(both)
    assert (config.client_key, config.secret) == (own, "word")
    assert hosted_config({"i2cp.leaseSetPrivKey": "nonsense"}).client_key is None


# Several destinations with the same tunnels


def _twins(publish: bool = True) -> tuple[World, Hosted, Hosted, Hosted]:
    """Two destinations of one client, and somebody else."""
    world = World(START)
    first = Hosted(world, "first", publish=publish)
    return world, first, Hosted(world, "second", first=first, publish=publish), Hosted(world, "x")


def _sends(sender: Hosted, receiver: Hosted, payload: bytes = PAYLOAD) -> None:
    sender.engine.send(receiver.party.keys.hash, payload, 0, sender.world.network.now)


def test_twins_have_the_same_leases_and_key_and_are_published_both() -> None:
    world, first, second, other = _twins()
    _run(10, first, second, other)
    one, two = first.engine.own.current, second.engine.own.current
    assert one is not None and two is not None
    assert (one.leases, one.encryption_keys) == (two.leases, two.encryption_keys)
    assert one.destination != two.destination
    for client in (first, second):
        assert world.stored(client.party.keys.hash) > 0
        assert client.engine.is_ready
    world.renew_tunnels(first.party)
    _run(2, first, second, other)
    newer = second.engine.own.current
    assert newer is not None and newer.leases[0].tunnel_id == world.next_tunnel


def test_what_arrives_goes_to_the_twin_that_it_is_for() -> None:
    _, first, second, other = _twins()
    _run(10, first, second, other)
    for receiver in (second, first):
        _sends(other, receiver)
        _run(5, first, second, other)
        assert receiver.payloads() == [PAYLOAD]
    for sender in (second, first):
        _sends(sender, other)
        _run(2, first, second, other)
        assert other.payloads() == [PAYLOAD]
    assert (first.payloads(), second.payloads()) == ([], [])


def test_twins_that_are_not_published_are_answered_after_new_tunnels() -> None:
    """Each has its lease set acknowledged; that of one says nothing of the other."""
    world, first, second, other = _twins(publish=False)
    _run(10, first, second, other)
    for order in ((first, second), (second, first), (first, second)):
        for client in order:
            _sends(client, other)
            _run(4, first, second, other)
            assert other.payloads() == [PAYLOAD]
            _sends(other, client)
            _run(4, first, second, other)
            assert client.payloads() == [PAYLOAD]
        world.renew_tunnels(first.party)
        _run(1, first, second, other)


def test_a_new_session_to_a_twin_is_answered_by_it() -> None:
    """i2pd forgets a session that is not answered: only the second one knows who asks."""
    _, first, second, other = _twins()
    _run(10, first, second, other)
    _sends(other, second)
    _run(5, first, second, other)
    static = second.key.public
    assert other.engine.ratchet.next_kind(static, other.world.network.now) == MessageKind.EXISTING
    assert (first.engine.stats.messages_out, second.engine.stats.messages_out) == (0, 1)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_visitor_that_tells_its_lease_set_once_is_answered_by_both(is_late: bool) -> None:
    """i2pd: to it all destinations with one key are one session, and clients are not published."""
    world = World(START)
    first, other = Hosted(world, "first"), Hosted(world, "x", publish=False)
    _run(10, first, other)
    second = None if is_late else Hosted(world, "second", first=first)
    _run(10, *filter(None, (first, second, other)))
    _sends(other, first)
    _run(5, *filter(None, (first, second, other)))
    _sends(first, other)  # the session is there
    _run(2, *filter(None, (first, second, other)))
    second = second or Hosted(world, "second", first=first)
    _run(10, first, second, other)
    remote = other.engine._remotes.get(second.party.keys.hash, world.network.now)
    remote.known_lease_set_s = 2**33  # nothing goes along any more
    _sends(other, second)
    _run(5, first, second, other)
    assert second.payloads() == [PAYLOAD]
    other.payloads()
    assert second.engine.send(other.engine.owner, PAYLOAD, 0, world.network.now) is (
        Status.GUARANTEED_SUCCESS
    )
    _run(3, first, second, other)
    assert other.payloads() == [PAYLOAD]


def test_an_acknowledgement_counts_for_the_twin_that_asked() -> None:
    world, first, second, other = _twins(publish=False)
    _run(10, first, second, other)
    for client in (first, second):
        _sends(client, other)
        _run(4, first, second, other)
    one, two = (client.engine._remotes.by_hash[other.engine.owner] for client in (first, second))
    assert one.known_lease_set_s == first.engine.own.published_s
    second.engine.republish(world.network.now)
    _run(1, first, second, other)
    _sends(second, other)
    _run(4, first, second, other)
    assert two.known_lease_set_s == second.engine.own.published_s > first.engine.own.published_s
    assert one.known_lease_set_s == first.engine.own.published_s


def test_a_visitor_of_twins_takes_the_streams_of_both() -> None:
    """A router of ours that both talk to knows one key for two destinations."""
    world = World(START)
    first = Hosted(world, "first")
    second, visitor = Hosted(world, "second", first=first), world.add("visitor", publish=True)
    _run(10, first, second)
    for client in (first, second, first):
        client.engine.send(visitor.keys.hash, PAYLOAD, 0, world.network.now)
        _run(4, first, second)
        remote = visitor.engine._remotes.by_static[first.key.public]
        assert remote.hash in (first.party.keys.hash, second.party.keys.hash)
    assert remote.shares_key


def test_a_twin_with_another_key_is_refused() -> None:
    _, first, second, other = _twins()
    _run(10, first, second, other)
    before = second.engine.own.published
    assert isinstance(before, LeaseSet2)
    key, date_ms = X25519Key.generate(SeededEntropy(9)), 1000 * int(START + 100)
    lease_set = LeaseSet2.build(
        second.party.keys, [(4, key.public)], before.leases, date_ms, date_ms + 600_000
    )
    with pytest.raises(DecodeError, match="another encryption key"):
        second.engine.take_lease_set(lease_set, [(4, key.private)], 0.0)
    assert second.engine.own.published is before


def test_another_key_of_the_first_asks_the_twin_for_a_lease_set() -> None:
    world, first, second, other = _twins()
    _run(10, first, second, other)
    first.key = second.key = X25519Key.generate(SeededEntropy(10))
    for client in (first, second):
        client.signer._encryption_keys = [(4, first.key.public)]
    first.engine.republish(world.network.now)
    _run(5, first, second, other)
    two = second.engine.own.current
    assert two is not None and two.encryption_keys == ((4, first.key.public),)
    _sends(other, second)
    _run(10, first, second, other)
    assert second.payloads() == [PAYLOAD]


def test_a_twin_leaves_and_the_first_goes_on() -> None:
    world, first, second, other = _twins()
    _run(10, first, second, other)
    second.engine.leave()
    world.parties.remove(second.party)
    _sends(other, first)
    _run(5, first, other)
    assert first.payloads() == [PAYLOAD]
    assert list(first.engine.members) == [first.engine.owner]


# Several encryption keys


def _with_types(client: Hosted, *types: int) -> EncryptionKeys:
    keys = EncryptionKeys.derive(types, client.key.private)
    client.signer._encryption_keys = keys.public
    return keys


def _take(client: Hosted, private: Iterable[tuple[int, bytes]]) -> None:
    client.signer.build_over(_leases(client), client.world.network.now)
    assert client.signer.published is not None
    client.engine.take_lease_set(client.signer.published, private, client.world.network.now)


def _leases(client: Hosted) -> list[Lease]:
    return [
        Lease(one.gateway_hash, one.gateway_tunnel_id, one.expires_ms)
        for one in client.party.pool.inbound
    ]


def test_a_client_with_hybrid_keys_is_reached_by_them_and_by_x25519() -> None:
    world, one, two = _pair()
    one.is_silent = True
    _run(2, one, two)
    keys = _with_types(one, 6, 4)
    _take(one, [(4, keys.ratchet[4].private), (6, keys.ratchet[6].private)])
    modern = Hosted(world, "modern")
    modern.is_silent = True
    _run(2, one, two, modern)
    _take(modern, _with_types(modern, 6, 4).private)
    _run(8, one, two, modern)
    for client, used in ((two, 4), (modern, 6)):
        _sends(client, one)
        _run(3, one, two, modern)
        assert one.payloads() == [PAYLOAD]
        remote = client.engine._remotes.by_hash[one.party.keys.hash]
        assert remote.crypto_type == used
        _sends(one, client)
        _run(3, one, two, modern)
        assert client.payloads() == [PAYLOAD]


@pytest.mark.parametrize("given", [(4,), (6,)])
def test_a_published_key_without_its_private_one_is_refused(given: tuple[int, ...]) -> None:
    """Others might prefer it, and what they send could not be opened."""
    _, one, _ = _pair()
    _run(5, one)
    before = one.engine.own.published
    keys = _with_types(one, 6, 4)
    with pytest.raises(DecodeError, match="cannot decrypt type"):
        _take(one, [pair for pair in keys.private if pair[0] in given])
    assert one.engine.own.published is before


def test_a_hybrid_type_that_nobody_has_is_refused() -> None:
    _, one, _ = _pair()
    _run(5, one)
    one.signer._encryption_keys = [(5, b"5" * 32), (4, one.key.public)]
    with pytest.raises(DecodeError, match="cannot decrypt type 5"):
        _take(one, [(5, b"5" * 32), (4, one.key.private)])


def test_keys_and_sessions_stay_over_new_lease_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gives its private keys again with each lease set: they are the same pairs."""
    world, one, two = _pair()
    one.is_silent = True
    _run(2, one, two)
    keys = _with_types(one, 4, 0)
    _take(one, keys.private)
    _run(8, one, two)
    _sends(two, one)
    _run(3, one, two)
    pair = one.engine.ratchet.keys[4]

    def another(private: bytes) -> None:
        raise AssertionError("the key pair was computed again")

    monkeypatch.setattr(encryption_keys, "ElGamalKey", another)
    world.renew_tunnels(one.party)
    _run(1, one, two)
    _take(one, keys.private)
    assert one.engine.ratchet.keys[4] is pair
    _sends(one, two)  # with the new leases
    _run(3, one, two)
    assert _goes_on(two, one, pair.public)


def test_a_further_key_does_not_end_the_sessions_under_the_others() -> None:
    _, one, two = _pair()
    _run(10, one, two)
    _sends(two, one)
    _run(3, one, two)
    _take(one, _with_types(one, 4, 0).private)
    assert one.engine.elgamal.keys
    assert _goes_on(two, one, one.key.public)


def _goes_on(sender: Hosted, receiver: Hosted, static: bytes) -> bool:
    """Whether the ratchet session towards this key lasts, and brings a payload there."""
    receiver.payloads()
    kind = sender.engine.ratchet.next_kind(static, sender.world.network.now)
    before = receiver.engine.ratchet.counters.new_sessions
    _sends(sender, receiver)
    _run(3, sender, receiver)
    after = receiver.engine.ratchet.counters.new_sessions
    is_same = kind is MessageKind.EXISTING and after == before
    return is_same and receiver.payloads() == [PAYLOAD]


# ElGamal


def _elgamal(client: Hosted) -> EncryptionKeys:
    return EncryptionKeys.derive((0,), client.key.private)


def _sign_original(client: Hosted) -> None:
    """What a client does that knows nothing newer."""
    keys = _elgamal(client)
    assert keys.elgamal is not None
    lease_set = original_lease_set(client.party.keys, keys.elgamal.public, _leases(client))
    client.engine.take_lease_set(lease_set, keys.private, client.world.network.now)


@pytest.mark.parametrize("publish", [True, False])
def test_a_client_with_a_lease_set_of_type_1_is_reached_and_reaches(publish: bool) -> None:
    world = World(START)
    one = Hosted(world, "one", publish=publish)
    one.is_silent = True
    visitor = world.add("visitor", publish=True, encryption_types=(6, 4, 0))
    _run(2, one)
    _sign_original(one)
    _run(8, one)
    for _ in range(2):
        one.engine.send(visitor.keys.hash, PAYLOAD, 0, world.network.now)
        mailbox = visitor.engine.datagrams.bind(PROTOCOL_RAW, 2)
        _run(3, one)
        got = mailbox.take()
        visitor.engine.datagrams.unbind(mailbox)
        assert got is not None and got.content.payload == b"payload"
        visitor.engine.datagrams.send(
            one.party.keys.hash, b"answer", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        _run(3, one)
        assert len(one.payloads()) == 1
        world.renew_tunnels(one.party)
        _run(1, one)
        _sign_original(one)
        _run(3, one)
    assert (world.stored(one.party.keys.hash) > 0) is publish


def test_a_subsession_with_the_elgamal_key_of_the_first_is_reached_too() -> None:
    _, first, second, other = _twins()
    second.is_silent = first.is_silent = True
    _run(2, first, second, other)
    keys = _with_types(first, 4, 0)
    _take(first, keys.private)
    _sign_original(second)  # Java: signs one of type 1 for it
    _run(8, first, second, other)
    for receiver in (second, first):
        _sends(other, receiver)
        if receiver is second:
            assert not other.engine.elgamal.can_be_answered
            _run(3, first, second, other)
            assert receiver.payloads() == []  # a client without an ElGamal key cannot be answered
    visitor = first.world.add("visitor")
    for receiver in (second, first):
        visitor.engine.datagrams.send(
            receiver.party.keys.hash, b"hello", protocol=PROTOCOL_RAW, from_port=1, to_port=2
        )
        _run(5, first, second, other)
        assert any(receiver.payloads())


def test_the_private_key_must_be_that_of_the_lease_set() -> None:
    _, one, _ = _pair()
    _run(5, one)
    lease_set = original_lease_set(one.party.keys, b"\x02" * 256, _leases(one))
    with pytest.raises(DecodeError, match="do not belong"):
        one.engine.take_lease_set(lease_set, _elgamal(one).private, 0.0)
    for wrong in ((), ((0, bytes(256)),), ((0, b"\x01" * 255),)):
        with pytest.raises(DecodeError):
            one.engine.take_lease_set(lease_set, wrong, 0.0)
