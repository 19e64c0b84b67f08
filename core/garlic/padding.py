"""How much padding a garlic message gets: 0 to 15 random bytes, but never one tunnel message more.

Spec: ECIES-X25519-AEAD-Ratchet, padding (default 0-15 bytes). i2pd and Java: both shrink the
padding where it would push the message over the size that fits a whole number of tunnel messages.
"""

from __future__ import annotations

from core.base.ports import Entropy
from core.garlic.cloves import PADDING_BLOCKS

TUNNEL_FIT_BYTES = (944, 1936, 2932)
"""Garlic message sizes (without the length field) that just fit 1, 2 and 3 tunnel messages.

Java: ECIESAEADEngine's boundaries; i2pd: the second as an "optimal" payload of 1912 + 24 bytes.
"""

_POOL_BYTES = 256
_HEADER_BYTES = 3


def _largest(message_bytes: int, fits: tuple[int, ...]) -> int:
    """Most padding bytes for a message of this size; -1: not even an empty block."""
    for fit in fits:
        if fit >= message_bytes:
            return max(-1, min(15, fit - message_bytes - _HEADER_BYTES))
    return 15


_CHOICES = tuple(
    tuple(PADDING_BLOCKS[min(count, largest)] if largest >= 0 else b"" for count in range(16))
    for largest in range(-1, 16)
)
"""Rows for ``_largest`` + 1, columns for the number drawn: the block."""
_ROWS = tuple(_CHOICES[_largest(size, TUNNEL_FIT_BYTES) + 1] for size in range(2933))


class Padder:
    """Chooses padding blocks; draws its randomness in bulk."""

    __slots__ = ("_entropy", "_pool", "_position")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pool = b""
        self._position = 0

    def block(self, message_bytes: int, fits: tuple[int, ...] = TUNNEL_FIT_BYTES) -> bytes:
        """The padding block for a message that is ``message_bytes`` long without it, or nothing."""
        position = self._position
        if position >= len(self._pool):
            self._pool = self._entropy.random_bytes(_POOL_BYTES)
            position = 0
        self._position = position + 1
        count = self._pool[position] & 0x0F
        if fits is TUNNEL_FIT_BYTES and message_bytes <= 2932:
            return _ROWS[message_bytes][count]
        return _CHOICES[_largest(message_bytes, fits) + 1][count]
