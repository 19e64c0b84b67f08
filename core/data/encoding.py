"""Text forms of binary data in I2P (common-structures; naming: "base 32").

Base 64 uses ``-`` and ``~`` where RFC 4648 has ``+`` and ``/``. Base 32 is RFC 4648 in lower case
without padding. Decoders raise :class:`DecodeError` and nothing else.
"""

from __future__ import annotations

import base64
import binascii

from core.base.errors import DecodeError

_TO_I2P = bytes.maketrans(b"+/", b"-~")
_FROM_I2P = bytes.maketrans(b"-~+/", b"+/\xff\xff")


def b64encode(data: bytes) -> str:
    """I2P base 64 with padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_I2P).decode("ascii")


def b64decode(text: str) -> bytes:
    """The bytes of I2P base 64; padding may be missing."""
    try:
        raw = text.encode("ascii").rstrip(b"=").translate(_FROM_I2P)
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except ValueError as error:
        raise DecodeError(f"not I2P base 64: {error}") from None


def b32encode(data: bytes) -> str:
    """Lower-case base 32 without padding: 52 characters for a hash."""
    return base64.b32encode(data).rstrip(b"=").lower().decode("ascii")


def b32decode(text: str) -> bytes:
    """The bytes of base 32, in either case, padding optional."""
    try:
        raw = text.encode("ascii").rstrip(b"=")
        return base64.b32decode(raw + b"=" * (-len(raw) % 8), casefold=True)
    except ValueError as error:
        raise DecodeError(f"not base 32: {error}") from None
