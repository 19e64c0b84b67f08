"""The SSU2 handshake: Noise XK with I2P's changes (specs/ssu2, "SessionRequest" and what follows).

One small object for each thing that is awaited, holding only what that step still needs, so a
handshake test is two objects and no socket:

    Alice: request -> AwaitCreated -> Confirmation (keys, and the packets of SessionConfirmed)
    Bob:   Request -> AwaitConfirmed -> Confirmed -> keys

A hybrid handshake (specs/ssu2-hybrid) has a key of ML-KEM in SessionRequest and its ciphertext in
SessionCreated, and Bob's router hash in the transcript: who has his introduction key and static key
cannot publish them as another router's.

I2P's changes to Noise: headers are mixed into the hash before what they carry; headers and
ephemeral keys are masked with Bob's introduction key, which is public and only defeats pattern
matching, and with keys from the handshake.

Datagrams may be anybody's. A step that fails raises DecodeError (AuthenticationError included) or
PeerError, and leaves its object as it was: the genuine packet may still come. Clock skew, replay
and timing are judged by the owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError, PeerError
from core.base.ports import Entropy, WallClock
from core.crypto.aead import TAG_LENGTH
from core.crypto.chacha20 import ChaChaMask
from core.crypto.hfs import read_e1, read_ekem1, write_e1, write_ekem1
from core.crypto.hkdf import hkdf
from core.crypto.mlkem import DecapsulationKey
from core.crypto.noise import SymmetricState, begin_xk
from core.crypto.x25519 import X25519Key, may_be_public
from core.transport.reasons import TerminationReason
from core.transport.ssu2.blocks import AddressBlock, Block, DateTime
from core.transport.ssu2.confirmed import SEALED_STATIC_BYTES, confirmed_payload, cut
from core.transport.ssu2.context import LocalRouter
from core.transport.ssu2.framing import SocketAddress, padding_within
from core.transport.ssu2.header import (
    COVERED_BYTES,
    EPHEMERAL_KEY_BYTES,
    LONG_HEADER_BYTES,
    PACKET_BYTES_MIN,
    PAYLOAD_BYTES_MIN,
    SHORT_HEADER_BYTES,
    LongHeader,
    PacketType,
    ShortHeader,
    check_header,
    mask,
)
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.outside import REQUEST_PADDING_MAX, IntroKey, random_number, read_blocks
from core.transport.ssu2.variants import HYBRIDS, PLAIN, Variant

#: Java: a SessionCreated has no more padding.
CREATED_PADDING_MAX = 61
FRAGMENTS_MAX = 15
#: A RouterInfo of 4096 bytes, compressed or not, and all that may stand beside it.
CONFIRMED_BYTES_MAX = 6000

_COVERED = COVERED_BYTES[PacketType.SESSION_REQUEST]
_BODY = LONG_HEADER_BYTES + EPHEMERAL_KEY_BYTES
HANDSHAKE_BYTES_MIN = _BODY + PAYLOAD_BYTES_MIN + TAG_LENGTH


@dataclass(frozen=True, slots=True)
class ConnectionIds:
    """``local``: where packets to us go; ``remote``: where ours go. They differ."""

    local: int
    remote: int


def _check_point(public: bytes, reason: TerminationReason) -> None:
    if not may_be_public(public):
        raise PeerError("ephemeral key is not a point", reason)


def _created_key(state: SymmetricState) -> ChaChaMask:
    return ChaChaMask(hkdf(state.ck, b"", b"SessCreateHeader", 32))


def _confirmed_key(state: SymmetricState) -> ChaChaMask:
    return ChaChaMask(hkdf(state.ck, b"", b"SessionConfirmed", 32))


def _directions(state: SymmetricState) -> tuple[bytes, bytes]:
    """AEAD key and header key 2, joined, from Alice to Bob and from Bob to Alice."""
    key_ab, key_ba = state.split()
    return (
        hkdf(key_ab, b"", b"HKDFSSU2DataKeys", 64),
        hkdf(key_ba, b"", b"HKDFSSU2DataKeys", 64),
    )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Alice's end of a handshake: the session, and what tells Bob who she is.

    ``packets``: all fragments of SessionConfirmed, sent again until the first data packet.
    """

    keys: SessionKeys
    packets: tuple[bytes, ...]


