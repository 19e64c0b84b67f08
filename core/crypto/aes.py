"""AES-256 without padding: the tunnel layers (tunnel-implementation.md) and NTCP2's obfuscation.

The persistent classes exist for the tunnel path. Their ``update`` is the library's own bound
method, so a call costs nothing extra, and it does not check: feed whole blocks only. A partial
block would stay in the context and shift every later message of that tunnel, so callers check
lengths first.

A CBC context is never finalised, it chains: the previous ciphertext block is the next IV. To start
a message with its own IV, an encryptor's owner XORs the first plaintext block with
``iv ^ previous ciphertext block``; a decryptor's owner feeds ``iv || data`` and drops the first 16
bytes of the result.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from core.base.errors import LocalError

BLOCK_LENGTH = 16
_ZERO_IV = bytes(BLOCK_LENGTH)


def _aes(key: bytes) -> AES:
    if len(key) != 32:
        raise LocalError(f"AES-256 key of {len(key)} bytes")
    return AES(key)


def _cbc(key: bytes, iv: bytes) -> Cipher[CBC]:
    if len(iv) != BLOCK_LENGTH:
        raise LocalError(f"AES IV of {len(iv)} bytes")
    return Cipher(_aes(key), CBC(iv))


def _check_blocks(data: bytes) -> None:
    if len(data) % BLOCK_LENGTH:
        raise LocalError(f"AES data of {len(data)} bytes is no whole number of blocks")


def cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """One message; ``key`` 32, ``iv`` 16, ``len(data)`` a multiple of 16, else LocalError."""
    _check_blocks(data)
    return _cbc(key, iv).encryptor().update(data)


def cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The inverse of :func:`cbc_encrypt`, same lengths and errors."""
    _check_blocks(data)
    return _cbc(key, iv).decryptor().update(data)


class EcbEncryptor:
    """Encrypts blocks independently of each other; ``key`` is 32 bytes."""

    __slots__ = ("update",)

    update: Callable[[bytes], bytes]
    """Whole blocks in, as many out."""

    def __init__(self, key: bytes) -> None:
        self.update = Cipher(_aes(key), ECB()).encryptor().update


class EcbDecryptor:
    """The inverse of :class:`EcbEncryptor`."""

    __slots__ = ("update",)

    update: Callable[[bytes], bytes]
    """Whole blocks in, as many out."""

    def __init__(self, key: bytes) -> None:
        self.update = Cipher(_aes(key), ECB()).decryptor().update


class CbcEncryptor:
    """Encrypts an endless chain of blocks that starts with ``iv``."""

    __slots__ = ("update",)

    update: Callable[[bytes], bytes]
    """Whole blocks in, as many out; chained to the call before."""

    def __init__(self, key: bytes, iv: bytes = _ZERO_IV) -> None:
        self.update = _cbc(key, iv).encryptor().update


class CbcDecryptor:
    """The inverse of :class:`CbcEncryptor`."""

    __slots__ = ("update",)

    update: Callable[[bytes], bytes]
    """Whole blocks in, as many out; chained to the call before."""

    def __init__(self, key: bytes, iv: bytes = _ZERO_IV) -> None:
        self.update = _cbc(key, iv).decryptor().update
