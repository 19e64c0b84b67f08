"""Lease sets of all four types."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.base.wire import Writer
from core.crypto.signing import SigningKey
from core.data.lease_set import Lease, LeaseSet, LeaseSet2
from core.data.lease_set_variants import (
    EncryptedLeaseSet,
    MetaLease,
    MetaLeaseSet,
    parse_lease_set,
)
from core.data.mapping import write_mapping
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy

quick = settings(max_examples=80, deadline=None)
NOW_S = 1_700_000_000
NOW_MS = NOW_S * 1000
LEASES = [Lease(bytes((i,)) * 32, 1000 + i, NOW_MS + 600_000 - i * 1000) for i in range(3)]
KEYS = ((6, b"p" * 1216), (4, b"x" * 32), (0, b"e" * 256))


def keys(seed: int = 0, signing_type: int = 7) -> PrivateKeys:
    return PrivateKeys.generate_destination(SeededEntropy(seed), signing_type)


def lease_set_1(signer: PrivateKeys) -> bytes:
    writer = Writer().raw(signer.destination.raw).raw(b"e" * 256)
    writer.raw(bytes(len(signer.destination.signing_key))).u8(len(LEASES))
    for lease in LEASES:
        writer.raw(lease.gateway).u32(lease.tunnel_id).u64(lease.end_ms + 5)
    body = writer.finish()
    return body + signer.sign(body)


def lease_set_2(signer: PrivateKeys, unpublished: bool = False) -> LeaseSet2:
    return LeaseSet2.build(
        signer, KEYS, LEASES, NOW_MS + 999, NOW_MS + 600_000, unpublished, {"_smtp._tcp": "0 1 25"}
    )


def meta_lease_set(signer: PrivateKeys) -> bytes:
    writer = Writer().raw(signer.destination.raw).u32(NOW_S).u16(65535).u16(2)
    writer.raw(write_mapping({})).u8(1).raw(b"m" * 32).u24(3).u8(9).u32(NOW_S + 100)
    body = writer.u8(1).raw(b"r" * 32).finish()
    return body + signer.sign(b"\x07" + body)


def encrypted_lease_set(offline: bool = False) -> bytes:
    blinded = SigningKey.generate(SeededEntropy(5), 11)
    writer = Writer().u16(11).raw(blinded.public).u32(NOW_S).u16(600).u16(1 if offline else 0)
    signer = blinded
    if offline:
        signer = SigningKey.generate(SeededEntropy(6), 7)
        part = Writer().u32(NOW_S).u16(7).raw(signer.public).finish()
        writer.raw(part).raw(blinded.sign(part))
    body = writer.u16(5).raw(b"inner").finish()
    return body + signer.sign(b"\x05" + body)


ALL = [
    (1, lease_set_1(keys())),
    (3, lease_set_2(keys()).raw),
    (3, lease_set_2(keys().authorise_transient(SeededEntropy(1), NOW_S + 1)).raw),
    (5, encrypted_lease_set()),
    (5, encrypted_lease_set(offline=True)),
    (7, meta_lease_set(keys())),
]


@pytest.mark.parametrize(("store_type", "data"), ALL)
def test_parse_and_verify(store_type: int, data: bytes) -> None:
    lease_set = parse_lease_set(store_type, data)
    assert lease_set.store_type == store_type
    assert lease_set.raw == data
    assert lease_set.verify()
    assert lease_set == parse_lease_set(store_type, data)
    assert hash(lease_set) == hash(parse_lease_set(store_type, data))
    assert lease_set != 1
    assert "LeaseSet" in repr(lease_set)
    for length in range(0, len(data), 37):
        with pytest.raises(DecodeError):
            parse_lease_set(store_type, data[:length])
    with pytest.raises(DecodeError):
        parse_lease_set(store_type, data + b"x")
    for position in range(0, len(data), 41):
        changed = bytearray(data)
        changed[position] ^= 1
        try:
            assert not parse_lease_set(store_type, bytes(changed)).verify()
        except DecodeError:
            pass


def test_type_1() -> None:
    parsed = LeaseSet.parse(lease_set_1(keys()))
    assert parsed.hash == keys().hash
    assert parsed.leases[0] == Lease(LEASES[0].gateway, 1000, NOW_MS + 600_005)
    assert parsed.published_ms == NOW_MS + 598_005
    assert parsed.expires_ms == NOW_MS + 600_005
    assert parsed.encryption_keys == ((0, b"e" * 256),)
    assert parsed.ratchet_keys == ()
    assert parsed.is_published


@pytest.mark.parametrize("signing_type", [0, 1, 2, 3, 7, 11])
def test_type_2_for_every_signing_type(signing_type: int) -> None:
    built = lease_set_2(keys(3, signing_type))
    assert LeaseSet2.parse(built.raw).verify()


def test_type_2_fields() -> None:
    built = lease_set_2(keys())
    assert built.hash == keys().hash
    assert built.published_ms == NOW_MS  # whole seconds
    assert built.expires_ms == NOW_MS + 600_000
    assert built.leases == tuple(LEASES)
    assert built.encryption_keys == KEYS
    assert built.ratchet_keys == ((4, b"x" * 32),)
    assert built.options == {"_smtp._tcp": "0 1 25"}
    assert built.is_published
    assert built.offline is None
    assert not lease_set_2(keys(), unpublished=True).is_published
    without = LeaseSet2.build(keys(), KEYS[:1], [], NOW_MS, NOW_MS)
    assert without.ratchet_keys == ()
    assert without.leases == ()


def test_type_2_on_the_wire() -> None:
    built = LeaseSet2.build(
        keys(), [(4, b"x" * 32)], LEASES[:1], NOW_MS, NOW_MS + 600_000, unpublished=True
    )
    destination = keys().destination.raw
    expected = (
        "6553f100 0258 0002 0000 01 0004 0020" + "78" * 32 + "01" + "00" * 32 + "000003e86553f358"
    )
    assert built.raw[: len(destination)] == destination
    assert built.raw[len(destination) : -64] == bytes.fromhex(expected)


def test_transient_key_must_outlive_publication() -> None:
    late = keys().authorise_transient(SeededEntropy(1), NOW_S - 1)
    assert not lease_set_2(late).verify()


def test_transient_key_of_somebody_else() -> None:
    stranger = keys(1).authorise_transient(SeededEntropy(2), NOW_S + 1000)
    assert stranger.offline is not None
    ours = PrivateKeys(keys().destination, bytes(256), stranger.signing, stranger.offline)
    assert not lease_set_2(ours).verify()


def test_type_2_limits() -> None:
    signer = keys()
    for encryption_keys, leases, life_ms in (
        ((), LEASES, 0),
        (KEYS[:1] * 17, LEASES, 0),
        (KEYS, LEASES * 6, 0),
        (KEYS, LEASES, -1000),
        (KEYS, LEASES, 65_536_000),
    ):
        with pytest.raises(LocalError):
            LeaseSet2.build(signer, encryption_keys, leases, NOW_MS, NOW_MS + life_ms)


def test_type_5() -> None:
    parsed = EncryptedLeaseSet.parse(encrypted_lease_set())
    assert parsed.encrypted == b"inner"
    assert (parsed.published_ms, parsed.expires_ms) == (NOW_MS, NOW_MS + 600_000)
    assert parsed.hash == hashlib.sha256(b"\x00\x0b" + parsed.blinded_key).digest()
    with pytest.raises(DecodeError):
        EncryptedLeaseSet.parse(b"\x00\x63" + bytes(200))


def test_type_7() -> None:
    parsed = MetaLeaseSet.parse(meta_lease_set(keys()))
    assert parsed.leases == (MetaLease(b"m" * 32, 3, 9, (NOW_S + 100) * 1000),)
    assert parsed.revocations == (b"r" * 32,)
    assert parsed.hash == keys().hash
    assert parsed.expires_ms == (NOW_S + 65535) * 1000
    assert not parsed.is_published


def test_building_type_7() -> None:
    signer, end_ms = keys(), (NOW_S + 3600) * 1000
    leases = (MetaLease(b"m" * 32, 3, 9, end_ms), MetaLease(b"n" * 32, 5, 255, end_ms))
    built = MetaLeaseSet.build(signer, leases, NOW_MS, end_ms)
    writer = Writer().raw(signer.destination.raw).u32(NOW_S).u16(3600).u16(0).u16(0).u8(2)
    writer.raw(b"m" * 32).u24(3).u8(9).u32(NOW_S + 3600)
    body = writer.raw(b"n" * 32).u24(5).u8(255).u32(NOW_S + 3600).u8(0).finish()
    assert built.raw == body + signer.sign(b"\x07" + body)
    assert built.verify() and built.is_published
    assert built.leases == leases
    transient = signer.authorise_transient(SeededEntropy(1), NOW_S + 4000)
    offline = MetaLeaseSet.build(transient, leases, NOW_MS, end_ms)
    assert offline.verify() and offline.hash == built.hash
    assert offline.header.offline == transient.offline


@pytest.mark.parametrize(("count", "life_ms"), [(0, 0), (17, 0), (1, -1000), (1, 65_536_000)])
def test_what_cannot_be_built_as_type_7(count: int, life_ms: int) -> None:
    leases = [MetaLease(b"m" * 32, 3, 0, NOW_MS)] * count
    with pytest.raises(LocalError):
        MetaLeaseSet.build(keys(), leases, NOW_MS, NOW_MS + life_ms)


@pytest.mark.parametrize("store_type", [0, 2, 4, 6, 8, 255])
def test_other_store_types(store_type: int) -> None:
    with pytest.raises(DecodeError):
        parse_lease_set(store_type, ALL[1][1])


@pytest.mark.parametrize("store_type", [1, 3, 5, 7])
def test_too_large(store_type: int) -> None:
    with pytest.raises(DecodeError):
        parse_lease_set(store_type, bytes(8193))


@quick
@given(st.sampled_from(ALL), st.integers(0, 2000), st.binary(min_size=1, max_size=3))
def test_junk(sample: tuple[int, bytes], position: int, junk: bytes) -> None:
    store_type, data = sample
    position %= len(data)
    changed = data[:position] + junk + data[position + len(junk) :]
    try:
        lease_set = parse_lease_set(store_type, changed)
    except DecodeError:
        return
    assert lease_set.verify() is (changed == data)
