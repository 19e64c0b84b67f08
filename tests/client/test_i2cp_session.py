"""A destination on a foreign router: streams, datagrams, lease sets, lookups, reconnecting."""

from __future__ import annotations

import pytest

from core.base.errors import LocalError
from core.client.config import EncryptedLeaseSetOptions, LastingKeys, SessionConfig
from core.client.events import DatagramsArrived, FoundDestination, ReadyChanged
from core.client.i2cp_session import session_options, with_encryption
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b64decode, b64encode
from core.data.encryption_keys import EncryptionKeys
from core.data.lease_set import LeaseSet2
from core.data.lease_set_layers import (
    AuthScheme,
    ClientAuthorisation,
    ClientKeyRefused,
    open_lease_set,
)
from core.data.lease_set_variants import EncryptedLeaseSet
from core.data.payload import PROTOCOL_DATAGRAM
from core.data.private_keys import PrivateKeys
from core.i2cp.data_messages import SendMessageExpires
from core.i2cp.lease_messages import CreateLeaseSet2
from core.i2cp.lookup_messages import HostLookup, HostReply, LookupResult, LookupType
from core.i2cp.session_messages import (
    CreateSession,
    DestroySession,
    Disconnect,
    GetDate,
    ReconfigureSession,
    SessionState,
)
from core.streaming.events import StreamOpened
from core.tunnel.shape import TunnelShape
from tests.client.i2cp_world import Party, World, blinding_of
from tests.support.deterministic import SeededEntropy

DATA = bytes(range(256)) * 1000


def _pair() -> tuple[World, Party, Party]:
    world = World()
    client, server = world.add("client"), world.add("server", SessionConfig("server", publish=True))
    world.connect(client, server)
    return world, client, server


def test_streams_carry_data_both_ways() -> None:
    world, client, server = _pair()
    stream = client.engine.streams.connect(server.engine.destination, now=world.now, initial=b"hi")
    world.run(0.2)
    opened = next(one for one in server.events if isinstance(one, StreamOpened)).stream
    assert opened.remote == client.engine.destination
    assert opened.read(100) == b"hi"
    sent, received = 0, b""
    for _ in range(2000):
        sent += opened.write(DATA[sent:]) if sent < len(DATA) else 0
        world.run(0.01)
        received += stream.read(1 << 20)
        if len(received) == len(DATA):
            break
    assert received == DATA


def test_a_session_is_ready_when_its_lease_set_is_signed() -> None:
    world = World()
    party = world.add("one", SessionConfig("one", publish=True))
    assert not party.engine.is_ready
    world.connect(party)
    assert party.engine.is_ready
    assert ReadyChanged(True) in party.events
    (message,) = [one for one in party.received if isinstance(one, CreateLeaseSet2)][:1]
    lease_set = message.lease_set
    assert isinstance(lease_set, LeaseSet2)
    assert lease_set.verify() and lease_set.is_published
    assert lease_set.destination == party.engine.destination
    ((kind, private),) = message.private_keys
    assert lease_set.encryption_keys == ((4, X25519Key(private).public),) and kind == 4


@pytest.mark.parametrize(
    ("asked", "used"), [((), (4,)), ((4, 6), (6, 4)), ((0, 7, 4), (7, 4, 0)), ((5,), (4,))]
)
def test_the_router_gets_a_key_of_each_type_that_is_asked_for(
    asked: tuple[int, ...], used: tuple[int, ...]
) -> None:
    """Without a wish X25519 alone: what a foreign router can do is not known."""
    world = World()
    party = world.add("one", SessionConfig("one", encryption_types=asked))
    world.connect(party)
    (message,) = [one for one in party.received if isinstance(one, CreateLeaseSet2)][:1]
    lease_set = message.lease_set
    assert isinstance(lease_set, LeaseSet2)
    assert tuple(kind for kind, _ in lease_set.encryption_keys) == used
    private = EncryptionKeys.of_private(message.private_keys, used)
    assert private.public == lease_set.encryption_keys
    options = session_options(with_encryption(SessionConfig("one", encryption_types=asked)))
    assert options["i2cp.leaseSetEncType"] == ",".join(map(str, used))


