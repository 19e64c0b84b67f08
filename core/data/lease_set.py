"""Lease sets: where a destination can be reached, and the keys to encrypt to.

common-structures: "LeaseSet" (store type 1) and "LeaseSet2" (3); the encrypted and meta variants
are in :mod:`core.data.lease_set_variants`. The exact received bytes are kept in ``raw``; parsing
checks the structure only. Type 3 is signed with its store type as a first byte, and by the
transient key if there is an offline signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol, Self, TypeVar

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader, Writer
from core.crypto import signing
from core.data.certificate import CryptoType
from core.data.identity import HASH_BYTES, Destination
from core.data.mapping import parse_mapping, write_mapping
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys

LEASES_MAX = 16
ENCRYPTION_KEYS_MAX = 16
#: i2pd: 8192 with post-quantum keys, 4096 without.
LEASE_SET_BYTES_MAX = 8192

FLAG_OFFLINE = 1
FLAG_UNPUBLISHED = 2
FLAG_BLINDED = 4


@dataclass(frozen=True, slots=True)
class Lease:
    """A tunnel that leads to the destination until ``end_ms`` (unix milliseconds)."""

    gateway: bytes
    tunnel_id: int
    end_ms: int


@dataclass(frozen=True, eq=False, repr=False)
class LeaseSet:
    """The original form. ``encryption_keys`` is one ElGamal key: ``((0, 256 bytes),)``.

    Has no published date; as in Java the earliest lease end stands in for it, and ``expires_ms``
    is the latest lease end. Both are 0 without leases.
    """

    store_type = 1

    destination: Destination
    encryption_keys: tuple[tuple[int, bytes], ...]
    leases: tuple[Lease, ...]
    signature: bytes
    raw: bytes = field(repr=False)

    offline = None

    @classmethod
    def parse(cls, data: bytes) -> LeaseSet:
        """Parse exactly one; the signature is not checked."""
        return parse_only(cls, data)

    @classmethod
    def read(cls, reader: Reader) -> LeaseSet:
        """Parse one and leave what follows it."""
        start = reader.position
        destination = Destination.parse(reader)
        encryption_key = reader.take(256)
        key_length = signing.PUBLIC_KEY_LENGTH.get(destination.signing_type)
        if key_length is None:
            raise DecodeError("lease set of a destination with an unknown signing type")
        reader.skip(key_length)  # once meant for revocation, never used
        leases = _parse_leases(reader, 8, 1)
        signature = reader.take(destination.signature_length)
        raw = reader.since(start)
        return cls(destination, ((0, encryption_key),), leases, signature, raw)

    @property
    def published_ms(self) -> int:
        """The earliest end of a lease: this format carries no date of its own."""
        return min((lease.end_ms for lease in self.leases), default=0)

    @property
    def expires_ms(self) -> int:
        """The latest end of a lease."""
        return max((lease.end_ms for lease in self.leases), default=0)

    @property
    def options(self) -> Mapping[str, str]:
        """Always empty: this format has none."""
        return {}

    @property
    def is_published(self) -> bool:
        """Always True: this format cannot say otherwise."""
        return True

    @property
    def ratchet_keys(self) -> tuple[tuple[int, bytes], ...]:
        """Always empty: this format is for ElGamal only."""
        return ()

    @property
    def elgamal_key(self) -> bytes | None:
        """The key, 256 bytes."""
        return self.encryption_keys[0][1]

    @property
    def hash(self) -> bytes:
        """The destination hash: the key it is stored under."""
        return self.destination.hash

    def verify(self) -> bool:
        """True if the signature is by the destination inside."""
        return self.destination.verify(self.raw[: -len(self.signature)], self.signature)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LeaseSet) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"LeaseSet({self.destination!r}, {len(self.leases)} leases)"


@dataclass(frozen=True, slots=True)
class LeaseSet2Header:
    """What types 3 and 7 start with; times in unix milliseconds, whole seconds on the wire."""

    destination: Destination
    published_ms: int
    expires_ms: int
    flags: int
    offline: OfflineSignature | None

    @classmethod
    def parse(cls, reader: Reader) -> LeaseSet2Header:
        """DecodeError if truncated or malformed."""
        destination = Destination.parse(reader)
        published_s = reader.u32()
        expires_s = published_s + reader.u16()
        flags = reader.u16()
        offline = None
        if flags & FLAG_OFFLINE:
            offline = OfflineSignature.parse(reader, destination.signature_length)
        return cls(destination, published_s * 1000, expires_s * 1000, flags, offline)

    @property
    def signature_length(self) -> int:
        """Bytes of the signature at the end; DecodeError if the signing type is unknown."""
        length = (
            self.offline.transient_signature_length
            if self.offline
            else self.destination.signature_length
        )
        if not length:
            raise DecodeError("lease set of a destination with an unknown signing type")
        return length

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True if signed by the destination, or by a transient key it authorised.

        A transient key must not have expired when the lease set was published.
        """
        if self.offline is None:
            return self.destination.verify(message, signature)
        return (
            self.offline.expires_s * 1000 >= self.published_ms
            and self.offline.is_authorised_by(self.destination)
            and self.offline.verify(message, signature)
        )


