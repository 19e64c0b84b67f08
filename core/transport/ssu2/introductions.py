"""Blocks of relay and peer test, which strangers sign (specs/ssu2, "RelayRequest" to "PeerTest").

Each has a part that its author signs together with a prologue and router hashes that are not sent.
``signed_data`` is that part as it stands on the wire; the ``…_prologue`` functions say what comes
before it. A block has one form only, so what was read writes the same bytes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.base.wire import Reader, Writer
from core.transport.ssu2.framing import (
    BlockType,
    SocketAddress,
    take_socket_address,
    write_block,
    write_socket_address,
)

HASH_BYTES = 32
TOKEN_BYTES = 8
#: Messages of a peer test that carry a router hash.
MESSAGES_WITH_HASH = (2, 4)


def relay_request_prologue(bob_hash: bytes, charlie_hash: bytes) -> bytes:
    """What Alice signs before the signed data of RelayRequest and RelayIntro."""
    return b"RelayRequestData" + bob_hash + charlie_hash


def relay_response_prologue(bob_hash: bytes) -> bytes:
    """What Charlie, or Bob who refuses, signs before the signed data of RelayResponse."""
    return b"RelayAgreementOK" + bob_hash


def peer_test_prologue(bob_hash: bytes, alice_hash: bytes = b"") -> bytes:
    """What is signed before the signed data of PeerTest; ``alice_hash`` in messages 3 and 4."""
    return b"PeerTestValidate" + bob_hash + alice_hash


def _sized(address: SocketAddress) -> bytes:
    packed = write_socket_address(address)
    return bytes((len(packed),)) + packed


@dataclass(frozen=True, slots=True)
class RelayOffer:
    """What Alice signs: the test of a way to Charlie over Bob's tag. ``time_s``: unix seconds."""

    nonce: int
    relay_tag: int
    time_s: int
    version: int
    alice: SocketAddress

    @classmethod
    def read(cls, reader: Reader) -> RelayOffer:
        """DecodeError if truncated."""
        nonce, tag, time_s, version = reader.u32(), reader.u32(), reader.u32(), reader.u8()
        return cls(nonce, tag, time_s, version, take_socket_address(reader))

    def write(self) -> bytes:
        """The signed data."""
        head = Writer().u32(self.nonce).u32(self.relay_tag).u32(self.time_s).u8(self.version)
        return head.raw(_sized(self.alice)).finish()


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """Alice to Bob: introduce me to whom you gave this tag."""

    TYPE: ClassVar[BlockType] = BlockType.RELAY_REQUEST
    offer: RelayOffer
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> RelayRequest:
        """From block data; DecodeError if truncated."""
        reader = Reader(data, 1)
        return cls(RelayOffer.read(reader), reader.rest())

    @property
    def signed_data(self) -> bytes:
        """See the module."""
        return self.offer.write()

    def write(self) -> bytes:
        """The whole block."""
        return write_block(self.TYPE, b"\0" + self.signed_data + self.signature)


@dataclass(frozen=True, slots=True)
class RelayIntro:
    """Bob to Charlie: what Alice asked for."""

    TYPE: ClassVar[BlockType] = BlockType.RELAY_INTRO
    alice_hash: bytes
    offer: RelayOffer
    signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> RelayIntro:
        """From block data; DecodeError if truncated."""
        reader = Reader(data, 1)
        alice_hash = reader.take(HASH_BYTES)
        return cls(alice_hash, RelayOffer.read(reader), reader.rest())

    @property
    def signed_data(self) -> bytes:
        """See the module."""
        return self.offer.write()

    def write(self) -> bytes:
        """The whole block."""
        return write_block(self.TYPE, b"\0" + self.alice_hash + self.signed_data + self.signature)


@dataclass(frozen=True, slots=True)
class RelayResponse:
    """Charlie to Bob to Alice: whether Charlie agrees, and where he is.

    ``code`` 0 is yes, below 64 Bob's refusal, from 64 on Charlie's. ``charlie`` may be None in a
    refusal. ``token``: for Alice's SessionRequest, None unless ``code`` is 0.
    """

    TYPE: ClassVar[BlockType] = BlockType.RELAY_RESPONSE
    code: int
    nonce: int
    time_s: int
    version: int
    charlie: SocketAddress | None
    signature: bytes
    token: int | None = None

    @classmethod
    def parse(cls, data: bytes) -> RelayResponse:
        """From block data; DecodeError if truncated. A refusal may end behind its nonce."""
        reader = Reader(data, 1)
        code, nonce = reader.u8(), reader.u32()
        if code and not reader.remaining:
            return cls(code, nonce, 0, 0, None, b"")
        time_s, version = reader.u32(), reader.u8()
        at = reader.position
        charlie = None
        if reader.u8():
            reader.position = at
            charlie = take_socket_address(reader)
        if code:
            return cls(code, nonce, time_s, version, charlie, reader.rest())
        signature = reader.take(reader.remaining - TOKEN_BYTES)
        return cls(code, nonce, time_s, version, charlie, signature, reader.u64())

    @property
    def signed_data(self) -> bytes:
        """See the module."""
        head = Writer().u32(self.nonce).u32(self.time_s).u8(self.version)
        return head.raw(b"\0" if self.charlie is None else _sized(self.charlie)).finish()

    def write(self) -> bytes:
        """The whole block."""
        token = b"" if self.token is None else self.token.to_bytes(TOKEN_BYTES, "big")
        return write_block(
            self.TYPE, bytes((0, self.code)) + self.signed_data + self.signature + token
        )


@dataclass(frozen=True, slots=True)
class PeerTest:
    """One of the seven messages of a peer test.

    ``router_hash``: Alice's in message 2, Charlie's in message 4 (zeros if Bob refuses), otherwise
    empty. ``alice``: the address under test. ``signature`` may be empty in messages 5 to 7.
    """

    TYPE: ClassVar[BlockType] = BlockType.PEER_TEST
    message: int
    code: int
    router_hash: bytes
    version: int
    nonce: int
    time_s: int
    alice: SocketAddress
    signature: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> PeerTest:
        """From block data; DecodeError if truncated."""
        reader = Reader(data)
        message, code, _ = reader.u8(), reader.u8(), reader.u8()
        router_hash = reader.take(HASH_BYTES) if message in MESSAGES_WITH_HASH else b""
        version, nonce, time_s = reader.u8(), reader.u32(), reader.u32()
        alice = take_socket_address(reader)
        return cls(message, code, router_hash, version, nonce, time_s, alice, reader.rest())

    @property
    def signed_data(self) -> bytes:
        """See the module."""
        head = Writer().u8(self.version).u32(self.nonce).u32(self.time_s)
        return head.raw(_sized(self.alice)).finish()

    def write(self) -> bytes:
        """The whole block."""
        head = bytes((self.message, self.code, 0)) + self.router_hash
        return write_block(self.TYPE, head + self.signed_data + self.signature)
