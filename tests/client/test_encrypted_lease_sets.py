"""Encrypted lease sets from session to session: publishing, finding, midnight, authorisation."""

from __future__ import annotations

import pytest

from core.base.calendar import DAY_S, day_number
from core.base.errors import LocalError
from core.client.config import EncryptedLeaseSetOptions
from core.crypto.blinding import Blinding
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.lease_set import LeaseSet2
from core.data.lease_set_layers import AuthScheme, ClientAuthorisation, authorise_days
from core.data.payload import PROTOCOL_RAW
from core.data.private_keys import PrivateKeys
from tests.client.parties import Party, World
from tests.support.deterministic import SeededEntropy

pytestmark = pytest.mark.doubles

MIDNIGHT = 19_675 * DAY_S
NOON = float(MIDNIGHT - DAY_S // 2)
PLAIN = EncryptedLeaseSetOptions()
ALICE = X25519Key.generate(SeededEntropy("alice"))
BOB = X25519Key.generate(SeededEntropy("bob"))


def only(scheme: AuthScheme, *clients: X25519Key) -> EncryptedLeaseSetOptions:
    return EncryptedLeaseSetOptions(authorisation=authorised(scheme, *clients))


def authorised(scheme: AuthScheme, *clients: X25519Key) -> ClientAuthorisation:
    keys = (one.public if scheme is AuthScheme.DH else one.private for one in clients)
    return ClientAuthorisation(scheme, tuple(keys))


def target(owner: Party, client: X25519Key | None = None, secret: str = "") -> BlindedTarget:
    address = BlindedAddress.of(owner.keys.destination)
    return BlindedTarget(address, secret, None if client is None else client.private)


def site(world: World, options: EncryptedLeaseSetOptions, keys: PrivateKeys | None = None) -> Party:
    owner = world.add("site", keys=keys, publish=True, encrypted=options)
    world.run_until(lambda: owner.engine.is_ready)
    world.run(1)
    return owner


def say(world: World, sender: Party, receiver: Party, words: bytes) -> None:
    """Send a datagram to a destination that was found, and see it arrive."""
    mailbox = receiver.engine.datagrams.bind(PROTOCOL_RAW, 2)
    sender.engine.datagrams.send(
        receiver.keys.hash, words, protocol=PROTOCOL_RAW, from_port=1, to_port=2
    )
    sender.engine.run(world.network.now)
    world.run(0.5)
    receiver.engine.datagrams.unbind(mailbox)
    got = mailbox.take()
    assert got is not None
    assert (got.content.payload, mailbox.take()) == (words, None)


@pytest.mark.parametrize("signing_type", [7, 11])
def test_found_by_its_address_and_only_by_it(signing_type: int) -> None:
    world = World(NOON)
    keys = PrivateKeys.generate_destination(SeededEntropy("site"), signing_type)
    owner = site(world, PLAIN, keys)
    assert world.stored(target(owner).store_key(day_number(NOON))) >= 4
    assert world.stored(keys.hash) == 0
    client = world.add("client")
    found = client.find(target(owner))
    assert isinstance(found.lease_set, LeaseSet2)
    assert found.lease_set.destination == keys.destination
    assert (found.target, found.why) == (target(owner), "")
    say(world, client, owner, b"hello")
    say(world, owner, client, b"hello back")
    # From now on the hash will do, and nobody is asked.
    sent = len(client.node.sent)
    assert client.find(keys.hash).lease_set == found.lease_set
    assert client.find(target(owner)).lease_set == found.lease_set
    assert len(client.node.sent) == sent
    stranger = world.add("stranger")
    assert stranger.find(keys.hash).lease_set is None


def test_a_secret() -> None:
    world = World(NOON)
    owner = site(world, EncryptedLeaseSetOptions(secret="open sesame"))
    client = world.add("client")
    for wrong in ("", "open barley"):
        found = client.find(target(owner, secret=wrong))
        assert (found.lease_set, found.why) == (None, "lease_set_not_found")
    assert client.find(target(owner, secret="open sesame")).lease_set is not None


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_authorised_clients(scheme: AuthScheme) -> None:
    world = World(NOON)
    owner = site(world, only(scheme, ALICE))
    client = world.add("client")
    found = client.find(target(owner))
    assert (found.lease_set, found.why) == (None, "client_key_required")
    found = client.find(target(owner, BOB))
    assert (found.lease_set, found.why) == (None, "client_key_refused")
    assert client.find(target(owner, ALICE)).lease_set is not None
    say(world, client, owner, b"hello")


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_authorising_and_revoking_while_it_runs(scheme: AuthScheme) -> None:
    world = World(NOON)
    owner = site(world, only(scheme, ALICE))
    alice, bob = world.add("alice"), world.add("bob")
    assert alice.find(target(owner, ALICE)).lease_set is not None
    assert bob.find(target(owner, BOB)).why == "client_key_refused"
    say(world, alice, owner, b"let Bob in")
    owner.engine.authorise(authorised(scheme, BOB), world.network.now)
    world.run(3)
    assert bob.find(target(owner, BOB)).lease_set is not None
    assert world.add("alice again").find(target(owner, ALICE)).why == "client_key_refused"
    # What Alice knows already ends with its leases: her messages bring her no new ones.
    for _ in range(4):
        say(world, alice, owner, b"still here")
        say(world, owner, alice, b"so you are")
        world.run(110)
    world.run(160)
    assert alice.find(target(owner, ALICE)).why == "client_key_refused"
    assert alice.find(owner.keys.hash).lease_set is None
    assert bob.find(target(owner, BOB)).lease_set is not None


def test_callers_are_told_new_leases_as_long_as_nobody_is_revoked() -> None:
    world = World(NOON)
    owner = site(world, only(AuthScheme.PSK, ALICE))
    alice = world.add("alice")
    assert alice.find(target(owner, ALICE)).lease_set is not None
    for _ in range(9):
        say(world, alice, owner, b"still here")
        say(world, owner, alice, b"so you are")
        world.run(100)
    sent = len(alice.node.sent)
    assert alice.find(target(owner, ALICE)).lease_set is not None
    assert len(alice.node.sent) == sent


def test_with_nobody_authorised_nobody_gets_in() -> None:
    world = World(NOON)
    owner = site(world, only(AuthScheme.DH))
    client = world.add("client")
    assert client.find(target(owner)).why == "client_key_required"
    assert client.find(target(owner, ALICE)).why == "client_key_refused"


def test_a_new_key_at_midnight() -> None:
    world = World(MIDNIGHT - 200.0)
    owner = site(world, PLAIN)
    before, after = (target(owner).store_key(day_number(MIDNIGHT) + n) for n in (-1, 0))
    client = world.add("client")
    assert client.find(target(owner)).lease_set is not None
    world.run(MIDNIGHT - 5 - world.network.wall.now())
    assert (world.stored(before) >= 4, world.stored(after)) == (True, 0)
    world.run(10)
    assert world.stored(after) >= 4
    assert owner.engine.own.published is not None
    assert owner.engine.own.published.hash == after
    assert world.add("late client").find(target(owner)).lease_set is not None
    # The old one is published no more and ends by itself.
    world.run(900)
    assert world.stored(before) == 0
    assert client.find(target(owner)).lease_set is not None


def test_who_knew_it_before_midnight_finds_it_after() -> None:
    """A session that never talked since has to look under the new key by itself."""
    world = World(MIDNIGHT - 300.0)
    owner = site(world, PLAIN)
    client = world.add("client")
    assert client.find(target(owner)).lease_set is not None
    world.run(900)
    assert client.find(owner.keys.hash).lease_set is not None
    say(world, client, owner, b"good morning")


@pytest.mark.parametrize(("clock_error_s", "wait_s"), [(-60.0, 20.0), (60.0, -20.0)])
def test_clocks_that_differ_at_midnight(clock_error_s: float, wait_s: float) -> None:
    world = World(MIDNIGHT - 200.0)
    owner = site(world, PLAIN)
    client = world.add("client", clock_error_s=clock_error_s)
    world.run(MIDNIGHT + wait_s - world.network.wall.now())
    assert client.find(target(owner)).lease_set is not None


def test_an_owner_that_does_not_move_at_midnight() -> None:
    """What it published yesterday is found while its leases last."""
    world = World(MIDNIGHT - 100.0)
    owner = site(world, PLAIN)
    owner.is_frozen = True
    world.run(300)
    client = world.add("client")
    found = client.find(target(owner))
    assert found.lease_set is not None
    world.run(500)
    assert world.add("late client").find(target(owner)).why == "lease_set_not_found"


def test_the_successor_of_a_lease_set_that_came_along() -> None:
    """Who was only called by an encrypted destination finds it under the blinded key."""
    world = World(NOON)
    owner = site(world, PLAIN)
    server = world.add("server", publish=True)
    world.run_until(lambda: server.engine.is_ready)
    assert owner.find(server.keys.hash).lease_set is not None
    say(world, owner, server, b"hello")
    world.run(300)
    say(world, owner, server, b"still here")
    owner.engine._remotes.by_hash.clear()  # it forgets to tell about new leases
    world.run(250)
    assert server.find(owner.keys.hash).lease_set is not None


def test_keys_made_in_advance() -> None:
    world = World(MIDNIGHT - 100.0)
    owner_keys = PrivateKeys.generate_destination(SeededEntropy("offline"), 7)
    destination = owner_keys.destination
    blinding = Blinding(destination.signing_type, destination.signing_key)
    today = day_number(MIDNIGHT) - 1
    days = authorise_days(owner_keys, blinding, SeededEntropy(1), today, 2)
    online = owner_keys.authorise_transient(SeededEntropy(2), MIDNIGHT + 99 * DAY_S)
    owner = site(world, EncryptedLeaseSetOptions(daily_keys=days), online)
    client = world.add("client")
    found = client.find(target(owner))
    assert found.lease_set is not None
    assert found.lease_set.offline is not None
    world.run(120)
    assert world.stored(target(owner).store_key(today + 1)) >= 4
    assert world.add("other").find(target(owner)).lease_set is not None


def test_without_a_key_for_the_day_nothing_is_published(caplog: pytest.LogCaptureFixture) -> None:
    world = World(MIDNIGHT - 100.0)
    owner_keys = PrivateKeys.generate_destination(SeededEntropy("offline"), 7)
    destination = owner_keys.destination
    blinding = Blinding(destination.signing_type, destination.signing_key)
    today = day_number(MIDNIGHT) - 1
    days = authorise_days(owner_keys, blinding, SeededEntropy(1), today, 1)
    online = owner_keys.authorise_transient(SeededEntropy(2), MIDNIGHT + 99 * DAY_S)
    owner = site(world, EncryptedLeaseSetOptions(daily_keys=days), online)
    world.run(900)
    assert owner.engine.own.published is None
    assert world.stored(target(owner).store_key(today + 1)) == 0
    assert world.stored(owner.keys.hash) == 0
    assert "no blinded key" in caplog.text


def test_what_cannot_be_encrypted_is_refused() -> None:
    world = World(NOON)
    ecdsa = PrivateKeys.generate_destination(SeededEntropy(1), 1)
    with pytest.raises(LocalError):
        world.add("ecdsa", keys=ecdsa, publish=True, encrypted=PLAIN)
    offline = PrivateKeys.generate_destination(SeededEntropy(1)).authorise_transient(
        SeededEntropy(2), MIDNIGHT
    )
    with pytest.raises(LocalError):
        world.add("offline", keys=offline, publish=True, encrypted=PLAIN)
    plain = world.add("plain", publish=True)
    with pytest.raises(LocalError):
        plain.engine.authorise(None, world.network.now)


def test_an_address_that_is_no_key_is_not_found() -> None:
    world = World(NOON)
    client = world.add("client")
    whys = set()
    for first in range(2, 12):
        nonsense = BlindedTarget(BlindedAddress(7, bytes((first,)) + bytes(31)))
        whys.add(client.find(nonsense).why)
    assert whys == {"lease_set_not_found"}
