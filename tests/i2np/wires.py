"""Bodies of every message type of the specification, as peers send them."""

from __future__ import annotations

from core.i2np.database import DatabaseLookup, DatabaseSearchReply, DatabaseStore, DeliveryStatus
from core.i2np.message import MessageType

K = b"k" * 32
F = b"f" * 32
K_HEX, F_HEX = K.hex(), F.hex()

Body = DatabaseStore | DatabaseLookup | DatabaseSearchReply | DeliveryStatus
#: the types whose bodies are parsed into objects
BODY_TYPES: dict[int, type[Body]] = {
    MessageType.DATABASE_STORE: DatabaseStore,
    MessageType.DATABASE_LOOKUP: DatabaseLookup,
    MessageType.DATABASE_SEARCH_REPLY: DatabaseSearchReply,
    MessageType.DELIVERY_STATUS: DeliveryStatus,
}
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
]
#: type -> bodies; those of tunnels and builds are taken apart by the tunnel room
WIRES: dict[int, tuple[bytes, ...]] = {
    **{
        number: tuple(bytes.fromhex(wire) for body, wire in PAIRS if type(body) is kind)
        for number, kind in BODY_TYPES.items()
    },
    MessageType.GARLIC: (bytes.fromhex("00000003 616263"),),
    MessageType.TUNNEL_DATA: (bytes.fromhex("00000102") + bytes(1024),),
    MessageType.TUNNEL_GATEWAY: (bytes.fromhex("00000001 0003 616263"),),
    MessageType.DATA: (bytes(4),),
    MessageType.TUNNEL_BUILD: (b"r" * 528 * 8,),
    MessageType.TUNNEL_BUILD_REPLY: (b"r" * 528 * 8,),
    MessageType.VARIABLE_TUNNEL_BUILD: (b"\1" + b"r" * 528,),
    MessageType.VARIABLE_TUNNEL_BUILD_REPLY: (b"\2" + b"r" * 528 * 2,),
    MessageType.SHORT_TUNNEL_BUILD: (b"\4" + b"r" * 218 * 4,),
    MessageType.SHORT_TUNNEL_BUILD_REPLY: (b"\x08" + b"r" * 218 * 8,),
}
