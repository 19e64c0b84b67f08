"""Every message body: (object, hex) both ways, limits, junk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.i2np import database
from core.i2np.database import DatabaseLookup, DatabaseSearchReply, DatabaseStore
from core.i2np.message import MessageType
from tests.i2np.wires import BODY_TYPES, F_HEX, K_HEX, PAIRS, WIRES, Body, F, K

quick = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(("body", "wire"), PAIRS, ids=lambda v: type(v).__name__)
def test_pairs(body: Body, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert body.write() == data
    assert type(body).parse(data) == body
    prefix = data[: len(data) // 2]
    try:
        type(body).parse(prefix)
    except DecodeError:
        pass


def test_there_is_a_body_of_every_type_of_the_spec() -> None:
    assert set(WIRES) == set(MessageType) - {MessageType.TUNNEL_TEST}
    assert all(WIRES.values())


@pytest.mark.parametrize(
    ("kind", "wire"),
    [
        (1, K_HEX + "02 00000000"),
        (1, K_HEX + "0f 00000000"),
        (1, K_HEX + "00 00000000 0005 677a6970"),
        (1, K_HEX + "03 00000005 00000006"),
        (2, K_HEX + F_HEX + "00 0201" + "00" * 32 * 513),
        (2, K_HEX + F_HEX + "00 0002" + K_HEX),
        (2, K_HEX + F_HEX + "10 0000" + K_HEX + "21" + "00" * 33 * 8),
        (2, K_HEX + F_HEX + "10 0000" + K_HEX + "02" + "00" * 8),
        (2, K_HEX + F_HEX + "01 0000"),
        (3, K_HEX + "02" + F_HEX + F_HEX),
        (10, "00000001 0000018bcfe568"),
    ],
)
def test_refused(kind: int, wire: str) -> None:
    with pytest.raises(DecodeError):
        BODY_TYPES[kind].parse(bytes.fromhex(wire))


@pytest.mark.parametrize(
    "body",
    [
        DatabaseStore(K, 3, b"", 1),
        DatabaseLookup(K, F, 1, None, (K,) * 513),
        DatabaseLookup(K, F, 1, None, (), K),
        DatabaseLookup(K, F, 1, None, (), K, (K,)),
        DatabaseSearchReply(K, (K,) * 256, F),
    ],
    ids=lambda v: type(v).__name__,
)
def test_refuses_to_write(body: Body) -> None:
    with pytest.raises(LocalError):
        body.write()


def test_reserved_store_type_bits_are_ignored() -> None:
    assert DatabaseStore.parse(bytes.fromhex(K_HEX + "f3 00000000")).store_type == 3


def test_lookup_flags() -> None:
    both = bytes.fromhex(K_HEX + F_HEX + "12 0000" + "72" * 32 + "01" + "74" * 8)
    lookup = DatabaseLookup.parse(both)
    assert lookup.is_ecies
    assert lookup.reply_tags == (b"t" * 8,)
    no_tags = DatabaseLookup.parse(bytes.fromhex(K_HEX + F_HEX + "10 0000" + "72" * 32 + "00"))
    assert no_tags.reply_key is None
    assert DatabaseLookup(K, F, database.LOOKUP_EXPLORATION).is_exploratory
    assert DatabaseLookup(K, F, database.LOOKUP_ANY, None, (bytes(32),)).is_exploratory
    assert not DatabaseLookup(K, F, database.LOOKUP_ROUTER_INFO).is_exploratory


@quick
@given(st.sampled_from(sorted(BODY_TYPES)), st.binary(max_size=300))
def test_junk(kind: int, data: bytes) -> None:
    try:
        body = BODY_TYPES[kind].parse(data)
    except DecodeError:
        return
    body.write()


@quick
@given(st.sampled_from(PAIRS), st.integers(0, 10_000), st.integers(0, 255))
def test_mutations(pair: tuple[Body, str], position: int, value: int) -> None:
    body, wire = pair
    data = bytearray.fromhex(wire)
    data[position % len(data)] = value
    try:
        type(body).parse(bytes(data))
    except DecodeError:
        pass
