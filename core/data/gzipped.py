"""gzip as I2P uses it: one member, made reproducibly, opened with a bound on what comes out.

i2np ("DatabaseStore": compressed RouterInfo) and i2cp ("Format": the payload of a Data message).
"""

from __future__ import annotations

import zlib

from core.base.errors import DecodeError

#: spec (i2np, DatabaseStore): the header Java writes, so that the gzip does not tell who made it.
_HEADER = bytes.fromhex("1f8b08000000000002ff")


def compress(data: bytes, level: int = 9) -> bytes:
    """Java's header, modification time zero."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.flush()
    trailer = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return _HEADER + body + trailer


def decompress(data: bytes, bytes_max: int) -> bytes:
    """The content of one member; DecodeError if it is broken or holds more than ``bytes_max``.

    What follows the member is ignored.
    """
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        result = inflate.decompress(data, bytes_max + 1)
    except zlib.error as error:
        raise DecodeError(f"gzip: {error}") from None
    if len(result) > bytes_max:
        raise DecodeError(f"gzip: more than {bytes_max} bytes inside")
    if not inflate.eof:
        raise DecodeError("gzip: truncated")
    return result