class Created:
    """Alice has Bob's SessionCreated; ``blocks`` are his, and authentic."""

    __slots__ = ("_ephemeral", "_ids", "_intro", "_peer_ephemeral", "_state", "blocks")

    def __init__(
        self,
        state: SymmetricState,
        peer_ephemeral: bytes,
        ids: ConnectionIds,
        intro: IntroKey,
        blocks: Sequence[Block],
    ) -> None:
        self._state = state
        self._peer_ephemeral = peer_ephemeral
        self._ids = ids
        self._intro = intro
        self.blocks = blocks

    def confirm(
        self,
        static_key: X25519Key,
        own_intro: bytes,
        router_info: bytes,
        room: int,
        entropy: Entropy,
    ) -> Confirmation:
        """The session keys and SessionConfirmed; ``room`` is the largest UDP payload."""
        state = self._state
        key_2 = _confirmed_key(state)
        per_packet = room - SHORT_HEADER_BYTES
        payload = confirmed_payload(router_info, per_packet, entropy)
        size = SEALED_STATIC_BYTES + len(payload) + TAG_LENGTH
        count = -(-size // per_packet)
        header = ShortHeader(self._ids.remote, 0, PacketType.SESSION_CONFIRMED, count).write()
        state.mix_hash(header)
        sealed = state.encrypt_and_hash(static_key.public)
        state.mix_key(static_key.exchange(self._peer_ephemeral))
        sealed += state.encrypt_and_hash(payload)
        packets = tuple(
            mask(self._fragment_header(index, count) + part, self._intro.header, key_2)
            for index, part in enumerate(cut(sealed, per_packet))
        )
        send, receive = _directions(state)
        keys = SessionKeys(
            send[:32],
            receive[:32],
            self._intro.raw,
            send[32:],
            own_intro,
            receive[32:],
            self._ids.remote,
            self._ids.local,
            True,
        )
        return Confirmation(keys, packets)

    def _fragment_header(self, index: int, count: int) -> bytes:
        info = index << 4 | count
        return ShortHeader(self._ids.remote, 0, PacketType.SESSION_CONFIRMED, info).write()


class AwaitCreated:
    """Alice sent SessionRequest and awaits SessionCreated."""

    __slots__ = (
        "_ephemeral",
        "_ids",
        "_intro",
        "_kem",
        "_key_2",
        "_network_id",
        "_state",
        "_variant",
    )

    def __init__(
        self,
        state: SymmetricState,
        variant: Variant,
        ephemeral: X25519Key,
        kem: DecapsulationKey | None,
        ids: ConnectionIds,
        intro: IntroKey,
        network_id: int,
    ) -> None:
        self._state = state
        self._variant = variant
        self._ephemeral = ephemeral
        self._kem = kem
        self._ids = ids
        self._intro = intro
        self._network_id = network_id
        self._key_2 = _created_key(state)

    def step(self, packet: bytes) -> Created:
        """Open SessionCreated."""
        if len(packet) < HANDSHAKE_BYTES_MIN + self._variant.ekem1_length:
            raise DecodeError(f"SessionCreated of {len(packet)} bytes")
        clear = mask(packet, self._intro.header, self._key_2, _COVERED)
        header = LongHeader.parse(clear)
        versions = (self._variant.version,)
        check_header(header, PacketType.SESSION_CREATED, self._network_id, versions)
        if (header.destination_id, header.source_id) != (self._ids.local, self._ids.remote):
            raise DecodeError("SessionCreated with other connection IDs")
        ephemeral = clear[LONG_HEADER_BYTES:_BODY]
        _check_point(ephemeral, TerminationReason.MESSAGE_2_ERROR)
        state = self._state.copy()
        state.mix_hash(clear[:LONG_HEADER_BYTES])
        state.mix_hash(ephemeral)
        state.mix_key(self._ephemeral.exchange(ephemeral))
        payload_at = _BODY + self._variant.ekem1_length
        if self._kem is not None:
            read_ekem1(state, self._kem, clear[_BODY:payload_at])
        blocks = read_blocks(state.decrypt_and_hash(clear[payload_at:]))
        return Created(state, ephemeral, self._ids, self._intro, blocks)


def request(
    ids: ConnectionIds,
    peer_static: bytes,
    intro: IntroKey,
    token: int,
    network_id: int,
    wall: WallClock,
    entropy: Entropy,
    extra: Sequence[Block] = (),
    *,
    room: int,
    peer_hash: bytes,
    variant: Variant = PLAIN,
) -> tuple[AwaitCreated, bytes]:
    """Alice's start: what she awaits, and SessionRequest. ``intro`` is Bob's, ``extra`` her wishes.

    ``room``: the largest UDP payload; ``peer_hash``: Bob's router hash. DecodeError if the
    published static key is no usable point. i2pd refuses fewer than 90 bytes: the padding block is
    there even if it is empty.
    """
    header = LongHeader(
        ids.remote,
        random_number(entropy),
        PacketType.SESSION_REQUEST,
        ids.local,
        token,
        network_id,
        variant.version,
    ).write()
    ephemeral = X25519Key.generate(entropy)
    payload = DateTime.at(wall.now()).write() + b"".join(block.write() for block in extra)
    left = room - _BODY - variant.e1_length - len(payload) - TAG_LENGTH
    payload += padding_within(REQUEST_PADDING_MAX, left, entropy)
    state = _begin(variant, peer_static, peer_hash, header)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(peer_static))
    kem = None if variant.kem is None else DecapsulationKey.generate(variant.kem, entropy)
    sealed = b"" if kem is None else write_e1(state, kem)
    sealed += state.encrypt_and_hash(payload)
    packet = mask(header + ephemeral.public + sealed, intro.header, intro.header, _COVERED)
    return AwaitCreated(state, variant, ephemeral, kem, ids, intro, network_id), packet


