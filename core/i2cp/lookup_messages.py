"""Messages about other destinations: lookups, and keys for encrypted lease sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from core.base.errors import DecodeError
from core.base.wire import Reader, Writer
from core.crypto import signing
from core.data.identity import HASH_BYTES, Destination
from core.data.mapping import parse_mapping, write_mapping
from core.i2cp.strings import read_string, write_string

_CLIENT_KEY_BYTES = 32


class LookupType(IntEnum):
    """What is looked up; the last three also ask for the options of its lease set."""

    HASH = 0
    NAME = 1
    HASH_OPTIONS = 2
    NAME_OPTIONS = 3
    DESTINATION_OPTIONS = 4


class LookupResult(IntEnum):
    """The codes of HostReply."""

    SUCCESS = 0
    FAILURE = 1
    SECRET_REQUIRED = 2
    KEY_REQUIRED = 3
    SECRET_AND_KEY_REQUIRED = 4
    DECRYPTION_FAILED = 5
    LEASE_SET_FAILED = 6
    TYPE_UNSUPPORTED = 7


#: types that ask for the options of the lease set
WITH_OPTIONS = frozenset(
    (LookupType.HASH_OPTIONS, LookupType.NAME_OPTIONS, LookupType.DESTINATION_OPTIONS)
)


@dataclass(frozen=True, slots=True)
class HostLookup:
    """``target``: a hash, a name or a destination, as ``lookup_type`` says.

    Of a type that is not known it is the bytes as they came.
    """

    kind: ClassVar[int] = 38

    session_id: int
    request_id: int
    timeout_ms: int
    lookup_type: int
    target: bytes | str | Destination = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> HostLookup:
        """DecodeError if malformed."""
        reader = Reader(body)
        head = reader.u16(), reader.u32(), reader.u32()
        lookup_type = reader.u8()
        target: bytes | str | Destination
        if lookup_type in (LookupType.HASH, LookupType.HASH_OPTIONS):
            target = reader.take(HASH_BYTES)
        elif lookup_type in (LookupType.NAME, LookupType.NAME_OPTIONS):
            target = read_string(reader)
        elif lookup_type == LookupType.DESTINATION_OPTIONS:
            target = Destination.parse(reader)
        else:
            target = reader.rest()
        return cls(*head, lookup_type, target)

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).u32(self.request_id).u32(self.timeout_ms)
        writer.u8(self.lookup_type)
        target = self.target
        if isinstance(target, Destination):
            return writer.raw(target.raw).finish()
        return writer.raw(write_string(target) if isinstance(target, str) else target).finish()


@dataclass(frozen=True, slots=True)
class HostReply:
    """``result``: a :class:`LookupResult`. ``options`` None: they were not asked for."""

    kind: ClassVar[int] = 39

    session_id: int
    request_id: int
    result: int
    destination: Destination | None = field(default=None, repr=False)
    options: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, body: bytes) -> HostReply:
        """DecodeError if malformed."""
        reader = Reader(body)
        head = reader.u16(), reader.u32(), reader.u8()
        destination = Destination.parse(reader) if reader.remaining else None
        options = parse_mapping(reader) if reader.remaining else None
        return cls(*head, destination, options)

    def write(self) -> bytes:
        """The body. LocalError if the options are too long."""
        writer = Writer().u16(self.session_id).u32(self.request_id).u8(self.result)
        if self.destination is not None:
            writer.raw(self.destination.raw)
            if self.options is not None:
                writer.raw(write_mapping(self.options))
        return writer.finish()


@dataclass(frozen=True, slots=True)
class DestLookup:
    """The older lookup, by hash only."""

    kind: ClassVar[int] = 34

    hash: bytes

    @classmethod
    def parse(cls, body: bytes) -> DestLookup:
        """DecodeError if malformed."""
        return cls(Reader(body).take(HASH_BYTES))

    def write(self) -> bytes:
        """The body."""
        return self.hash


@dataclass(frozen=True, slots=True)
class DestReply:
    """``found``: the destination, or the hash that was not found; None from old routers."""

    kind: ClassVar[int] = 35

    found: Destination | bytes | None

    @classmethod
    def parse(cls, body: bytes) -> DestReply:
        """DecodeError if malformed."""
        if len(body) <= HASH_BYTES:
            return cls(body if len(body) == HASH_BYTES else None)
        return cls(Destination.parse(Reader(body)))

    def write(self) -> bytes:
        """The body."""
        if self.found is None:
            return b""
        return self.found.raw if isinstance(self.found, Destination) else self.found


class EndpointType(IntEnum):
    """How BlindingInfo names a destination."""

    HASH = 0
    NAME = 1
    DESTINATION = 2
    SIGNING_KEY = 3


_PER_CLIENT = 0x01
_SCHEME_SHIFT, _SCHEME_MASK = 1, 0x07
_WITH_SECRET = 0x10


@dataclass(frozen=True, slots=True)
class BlindingInfo:
    """What is needed to read the encrypted lease set of a destination.

    ``endpoint``: a hash, a name, a destination, or (signing type, public key). ``is_psk`` says
    what ``client_key`` is for. ``expires_s``: Unix time.
    """

    kind: ClassVar[int] = 42

    session_id: int
    endpoint: bytes | str | Destination | tuple[int, bytes] = field(repr=False)
    blinded_type: int
    expires_s: int
    client_key: bytes | None = field(default=None, repr=False)
    is_psk: bool = False
    secret: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, body: bytes) -> BlindingInfo:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        flags, endpoint_type = reader.u8(), reader.u8()
        blinded_type, expires_s = reader.u16(), reader.u32()
        endpoint = _read_endpoint(reader, endpoint_type)
        client_key = reader.take(_CLIENT_KEY_BYTES) if flags & _PER_CLIENT else None
        is_psk = flags >> _SCHEME_SHIFT & _SCHEME_MASK == 1
        secret = read_string(reader) if flags & _WITH_SECRET else None
        return cls(session_id, endpoint, blinded_type, expires_s, client_key, is_psk, secret)

    def write(self) -> bytes:
        """The body."""
        endpoint_type, endpoint = _endpoint(self.endpoint)
        flags = _PER_CLIENT if self.client_key is not None else 0
        flags |= self.is_psk << _SCHEME_SHIFT
        flags |= _WITH_SECRET if self.secret is not None else 0
        writer = Writer().u16(self.session_id).u8(flags).u8(endpoint_type)
        writer.u16(self.blinded_type).u32(self.expires_s).raw(endpoint)
        if self.client_key is not None:
            writer.raw(self.client_key)
        if self.secret is not None:
            writer.raw(write_string(self.secret))
        return writer.finish()


def _read_endpoint(
    reader: Reader, endpoint_type: int
) -> bytes | str | Destination | tuple[int, bytes]:
    if endpoint_type == EndpointType.HASH:
        return reader.take(HASH_BYTES)
    if endpoint_type == EndpointType.NAME:
        return read_string(reader)
    if endpoint_type == EndpointType.DESTINATION:
        return Destination.parse(reader)
    if endpoint_type == EndpointType.SIGNING_KEY:
        signing_type = reader.u16()
        length = signing.PUBLIC_KEY_LENGTH.get(signing_type)
        if length is None:
            raise DecodeError(f"blinding info with signing type {signing_type}")
        return signing_type, reader.take(length)
    raise DecodeError(f"blinding info with endpoint type {endpoint_type}")


def _endpoint(endpoint: bytes | str | Destination | tuple[int, bytes]) -> tuple[int, bytes]:
    if isinstance(endpoint, bytes):
        return EndpointType.HASH, endpoint
    if isinstance(endpoint, str):
        return EndpointType.NAME, write_string(endpoint)
    if isinstance(endpoint, Destination):
        return EndpointType.DESTINATION, endpoint.raw
    signing_type, key = endpoint
    return EndpointType.SIGNING_KEY, signing_type.to_bytes(2, "big") + key
