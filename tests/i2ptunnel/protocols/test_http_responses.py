"""Responses that curl and browsers accept, whatever the standards say, and what is passed on."""

from __future__ import annotations

import gzip
import time
import zlib

import h11
import pytest

from i2ptunnel.protocols.http1 import (
    END,
    NEED_DATA,
    BodyWriter,
    HttpFault,
    ResponseHead,
    ResponseReader,
)

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nT: u\r\n\r\n"
PACKED = gzip.compress(b"ok")
IN_CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PACKED), PACKED)
DEFLATED = zlib.compress(b"ok")

#: name -> the response, which all mean "ok"
ACCEPTED = {
    "chunked twice": OK + CHUNKED * 2 + b"\r\n" + CHUNKS,
    "chunked twice in one field": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS,
    "length, then chunked": OK + b"Content-Length: 99\r\n" + CHUNKED + b"\r\n" + CHUNKS,
    "chunked, then length": OK + CHUNKED + b"Content-Length: 1\r\n\r\n" + CHUNKS,
    "chunked beside a length that is none": OK + CHUNKED + b"Content-Length: x\r\n\r\n" + CHUNKS,
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + CHUNKS,
    "mixed case": OK + b"tRANSFER-eNCODING: CHunked\r\n\r\n" + CHUNKS,
    "a list of equal lengths": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "equal lengths": OK + LENGTH + b"content-length: 2\r\n" + LENGTH + b"\r\nok",
    "zeros before a length": OK + b"Content-Length: 0002\r\n\r\nok",
    "an empty length": OK + b"Content-Length:\r\n\r\nok",
    "identity": OK + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\nok",
    "identity and chunked": OK + b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKS,
    "identity alone": OK + b"Transfer-Encoding: identity\r\n\r\nok",
    "no coding, by a word": OK + b"Transfer-Encoding: none\r\n" + LENGTH + b"\r\nok",
    "an empty coding": OK + b"Transfer-Encoding:\r\n" + LENGTH + b"\r\nok",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + IN_CHUNKS,
    "gzip and chunked in two fields": OK
    + b"Transfer-Encoding: gzip\r\n"
    + CHUNKED
    + b"\r\n"
    + IN_CHUNKS,
    "gzip to the end": OK + b"Transfer-Encoding: gzip\r\n\r\n" + PACKED,
    "deflate": OK
    + b"Transfer-Encoding: deflate, chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(DEFLATED), DEFLATED),
    "space before the colon": OK + b"Content-Length : 2\r\n\r\nok",
    "tab before the colon": OK + b"X-A\t: b\r\n" + LENGTH + b"\r\nok",
    "space inside a name": OK + b"X A: b\r\n" + LENGTH + b"\r\nok",
    "a name in UTF-8": OK + "Größe: 1\r\n".encode() + LENGTH + b"\r\nok",
    "an empty name": OK + b": b\r\n" + LENGTH + b"\r\nok",
    "no colon": OK + b"junk\r\n" + LENGTH + b"\r\nok",
    "brackets in a name": OK + b"X(A): b\r\n" + LENGTH + b"\r\nok",
    "ESC": OK + b"X-A: \x1b[1mb\r\n" + LENGTH + b"\r\nok",
    "DEL": OK + b"X-A: a\x7fb\r\n" + LENGTH + b"\r\nok",
    "0x01": OK + b"X-A: \x01\r\n" + LENGTH + b"\r\nok",
    "vertical tab": OK + b"X-A: a\x0bb\r\n" + LENGTH + b"\r\nok",
    "UTF-8 in a value": OK + "X-A: ä\r\n".encode() + LENGTH + b"\r\nok",
    "CR CR LF": b"HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\r\n\r\r\nok",
    "LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "LF and CR LF": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\nok",
    "chunk lines ending in LF": OK + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b"\n"),
    "spaces behind a chunk's size": OK + CHUNKED + b"\r\n2  \r\nok\r\n0\r\n\r\n",
    "zeros before a chunk's size": OK + CHUNKED + b"\r\n0002\r\nok\r\n000\r\n\r\n",
    "upper case in a chunk's size": OK + CHUNKED + b"\r\n02;A\r\nok\r\n0\r\n\r\n",
    "a long line": OK + b"X-A: " + b"a" * 100_000 + b"\r\n" + LENGTH + b"\r\nok",
    "many fields": OK + b"X-A: b\r\n" * 2000 + LENGTH + b"\r\nok",
    "a head of 250 KB": OK + (b"X-A: " + b"a" * 993 + b"\r\n") * 250 + LENGTH + b"\r\nok",
    "HTTP/2": b"HTTP/2 200\r\n" + LENGTH + b"\r\nok",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + LENGTH + b"\r\nok",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + LENGTH + b"\r\nok",
    "lower case": b"http/1.1 200 OK\r\n" + LENGTH + b"\r\nok",
    "two spaces": b"HTTP/1.1  200  OK\r\n" + LENGTH + b"\r\nok",
    "a tab": b"HTTP/1.1\t200\tOK\r\n" + LENGTH + b"\r\nok",
    "no reason": b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nok",
    "an empty reason": b"HTTP/1.1 200 \r\n" + LENGTH + b"\r\nok",
    "a reason in UTF-8": "HTTP/1.1 200 schön\r\n".encode() + LENGTH + b"\r\nok",
    "a reason with ESC": b"HTTP/1.1 200 \x1b[1m\r\n" + LENGTH + b"\r\nok",
    "ICY": b"ICY 200 OK\r\nicy-name: x\r\n\r\nok",
    "empty lines first": b"\r\n\r\n" + OK + LENGTH + b"\r\nok",
    "a folded value": OK + b"X-A: b\r\n c\r\n\td\r\n" + LENGTH + b"\r\nok",
    "a folded coding": OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    "a fold below the status line": OK + b" Content-Length: 5\r\n" + LENGTH + b"\r\nok",
}
#: two readers would see different bodies, or other fields
REFUSED = {
    "a list of lengths": OK + b"Content-Length: 2, 3\r\n\r\nok.",
    "two lengths": OK + LENGTH + b"Content-Length: 3\r\n\r\nok.",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "a huge length": OK + b"Content-Length: 99999999999999999999999\r\n\r\nok",
    "a length with plus": OK + b"Content-Length: +2\r\n\r\nok",
    "a length in hexadecimal": OK + b"Content-Length: 0x2\r\n\r\nok",
    "a fraction": OK + b"Content-Length: 2.0\r\n\r\nok",
    "other digits": OK + "Content-Length: ٢\r\n\r\nok".encode(),
    "an unknown coding": OK + b"Transfer-Encoding: cow, chunked\r\n\r\n" + CHUNKS,
    "chunked inside": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + PACKED,
    "quoted": OK + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKS,
    "a control character in a coding": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "NUL in a value": OK + b"X-A: a\0b\r\n" + LENGTH + b"\r\nok",
    "a bare CR": OK + b"X-A: a\rSet-Cookie: b\r\n" + LENGTH + b"\r\nok",
    "junk behind a chunk's size": OK + CHUNKED + b"\r\n2 junk\r\nok\r\n0\r\n\r\n",
    "a chunk's size with 0x": OK + CHUNKED + b"\r\n0x2\r\nok\r\n0\r\n\r\n",
    "a negative size": OK + CHUNKED + b"\r\n-2\r\nok\r\n0\r\n\r\n",
    "a chunk that is longer": OK + CHUNKED + b"\r\n1\r\nok\r\n0\r\n\r\n",
    "a head of 300 KB": OK + (b"X-A: " + b"a" * 993 + b"\r\n") * 300 + LENGTH + b"\r\nok",
    "10,000 fields": OK + b"X-A: b\r\n" * 10_000 + LENGTH + b"\r\nok",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n" + LENGTH + b"\r\nok",
    "no status": b"HTTP/1.1 OK\r\n" + LENGTH + b"\r\nok",
    "no HTTP": b"SSH-2.0-x\r\n\r\n",
    "gzip that is none": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "gzip cut short": OK + b"Transfer-Encoding: gzip\r\n\r\n" + PACKED[:-9],
}
#: what may keep its connection: the framing is as the standards have it
CLEAN = {
    "length": OK + LENGTH + b"\r\nok",
    "chunked": OK + CHUNKED + b"\r\n" + CHUNKS,
    "unusable lines": ACCEPTED["space inside a name"],
    "control characters": ACCEPTED["ESC"],
}