def _begin(variant: Variant, static_key: bytes, bob_hash: bytes, header: bytes) -> SymmetricState:
    state = begin_xk(variant.protocol_name, static_key)
    if variant.kem is not None:
        state.mix_hash(bob_hash)
    state.mix_hash(header)
    return state


class Request:
    """Bob has Alice's SessionRequest; ``blocks`` are hers, ``header`` names the connection."""

    __slots__ = (
        "_ephemeral",
        "_intro",
        "_kem_public",
        "_size",
        "_state",
        "blocks",
        "header",
        "variant",
    )

    def __init__(
        self, packet: bytes, local: LocalRouter, network_id: int, versions: Sequence[int]
    ) -> None:
        """Open SessionRequest; DecodeError or PeerError if it is none. The token is not judged.

        ``versions``: those that we take.
        """
        clear = open_request_header(packet, local.intro)
        self.header = LongHeader.parse(clear)
        check_header(self.header, PacketType.SESSION_REQUEST, network_id, versions)
        self.variant = variant = HYBRIDS.get(self.header.version, PLAIN)
        payload_at = _BODY + variant.e1_length
        if len(packet) < payload_at + PAYLOAD_BYTES_MIN + TAG_LENGTH:
            raise DecodeError(f"SessionRequest of {len(packet)} bytes")
        self._ephemeral = clear[LONG_HEADER_BYTES:_BODY]
        _check_point(self._ephemeral, TerminationReason.MESSAGE_1_ERROR)
        static_key = local.static_key
        state = _begin(variant, static_key.public, local.hash, clear[:LONG_HEADER_BYTES])
        state.mix_hash(self._ephemeral)
        state.mix_key(static_key.exchange(self._ephemeral))
        is_plain = variant.kem is None
        self._kem_public = b"" if is_plain else read_e1(state, packet[_BODY:payload_at])
        self.blocks = read_blocks(state.decrypt_and_hash(packet[payload_at:]))
        self._state = state
        self._intro = local.intro
        self._size = len(packet)

    @property
    def ephemeral(self) -> bytes:
        """Alice's ephemeral key, by which a replay is recognized."""
        return self._ephemeral

    def create(
        self, source: SocketAddress, wall: WallClock, entropy: Entropy, extra: Sequence[Block] = ()
    ) -> tuple[AwaitConfirmed, bytes]:
        """What Bob awaits next, and SessionCreated with the address that he sees.

        DecodeError if Alice's ML-KEM key is none.
        """
        state, header, variant = self._state, self.header, self.variant
        ids = ConnectionIds(header.destination_id, header.source_id)
        key_2 = _created_key(state)
        ephemeral = X25519Key.generate(entropy)
        answer = LongHeader(
            ids.remote,
            random_number(entropy),
            PacketType.SESSION_CREATED,
            ids.local,
            0,
            header.network_id,
            variant.version,
        ).write()
        payload = DateTime.at(wall.now()).write() + AddressBlock(source).write()
        payload += b"".join(block.write() for block in extra)
        # specs/ssu2-hybrid: what her path carries he knows from what has come over it.
        room = max(variant.room(0, source.is_ipv6), self._size)
        left = room - _BODY - variant.ekem1_length - len(payload) - TAG_LENGTH
        payload += padding_within(CREATED_PADDING_MAX, left, entropy)
        state.mix_hash(answer)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._ephemeral))
        kem = variant.kem
        sealed = b"" if kem is None else write_ekem1(state, kem, self._kem_public)
        sealed += state.encrypt_and_hash(payload)
        packet = mask(answer + ephemeral.public + sealed, self._intro.header, key_2, _COVERED)
        return AwaitConfirmed(state, ephemeral, ids, self._intro), packet


