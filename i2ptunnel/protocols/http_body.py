"""Bodies of HTTP/1.1 messages: where they end, and what is in them (RFC 9112 section 6, 7.1).

Readers are fed what arrives and give the content back in few large pieces, whatever it was cut
into: what a site sends as thousands of chunks of one byte costs one piece. No call does more work
than :data:`CHUNKS_PER_CALL` chunks or :data:`PIECE_BYTES` of content.
"""

from __future__ import annotations

import re
import zlib
from enum import Enum
from typing import Protocol

from i2ptunnel.protocols.http_head import END, NEED_DATA, HttpFault, Signal
from i2ptunnel.protocols.http_responses import TRANSFER_CODINGS

#: the largest piece of content that one call returns
PIECE_BYTES = 65536
#: after so many chunks a call returns what it has
CHUNKS_PER_CALL = 1024
#: a chunk's size with its extensions, and a line of a trailer
LINE_BYTES_MAX = 4096
#: all trailers of a body
TRAILER_BYTES_MAX = 32768
TRAILER_LINES_MAX = 100

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t -~\x80-\xff]*)?\r\n")
_SIZE_LINE_LF = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t -~\x80-\xff]*)?\r?\n")
#: sizes of short chunks as they are written
_SMALL_SIZES = {form % size: size for size in range(1, 256) for form in (b"%x", b"%X")}
_MANY_CHUNKS = 16
#: many chunks of one byte, which would cost a step each
_ONES = re.compile(rb"(?s:1\r\n.\r\n){8,%d}" % CHUNKS_PER_CALL)
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


class BodyReader(Protocol):
    """One body. Raises HttpFault for what is broken."""

    @property
    def is_doubtful(self) -> bool:
        """Whether its framing was not quite canonical: nothing behind it is to be believed."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Feed what arrived; empty at the end of the stream."""
        ...

    def next_event(self) -> bytes | Signal:
        """Content, NEED_DATA or END. An empty piece: there is more work, ask again."""
        ...

    def rest(self) -> bytes:
        """After END: what follows the body."""
        ...


class NoBody:
    """A message without one."""

    __slots__ = ("_rest",)
    is_doubtful = False

    def __init__(self) -> None:
        self._rest = bytearray()

    def receive_data(self, data: bytes) -> None:
        """All of it follows the message."""
        self._rest += data

    def next_event(self) -> bytes | Signal:
        """END at once."""
        return END

    def rest(self) -> bytes:
        """What followed the head."""
        return bytes(self._rest)


class LengthBody:
    """A body of ``length`` bytes; None: up to the end of the stream."""

    __slots__ = ("_buffer", "_is_eof", "_left")
    is_doubtful = False

    def __init__(self, length: int | None) -> None:
        self._left = length
        self._buffer = b""
        self._is_eof = False

    def receive_data(self, data: bytes) -> None:
        """May reach beyond the body."""
        self._buffer = self._buffer + data if self._buffer else data
        self._is_eof = self._is_eof or not data

    def next_event(self) -> bytes | Signal:
        """Pieces of at most PIECE_BYTES; HttpFault if the stream ends before the body does."""
        if self._left == 0:
            return END
        if self._buffer:
            size = PIECE_BYTES if self._left is None else min(PIECE_BYTES, self._left)
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            if self._left is not None:
                self._left -= len(piece)
            return piece
        if not self._is_eof:
            return NEED_DATA
        if self._left is None:
            return END
        raise HttpFault(400, "broken body: it ends early")

    def rest(self) -> bytes:
        """Empty for a body that goes on to the end of the stream."""
        return self._buffer