def _keys_of(party: Party) -> list[tuple[tuple[int, bytes], ...]]:
    """The private keys of each lease set that the router was given; they are those of its text."""
    given = [one for one in party.received if isinstance(one, CreateLeaseSet2)]
    for one in given:
        assert isinstance(one.lease_set, LeaseSet2)
        public = EncryptionKeys.of_private(one.private_keys, (6, 4)).public
        assert one.lease_set.encryption_keys == public
    return [one.private_keys for one in given]


def test_a_new_connection_has_other_keys() -> None:
    """i2pd: it takes no new session of a key that it has one of, for two minutes."""
    world = World()
    lasting = LastingKeys(b"\x11" * 32, b"\x22" * 32)
    party = world.add("one", SessionConfig("one", lasting=lasting, encryption_types=(6, 4)))
    for _ in range(2):
        world.connect(party)
        world.offer(party, 2)
        world.run(0.05)
        party.engine.disconnected("gone")
    first, second, third, fourth = _keys_of(party)
    assert first == second and third == fourth
    assert not {key for _, key in first} & {key for _, key in third}


def test_open_streams_keep_the_key() -> None:
    """i2pd: its streams go on when another session of the same key replaces theirs."""
    world, client, server = _pair()
    stream = client.engine.streams.connect(server.engine.destination, now=world.now)
    world.run(0.5)
    for _ in range(2):
        for party in (client, server):
            party.engine.disconnected("the router was restarted")
        world.connect(client, server)
        world.run(0.5)
        stream.reset(world.now)  # what follows begins without it
        world.run(0.5)
    for party in (client, server):
        first, second, third = _keys_of(party)
        assert first == second != third


def test_a_stream_that_only_waits_for_the_end_does_not_keep_the_key() -> None:
    world, client, server = _pair()
    stream = client.engine.streams.connect(server.engine.destination, now=world.now, initial=b"hi")
    world.run(0.5)
    stream.close(world.now)
    client.engine.disconnected("the router was restarted")
    assert stream in client.engine.streams.streams
    world.connect(client)
    first, second = _keys_of(client)
    assert first != second


def test_streams_that_nobody_answered_do_not_keep_the_key() -> None:
    world = World()
    party = world.add("one")
    world.connect(party)
    party.engine.streams.connect(world.add("two").engine.destination, now=world.now)
    party.engine.disconnected("gone")
    world.connect(party)
    first, second = _keys_of(party)
    assert first != second


def test_each_request_brings_a_later_lease_set() -> None:
    world = World()
    party = world.add("one")
    world.connect(party)
    for number in range(2, 5):
        world.offer(party, number)
        world.run(0.05)
    dates = [one.published_ms for one in party.lease_sets]
    assert len(dates) == 4 and dates == sorted(set(dates))
    newest = party.lease_sets[-1]
    assert isinstance(newest, LeaseSet2)
    assert [lease.tunnel_id for lease in newest.leases] == [4]
    assert not newest.is_published  # a client's is for those only whom it talks to


def test_a_stream_outlives_a_connection() -> None:
    world, client, server = _pair()
    stream = client.engine.streams.connect(server.engine.destination, now=world.now)
    world.run(0.5)
    client.engine.disconnected("the router was restarted")
    assert not client.engine.is_ready
    assert client.engine.why_not_ready == "the router was restarted"
    stream.write(b"after all")
    world.run(1)
    assert ReadyChanged(False) in client.events
    world.connect(client)
    world.run(20)
    opened = next(one for one in server.events if isinstance(one, StreamOpened)).stream
    assert opened.read(100) == b"after all"


