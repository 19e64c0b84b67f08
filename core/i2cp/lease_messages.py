"""Messages about lease sets: the router asks for one over its tunnels, the client signs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from core.base.errors import DecodeError
from core.base.wire import Reader, Writer
from core.data.identity import HASH_BYTES
from core.data.lease_set import LEASES_MAX, Lease, LeaseSet
from core.data.lease_set_variants import AnyLeaseSet, read_lease_set

_REVOCATION_BYTES = 20
_ELGAMAL_PRIVATE_BYTES = 256
_PRIVATE_KEYS_MAX = 16


@dataclass(frozen=True, slots=True)
class RequestVariableLeaseSet:
    """Asks the client to sign a lease set; the first also says that the tunnels are ready."""

    kind: ClassVar[int] = 37

    session_id: int
    leases: tuple[Lease, ...]

    @classmethod
    def parse(cls, body: bytes) -> RequestVariableLeaseSet:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        leases = tuple(
            Lease(reader.take(HASH_BYTES), reader.u32(), reader.u64())
            for _ in range(_lease_count(reader))
        )
        return cls(session_id, leases)

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).u8(len(self.leases))
        for lease in self.leases:
            writer.raw(lease.gateway).u32(lease.tunnel_id).u64(lease.end_ms)
        return writer.finish()


@dataclass(frozen=True, slots=True)
class RequestLeaseSet:
    """The deprecated form, for clients before 0.9.7: all leases end at the same time."""

    kind: ClassVar[int] = 21

    session_id: int
    leases: tuple[Lease, ...]

    @classmethod
    def parse(cls, body: bytes) -> RequestLeaseSet:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        tunnels = [(reader.take(HASH_BYTES), reader.u32()) for _ in range(_lease_count(reader))]
        end_ms = reader.u64()
        return cls(session_id, tuple(Lease(*tunnel, end_ms) for tunnel in tunnels))

    def write(self) -> bytes:
        """The body; all end when the first does."""
        writer = Writer().u16(self.session_id).u8(len(self.leases))
        for lease in self.leases:
            writer.raw(lease.gateway).u32(lease.tunnel_id)
        return writer.u64(min((lease.end_ms for lease in self.leases), default=0)).finish()


@dataclass(frozen=True, slots=True)
class CreateLeaseSet:
    """The deprecated answer with a lease set of type 1, for ElGamal only."""

    kind: ClassVar[int] = 4

    session_id: int
    private_key: bytes = field(repr=False)
    lease_set: LeaseSet

    @classmethod
    def parse(cls, body: bytes) -> CreateLeaseSet:
        """DecodeError if malformed."""
        reader = Reader(body)
        session_id = reader.u16()
        reader.skip(_REVOCATION_BYTES)
        private_key = reader.take(_ELGAMAL_PRIVATE_BYTES)
        return cls(session_id, private_key, LeaseSet.parse(reader.rest()))

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).raw(bytes(_REVOCATION_BYTES))
        return writer.raw(self.private_key).raw(self.lease_set.raw).finish()


@dataclass(frozen=True, slots=True)
class CreateLeaseSet2:
    """A signed lease set; ``private_keys``: (crypto type, key), in the order of its public keys.

    For an encrypted lease set they are those of the one inside.
    """

    kind: ClassVar[int] = 41

    session_id: int
    lease_set: AnyLeaseSet
    private_keys: tuple[tuple[int, bytes], ...] = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> CreateLeaseSet2:
        """DecodeError if malformed. Signatures and keys are not checked."""
        reader = Reader(body)
        session_id = reader.u16()
        lease_set = read_lease_set(reader.u8(), reader)
        count = reader.u8() if reader.remaining else 0  # a meta lease set has none
        if count > _PRIVATE_KEYS_MAX:
            raise DecodeError(f"{count} private keys for a lease set")
        keys = tuple([(reader.u16(), reader.take(reader.u16())) for _ in range(count)])
        return cls(session_id, lease_set, keys)

    def write(self) -> bytes:
        """The body."""
        writer = Writer().u16(self.session_id).u8(self.lease_set.store_type)
        writer.raw(self.lease_set.raw).u8(len(self.private_keys))
        for crypto_type, key in self.private_keys:
            writer.u16(crypto_type).u16(len(key)).raw(key)
        return writer.finish()


def _lease_count(reader: Reader) -> int:
    count = reader.u8()
    if count > LEASES_MAX:
        raise DecodeError(f"lease set of {count} leases requested")
    return count
