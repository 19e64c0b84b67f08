"""Encrypted lease set (store type 5), meta lease set (7), and parsing by store type.

common-structures: "EncryptedLeaseSet", "MetaLeaseSet". Of the encrypted one only the outer layer is
read here: enough for a floodfill to check and store it; :mod:`core.data.lease_set_layers` opens it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from core.base.errors import DecodeError, LocalError
from core.base.wire import Reader
from core.crypto import signing
from core.data.identity import HASH_BYTES
from core.data.lease_set import (
    FLAG_OFFLINE,
    FLAG_UNPUBLISHED,
    LEASE_SET_BYTES_MAX,
    LeaseSet,
    LeaseSet2,
    LeaseSet2Header,
    WithHeader,
    parse_only,
    write_header,
)
from core.data.mapping import parse_mapping, write_mapping
from core.data.offline import OfflineSignature
from core.data.private_keys import PrivateKeys


@dataclass(frozen=True, eq=False, repr=False)
class EncryptedLeaseSet:
    """The outer layer, signed by a blinded key that changes every UTC day."""

    store_type = 5

    signing_type: int
    blinded_key: bytes
    published_ms: int
    expires_ms: int
    flags: int
    offline: OfflineSignature | None
    encrypted: bytes
    signature: bytes
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> EncryptedLeaseSet:
        """Parse exactly one; DecodeError if the type of the blinded key is unknown."""
        return parse_only(cls, data)

    @classmethod
    def read(cls, reader: Reader) -> EncryptedLeaseSet:
        """Parse one and leave what follows it."""
        start = reader.position
        signing_type = reader.u16()
        key_length = signing.PUBLIC_KEY_LENGTH.get(signing_type)
        signature_length = signing.SIGNATURE_LENGTH.get(signing_type)
        if key_length is None or signature_length is None:
            raise DecodeError(f"encrypted lease set with signing type {signing_type}")
        blinded_key = reader.take(key_length)
        published_s = reader.u32()
        expires_s = published_s + reader.u16()
        flags = reader.u16()
        offline = None
        if flags & FLAG_OFFLINE:
            offline = OfflineSignature.parse(reader, signature_length)
            signature_length = offline.transient_signature_length
        encrypted = reader.take(reader.u16())
        signature = reader.take(signature_length)
        return cls(
            signing_type,
            blinded_key,
            published_s * 1000,
            expires_s * 1000,
            flags,
            offline,
            encrypted,
            signature,
            reader.since(start),
        )

    @cached_property
    def hash(self) -> bytes:
        """The key it is stored under: SHA-256 of signing type and blinded key."""
        return hashlib.sha256(self.signing_type.to_bytes(2, "big") + self.blinded_key).digest()

    @property
    def is_published(self) -> bool:
        """i2pd: an encrypted lease set in a store is there to be served, whatever its flag."""
        return True

    @property
    def is_flagged_unpublished(self) -> bool:
        """True if it must not be given to floodfills."""
        return bool(self.flags & FLAG_UNPUBLISHED)

    def verify(self) -> bool:
        """True if signed by the blinded key or a transient key it authorised."""
        message = b"\x05" + self.raw[: -len(self.signature)]
        if self.offline is None:
            return signing.verify(self.signing_type, self.blinded_key, message, self.signature)
        return (
            self.offline.expires_s * 1000 >= self.published_ms
            and signing.verify(
                self.signing_type,
                self.blinded_key,
                self.offline.signed_part(),
                self.offline.signature,
            )
            and self.offline.verify(message, self.signature)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncryptedLeaseSet) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"EncryptedLeaseSet({self.hash.hex()[:8]})"


META_LEASES_MAX = 16
"""The specification leaves it open; as many as there are leases."""
KIND_LEASE_SET2 = 3
KIND_META = 5


@dataclass(frozen=True, slots=True)
class MetaLease:
    """Another lease set of the same service: ``target`` is the hash of its destination.

    ``kind``: 1 or 3 for lease sets, 5 for a meta lease set, 0 if that is not known. Lower ``cost``
    first.
    """

    target: bytes
    kind: int
    cost: int
    end_ms: int


@dataclass(frozen=True, eq=False, repr=False)
class MetaLeaseSet(WithHeader):
    """A list of other lease sets that serve the same destination."""

    store_type = 7

    header: LeaseSet2Header
    options: Mapping[str, str]
    leases: tuple[MetaLease, ...]
    revocations: tuple[bytes, ...]
    signature: bytes
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> MetaLeaseSet:
        """Parse exactly one; the signature is not checked."""
        return parse_only(cls, data)

    @classmethod
    def read(cls, reader: Reader) -> MetaLeaseSet:
        """Parse one and leave what follows it."""
        start = reader.position
        header = LeaseSet2Header.parse(reader)
        options = parse_mapping(reader)
        leases = tuple([_parse_meta_lease(reader) for _ in range(reader.u8())])
        revocations = tuple([reader.take(HASH_BYTES) for _ in range(reader.u8())])
        signature = reader.take(header.signature_length)
        return cls(header, options, leases, revocations, signature, reader.since(start))

    @classmethod
    def build(
        cls,
        keys: PrivateKeys,
        leases: Sequence[MetaLease],
        published_ms: int,
        expires_ms: int,
    ) -> MetaLeaseSet:
        """Sign a new one, by the transient key if ``keys`` have one; times are cut to seconds.

        LocalError without leases or with more than ``META_LEASES_MAX``, or if it would live longer
        than 65535 s.
        """
        if not 0 < len(leases) <= META_LEASES_MAX:
            raise LocalError(f"meta lease set with {len(leases)} leases")
        writer = write_header(keys, published_ms, expires_ms, 0)
        writer.raw(write_mapping({})).u8(len(leases))
        for lease in leases:
            writer.raw(lease.target).raw(lease.kind.to_bytes(3, "big")).u8(lease.cost)
            writer.u32(lease.end_ms // 1000)
        body = writer.u8(0).finish()
        return cls.parse(body + keys.sign(bytes((cls.store_type,)) + body))


ClearLeaseSet: TypeAlias = LeaseSet | LeaseSet2
"""What anybody can read."""
SingleLeaseSet: TypeAlias = ClearLeaseSet | EncryptedLeaseSet
"""Of one destination, as it may publish it."""
AnyLeaseSet: TypeAlias = SingleLeaseSet | MetaLeaseSet

LEASE_SET_TYPES: dict[int, type[AnyLeaseSet]] = {
    1: LeaseSet,
    3: LeaseSet2,
    5: EncryptedLeaseSet,
    7: MetaLeaseSet,
}


def parse_lease_set(store_type: int, data: bytes) -> AnyLeaseSet:
    """The lease set of a DatabaseStore type 1, 3, 5 or 7; DecodeError for another type."""
    return _type_of(store_type).parse(data)


def read_lease_set(store_type: int, reader: Reader) -> AnyLeaseSet:
    """Like :func:`parse_lease_set`, leaving what follows it; DecodeError if it is too large."""
    lease_set = _type_of(store_type).read(reader)
    if len(lease_set.raw) > LEASE_SET_BYTES_MAX:
        raise DecodeError(f"lease set of {len(lease_set.raw)} bytes")
    return lease_set


def _type_of(store_type: int) -> type[AnyLeaseSet]:
    kind = LEASE_SET_TYPES.get(store_type)
    if kind is None:
        raise DecodeError(f"store type {store_type} is not a lease set")
    return kind


def _parse_meta_lease(reader: Reader) -> MetaLease:
    target = reader.take(HASH_BYTES)
    kind = reader.u24() & 0x0F
    return MetaLease(target, kind, reader.u8(), reader.u32() * 1000)
