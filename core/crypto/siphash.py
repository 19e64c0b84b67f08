"""SipHash-2-4 with 64-bit output, and the mask NTCP2 lays over its frame lengths.

ntcp2.md "SipHash obfuscated length": IV[n] = SipHash(k1, k2, IV[n-1]), the mask of frame n is the
low 16 bits of IV[n], and all of it is little endian; the length it is XORed with is big endian on
the wire. One hash for each frame, in both directions, so the chain runs in place in one small
buffer through PyNaCl's own cffi handle: 0.2 us instead of 1 us through ``nacl.bindings``. That
handle is private to PyNaCl, hence the fallback with the same results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from nacl.bindings import crypto_shorthash_siphash24

from core.base.errors import LocalError

KEY_LENGTH = 16
IV_LENGTH = 8

_ffi: Any = None
_lib: Any = None
if sys.byteorder == "little":
    try:
        _sodium: Any = import_module("nacl._sodium")
        _ffi, _lib = _sodium.ffi, _sodium.lib
    except (ImportError, AttributeError):  # pragma: no cover - depends on how PyNaCl was built
        pass


def siphash24(key: bytes, data: bytes) -> int:
    """The hash as an unsigned 64-bit integer; ``key`` 16 bytes (k1, k2), else LocalError."""
    if len(key) != KEY_LENGTH:
        raise LocalError(f"SipHash key of {len(key)} bytes")
    return int.from_bytes(crypto_shorthash_siphash24(data, key), "little")


def portable_chain(k1_k2: bytes, iv: bytes) -> Callable[[], int]:
    """The chain of masks through PyNaCl's public interface, on any machine."""

    def step() -> int:
        nonlocal iv
        iv = crypto_shorthash_siphash24(iv, k1_k2)
        return iv[0] | iv[1] << 8

    return step


def in_place_chain(k1_k2: bytes, iv: bytes) -> Callable[[], int]:
    """The same chain in one buffer; needs PyNaCl's cffi handle and a little-endian machine."""
    key = _ffi.new("unsigned char[16]", k1_k2)
    state = _ffi.new("unsigned char[8]", iv)
    words = memoryview(_ffi.buffer(state)).cast("B").cast("H")
    siphash = _lib.crypto_shorthash_siphash24

    def step() -> int:
        # The whole input is read before the output is written, so both may be one buffer.
        siphash(state, state, 8, key)
        return words[0]

    return step


class LengthMask:
    """The chain of one direction: 16 bytes of keys, 8 bytes of IV, else LocalError."""

    __slots__ = ("next",)

    next: Callable[[], int]
    """The 16-bit mask of the next frame's length; each call moves the chain on."""

    def __init__(self, k1_k2: bytes, iv: bytes) -> None:
        if len(k1_k2) != KEY_LENGTH or len(iv) != IV_LENGTH:
            raise LocalError("SipHash length mask needs 16 bytes of keys and 8 bytes of IV")
        chain = in_place_chain if _lib is not None else portable_chain
        self.next = chain(k1_k2, iv)