def read(raw: bytes, step: int) -> tuple[ResponseHead, bytes, bool]:
    """Head, body, and whether the connection may be used again."""
    reader = ResponseReader("GET")
    head, body = None, b""
    for start in range(0, len(raw) + step, step):
        reader.receive_data(raw[start : start + step])
        while (event := reader.next_event()) is not NEED_DATA:
            if event is END:
                assert head is not None
                return head, body, reader.is_idle and not reader.is_doubtful
            if isinstance(event, bytes):
                body += event
            else:
                assert isinstance(event, ResponseHead)
                head = event
    raise AssertionError("no end")


@pytest.mark.parametrize("step", [1 << 20, 1000, 7])
@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_responses_are_read_and_passed_on_canonical(name: str, step: int) -> None:
    head, body, may_keep = read(ACCEPTED[name], step)
    assert (head.status, body) == (200, b"ok")
    assert not may_keep or name in _HARMLESS
    # Another parser, a strict one, reads the same in what is passed on.
    written = head.write()
    framing = BodyWriter(head.headers)
    other = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    other.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    other.send(h11.EndOfMessage())
    other.receive_data(written + framing.data(body) + framing.end())
    other.receive_data(b"")
    response = other.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == 200
    data = other.next_event()
    assert isinstance(data, h11.Data)
    assert data.data == b"ok"
    framed = [
        key for key, _ in response.headers if key in (b"content-length", b"transfer-encoding")
    ]
    assert len(framed) <= 1