def test_datagrams_go_to_hashes_that_are_looked_up_once() -> None:
    world, client, server = _pair()
    mailbox = server.engine.datagrams.bind(PROTOCOL_DATAGRAM)
    for number in range(3):
        client.engine.datagrams.send(
            server.engine.destination.hash, b"%d" % number, protocol=PROTOCOL_DATAGRAM
        )
    world.run(0.2)
    assert DatagramsArrived(mailbox) in server.events
    contents = [mailbox.take() for _ in range(3)]
    assert [one.content.payload for one in contents if one] == [b"0", b"1", b"2"]
    assert sum(isinstance(one, HostLookup) for one in client.received) == 1
    client.engine.datagrams.send(b"x" * 32, b"to nobody", protocol=PROTOCOL_DATAGRAM)
    world.run(0.2)
    assert client.engine.network.dropped == 1


def test_whom_a_router_was_asked_for_when_it_went_the_next_one_is_asked_for() -> None:
    """What waited is lost, as datagrams may be; what is sent later is not."""
    world, client, server = _pair()
    mailbox = server.engine.datagrams.bind(PROTOCOL_DATAGRAM)
    target = server.engine.destination.hash
    client.engine.datagrams.send(target, b"too early", protocol=PROTOCOL_DATAGRAM)
    client.engine.run(world.now)  # asked, and the question is lost
    client.engine.disconnected("the router was restarted")
    assert client.engine.network.dropped == 1
    world.connect(client)
    client.engine.datagrams.send(target, b"after all", protocol=PROTOCOL_DATAGRAM)
    world.run(0.2)
    got = mailbox.take()
    assert got is not None and got.content.payload == b"after all"


def test_a_lookup_brings_the_destination() -> None:
    world, client, server = _pair()
    client.engine.lookup(server.engine.destination.hash, world.now)
    client.engine.lookup(b"x" * 32, world.now)
    world.run(0.2)
    first, second = client.found
    assert first.lease_set == FoundDestination(server.engine.destination, {})
    assert (second.lease_set, second.why) == (None, "lease_set_not_found")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (LookupResult.FAILURE, "blinded_lookup_failed"),
        (LookupResult.SECRET_REQUIRED, "secret_required"),
        (LookupResult.KEY_REQUIRED, "client_key_required"),
        (LookupResult.DECRYPTION_FAILED, "client_key_refused"),
        (99, "blinded_lookup_failed"),
    ],
)
def test_an_encrypted_address_is_asked_for_by_name(result: int, why: str) -> None:
    world, client, server = _pair()
    world.result = result  # type: ignore[assignment]
    address = BlindedAddress.of(server.engine.destination)
    target = BlindedTarget(address, "word", b"c" * 32)
    client.engine.lookup(target, world.now)
    world.run(0.2)
    info = blinding_of(client)
    assert (info.endpoint, info.secret, info.client_key) == (
        (address.signing_type, address.signing_key), "word", b"c" * 32
    )  # fmt: skip
    asked = next(one for one in client.received if isinstance(one, HostLookup))
    assert (asked.lookup_type, asked.target) == (LookupType.NAME, address.host)
    assert [one.why for one in client.found] == [why]


def test_a_destination_that_was_not_asked_for_is_not_believed() -> None:
    world, client, server = _pair()
    other = world.add("other")
    world.connect(other)
    client.engine.lookup(b"x" * 32, world.now)
    client.engine.run(world.now)
    world.say(client, HostReply(1, 1, 0, other.engine.destination))
    world.run(0.1)
    assert [one.lease_set for one in client.found] == [None]
    assert server.engine.is_ready


def test_lookups_end_with_the_connection() -> None:
    world, client, _ = _pair()
    client.engine.lookup(b"x" * 32, world.now)
    client.engine.disconnected("gone")
    client.engine.lookup(b"y" * 32, world.now)
    world.run(0.1)
    assert [one.why for one in client.found] == ["lease_set_not_found"] * 2