def write_header(keys: PrivateKeys, published_ms: int, expires_ms: int, flags: int) -> Writer:
    """A :class:`LeaseSet2Header` of who has ``keys``, offline signature included.

    LocalError if the lease set would live longer than 65535 s.
    """
    published_s = published_ms // 1000
    lifetime_s = expires_ms // 1000 - published_s
    if not 0 <= lifetime_s <= 0xFFFF:
        raise LocalError(f"lease set with a life of {lifetime_s} s")
    flags |= FLAG_OFFLINE if keys.offline else 0
    writer = Writer().raw(keys.destination.raw).u32(published_s).u16(lifetime_s).u16(flags)
    if keys.offline:
        writer.raw(keys.offline.write())
    return writer


class WithHeader:
    """What lease sets that begin with a :class:`LeaseSet2Header` have in common.

    They are signed with their store type as a first byte, and equal if all bytes are.
    """

    store_type: ClassVar[int]
    header: LeaseSet2Header
    leases: tuple[object, ...]
    signature: bytes
    raw: bytes

    @property
    def destination(self) -> Destination:
        """Whose lease set it is."""
        return self.header.destination

    @property
    def published_ms(self) -> int:
        """Milliseconds since 1970, in whole seconds."""
        return self.header.published_ms

    @property
    def expires_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.header.expires_ms

    @property
    def offline(self) -> OfflineSignature | None:
        """The transient key it is signed with, or None."""
        return self.header.offline

    @property
    def is_published(self) -> bool:
        """False if it must not be stored, flooded or returned by floodfills."""
        return not self.header.flags & FLAG_UNPUBLISHED

    @property
    def hash(self) -> bytes:
        """The destination hash: the key it is stored under."""
        return self.header.destination.hash

    def verify(self) -> bool:
        """True if signed by the destination or its transient key; leaves dates to the caller."""
        message = bytes((self.store_type,)) + self.raw[: -len(self.signature)]
        return self.header.verify(message, self.signature)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.destination!r}, {len(self.leases)} leases)"


