"""The end of a tunnel: decrypted tunnel messages in, whole I2NP messages out.

Nothing here raises on what a peer sent. Inbound tunnels of our own and outbound tunnels of others
use the same machine; who may deliver where is decided by its owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from core.base.errors import DecodeError
from core.tunnel.delivery import Delivery, check_standard, parse_fragments
from core.tunnel.fragments import Reassembler


class Endpoint:
    """Checks, splits and reassembles; ``malformed`` counts what was dropped."""

    __slots__ = ("malformed", "reassembler")

    def __init__(self, reassembler: Reassembler | None = None) -> None:
        self.reassembler = Reassembler() if reassembler is None else reassembler
        self.malformed = 0

    def receive(self, layers: Iterable[tuple[bytes, bytes]], now: float) -> list[Delivery]:
        """Deliveries that the decrypted (IV 16, data 1008) complete, in order."""
        complete: list[Delivery] = []
        add = self.reassembler.add
        for iv, data in layers:
            # The checksum may contain zeros, the padding may not.
            start = data.find(b"\0", 4) + 1
            if not start or sha256(data[start:] + iv).digest()[:4] != data[:4]:
                self.malformed += 1
                continue
            try:
                for fragment in parse_fragments(data, start):
                    delivery = add(fragment, now)
                    if delivery is not None:
                        check_standard(delivery.message)
                        complete.append(delivery)
            except DecodeError:
                self.malformed += 1
        return complete
