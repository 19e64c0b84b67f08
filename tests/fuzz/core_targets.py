"""The parsers of core: bytes in, objects or DecodeError out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator

from core.base.errors import DecodeError
from core.base.wire import Reader
from core.crypto.signing import SigningType
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.certificate import Certificate
from core.data.encoding import b32decode, b64decode
from core.data.identity import Destination, KeysAndCert, RouterIdentity
from core.data.lease_set import Lease, LeaseSet, LeaseSet2
from core.data.lease_set_layers import (
    Blinding,
    daily_key,
    open_lease_set,
    seal_lease_set,
)
from core.data.lease_set_variants import parse_lease_set
from core.data.mapping import parse_mapping, parse_pairs, write_mapping
from core.data.offline import OfflineSignature
from core.data.payload import unwrap, wrap
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.datagram.formats import DATAGRAM1, DATAGRAM2, DATAGRAM3, RAW, build_datagram
from core.datagram.formats import parse_datagram as parse_datagram_of
from core.garlic import cloves
from core.garlic.clove_set import parse_clove_set, write_clove_set
from core.i2np.database import DatabaseStore
from core.i2np.message import Message
from core.netdb.imports import parse_zip
from core.router.identity import RouterKeys
from core.streaming import packet as p
from core.streaming.packet import Packet, build_packet
from core.transport.ntcp2 import blocks
from core.transport.ssu2 import blocks as ssu2_blocks
from core.transport.ssu2.framing import SocketAddress, split_blocks, write_padding
from core.transport.ssu2.introductions import RelayOffer
from core.tunnel.delivery import check_standard, parse_fragments
from core.tunnel.records import LONG, SHORT, parse_records
from tests.data.i2pd_files import DESTINATION_KEYS, ROUTER_INFO, ROUTER_KEYS
from tests.data.test_lease_set import encrypted_lease_set, lease_set_1, lease_set_2, meta_lease_set
from tests.fuzz.runner import Target
from tests.garlic.blocks import write_options, write_termination
from tests.garlic.parties import clove
from tests.i2np.wires import BODY_TYPES, WIRES
from tests.support.deterministic import SeededEntropy

NOW_S = 1_700_000_000
ENTROPY = SeededEntropy("fuzz")
ALICE = PrivateKeys.generate_destination(SeededEntropy("alice"))
BOB = PrivateKeys.generate_destination(SeededEntropy("bob"), SigningType.REDDSA)
_DAY = NOW_S // 86400


def _router_info(raw: bytes) -> None:
    info = RouterInfo.parse(raw)
    info.verify()
    info.ntcp2_addresses()
    info.ssu2_addresses()
    _ = (info.caps, info.version, info.network_id, info.is_floodfill, info.encryption_key)
    _ = (info.is_reachable, info.is_hidden, info.hash)


def _lease_set(store_type: int) -> Callable[[bytes], None]:
    def parse(raw: bytes) -> None:
        found = parse_lease_set(store_type, raw)
        found.verify()
        _ = found.hash

    return parse


def _identity(kind: type[KeysAndCert]) -> Callable[[bytes], None]:
    def parse(raw: bytes) -> None:
        kind.parse(Reader(raw)).verify(b"message", raw[-64:])

    return parse


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda raw: parse(raw.decode("utf-8", "replace"))


def _store(raw: bytes) -> None:
    store = DatabaseStore.parse(raw)
    if store.is_router_info:
        store.router_info()
    else:
        store.lease_set()


def _private_keys(raw: bytes) -> None:
    PrivateKeys.parse(raw).sign(b"message")


def _encrypted() -> tuple[Callable[[bytes], object], bytes]:
    """Damaged plain layers inside a genuine encrypted lease set."""
    blinding = Blinding(BOB.destination.signing_type, BOB.destination.signing_key)
    key = daily_key(BOB, blinding, _DAY)
    inner = LeaseSet2.build(
        BOB,
        ((4, X25519Key.generate(ENTROPY).public),),
        (Lease(b"g" * 32, 1, (NOW_S + 600) * 1000),),
        NOW_S * 1000,
        (NOW_S + 600) * 1000,
    )
    target = BlindedTarget(BlindedAddress.of(BOB.destination))

    class Damaged(LeaseSet2):
        """Seals other bytes than its own."""

    def parse(raw: bytes) -> object:
        damaged = Damaged(*(getattr(inner, name) for name in inner.__dataclass_fields__))
        object.__setattr__(damaged, "raw", raw[:4000])
        return open_lease_set(seal_lease_set(damaged, blinding, key, ENTROPY), target)

    return parse, inner.raw


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("routerInfo-x.dat", ROUTER_INFO)
        archive.writestr("netDb/r0/routerInfo-.dat", ROUTER_INFO)
        archive.writestr("readme", b"x")
    return file.getvalue()


def _datagram(protocol: int) -> Target:
    genuine = build_datagram(
        protocol,
        ALICE,
        BOB.hash,
        b"payload",
        {"a": "b"} if protocol in (DATAGRAM2, DATAGRAM3) else None,
    )

    def parse(raw: bytes) -> None:
        for source in (None, ALICE.hash):
            parse_datagram_of(protocol, raw, BOB.hash, source, NOW_S)

    return Target(f"datagram {protocol}", parse, (genuine,))


def _confirmed(raw: bytes) -> None:
    blocks.parse_confirmed_payload(raw)


def _blocks(raw: bytes) -> None:
    others: list[tuple[int, bytes]] = []
    blocks.split_blocks(raw, [], others)
    for kind, data in others:
        if kind == blocks.BlockType.OPTIONS:
            blocks.Options.parse(data)
        blocks.Termination.parse(data)


def _ssu2_blocks(raw: bytes) -> None:
    for kind, data in split_blocks(raw)[0]:
        try:
            block = ssu2_blocks.parse_block(kind, data)
            if isinstance(block, ssu2_blocks.RouterInfoBlock):
                block.router_info()
            elif isinstance(block, ssu2_blocks.Ack):
                block.intervals()
        except DecodeError:
            continue


def _packet(raw: bytes) -> None:
    packet = Packet.parse(raw)
    _ = packet.nack_hash
    packet.is_signed_by(packet.sender or ALICE.destination, packet.offline)


def _packets() -> tuple[bytes, ...]:
    return (
        build_packet(
            0,
            7,
            0,
            0,
            recipient_hash=BOB.hash,
            flags=p.SYNCHRONIZE | p.NO_ACK,
            sender=ALICE.destination,
            payload_max=1812,
            signer=ALICE,
            payload=b"hello",
        ),
        build_packet(9, 7, 3, 2, nacks=(1, 2), delay_ms=500, payload=b"data"),
        build_packet(9, 7, 3, 2, flags=p.CLOSE, signer=ALICE),
        build_packet(9, 7, 3, 2, payload=b"x" * 100),
    )


def _bodies() -> Iterator[Target]:
    for number, kind in BODY_TYPES.items():
        yield Target(f"i2np {kind.__name__}", kind.parse, WIRES[number])


def _offline(raw: bytes) -> None:
    OfflineSignature.parse(Reader(raw), 64).is_authorised_by(ALICE.destination)


_fragments = (
    b"\x00\x00\x14" + bytes(20),
    b"\x40" + b"r" * 32 + b"\x00\x14" + bytes(20),
    b"\x28" + b"\0\0\0\5" + b"r" * 32 + b"\0\0\0\7\x00\x14" + bytes(20),
    b"\x83\0\0\0\7\x00\x14" + bytes(20),
)
_handshake_blocks = blocks.write_confirmed_payload(ROUTER_INFO, 20)
_frame = (
    blocks.write_date_time(NOW_S)
    + blocks.write_router_info(ROUTER_INFO)
    + blocks.write_block(1, blocks.Options().write())
    + blocks.write_block(3, b"\x14" + bytes(20))
    + blocks.write_block(4, blocks.Termination(3, 1).write())
    + blocks.write_padding(9)
)
_offer = RelayOffer(1, 2, NOW_S, 2, SocketAddress("192.0.2.7", 4567))
_payload = b"".join(
    block.write()
    for block in (
        ssu2_blocks.DateTime.at(NOW_S),
        ssu2_blocks.RouterInfoBlock.of(ROUTER_INFO, 0),
        ssu2_blocks.I2npMessage(b"\x14" + bytes(20)),
        ssu2_blocks.FirstFragment(b"\x14" + bytes(20)),
        ssu2_blocks.FollowOnFragment(0, 1, True, bytes(20)),
        ssu2_blocks.RelayRequest(_offer, bytes(64)),
        ssu2_blocks.RelayResponse(0, 1, NOW_S, 2, _offer.alice, bytes(64), 3),
        ssu2_blocks.RelayIntro(bytes(32), _offer, bytes(64)),
        ssu2_blocks.PeerTest(2, 0, bytes(32), 2, 1, NOW_S, _offer.alice, bytes(64)),
        ssu2_blocks.Ack(10, 2, ((1, 2), (2, 3))),
        ssu2_blocks.AddressBlock(_offer.alice),
        ssu2_blocks.NewToken(NOW_S, 7),
        ssu2_blocks.PathChallenge(bytes(8)),
        ssu2_blocks.Termination(3, 1),
    )
) + write_padding(9)
_encrypted_parse, _encrypted_seed = _encrypted()
_garlic_payload = (
    cloves.write_date_time(NOW_S)
    + cloves.write_clove(clove(b"for the destination"))
    + cloves.write_clove(clove(b"here")._replace(kind=cloves.Delivery.LOCAL, to_hash=None))
    + cloves.write_acks([(0, 1), (1, 2)])
    + cloves.write_next_key(cloves.NextKey(1, False, True, b"k" * 32))
    + write_options(64)
    + write_termination()
)

_clove_set = write_clove_set(
    [
        clove(b"for the destination"),
        clove(b"here")._replace(kind=cloves.Delivery.LOCAL, to_hash=None),
        clove(b"there")._replace(kind=cloves.Delivery.TUNNEL, tunnel_id=5),
    ],
    7,
    (NOW_S + 60) * 1000,
)

TARGETS: tuple[Target, ...] = (
    Target("router info", _router_info, (ROUTER_INFO,)),
    Target("lease set 1", _lease_set(1), (lease_set_1(ALICE),)),
    Target("lease set 2", _lease_set(3), (lease_set_2(ALICE).raw,)),
    Target(
        "encrypted lease set",
        _lease_set(5),
        (encrypted_lease_set(), encrypted_lease_set(offline=True)),
    ),
    Target("meta lease set", _lease_set(7), (meta_lease_set(ALICE),)),
    Target("layers of an encrypted lease set", _encrypted_parse, (_encrypted_seed,)),
    Target("lease set 1 alone", LeaseSet.parse, (lease_set_1(ALICE),)),
    Target("destination", _identity(Destination), (ALICE.destination.raw, BOB.destination.raw)),
    Target("router identity", _identity(RouterIdentity), (ROUTER_INFO[:391],)),
    Target("certificate", lambda raw: Certificate.parse(Reader(raw)), (b"\x05\0\x04\0\x07\0\x04",)),
    Target(
        "mapping", lambda raw: parse_mapping(Reader(raw)), (write_mapping({"a": "b", "c": ""}),)
    ),
    Target("pairs", parse_pairs, (write_mapping({"a": "b", "c": ""})[2:],)),
    Target("offline signature", _offline, (bytes.fromhex("655400000007") + bytes(96),)),
    Target("destination keys", _private_keys, (DESTINATION_KEYS, ALICE.write())),
    Target("router keys", RouterKeys.parse, (RouterKeys.generate(ENTROPY).write(), ROUTER_KEYS)),
    Target("base64", _text(b64decode), (ALICE.destination.b64.encode(),)),
    Target("base32", _text(b32decode), (b"q" * 52,)),
    Target("base64 destination", _text(Destination.from_base64), (ALICE.destination.b64.encode(),)),
    Target(
        "blinded address",
        _text(BlindedAddress.parse),
        (BlindedAddress.of(BOB.destination).host.encode(),),
    ),
    Target("payload", unwrap, (wrap(6, 1, 2, b"data"), wrap(17, 1, 2, bytes(99), compress=True))),
    Target("zip of router infos", parse_zip, (_zip(),)),
    Target("i2np short", Message.parse_short, (b"\x14" + bytes(30),)),
    Target("i2np standard", Message.parse_standard, (b"\x14" + bytes(12) + b"\0\4\0" + bytes(4),)),
    Target(
        "stored entries",
        _store,
        (
            DatabaseStore.of_lease_set(lease_set_2(ALICE)).write(),
            DatabaseStore.of_router_info(RouterInfo.parse(ROUTER_INFO), 5, 6, b"g" * 32).write(),
        ),
    ),
    *_bodies(),
    Target("build records", lambda raw: parse_records(raw, SHORT), (b"\4" + bytes(872),)),
    Target("long build records", lambda raw: parse_records(raw, LONG), (b"\1" + bytes(528),)),
    Target("tunnel fragments", lambda raw: parse_fragments(raw, 0), _fragments),
    Target("gateway message", check_standard, (b"\x14" + bytes(12) + b"\0\4\0" + bytes(4),)),
    Target("garlic payload", cloves.parse_payload, (_garlic_payload,)),
    Target("clove set", parse_clove_set, (_clove_set,)),
    Target("ntcp2 message 3", _confirmed, (_handshake_blocks,)),
    Target("ntcp2 blocks", _blocks, (_frame,)),
    Target("ssu2 blocks", _ssu2_blocks, (_payload,)),
    Target("streaming packet", _packet, _packets()),
    *(_datagram(protocol) for protocol in (DATAGRAM1, DATAGRAM2, DATAGRAM3, RAW)),
)