@dataclass(frozen=True, eq=False, repr=False)
class LeaseSet2(WithHeader):
    """The form in use. ``encryption_keys``: (crypto type, key), the publisher's favourite first.

    Keys of unknown types and lengths are kept.
    """

    store_type = 3

    header: LeaseSet2Header
    options: Mapping[str, str]
    encryption_keys: tuple[tuple[int, bytes], ...]
    leases: tuple[Lease, ...]
    signature: bytes
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> LeaseSet2:
        """Parse exactly one; the signature is not checked."""
        return parse_only(cls, data)

    @classmethod
    def read(cls, reader: Reader) -> LeaseSet2:
        """Parse one and leave what follows it."""
        start = reader.position
        header = LeaseSet2Header.parse(reader)
        options = parse_mapping(reader)
        count = reader.u8()
        if count > ENCRYPTION_KEYS_MAX:
            raise DecodeError(f"lease set with {count} encryption keys")
        keys = tuple([(reader.u16(), reader.take(reader.u16())) for _ in range(count)])
        leases = _parse_leases(reader, 4, 1000)
        signature = reader.take(header.signature_length)
        return cls(header, options, keys, leases, signature, reader.since(start))

    @classmethod
    def build(
        cls,
        keys: PrivateKeys,
        encryption_keys: Sequence[tuple[int, bytes]],
        leases: Sequence[Lease],
        published_ms: int,
        expires_ms: int,
        unpublished: bool = False,
        options: Mapping[str, str] | None = None,
        blinded: bool = False,
    ) -> LeaseSet2:
        """Sign a new one; times are cut to whole seconds.

        ``published_ms`` must grow by at least a second from one to the next, else floodfills keep
        the old one. LocalError if there are too many leases or keys, or if it would live longer
        than 65535 s.
        """
        if not encryption_keys or len(encryption_keys) > ENCRYPTION_KEYS_MAX:
            raise LocalError(f"lease set with {len(encryption_keys)} encryption keys")
        if len(leases) > LEASES_MAX:
            raise LocalError(f"lease set with {len(leases)} leases")
        flags = FLAG_UNPUBLISHED if unpublished or blinded else 0
        flags |= FLAG_BLINDED if blinded else 0
        writer = write_header(keys, published_ms, expires_ms, flags)
        writer.raw(write_mapping(options or {})).u8(len(encryption_keys))
        for crypto_type, key in encryption_keys:
            writer.u16(crypto_type).u16(len(key)).raw(key)
        writer.u8(len(leases))
        for lease in leases:
            writer.raw(lease.gateway).u32(lease.tunnel_id).u32(lease.end_ms // 1000)
        body = writer.finish()
        return cls.parse(body + keys.sign(b"\x03" + body))

    @cached_property
    def ratchet_keys(self) -> tuple[tuple[int, bytes], ...]:
        """Those for the ratchet (types 4 to 7, 32 bytes), the publisher's favourite first."""
        return tuple(
            (crypto_type, key)
            for crypto_type, key in self.encryption_keys
            if CryptoType.X25519 <= crypto_type <= CryptoType.MLKEM1024_X25519 and len(key) == 32
        )

    @property
    def elgamal_key(self) -> bytes | None:
        """The first ElGamal key (type 0, 256 bytes), or None."""
        for crypto_type, key in self.encryption_keys:
            if crypto_type == CryptoType.ELGAMAL and len(key) == 256:
                return key
        return None


class Readable(Protocol):
    """A lease set of any type, as something that can be read."""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Parse one and leave what follows it."""


ReadT = TypeVar("ReadT", bound=Readable)


def parse_only(kind: type[ReadT], data: bytes) -> ReadT:
    """Parse one and nothing more; DecodeError if it is larger than any may be."""
    if len(data) > LEASE_SET_BYTES_MAX:
        raise DecodeError(f"lease set of {len(data)} bytes")
    reader = Reader(data)
    lease_set = kind.read(reader)
    reader.expect_end()
    return lease_set


def _parse_leases(reader: Reader, date_bytes: int, date_unit_ms: int) -> tuple[Lease, ...]:
    count = reader.u8()
    if count > LEASES_MAX:
        raise DecodeError(f"lease set with {count} leases")
    leases = []
    for _ in range(count):
        gateway = reader.take(HASH_BYTES)
        tunnel_id = reader.u32()
        end = int.from_bytes(reader.take(date_bytes), "big") * date_unit_ms
        leases.append(Lease(gateway, tunnel_id, end))
    return tuple(leases)
