"""Encrypted lease sets: sealed by the owner, opened by clients, and by nobody else."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.calendar import DAY_S, day_number
from core.base.errors import DecodeError, LocalError
from core.base.wire import Writer
from core.crypto.blinding import Blinding
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.lease_set import LEASES_MAX, Lease, LeaseSet2
from core.data.lease_set_layers import (
    CIPHERTEXT_BYTES_MAX,
    CLIENTS_MAX,
    AuthScheme,
    ClientAuthorisation,
    ClientKeyRefused,
    ClientKeyRequired,
    authorise_days,
    client_public_key,
    daily_key,
    open_lease_set,
    seal_lease_set,
)
from core.data.lease_set_variants import EncryptedLeaseSet, MetaLeaseSet
from core.data.mapping import write_mapping
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy

NOW_S = 1_700_000_000
DAY = day_number(NOW_S)
ENTROPY = SeededEntropy("layers")
OWNER = PrivateKeys.generate_destination(SeededEntropy("owner"), 11)
CLIENTS = [X25519Key.generate(SeededEntropy(f"client {i}")) for i in range(5)]


def inner_of(keys: PrivateKeys, leases: int = 3, published_s: int = NOW_S) -> LeaseSet2:
    ends_ms = (published_s + 600) * 1000
    return LeaseSet2.build(
        keys,
        [(4, b"k" * 32)],
        [Lease(bytes((i,)) * 32, i, ends_ms) for i in range(leases)],
        published_s * 1000,
        ends_ms,
        blinded=True,
    )


def sealed(
    keys: PrivateKeys = OWNER,
    secret: str = "",
    authorisation: ClientAuthorisation | None = None,
    leases: int = 3,
) -> EncryptedLeaseSet:
    blinding = Blinding(keys.destination.signing_type, keys.destination.signing_key, secret)
    key = daily_key(keys, blinding, DAY)
    return seal_lease_set(inner_of(keys, leases), blinding, key, ENTROPY, authorisation)


def target(
    keys: PrivateKeys = OWNER, secret: str = "", client_key: bytes | None = None
) -> BlindedTarget:
    return BlindedTarget(BlindedAddress.of(keys.destination), secret, client_key)


def clients(scheme: AuthScheme, keys: list[X25519Key]) -> ClientAuthorisation:
    return ClientAuthorisation(
        scheme, tuple(k.public if scheme is AuthScheme.DH else k.private for k in keys)
    )


@pytest.mark.parametrize("signing_type", [7, 11])
@pytest.mark.parametrize("secret", ["", "Ümlaut and words"])
def test_for_everybody_with_the_address(signing_type: int, secret: str) -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy(signing_type), signing_type)
    outer = sealed(keys, secret)
    assert outer.verify()
    assert outer.store_type == 5
    assert outer.hash == target(keys, secret).store_key(DAY)
    assert (outer.published_ms, outer.expires_ms) == (NOW_S * 1000, (NOW_S + 600) * 1000)
    assert keys.destination.raw not in outer.raw
    assert keys.destination.signing_key not in outer.raw
    inner = open_lease_set(outer, target(keys, secret))
    assert inner == inner_of(keys)
    # A client key that nobody asks for does no harm.
    assert open_lease_set(outer, target(keys, secret, b"k" * 32)) == inner


def test_a_wrong_secret_or_address_does_not_open() -> None:
    outer = sealed(secret="right")
    stranger = PrivateKeys.generate_destination(SeededEntropy("stranger"), 11)
    for wrong in (target(secret="wrong"), target(), target(stranger, "right")):
        with pytest.raises(DecodeError):
            open_lease_set(outer, wrong)


@pytest.mark.parametrize("scheme", list(AuthScheme))
@pytest.mark.parametrize("count", [1, 4, 5])
def test_authorised_clients_get_in(scheme: AuthScheme, count: int) -> None:
    outer = sealed(authorisation=clients(scheme, CLIENTS[:count]))
    assert outer.verify()
    for client in CLIENTS[:count]:
        inner = open_lease_set(outer, target(client_key=client.private))
        assert inner == inner_of(OWNER)


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_others_do_not_get_in(scheme: AuthScheme) -> None:
    outer = sealed(authorisation=clients(scheme, CLIENTS[:3]))
    with pytest.raises(ClientKeyRequired):
        open_lease_set(outer, target())
    with pytest.raises(ClientKeyRefused):
        open_lease_set(outer, target(client_key=CLIENTS[4].private))
    # Knowing the public key of an authorised client is not enough.
    with pytest.raises(ClientKeyRefused):
        open_lease_set(outer, target(client_key=CLIENTS[0].public))


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_a_revoked_client_stays_out(scheme: AuthScheme) -> None:
    before = sealed(authorisation=clients(scheme, CLIENTS[:2]))
    after = sealed(authorisation=clients(scheme, CLIENTS[1:2]))
    revoked, kept = (target(client_key=client.private) for client in CLIENTS[:2])
    assert open_lease_set(before, revoked) == open_lease_set(after, kept)
    with pytest.raises(ClientKeyRefused):
        open_lease_set(after, revoked)


@pytest.mark.parametrize("scheme", list(AuthScheme))
def test_without_any_client_nobody_gets_in(scheme: AuthScheme) -> None:
    outer = sealed(authorisation=ClientAuthorisation(scheme, ()))
    for client_key in (CLIENTS[0].private, CLIENTS[0].public, bytes(31) + b"\1"):
        with pytest.raises(ClientKeyRefused):
            open_lease_set(outer, target(client_key=client_key))


def test_a_client_key_is_any_random_bytes() -> None:
    client_key = SeededEntropy("a client").random_bytes(32)
    dh = ClientAuthorisation(AuthScheme.DH, (client_public_key(client_key),))
    psk = ClientAuthorisation(AuthScheme.PSK, (client_key,))
    for authorisation in (dh, psk):
        outer = sealed(authorisation=authorisation)
        assert open_lease_set(outer, target(client_key=client_key)) == inner_of(OWNER)


def test_the_number_of_clients_does_not_show() -> None:
    sizes = {
        len(sealed(authorisation=clients(AuthScheme.PSK, CLIENTS[:count])).raw)
        for count in (0, 1, 2, 4)
    }
    assert len(sizes) == 1


def test_the_largest_fits_what_java_reads() -> None:
    many = [SeededEntropy(i).random_bytes(32) for i in range(CLIENTS_MAX)]
    keys = OWNER.authorise_transient(ENTROPY, NOW_S + 9999)
    blinding = Blinding(11, OWNER.destination.signing_key)
    (day,) = authorise_days(OWNER, blinding, ENTROPY, DAY, 1)
    authorisation = ClientAuthorisation(AuthScheme.PSK, tuple(many))
    outer = seal_lease_set(inner_of(keys, LEASES_MAX), blinding, day, ENTROPY, authorisation)
    assert len(outer.encrypted) <= CIPHERTEXT_BYTES_MAX
    assert len(open_lease_set(outer, target(client_key=many[-1])).leases) == LEASES_MAX
    with pytest.raises(LocalError):
        ClientAuthorisation(AuthScheme.PSK, (*many, b"x" * 32))


@pytest.mark.parametrize(
    ("scheme", "key"),
    [(AuthScheme.PSK, b"short"), (AuthScheme.DH, b"short"), (AuthScheme.DH, bytes(32))],
)
def test_useless_client_keys_are_refused(scheme: AuthScheme, key: bytes) -> None:
    with pytest.raises(LocalError):
        ClientAuthorisation(scheme, (key,))


def test_offline_keys() -> None:
    blinding = Blinding(11, OWNER.destination.signing_key)
    online = OWNER.authorise_transient(ENTROPY, NOW_S + 99 * DAY_S)
    days = authorise_days(OWNER, blinding, ENTROPY, DAY, 3)
    assert len({day.signing.public for day in days}) == 3
    outer = seal_lease_set(inner_of(online), blinding, days[0], ENTROPY)
    assert outer.offline is not None
    assert outer.verify()
    inner = open_lease_set(outer, target())
    assert inner.offline is not None
    assert inner.destination == OWNER.destination
    with pytest.raises(LocalError):
        seal_lease_set(inner_of(online), blinding, days[1], ENTROPY)
    with pytest.raises(LocalError):
        daily_key(online, blinding, DAY)


def test_a_transient_key_of_another_day_does_not_verify() -> None:
    blinding = Blinding(11, OWNER.destination.signing_key)
    first, second = authorise_days(OWNER, blinding, ENTROPY, DAY, 2)
    forged = dataclasses.replace(first, offline=second.offline, signing=second.signing)
    assert not seal_lease_set(inner_of(OWNER), blinding, forged, ENTROPY).verify()


def test_yesterdays_key_on_todays_date_is_refused() -> None:
    blinding = Blinding(11, OWNER.destination.signing_key)
    yesterday = daily_key(OWNER, blinding, DAY - 1)
    lie = dataclasses.replace(yesterday, day=DAY)
    with pytest.raises(DecodeError, match="another blinded key"):
        open_lease_set(seal_lease_set(inner_of(OWNER), blinding, lie, ENTROPY), target())


def test_a_stranger_inside_is_refused() -> None:
    stranger = PrivateKeys.generate_destination(SeededEntropy("stranger"), 11)
    blinding = Blinding(11, OWNER.destination.signing_key)
    key = daily_key(OWNER, blinding, DAY)
    outer = seal_lease_set(inner_of(stranger), blinding, key, ENTROPY)
    with pytest.raises(DecodeError, match="another destination"):
        open_lease_set(outer, target())
    broken = LeaseSet2.parse(inner_of(OWNER).raw[:-64] + bytes(64))
    with pytest.raises(DecodeError, match="signature"):
        open_lease_set(seal_lease_set(broken, blinding, key, ENTROPY), target())


def test_a_meta_lease_set_inside() -> None:
    body = Writer().raw(OWNER.destination.raw).u32(NOW_S).u16(600).u16(6)
    body.raw(write_mapping({})).u8(1).raw(b"m" * 32).u24(3).u8(9).u32(NOW_S + 100).u8(0)
    meta = MetaLeaseSet.parse(body.finish() + OWNER.sign(b"\x07" + body.finish()))
    blinding = Blinding(11, OWNER.destination.signing_key)
    outer = seal_lease_set(meta, blinding, daily_key(OWNER, blinding, DAY), ENTROPY)
    assert open_lease_set(outer, target()) == meta


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=60, deadline=None)
def test_junk_inside(junk: bytes, has_key: bool) -> None:
    """The owner's own key on nonsense: DecodeError and nothing else."""
    outer = sealed()
    forged = dataclasses.replace(outer, encrypted=junk)
    with pytest.raises(DecodeError):
        open_lease_set(forged, target(client_key=b"k" * 32 if has_key else None))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_flipped_bits(data: st.DataObject) -> None:
    outer = sealed(authorisation=clients(AuthScheme.DH, CLIENTS[:1]))
    position = data.draw(st.integers(0, len(outer.encrypted) - 1))
    flipped = bytearray(outer.encrypted)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    forged = dataclasses.replace(outer, encrypted=bytes(flipped))
    try:
        inner = open_lease_set(forged, target(client_key=CLIENTS[0].private))
    except DecodeError:
        return
    # Invented clients and unused flag bits may change; the lease set may not.
    assert inner == inner_of(OWNER)
