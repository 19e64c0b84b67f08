"""The sending half of ``x-i2p-gzip``: a response's body compressed between the two ends in I2P.

Java: the compression is the outermost layer, around everything else that frames the body; its
client reads to the end that the compressed data itself marks. So no length and no chunks are told,
and the stream ends with the body.
"""

from __future__ import annotations

import zlib

from i2ptunnel.protocols.http1 import Headers, RequestHead, ResponseHead

CODING = "x-i2p-gzip"
#: a smaller body fits the packets that go out anyway
BODY_BYTES_MIN = 1300

_GZIP_WINDOW = 31
_LEVEL = 6
_COMPRESSED_TYPES = (
    "audio/",
    "image/",
    "video/",
    "font/woff",
    "application/compress",
    "application/x-compress",
    "application/bzip2",
    "application/x-bzip2",
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "application/x-7z-compressed",
    "application/x-xz",
    "application/zstd",
    "application/vnd.debian.binary-package",
    "application/octet-stream",
)


class GzipCoder:
    """Compresses a body piece by piece; what went in comes out at once."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def data(self, piece: bytes) -> bytes:
        """All of ``piece``, flushed: nothing waits for more."""
        return self._compressor.compress(piece) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """What the format wants at the end."""
        return self._compressor.flush(zlib.Z_FINISH)


def wants_compression(request: RequestHead) -> bool:
    """Whether the visitor's proxy can undo it."""
    for name in ("x-accept-encoding", "accept-encoding"):
        for word in request.headers.words(name):
            coding, _, weight = word.partition(";")
            if coding.strip() == CODING:
                return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def is_worth_it(response: ResponseHead) -> bool:
    """Whether a response gets smaller and may be changed."""
    headers = response.headers
    if response.status != 200 or "content-encoding" in headers or "content-range" in headers:
        return False
    if "no-transform" in headers.words("cache-control"):
        return False
    length = headers.get("content-length")
    if length is not None and length.isdigit() and int(length) < BODY_BYTES_MIN:
        return False
    content_type = (headers.get("content-type") or "").lower().strip()
    return content_type.startswith("image/svg") or not content_type.startswith(_COMPRESSED_TYPES)


def announce(headers: Headers) -> None:
    """Say it in a response's headers."""
    for name in ("content-length", "transfer-encoding"):
        headers.remove(name)
    headers.add("Content-Encoding", CODING)