def open_request_header(packet: bytes, intro: IntroKey) -> bytes:
    """The first 64 bytes of SessionRequest in clear, the rest sealed; DecodeError if too short."""
    if len(packet) < HANDSHAKE_BYTES_MIN:
        raise DecodeError(f"SessionRequest of {len(packet)} bytes")
    return mask(packet, intro.header, intro.header, _COVERED)


class AwaitConfirmed:
    """Bob sent SessionCreated and awaits all fragments of SessionConfirmed."""

    __slots__ = (
        "_ephemeral",
        "_fragments",
        "_header",
        "_ids",
        "_intro",
        "_key_2",
        "_state",
        "_total",
    )

    def __init__(
        self, state: SymmetricState, ephemeral: X25519Key, ids: ConnectionIds, intro: IntroKey
    ) -> None:
        self._state = state
        self._ephemeral = ephemeral
        self._ids = ids
        self._intro = intro
        self._key_2 = _confirmed_key(state)
        self._fragments: dict[int, bytes] = {}
        self._header = b""
        self._total = 0

    def step(self, packet: bytes) -> Confirmed | None:
        """Take one fragment; None while others are missing."""
        if len(packet) < PACKET_BYTES_MIN:
            raise DecodeError(f"fragment of {len(packet)} bytes")
        clear = mask(packet, self._intro.header, self._key_2)
        header = ShortHeader.parse(clear)
        is_confirmed = header.packet_type == PacketType.SESSION_CONFIRMED
        if header.destination_id != self._ids.local or not is_confirmed or header.packet_number:
            raise DecodeError("no SessionConfirmed")
        index, total = header.info >> 4, header.info & 0x0F
        if index >= total or self._total not in (0, total):
            raise DecodeError(f"fragment {index} of {total}")
        body = clear[SHORT_HEADER_BYTES:]
        held = sum(map(len, self._fragments.values()))
        if index not in self._fragments and held + len(body) > CONFIRMED_BYTES_MAX:
            raise DecodeError("SessionConfirmed is too long")
        self._total = total
        self._fragments.setdefault(index, body)
        if not index:
            self._header = clear[:SHORT_HEADER_BYTES]
        if len(self._fragments) < total:
            return None
        return self._open(self._header, b"".join(self._fragments[at] for at in range(total)))

    def _open(self, header: bytes, sealed: bytes) -> Confirmed:
        self._fragments.clear()
        self._total = 0
        if len(sealed) < SEALED_STATIC_BYTES + PAYLOAD_BYTES_MIN + TAG_LENGTH:
            raise DecodeError(f"SessionConfirmed of {len(sealed)} bytes")
        state = self._state.copy()
        state.mix_hash(header)
        remote_static = state.decrypt_and_hash(sealed[:SEALED_STATIC_BYTES])
        state.mix_key(self._ephemeral.exchange(remote_static))
        payload = state.decrypt_and_hash(sealed[SEALED_STATIC_BYTES:])
        return Confirmed(remote_static, payload, state, self._ids)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Bob knows Alice's proven static key and her still unchecked payload."""

    remote_static: bytes
    payload: bytes
    state: SymmetricState
    ids: ConnectionIds

    def keys(self, own_intro: bytes, remote_intro: bytes) -> SessionKeys:
        """The session; ``remote_intro`` is what Alice's RouterInfo publishes as ``i``."""
        receive, send = _directions(self.state)
        return SessionKeys(
            send[:32],
            receive[:32],
            remote_intro,
            send[32:],
            own_intro,
            receive[32:],
            self.ids.remote,
            self.ids.local,
            False,
        )