def test_an_encrypted_lease_set_opens_with_the_address() -> None:
    world = World()
    config = SessionConfig("site", publish=True, encrypted=EncryptedLeaseSetOptions(secret="word"))
    party = world.add("site", config)
    world.connect(party)
    published = party.lease_sets[0]
    assert isinstance(published, EncryptedLeaseSet)
    assert published.verify()
    destination = party.engine.destination
    target = BlindedTarget(BlindedAddress.of(destination, needs_secret=True), "word")
    assert open_lease_set(published, target).destination == destination
    created = next(one for one in party.received if isinstance(one, CreateSession))
    assert created.config.options["i2cp.leaseSetType"] == "5"
    # It moves to another key at midnight, without being asked.
    before = len(party.lease_sets)
    seconds = 86_400 - party.wall.now() % 86_400
    party.wall.advance(seconds + 1)
    world.now += seconds + 1
    world.offer(party, 2)
    world.run(0.1)
    assert party.lease_sets[before:][-1].hash != published.hash


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_the_router_can_read_an_encrypted_lease_set(scheme: AuthScheme) -> None:
    """Java's ends the connection otherwise, and wants secret and key among the options."""
    client = X25519Key.generate(SeededEntropy("a client"))
    key = client.public if scheme is AuthScheme.DH else client.private
    world = World()
    options = EncryptedLeaseSetOptions("word", ClientAuthorisation(scheme, (key,)))
    party = world.add("site", SessionConfig("site", publish=True, encrypted=options))
    world.connect(party)
    said = next(one for one in party.received if isinstance(one, CreateSession)).config.options
    assert said["i2cp.leaseSetSecret"] == b64encode(b"word")
    address = BlindedAddress.of(party.engine.destination, needs_secret=True, needs_client_key=True)

    def reads(private: bytes) -> bool:
        published = party.lease_sets[-1]
        assert isinstance(published, EncryptedLeaseSet)
        target = BlindedTarget(address, "word", private)
        try:
            return open_lease_set(published, target).destination == party.engine.destination
        except ClientKeyRefused:
            return False

    assert reads(client.private)
    assert reads(b64decode(said["i2cp.leaseSetPrivKey"]))
    # Others are authorised while it runs: the router still reads it, and is told if by another key.
    other = X25519Key.generate(SeededEntropy("another one"))
    key = other.public if scheme is AuthScheme.DH else other.private
    party.engine.authorise(ClientAuthorisation(scheme, (key,)), world.now)
    world.run(0.1)
    changed = [one for one in party.received if isinstance(one, ReconfigureSession)][-1]
    assert (reads(other.private), reads(client.private)) == (True, False)
    assert reads(b64decode(changed.config.options["i2cp.leaseSetPrivKey"]))


def test_the_router_is_told_how_the_tunnels_should_be() -> None:
    world = World()
    shape = TunnelShape(1, 4, 0, 1, (b"p" * 32,))
    party = world.add("one", SessionConfig("one", inbound=shape, outbound=TunnelShape(2, 3)))
    world.connect(party)
    options = next(one for one in party.received if isinstance(one, CreateSession)).config.options
    assert (options["inbound.length"], options["outbound.quantity"]) == ("1", "3")
    assert options["inbound.backupQuantity"] == "1"
    assert options["i2cp.dontPublishLeaseSet"] == "true"
    assert options["explicitPeers"].startswith("cHBw")
    party.engine.reshape(TunnelShape(3, 1), TunnelShape(3, 1))
    world.run(0.1)
    changed = next(one for one in party.received if isinstance(one, ReconfigureSession))
    assert changed.config.options["inbound.length"] == "3"


def test_a_server_says_nothing_about_publishing() -> None:
    world = World()
    party = world.add("one", SessionConfig("one", publish=True))
    world.connect(party)
    options = next(one for one in party.received if isinstance(one, CreateSession)).config.options
    assert "i2cp.dontPublishLeaseSet" not in options


def test_the_clock_of_the_router_counts() -> None:
    world = World()
    world.clock_ahead_s = 7200.0
    party = world.add("one")
    world.connect(party)
    assert party.wall.correction_s == pytest.approx(7200, abs=1)
    created = next(one for one in party.received if isinstance(one, CreateSession))
    assert abs(created.config.date_ms / 1000 - party.wall.time - 7200) < 2


