"""Padding blocks of random length, within what the peer wants."""

from __future__ import annotations

from core.base.ports import Entropy
from core.transport.ntcp2 import blocks
from core.transport.ntcp2.blocks import Options
from core.transport.ntcp2.frames import PAYLOAD_BYTES_MAX

PADDING_MAX = 64
_POOL_BYTES = 256


class Padding:
    """Pads the frames of one connection."""

    __slots__ = ("_entropy", "_pool", "_position", "_ratio")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pool = b""
        self._position = 0
        self._ratio = Options().sent_max

    def agree(self, options: Options) -> None:
        """Never pad more than the peer wants; more than 1/16 we do not send anyway."""
        self._ratio = min(Options().sent_max, options.received_max)

    def block(self, size: int) -> bytes:
        """A padding block of random length for a frame with ``size`` bytes, or nothing."""
        if not self._ratio:
            return b""
        # i2pd: short frames count as 256 bytes, otherwise they would never be padded.
        limit = min(PADDING_MAX, max(256, size) * self._ratio >> 4)
        position = self._position
        if position >= len(self._pool):
            self._pool = self._entropy.random_bytes(_POOL_BYTES)
            position = 0
        self._position = position + 1
        count = self._pool[position] * (limit + 1) >> 8
        if size + count + 3 > PAYLOAD_BYTES_MAX:
            return b""
        return blocks.write_padding(count)
