"""Every message body: (object, hex) both ways, limits, junk."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError, LocalError
from core.i2np import build, carriers, database
from core.i2np.database import DatabaseLookup, DatabaseSearchReply, DatabaseStore, DeliveryStatus
from core.i2np.message import Message, MessageType
from core.i2np.registry import BODY_TYPES, Body, message_of, parse_body

quick = settings(max_examples=100, deadline=None)
K = b"k" * 32
F = b"f" * 32
K_HEX, F_HEX = K.hex(), F.hex()

PAIRS: list[tuple[Body, str]] = [
    (DatabaseStore(K, 0, b"gzip"), K_HEX + "00 00000000 0004 677a6970"),
    (DatabaseStore(K, 1, b"ls"), K_HEX + "01 00000000 6c73"),
    (DatabaseStore(K, 3, b"ls", 5, 6, F), K_HEX + "03 00000005 00000006" + F_HEX + "6c73"),
    (DatabaseStore(K, 5, b"ls", 5, 0, F), K_HEX + "05 00000005 00000000" + F_HEX + "6c73"),
    (DatabaseStore(K, 7, b"ls"), K_HEX + "07 00000000 6c73"),
    (DatabaseLookup(K, F, 2), K_HEX + F_HEX + "08 0000"),
    (DatabaseLookup(K, F, 1, 9, (K,)), K_HEX + F_HEX + "05 00000009 0001" + K_HEX),
    (
        DatabaseLookup(K, F, 1, 9, (), b"r" * 32, (b"t" * 8,)),
        K_HEX + F_HEX + "15 00000009 0000" + "72" * 32 + "01" + "74" * 8,
    ),
    (
        DatabaseLookup(K, F, 3, 9, (), b"r" * 32, (b"t" * 32, b"u" * 32), is_ecies=False),
        K_HEX + F_HEX + "0f 00000009 0000" + "72" * 32 + "02" + "74" * 32 + "75" * 32,
    ),
    (DatabaseSearchReply(K, (), F), K_HEX + "00" + F_HEX),
    (DatabaseSearchReply(K, (F, K), F), K_HEX + "02" + F_HEX + K_HEX + F_HEX),
    (DeliveryStatus(1, 1_700_000_000_000), "00000001 0000018bcfe56800"),
    (carriers.Garlic(b"abc"), "00000003 616263"),
    (carriers.Data(b""), "00000000"),
    (carriers.TunnelData(258, bytes(1024)), "00000102" + "00" * 1024),
    (carriers.TunnelGateway(1, b"abc"), "00000001 0003 616263"),
    (build.TunnelBuild((b"r" * 528,) * 8), "72" * 4224),
    (build.TunnelBuildReply((b"r" * 528,) * 8), "72" * 4224),
    (build.VariableTunnelBuild((b"r" * 528,)), "01" + "72" * 528),
    (build.VariableTunnelBuildReply((b"r" * 528,) * 2), "02" + "72" * 1056),
    (build.ShortTunnelBuild((b"r" * 218,) * 4), "04" + "72" * 872),
    (build.ShortTunnelBuildReply((b"r" * 218,) * 8), "08" + "72" * 1744),
]


@pytest.mark.parametrize(("body", "wire"), PAIRS, ids=lambda v: type(v).__name__)
def test_pairs(body: Body, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert body.write() == data
    assert type(body).parse(data) == body
    message = message_of(body, 3, 4000)
    assert message.type == body.TYPE
    assert parse_body(Message.parse_short(message.to_short())) == body
    prefix = data[: len(data) // 2]
    try:
        type(body).parse(prefix)
    except DecodeError:
        pass


def test_registry_knows_every_type_of_the_spec() -> None:
    assert set(BODY_TYPES) == set(MessageType) - {MessageType.TUNNEL_TEST}
    assert all(kind == body.TYPE for kind, body in BODY_TYPES.items())
    assert {body.TYPE for body, _ in PAIRS} == set(BODY_TYPES)
    with pytest.raises(DecodeError):
        parse_body(Message(30, 1, 2, b""))


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
        (11, "00000004 616263"),
        (11, "ffffffff 616263"),
        (18, "00000000" + "00" * 1024),
        (18, "00000001" + "00" * 1023),
        (18, "00000001" + "00" * 1025),
        (19, "00000000 0003 616263"),
        (19, "00000001 0004 616263"),
        (21, "72" * 4223),
        (23, ""),
        (23, "00"),
        (23, "09" + "72" * 528 * 9),
        (25, "02" + "72" * 218),
        (25, "01" + "72" * 528),
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
        carriers.TunnelData(1, b""),
        carriers.TunnelGateway(1, bytes(65536)),
        build.TunnelBuild((b"r" * 528,) * 7),
        build.ShortTunnelBuild(()),
        build.ShortTunnelBuild((b"r" * 218,) * 9),
        build.ShortTunnelBuild((b"r" * 528,)),
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
