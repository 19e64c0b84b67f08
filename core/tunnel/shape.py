"""How many tunnels of which length a pool keeps."""

from __future__ import annotations

from dataclasses import dataclass

HOPS_MAX = 7


@dataclass(frozen=True, slots=True)
class TunnelShape:
    """One direction of a pool: hops per tunnel (0 to 7) and tunnels kept alive."""

    length: int = 3
    quantity: int = 2
    length_variance: int = 0
    """Positive: add 0..n hops at random; negative: add or remove up to n (i2ptunnel's meaning)."""
    backup_quantity: int = 0
    explicit_peers: tuple[bytes, ...] = ()
    """Hashes of the only routers that may be hops; empty: any. Rules of diversity do not hold."""
