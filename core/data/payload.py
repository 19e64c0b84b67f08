"""The payload of an I2NP Data message: one gzip member whose header carries ports and protocol.

i2cp ("Format"): the four mtime bytes are source and destination port, the OS byte is the protocol.
Data of streams is hardly compressible, so :func:`wrap` writes one stored block and :func:`unwrap`
reads a single stored block by offset; everything else goes through zlib with a bounded output.

The stored path does not check the CRC: every such payload was authenticated by the AEAD of a
ratchet session, which is stronger. i2pd: reads the plain 10-byte header only, so no optional gzip
fields are ever written. Java: inflates and checks CRC and size, so both are always right.
"""

from __future__ import annotations

import struct
import zlib

from core.base.errors import DecodeError, LocalError
from core.data.gzipped import decompress

PROTOCOL_STREAMING = 6
PROTOCOL_DATAGRAM = 17
PROTOCOL_RAW = 18
PROTOCOL_DATAGRAM2 = 19
PROTOCOL_DATAGRAM3 = 20

#: the largest content of one stored block
PAYLOAD_BYTES_MAX = 65535
STORED_OVERHEAD_BYTES = 23

_MAGIC = 0x1F8B0800
_STORED_FINAL = 1
_PREFIX = struct.Struct(">IHHBB")
_STORED = struct.Struct("<BHH")
_TRAILER = struct.Struct("<II")
#: i2pd: as zlib writes it, for the default level; Java: 2 always
_XFL_DEFLATED = 0
_XFL = 2
_PROTOCOL_AT = 9
_HEADER_BYTES = 10
_STORED_START = 15

_crc32 = zlib.crc32


def wrap(
    protocol: int, from_port: int, to_port: int, data: bytes, *, compress: bool = False
) -> bytes:
    """Wrap at most 65535 bytes; LocalError if longer.

    ``compress`` deflates if that is shorter: worth it for what contains a destination, whose
    padding repeats, and for text.
    """
    size = len(data)
    if size > PAYLOAD_BYTES_MAX:
        raise LocalError(f"payload of {size} bytes")
    trailer = _TRAILER.pack(_crc32(data), size)
    if compress:
        deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        deflated = deflater.compress(data) + deflater.flush()
        if len(deflated) < size + 5:
            prefix = _PREFIX.pack(_MAGIC, from_port, to_port, _XFL_DEFLATED, protocol)
            return prefix + deflated + trailer
    prefix = _PREFIX.pack(_MAGIC, from_port, to_port, _XFL, protocol)
    return b"".join((prefix, _STORED.pack(_STORED_FINAL, size, size ^ 0xFFFF), data, trailer))


def protocol_of(wrapped: bytes) -> int:
    """The protocol of what :func:`wrap` made, without unwrapping it."""
    return wrapped[_PROTOCOL_AT]


def unwrap(
    wrapped: bytes, limit: int = PAYLOAD_BYTES_MAX, *, start: int = 0, end: int | None = None
) -> tuple[int, int, int, bytes]:
    """``(protocol, from_port, to_port, data)``; DecodeError if malformed or over ``limit``.

    The payload may be part of something larger: ``start`` and ``end`` save the caller a copy.
    """
    if end is None:
        end = len(wrapped)
    total = end - start
    if total < _HEADER_BYTES + 2:
        raise DecodeError("payload shorter than a gzip header")
    magic, from_port, to_port, _, protocol = _PREFIX.unpack_from(wrapped, start)
    if total >= STORED_OVERHEAD_BYTES and magic == _MAGIC:
        kind, size, inverse = _STORED.unpack_from(wrapped, start + _HEADER_BYTES)
        if kind == 1 and size ^ inverse == 0xFFFF and size + STORED_OVERHEAD_BYTES == total:
            if size > limit:
                raise DecodeError(f"payload of {size} bytes")
            start += _STORED_START
            return protocol, from_port, to_port, wrapped[start : start + size]
    if magic >> 8 != _MAGIC >> 8:
        raise DecodeError("payload is not gzip")
    return protocol, from_port, to_port, decompress(wrapped[start:end], limit)