def test_user_and_password_go_with_the_greeting() -> None:
    world = World()
    party = world.add("one", user_name="me", password="secret")
    world.connect(party)
    greeting = next(one for one in party.received if isinstance(one, GetDate))
    assert greeting.options == {"i2cp.username": "me", "i2cp.password": "secret"}


@pytest.mark.parametrize(
    ("state", "words"),
    [(SessionState.INVALID, "may be in use there"), (SessionState.REFUSED, "too many")],
)
def test_a_refused_session_says_why(state: SessionState, words: str) -> None:
    world = World()
    world.state = state
    party = world.add("one")
    world.connect(party)
    assert party.engine.has_failed
    assert words in party.engine.failure


def test_offline_keys_that_a_router_refuses_are_named() -> None:
    world = World()
    world.state = SessionState.INVALID
    keys = PrivateKeys.generate_destination(SeededEntropy(4))
    transient = keys.authorise_transient(SeededEntropy(5), 2_000_000_000)
    party = world.add("one", SessionConfig("one", keys=transient))
    world.connect(party)
    assert "offline" in party.engine.failure


def test_a_router_that_is_too_old_is_named() -> None:
    world = World()
    world.version = "0.9.30"
    party = world.add("one")
    world.connect(party)
    assert party.engine.has_failed and "0.9.30, which is too old" in party.engine.failure


def test_a_router_that_says_nothing_is_given_up() -> None:
    world = World()
    party = world.add("one")
    party.engine.connected(world.now)
    party.engine.run(world.now + 29)
    assert not party.engine.has_failed
    party.engine.run(world.now + 31)
    assert party.engine.has_failed and "does not answer" in party.engine.failure


def test_a_router_that_builds_no_tunnels_is_given_up() -> None:
    world, client, _ = _pair()
    fresh = World()
    party = fresh.add("one")
    fresh.offer = lambda *_: None  # type: ignore[method-assign]
    fresh.connect(party)
    fresh.run(1)
    party.engine.run(fresh.now + 301)
    assert "no tunnels" in party.engine.failure
    client.engine.run(world.now + 301)
    assert not client.engine.has_failed


@pytest.mark.parametrize("data", [b"\xff" * 5, b"\x00\x00\x00\x01\x21\x00"])
def test_a_malformed_answer_ends_the_connection(data: bytes) -> None:
    world, client, _ = _pair()
    client.engine.receive(data, world.now)
    world.run(0.05)
    assert client.engine.has_failed and "malformed" in client.engine.failure


def test_a_disconnect_is_told_without_control_characters() -> None:
    world, client, _ = _pair()
    world.say(client, Disconnect("bye\x1b[0m"))
    world.run(0.05)
    assert client.engine.failure == "the router ended the connection: bye?[0m"


def test_closing_destroys_the_session() -> None:
    world, client, _ = _pair()
    client.engine.close()
    world.run(0.05)
    assert isinstance(client.received[-1], DestroySession)


def test_streams_wait_while_the_router_does_not_read() -> None:
    world, client, server = _pair()
    stream = client.engine.streams.connect(server.engine.destination, now=world.now)
    world.run(0.5)
    client.engine.network.unsent = lambda: 1 << 20
    before = sum(isinstance(one, SendMessageExpires) for one in client.received)
    stream.write(DATA[:100_000])
    world.run(0.3)
    held = sum(isinstance(one, SendMessageExpires) for one in client.received) - before
    assert held <= 2
    client.engine.network.unsent = lambda: 0
    world.run(1)
    opened = next(one for one in server.events if isinstance(one, StreamOpened)).stream
    assert len(opened.read(1 << 20)) > 20_000


def test_only_an_encrypted_lease_set_has_readers() -> None:
    _, client, _ = _pair()
    with pytest.raises(LocalError):
        client.engine.authorise(None, 0.0)
