"""Build records and builds: field layout, keys on both sides, tampering, junk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.crypto.aead import ChaChaPoly
from core.crypto.hkdf import hkdf
from core.crypto.x25519 import X25519Key
from core.tunnel.build import BuildHop, TunnelBuild, random_id
from core.tunnel.records import (
    LONG,
    SHORT,
    BuildRequest,
    HopIdentity,
    RecordFormat,
    parse_records,
    write_records,
)
from tests.support.deterministic import SeededEntropy

FORMATS = pytest.mark.parametrize("fmt", [SHORT, LONG], ids=["short", "long"])
WALL = 1_700_000_000.0


def request(endpoint: bool = False, **changes: object) -> BuildRequest:
    fields: dict[str, object] = {
        "receive_tunnel_id": 0x01020304,
        "next_tunnel_id": 0x05060708,
        "next_hash": bytes(range(32)),
        "is_gateway": False,
        "is_endpoint": endpoint,
        "request_minutes": 28_333_333,
        "send_message_id": 0x0A0B0C0D,
        **changes,
    }
    return BuildRequest(**fields)  # type: ignore[arg-type]


def hop(seed: str) -> tuple[HopIdentity, X25519Key]:
    entropy = SeededEntropy(seed)
    key = X25519Key.generate(entropy)
    return HopIdentity(entropy.random_bytes(32), key), key


@FORMATS
@pytest.mark.parametrize("endpoint", [False, True])
def test_creator_and_hop_agree(fmt: RecordFormat, endpoint: bool) -> None:
    identity, key = hop("bob")
    asked = request(endpoint, options={"m": "10", "r": "20"})
    record, keys = fmt.seal_request(identity.router_hash, key.public, asked, SeededEntropy(1))
    assert len(record) == fmt.record_bytes
    assert record[:16] == identity.router_hash[:16]
    got, hop_keys = fmt.open_request(identity, record)
    assert got == asked
    assert hop_keys == keys
    assert bool(keys.garlic_tag) == (endpoint and fmt is SHORT)
    reply = fmt.seal_reply(hop_keys, 5, 30, SeededEntropy(2), {"b": "7"})
    assert len(reply) == fmt.record_bytes
    assert fmt.open_reply(keys, 5, reply) == (30, {"b": "7"})
    other = SeededEntropy(3).random_bytes(fmt.record_bytes)
    assert fmt.unmask(keys, 3, fmt.mask(hop_keys, 3, other)) == other


def test_short_keys_follow_the_specified_chain() -> None:
    """The key schedule written out a second time, straight from the specification."""
    identity, key = hop("bob")
    record, keys = SHORT.seal_request(
        identity.router_hash, key.public, request(True), SeededEntropy(1)
    )
    state, _ = identity.open(record)
    data = hkdf(state.ck, b"", b"SMTunnelReplyKey", 64)
    assert keys.reply_key == data[32:]
    data = hkdf(data[:32], b"", b"SMTunnelLayerKey", 64)
    assert keys.layer_key == data[32:]
    data = hkdf(data[:32], b"", b"TunnelLayerIVKey", 64)
    assert keys.iv_key == data[32:]
    data = hkdf(data[:32], b"", b"RGarlicKeyAndTag", 64)
    assert (keys.garlic_key, keys.garlic_tag) == (data[32:], data[:8])


def test_short_cleartext_has_the_specified_offsets() -> None:
    identity, key = hop("bob")
    asked = request(True, is_gateway=True)
    record, _ = SHORT.seal_request(identity.router_hash, key.public, asked, SeededEntropy(1))
    _, clear = identity.open(record)
    assert len(clear) == 154
    assert clear[:44].hex() == "0102030405060708" + bytes(range(32)).hex() + "c0000000"
    assert int.from_bytes(clear[44:48], "big") == 28_333_333
    assert int.from_bytes(clear[48:52], "big") == 600
    assert clear[52:58].hex() == "0a0b0c0d0000"


def test_long_cleartext_has_the_specified_offsets() -> None:
    identity, key = hop("bob")
    record, keys = LONG.seal_request(
        identity.router_hash, key.public, request(True), SeededEntropy(1)
    )
    _, clear = identity.open(record)
    assert len(clear) == 464
    assert clear[40:152] == keys.layer_key + keys.iv_key + keys.reply_key + keys.reply_iv
    assert clear[152:156].hex() == "40000000"
    assert int.from_bytes(clear[156:160], "big") == 28_333_333
    assert int.from_bytes(clear[160:164], "big") == 600
    assert clear[164:170].hex() == "0a0b0c0d0000"


def test_an_unknown_layer_type_is_refused() -> None:
    identity, key = hop("bob")
    record, _ = SHORT.seal_request(identity.router_hash, key.public, request(), SeededEntropy(1))
    state, clear = identity.open(record)
    from core.crypto.noise import SymmetricState

    changed = clear[:43] + b"\x01" + clear[44:]
    fresh = SymmetricState(b"Noise_N_25519_ChaChaPoly_SHA256")
    fresh.mix_hash(key.public)
    fresh.mix_hash(record[16:48])
    sealed = ChaChaPoly(state.k).seal(0, changed, fresh.h)
    with pytest.raises(DecodeError, match="layer"):
        SHORT.open_request(identity, record[:48] + sealed)


@FORMATS
def test_a_record_for_another_router_does_not_open(fmt: RecordFormat) -> None:
    bob, key = hop("bob")
    carol, _ = hop("carol")
    record, _ = fmt.seal_request(bob.router_hash, key.public, request(), SeededEntropy(1))
    with pytest.raises(DecodeError):
        fmt.open_request(carol, record)
    assert carol.find([record]) is None
    assert bob.find([bytes(fmt.record_bytes), record]) == 1


@FORMATS
def test_low_order_and_impossible_keys_are_refused(fmt: RecordFormat) -> None:
    identity, _ = hop("bob")
    for key in (bytes(32), b"\x01" + bytes(31), b"\xff" * 32):
        record = identity.router_hash[:16] + key + bytes(fmt.record_bytes - 48)
        with pytest.raises(DecodeError):
            fmt.open_request(identity, record)


@FORMATS
def test_options_too_large_for_a_record_are_our_fault(fmt: RecordFormat) -> None:
    identity, key = hop("bob")
    options = {f"key{i}": "x" * 40 for i in range(10)}
    with pytest.raises(LocalError):
        fmt.seal_request(
            identity.router_hash, key.public, request(options=options), SeededEntropy(1)
        )


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=900), st.sampled_from([SHORT, LONG]))
def test_junk_bodies(body: bytes, fmt: RecordFormat) -> None:
    try:
        records = parse_records(body, fmt)
    except DecodeError:
        return
    assert body.startswith(write_records(records))


def make(count: int, inbound: bool, fmt: RecordFormat, seed: object = 0) -> TunnelBuild:
    entropy = SeededEntropy(str(seed))
    hops = [
        BuildHop(entropy.random_bytes(32), X25519Key.generate(entropy).public) for _ in range(count)
    ]
    return TunnelBuild(
        hops,
        is_inbound=inbound,
        end_hash=bytes(32),
        end_tunnel_id=9,
        fmt=fmt,
        reply_message_id=77,
        wall_now_s=WALL,
        entropy=entropy,
        own_hash=b"\x07" * 32,
    )


@FORMATS
@pytest.mark.parametrize(
    ("count", "inbound", "records"),
    [(1, True, 4), (3, True, 4), (4, True, 8), (4, False, 4), (5, False, 8), (7, True, 8)],
)
def test_number_of_records(fmt: RecordFormat, count: int, inbound: bool, records: int) -> None:
    build = make(count, inbound, fmt)
    assert build.body[0] == records
    assert len(build.body) == 1 + records * fmt.record_bytes
    places = [hop.record_index for hop in build.hops]
    assert len(set(places)) == count
    assert all(0 <= place < records for place in places)


@pytest.mark.parametrize("count", [0, 8])
def test_impossible_lengths(count: int) -> None:
    with pytest.raises(LocalError):
        make(count, False, SHORT)


def test_records_are_shuffled() -> None:
    orders = {tuple(h.record_index for h in make(3, False, SHORT, i).hops) for i in range(40)}
    assert len(orders) > 12


@FORMATS
def test_only_the_first_hop_sees_its_record_first(fmt: RecordFormat) -> None:
    build = make(3, True, fmt)
    records = parse_records(build.body, fmt)
    visible = [i for i, r in enumerate(records) if r[:16] == build.hops[0].router_hash[:16]]
    assert visible == [build.hops[0].record_index]
    prefixes = {h.router_hash[:16] for h in build.hops[1:]} | {b"\x07" * 16}
    assert not any(r[:16] in prefixes for r in records)


@FORMATS
@settings(max_examples=30, deadline=None)
@given(body=st.binary(max_size=2000))
def test_junk_replies(fmt: RecordFormat, body: bytes) -> None:
    build = make(2, True, fmt)
    with pytest.raises(DecodeError):
        build.open_reply(body)
    with pytest.raises(DecodeError):
        build.open_reply(build.body[:1] + (body + bytes(len(build.body)))[: len(build.body) - 1])


def test_ids_are_never_zero() -> None:
    class Zero:
        def random_bytes(self, count: int) -> bytes:
            return bytes(count)

        def randbelow(self, bound: int) -> int:
            return 0

    assert random_id(Zero()) == 1
