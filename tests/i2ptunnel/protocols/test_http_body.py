"""Bodies in hostile pieces: the same content, few calls, and a bound on the work of each call."""

from __future__ import annotations

import random
import zlib

import pytest

from i2ptunnel.protocols import http_body
from i2ptunnel.protocols.http_body import (
    END,
    NEED_DATA,
    BodyReader,
    ChunkedBody,
    GunzippedBody,
    HttpFault,
    LengthBody,
)


def drain(body: BodyReader) -> tuple[list[bytes], object]:
    """Pieces up to the first signal, and the signal."""
    pieces: list[bytes] = []
    while isinstance(event := body.next_event(), bytes):
        pieces.append(event)
    return pieces, event


def read(body: BodyReader, wire: bytes, feed: int) -> tuple[bytes, bytes]:
    """(content, what follows) of a body that is fed ``feed`` bytes at a time."""
    content: list[bytes] = []
    for start in range(0, len(wire), feed):
        body.receive_data(wire[start : start + feed])
        pieces, event = drain(body)
        content += pieces
        if event is END:
            return b"".join(content), body.rest() + wire[start + feed :]
        assert event is NEED_DATA
    raise AssertionError("no end")


@pytest.mark.parametrize("seed", range(40))
def test_content_is_the_same_however_it_is_cut(seed: int) -> None:
    draw = random.Random(seed)
    content = bytes(draw.choice(b"01\r\nab") for _ in range(draw.randrange(600)))
    wire, position = b"", 0
    while position < len(content):
        piece = content[position : position + draw.choice((1, 1, 1, 2, 3, 17, 300))]
        position += len(piece)
        form = draw.choice((b"%x", b"%X", b"0%x", b"%x;a=b", b"%x ;a"))
        wire += form % len(piece) + b"\r\n" + piece + b"\r\n"
    wire += b"00\r\n" + draw.choice((b"", b"T: u\r\nV: w\r\n")) + b"\r\n"
    for feed in (1, 3, 50, 100_000):
        for is_strict in (True, False):
            got = read(ChunkedBody(is_strict=is_strict), wire + b"REST", feed)
            assert got == (content, b"REST")


def test_bare_line_feeds_pass_in_responses_only() -> None:
    wire = b"3\nabc\n2;x\r\nde\r\n0\nT: u\n\n"
    assert read(ChunkedBody(is_strict=False), wire, 4) == (b"abcde", b"")
    body = ChunkedBody(is_strict=True)
    body.receive_data(wire)
    with pytest.raises(HttpFault):
        body.next_event()


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;a\r\nx\r\n", b"2\r\nxy\r\n"])
def test_tiny_chunks_come_back_in_large_pieces_and_each_call_does_a_bounded_part(
    chunk: bytes,
) -> None:
    count = 10_000
    body = ChunkedBody(is_strict=False)
    body.receive_data(chunk * count)
    pieces, event = drain(body)
    assert event is NEED_DATA
    size = len(chunk.split(b"\r\n")[1])
    assert sum(len(piece) for piece in pieces) == count * size
    most = 2 * http_body.CHUNKS_PER_CALL * size
    assert all(len(piece) <= most for piece in pieces), "one call took more than its part"
    assert len(pieces) <= 4 + count // http_body.CHUNKS_PER_CALL * 2


@pytest.mark.parametrize(
    "wire",
    [
        b"1;" + b"a" * 5000,
        b"1;" + b"a" * 5000 + b"\r\nx\r\n",
        b"0\r\n" + b"a: b\r\n" * 200,
        b"0\r\n" + b"a" * 5000,
        b"0\r\n" + (b"a: " + b"b" * 4000 + b"\r\n") * 10,
        b"g\r\n",
        b"11111111111111111\r\n",
        b"1\r\nxy\r\n",
    ],
)
def test_endless_extensions_and_trailers_are_refused(wire: bytes) -> None:
    for is_strict in (True, False):
        body = ChunkedBody(is_strict=is_strict)
        body.receive_data(wire)
        with pytest.raises(HttpFault):
            drain(body)


def gzipped(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    return coder.compress(data) + coder.flush()


def test_a_bomb_is_unpacked_one_piece_for_each_call() -> None:
    size = 20_000_000
    packed = gzipped(bytes(size))
    assert len(packed) < 65536
    body = GunzippedBody(LengthBody(size))
    body.receive_data(packed)
    sizes = []
    while isinstance(event := body.next_event(), bytes):
        sizes.append(len(event))
    assert event is END
    assert sum(sizes) == size
    assert max(sizes) <= http_body.PIECE_BYTES


def test_what_unpacks_to_nothing_but_framing_is_handed_back_between_pieces() -> None:
    # A chunk's size with endless zeros: no content ever comes of it.
    body = GunzippedBody(ChunkedBody(is_strict=False))
    body.receive_data(gzipped(b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"))
    calls, content = 0, 0
    while isinstance(event := body.next_event(), bytes):
        calls += 1
        content += len(event)
    assert (event, content) == (END, 100_000)
    assert calls >= 100_000 // http_body.CHUNKS_PER_CALL


def test_a_length_body_gives_no_more_than_its_length() -> None:
    body = LengthBody(5)
    body.receive_data(b"abc")
    assert drain(body) == ([b"abc"], NEED_DATA)
    body.receive_data(b"defg")
    assert drain(body) == ([b"de"], END)
    assert body.rest() == b"fg"
