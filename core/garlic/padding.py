"""How much padding a garlic message gets: 1 to 16 bytes, but never one tunnel message more.

Spec: ECIES-X25519-AEAD-Ratchet, padding (default 0-15 bytes). i2pd and Java: both draw 1 to 16, and
shrink the padding where it would push the message over the size that fits a whole number of tunnel
messages; i2pd: to what is left of the draw modulo the room, and it leaves the block out where there
is room for its header alone.
"""

from __future__ import annotations

from core.base.ports import Entropy
from core.garlic.cloves import PADDING_BLOCKS, PADDING_BYTES_MAX

TUNNEL_FIT_BYTES = (944, 1936, 2932)
"""Garlic message sizes (without the length field) that just fit 1, 2 and 3 tunnel messages.

Java: ECIESAEADEngine's boundaries; i2pd: the second as an "optimal" payload of 1912 + 24 bytes.
"""

_POOL_BYTES = 256
_HEADER_BYTES = 3


def _largest(message_bytes: int, fits: tuple[int, ...]) -> int:
    """Most padding bytes for a message of this size; 0: no block."""
    for fit in fits:
        if fit >= message_bytes:
            return max(0, min(PADDING_BYTES_MAX, fit - message_bytes - _HEADER_BYTES))
    return PADDING_BYTES_MAX


_CHOICES = tuple(
    tuple(PADDING_BLOCKS[drawn % largest + 1] if largest else b"" for drawn in range(16))
    for largest in range(PADDING_BYTES_MAX + 1)
)
"""Rows for ``_largest``, columns for the number drawn: the block."""
_ROWS = tuple(_CHOICES[_largest(size, TUNNEL_FIT_BYTES)] for size in range(2933))


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
        return _CHOICES[_largest(message_bytes, fits)][count]
