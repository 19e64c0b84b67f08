"""What the NTCP2 handshake needs to know about our own router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.crypto.x25519 import X25519Key


@dataclass(frozen=True, slots=True)
class LocalRouter:
    """Our identity as the NTCP2 transport sees it.

    ``hash``: our router hash; ``static_key``: the Noise key published as ``s``; ``iv``: the 16
    bytes published as ``i``; ``router_info``: returns the current signed RouterInfo, uncompressed.
    The router room rebuilds it; peers refuse one that is older than 90 minutes (i2pd) and larger
    than 3072 bytes.
    """

    hash: bytes
    static_key: X25519Key
    iv: bytes
    router_info: Callable[[], bytes]