_HARMLESS = {
    "mixed case",
    "zeros before a length",
    "tab before the colon",
    "space inside a name",
    "a name in UTF-8",
    "an empty name",
    "no colon",
    "brackets in a name",
    "ESC",
    "DEL",
    "0x01",
    "vertical tab",
    "UTF-8 in a value",
    "CR CR LF",
    "LF",
    "LF and CR LF",
    "spaces behind a chunk's size",
    "zeros before a chunk's size",
    "upper case in a chunk's size",
    "a long line",
    "many fields",
    "a head of 250 KB",
    "no reason",
    "an empty reason",
    "a reason in UTF-8",
    "a reason with ESC",
    "empty lines first",
}


@pytest.mark.parametrize("step", [1 << 20, 1000, 7])
@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_take_differently_is_refused(name: str, step: int) -> None:
    with pytest.raises(HttpFault) as caught:
        read(REFUSED[name], step)
    assert caught.value.status == 502


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_framing_keeps_the_connection(name: str) -> None:
    assert read(CLEAN[name], 7)[2]


def test_values_are_made_canonical() -> None:
    raw = OK + b"X-A : \x1ba\x7f\r\n  b \r\nX-B:\r\n c\r\nBad Name: x\r\n" + LENGTH + b"\r\nok"
    head, _, _ = read(raw, 1000)
    assert head.headers.fields == [("X-A", "a  b"), ("X-B", "c"), ("Content-Length", "2")]
    head, _, _ = read(ACCEPTED["ICY"], 1000)
    assert (head.version_minor, head.reason) == (0, "OK")


HOSTILE = {
    "one line": b"X-A: " + b"a" * 250_000 + b"\r\n",
    "folds": b"X-A: b\r\n" + b" c\r\n" * 4000 + b"X-B: " + b"a" * 200_000 + b"\r\n",
    "fields": b"X-A: b\r\n" * 4000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_long_head_costs_no_more_than_its_length(name: str) -> None:
    raw = OK + HOSTILE[name] + LENGTH + b"\r\nok"
    began = time.process_time()
    read(raw, 5)
    assert time.process_time() - began < 1.5  # a quadratic reader needs ten times as long
