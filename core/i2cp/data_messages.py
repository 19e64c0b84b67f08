"""Messages that carry payloads, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from core.base.wire import Reader, Writer
from core.data.identity import Destination

#: bit 8 of the flags: no lease set goes along
FLAG_NO_LEASE_SET = 0x0100
_EXPIRATION_BYTES = 6


class Status(IntEnum):
    """The codes of MessageStatus that are in use; 1, 2, 4 and 6 mean success."""

    AVAILABLE = 0
    ACCEPTED = 1
    GUARANTEED_SUCCESS = 4
    GUARANTEED_FAILURE = 5
    LOCAL_SUCCESS = 6
    BAD_SESSION = 10
    BAD_MESSAGE = 11
    BAD_OPTIONS = 12
    OVERFLOW = 13
    EXPIRED = 14
    BAD_LOCAL_LEASE_SET = 15
    NO_LOCAL_TUNNELS = 16
    UNSUPPORTED_ENCRYPTION = 17
    BAD_DESTINATION = 18
    NO_LEASE_SET = 21
    META_LEASE_SET = 22
    LOOPBACK = 23


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A payload for another destination. ``nonce`` 0: no status is wanted."""

    kind: ClassVar[int] = 5

    session_id: int
    destination: Destination
    payload: bytes = field(repr=False)
    nonce: int = 0

    @classmethod
    def parse(cls, body: bytes) -> SendMessage:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        destination = Destination.parse(reader)
        return cls(session_id, destination, reader.take(reader.u32()), reader.u32())

    def write(self) -> bytes:
        """The body."""
        return _write_send(self)


@dataclass(frozen=True, slots=True)
class SendMessageExpires:
    """Like SendMessage; ``expires_ms`` is Unix time, of which 48 bits are written."""

    kind: ClassVar[int] = 36

    session_id: int
    destination: Destination
    payload: bytes = field(repr=False)
    nonce: int = 0
    flags: int = 0
    expires_ms: int = 0

    @classmethod
    def parse(cls, body: bytes) -> SendMessageExpires:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        destination = Destination.parse(reader)
        payload, nonce = reader.take(reader.u32()), reader.u32()
        flags = reader.u16()
        expires_ms = int.from_bytes(reader.take(_EXPIRATION_BYTES), "big")
        return cls(session_id, destination, payload, nonce, flags, expires_ms)

    def write(self) -> bytes:
        """The body."""
        expires = self.expires_ms.to_bytes(_EXPIRATION_BYTES, "big")
        return _write_send(self) + self.flags.to_bytes(2, "big") + expires


def _write_send(message: SendMessage | SendMessageExpires) -> bytes:
    payload = message.payload
    writer = Writer().u16(message.session_id).raw(message.destination.raw)
    return writer.u32(len(payload)).raw(payload).u32(message.nonce).finish()


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """What became of a message. ``status``: a :class:`Status`, or a code that came later."""

    kind: ClassVar[int] = 22

    session_id: int
    message_id: int
    status: int
    size: int
    nonce: int

    @classmethod
    def parse(cls, body: bytes) -> MessageStatus:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), reader.u32(), reader.u8(), reader.u32(), reader.u32())

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).u32(self.message_id).u8(self.status)
        return writer.u32(self.size).u32(self.nonce).finish()


@dataclass(frozen=True, slots=True)
class MessagePayload:
    """A payload that arrived for a session; nothing says from whom."""

    kind: ClassVar[int] = 31

    session_id: int
    message_id: int
    payload: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> MessagePayload:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), reader.u32(), reader.take(reader.u32()))

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).u32(self.message_id)
        return writer.u32(len(self.payload)).raw(self.payload).finish()


@dataclass(frozen=True, slots=True)
class ReceiveMessageBegin:
    """The deprecated request for a payload that MessageStatus has announced."""

    kind: ClassVar[int] = 6

    session_id: int
    message_id: int

    @classmethod
    def parse(cls, body: bytes) -> ReceiveMessageBegin:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), reader.u32())

    def write(self) -> bytes:
        """The body."""
        return Writer().u16(self.session_id).u32(self.message_id).finish()


@dataclass(frozen=True, slots=True)
class ReceiveMessageEnd:
    """The deprecated acknowledgement of a payload."""

    kind: ClassVar[int] = 7

    session_id: int
    message_id: int

    @classmethod
    def parse(cls, body: bytes) -> ReceiveMessageEnd:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), reader.u32())

    def write(self) -> bytes:
        """The body."""
        return Writer().u16(self.session_id).u32(self.message_id).finish()