class _State(Enum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILER = "trailer"
    END = "end"


class ChunkedBody:
    """A chunked body. Extensions and trailers are read and dropped.

    ``is_strict``: every line ends in CR LF; else LF alone will do, as browsers have it.
    """

    __slots__ = (
        "_buffer",
        "_content",
        "_is_eof",
        "_is_strict",
        "_left",
        "_position",
        "_size_line",
        "_state",
        "_trailer_bytes",
        "_trailer_lines",
        "is_doubtful",
    )

    def __init__(self, *, is_strict: bool) -> None:
        #: a line ended in LF alone
        self.is_doubtful = False
        self._is_strict = is_strict
        self._size_line = _SIZE_LINE if is_strict else _SIZE_LINE_LF
        self._buffer = b""
        self._position = 0
        self._content: list[bytes] = []
        self._left = 0
        self._state = _State.SIZE
        self._is_eof = False
        self._trailer_bytes = 0
        self._trailer_lines = 0

    def receive_data(self, data: bytes) -> None:
        """May hold any part of a chunk, and more than the body."""
        self._buffer = self._buffer[self._position :] + data
        self._position = 0
        self._is_eof = self._is_eof or not data

    def next_event(self) -> bytes | Signal:
        """Content without the framing, CHUNKS_PER_CALL chunks at most (RFC 9112, 7.1)."""
        if self._state is _State.END:
            return END
        if self._state is _State.TRAILER:
            return self._read_trailer()
        content: list[bytes] = []
        is_all = self._read_chunks(content)
        if content or not is_all:
            return b"".join(content)
        if self._is_eof:
            raise HttpFault(400, "broken body: it ends early")
        return NEED_DATA

    def rest(self) -> bytes:
        """What stands behind the trailer."""
        return self._buffer[self._position :]

    def _read_chunks(self, content: list[bytes]) -> bool:
        """Take content out of the buffer; True when more data is needed to go on."""
        if self._state is _State.SIZE and self._read_small_chunks(content):
            return False
        buffer, size = self._buffer, 0
        for _ in range(CHUNKS_PER_CALL):
            if self._state is _State.SIZE:
                if not self._read_size():
                    return True
                if not self._left:
                    return False  # the last chunk; the trailer follows
            if self._state is _State.DATA:
                piece = buffer[
                    self._position : self._position + min(self._left, PIECE_BYTES - size)
                ]
                if not piece:
                    return size < PIECE_BYTES
                content.append(piece)
                size += len(piece)
                self._position += len(piece)
                self._left -= len(piece)
                if self._left:
                    continue
                self._state = _State.DATA_END
            if not self._read_data_end():
                return True
        return False

    def _read_small_chunks(self, content: list[bytes]) -> bool:
        """Take many short chunks that are here as a whole, as cheaply as Python can; True if so."""
        buffer, position = self._buffer, self._position
        ones = _ONES.match(buffer, position)
        if ones:
            content.append(buffer[position + 3 : ones.end() : 6])
            self._position = ones.end()
            return True
        sizes, find, taken = _SMALL_SIZES, buffer.find, 0
        while taken < CHUNKS_PER_CALL:
            line_end = find(b"\r\n", position, position + 4)
            size = sizes.get(buffer[position:line_end]) if line_end > 0 else None
            if size is None:
                break
            start = line_end + 2
            end = start + size
            if buffer[end : end + 2] != b"\r\n":
                break
            content.append(buffer[start:end])
            position = end + 2
            taken += 1
        self._position = position
        return taken >= _MANY_CHUNKS

    def _read_size(self) -> bool:
        match = self._size_line.match(self._buffer, self._position)
        if match is None:
            end = self._buffer.find(b"\n", self._position)
            if end >= 0:
                raise HttpFault(400, "broken body: a chunk without a proper size")
            if len(self._buffer) - self._position > LINE_BYTES_MAX:
                raise HttpFault(400, "broken body: the line of a chunk's size is too long")
            return False
        if match.end() - self._position > LINE_BYTES_MAX:
            raise HttpFault(400, "broken body: the line of a chunk's size is too long")
        self._position = match.end()
        self.is_doubtful |= not match[0].endswith(b"\r\n")
        self._left = int(match[1], 16)
        self._state = _State.DATA if self._left else _State.TRAILER
        return True

    def _read_data_end(self) -> bool:
        end = self._buffer[self._position : self._position + 2]
        if end == b"\r\n":
            self._position += 2
        elif end[:1] == b"\n" and not self._is_strict:
            self._position += 1
            self.is_doubtful = True
        elif end in (b"", b"\r"):
            return False
        else:
            raise HttpFault(400, "broken body: a chunk is longer than its size")
        self._state = _State.SIZE
        return True

    def _read_trailer(self) -> Signal:
        while (end := self._buffer.find(b"\n", self._position)) >= 0:
            line = self._buffer[self._position : end]
            self._count_trailer(len(line) + 1)
            self._position = end + 1
            if line.endswith(b"\r"):
                line = line[:-1]
            elif self._is_strict:
                raise HttpFault(400, "broken body: a line of the trailer ends without CR LF")
            else:
                self.is_doubtful = True
            if not line:
                self._state = _State.END
                return END
            if self._is_strict and not _TRAILER.fullmatch(line):
                raise HttpFault(400, "broken body: a line of the trailer without a proper name")
            self._trailer_lines += 1
        if len(self._buffer) - self._position > LINE_BYTES_MAX:
            raise HttpFault(400, "broken body: the trailer is too long")
        if self._is_eof:
            raise HttpFault(400, "broken body: it ends early")
        return NEED_DATA

    def _count_trailer(self, count: int) -> None:
        self._trailer_bytes += count
        if self._trailer_bytes > TRAILER_BYTES_MAX or self._trailer_lines > TRAILER_LINES_MAX:
            raise HttpFault(400, "broken body: the trailer is too long")


class GunzippedBody:
    """A body inside of gzip (Java: ``Content-Encoding: x-i2p-gzip``).

    The compression is around everything that frames the body, and its own end is an end too. At
    most a piece at a time is unpacked, and only when all before it is used up, so that a small
    message cannot become a large one in memory.
    """

    _GZIP_WINDOW = 31

    def __init__(self, inner: BodyReader) -> None:
        self._inner = inner
        self._unpacker = zlib.decompressobj(self._GZIP_WINDOW)
        self._packed = b""
        self._is_eof = False
        self._is_inner_told = False

    @property
    def is_doubtful(self) -> bool:
        """What the body inside says; the coding adds nothing."""
        return self._inner.is_doubtful

    def receive_data(self, data: bytes) -> None:
        """Compressed bytes."""
        self._packed += data
        self._is_eof = self._is_eof or not data

    def next_event(self) -> bytes | Signal:
        """Events of the body inside, unpacked a bounded piece at a time; HttpFault if damaged."""
        event = self._inner.next_event()
        if event is not NEED_DATA:
            return event
        if self._unpacker.eof:
            if self._is_inner_told:
                raise HttpFault(502, "the response ends early")
            self._is_inner_told = True
            self._inner.receive_data(b"")
        elif self._packed or self._unpacker.unconsumed_tail:
            self._unpack()
        elif self._is_eof:
            raise HttpFault(502, "the response ends early")
        else:
            return NEED_DATA
        return b""

    def rest(self) -> bytes:
        """What follows; something, if that cannot be known."""
        return self._unpacker.unused_data if self._unpacker.eof else b"?"

    def _unpack(self) -> None:
        packed, self._packed = self._unpacker.unconsumed_tail + self._packed, b""
        try:
            piece = self._unpacker.decompress(packed, PIECE_BYTES)
        except zlib.error:
            raise HttpFault(502, "the response is compressed wrongly") from None
        if piece:
            self._inner.receive_data(piece)


class InflatedBody:
    """The content of a body in gzip or deflate inside of its framing (RFC 9112 7.2)."""

    is_doubtful = True

    def __init__(self, inner: BodyReader, coding: str) -> None:
        self._inner = inner
        self._unpacker = zlib.decompressobj(TRANSFER_CODINGS[coding])
        self._packed = b""

    def receive_data(self, data: bytes) -> None:
        """Bytes of the framing below."""
        self._inner.receive_data(data)

    def next_event(self) -> bytes | Signal:
        """Unpacked content, a bounded piece at a time; HttpFault if it is damaged or cut short."""
        if not self._packed:
            event = self._inner.next_event()
            if isinstance(event, bytes):
                self._packed = event
            elif event is END and not self._unpacker.eof:
                raise HttpFault(502, "the response ends early")
            else:
                return event
        try:
            piece = self._unpacker.decompress(self._packed, PIECE_BYTES)
        except zlib.error:
            raise HttpFault(502, "the response is compressed wrongly") from None
        self._packed = self._unpacker.unconsumed_tail
        return piece

    def rest(self) -> bytes:
        """What follows the framing below."""
        return self._inner.rest()
