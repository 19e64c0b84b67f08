"""Messages about sessions and the connection itself (i2cp.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from core.base.wire import Reader, Writer
from core.data.mapping import parse_mapping, write_mapping
from core.i2cp.session_config import SessionConfigStructure
from core.i2cp.strings import read_string, write_string

#: in place of a session: "no session"
NO_SESSION = 0xFFFF


class SessionState(IntEnum):
    """The codes of SessionStatus."""

    DESTROYED = 0
    CREATED = 1
    UPDATED = 2
    INVALID = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class GetDate:
    """The client's first message. ``options``: user name and password, where they are asked."""

    kind: ClassVar[int] = 32

    version: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, body: bytes) -> GetDate:
        """DecodeError if malformed. Both fields may be missing."""
        reader = Reader(body)
        version = read_string(reader) if reader.remaining else ""
        return cls(version, parse_mapping(reader) if reader.remaining else {})

    def write(self) -> bytes:
        """The body."""
        options = write_mapping(self.options) if self.options else b""
        return write_string(self.version) + options


@dataclass(frozen=True, slots=True)
class SetDate:
    """The router's clock, Unix time in milliseconds, and its version of the API."""

    kind: ClassVar[int] = 33

    date_ms: int
    version: str = ""

    @classmethod
    def parse(cls, body: bytes) -> SetDate:
        """DecodeError if malformed."""
        reader = Reader(body)
        date_ms = reader.u64()
        return cls(date_ms, read_string(reader) if reader.remaining else "")

    def write(self) -> bytes:
        """The body."""
        return self.date_ms.to_bytes(8, "big") + write_string(self.version)


@dataclass(frozen=True, slots=True)
class CreateSession:
    """Asks for a session; SessionStatus answers."""

    kind: ClassVar[int] = 1

    config: SessionConfigStructure

    @classmethod
    def parse(cls, body: bytes) -> CreateSession:
        """DecodeError if malformed."""
        return cls(SessionConfigStructure.read(Reader(body)))

    def write(self) -> bytes:
        """The body."""
        return self.config.write()


@dataclass(frozen=True, slots=True)
class ReconfigureSession:
    """Changes options of a session: those that are in ``config``."""

    kind: ClassVar[int] = 2

    session_id: int
    config: SessionConfigStructure

    @classmethod
    def parse(cls, body: bytes) -> ReconfigureSession:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), SessionConfigStructure.read(reader))

    def write(self) -> bytes:
        """The body."""
        return self.session_id.to_bytes(2, "big") + self.config.write()


@dataclass(frozen=True, slots=True)
class DestroySession:
    """Ends a session, and with the primary one all others of the connection."""

    kind: ClassVar[int] = 3

    session_id: int

    @classmethod
    def parse(cls, body: bytes) -> DestroySession:
        """DecodeError if malformed."""
        return cls(Reader(body).u16())

    def write(self) -> bytes:
        """The body."""
        return self.session_id.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """``state``: a :class:`SessionState`, or a code that came later."""

    kind: ClassVar[int] = 20

    session_id: int
    state: int

    @classmethod
    def parse(cls, body: bytes) -> SessionStatus:
        """DecodeError if malformed."""
        reader = Reader(body)
        return cls(reader.u16(), reader.u8())

    def write(self) -> bytes:
        """The body."""
        return Writer().u16(self.session_id).u8(self.state).finish()


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The connection is about to end, with all its sessions."""

    kind: ClassVar[int] = 30

    reason: str

    @classmethod
    def parse(cls, body: bytes) -> Disconnect:
        """DecodeError if malformed."""
        return cls(read_string(Reader(body)))

    def write(self) -> bytes:
        """The body."""
        return write_string(self.reason)


@dataclass(frozen=True, slots=True)
class GetBandwidthLimits:
    """BandwidthLimits answers."""

    kind: ClassVar[int] = 8

    @classmethod
    def parse(cls, body: bytes) -> GetBandwidthLimits:
        """Whatever the body is: it should be empty."""
        return cls()

    def write(self) -> bytes:
        """The body."""
        return b""


@dataclass(frozen=True, slots=True)
class BandwidthLimits:
    """Limits in KB/s, ``burst_s`` in seconds; 0 where nothing is said."""

    kind: ClassVar[int] = 23

    client_inbound: int
    client_outbound: int
    router_inbound: int = 0
    router_inbound_burst: int = 0
    router_outbound: int = 0
    router_outbound_burst: int = 0
    burst_s: int = 0

    @classmethod
    def parse(cls, body: bytes) -> BandwidthLimits:
        """DecodeError if malformed; the nine undefined fields may be missing."""
        reader = Reader(body)
        return cls(*(reader.u32() for _ in range(7)))

    def write(self) -> bytes:
        """The body, with nine undefined fields."""
        writer = Writer().u32(self.client_inbound).u32(self.client_outbound)
        writer.u32(self.router_inbound).u32(self.router_inbound_burst)
        writer.u32(self.router_outbound).u32(self.router_outbound_burst).u32(self.burst_s)
        return writer.raw(bytes(4 * 9)).finish()
