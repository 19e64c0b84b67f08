"""ChaCha20 (RFC 8439 section 2.4) as a mask: one key, many nonces, a few bytes each."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from core.base.errors import LocalError
from core.base.native import accelerated

_FIRST_BLOCK = (1).to_bytes(4, "little")


@accelerated
class ChaChaMask:
    """XORs data with the key stream of a key, from block 1 on, as header protection does.

    The context lives as long as the key: a new one costs three times as much as a mask.
    """

    __slots__ = ("_reset", "_update")

    _reset: Callable[[bytes], None]
    _update: Callable[[bytes], bytes]

    def __init__(self, key: bytes) -> None:
        """``key`` is 32 bytes, anything else is a LocalError."""
        if len(key) != 32:
            raise LocalError(f"ChaCha20 key of {len(key)} bytes")
        context = Cipher(ChaCha20(key, bytes(16)), None).encryptor()
        self._reset = context.reset_nonce
        self._update = context.update

    def xor(self, nonce: bytes, data: bytes) -> bytes:
        """``data`` XOR the key stream of ``nonce`` (12 bytes); the same call undoes it."""
        self._reset(_FIRST_BLOCK + nonce)
        return self._update(data)
