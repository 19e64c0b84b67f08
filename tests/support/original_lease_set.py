"""Lease sets of the oldest form (store type 1), which only clients make any more."""

from __future__ import annotations

from collections.abc import Sequence

from core.base.wire import Writer
from core.data.lease_set import Lease, LeaseSet
from core.data.private_keys import PrivateKeys


def original_lease_set(keys: PrivateKeys, public: bytes, leases: Sequence[Lease]) -> LeaseSet:
    """Signed by ``keys``, with the ElGamal key ``public`` (256 bytes)."""
    destination = keys.destination
    writer = Writer().raw(destination.raw).raw(public)
    writer.raw(bytes(len(destination.signing_key))).u8(len(leases))
    for lease in leases:
        writer.raw(lease.gateway).u32(lease.tunnel_id).u64(lease.end_ms)
    body = writer.finish()
    return LeaseSet.parse(body + keys.sign(body))
