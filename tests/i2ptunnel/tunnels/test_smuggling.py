"""Requests whose end or target two programs could read differently, at both HTTP tunnels.

Each case goes to the eepproxy as a browser would send it, and to the eepsite as a stranger in I2P
would. What arrives at the web server is read by a parser that is none of ours (h11): there must be
no request besides those that were asked for in the open, and no byte that belongs to none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import h11
import pytest

from tests.support.loopback_session import LoopbackSession
from tests.support.tunnel_bench import OK, Bench, RecordingOrigin, http_bench

HIDDEN = b"GET /smuggled/x HTTP/1.1\r\nHost: evil.i2p\r\n\r\n"  # 44 bytes
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
PLAIN = b"POST %T HTTP/1.1\r\nHost: site.i2p\r\n"
LENGTH_0 = PLAIN + b"Content-Length: 0\r\n"

# Everything here is ambiguous to somebody: it is refused, and nothing arrives.
REFUSED: dict[str, bytes] = {
    # a length and a coding
    "length, then coding": PLAIN
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding, then length": PLAIN
    + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "zero length and coding": LENGTH_0 + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "coding in upper case": LENGTH_0 + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + CHUNKS,
    "coding without space": LENGTH_0 + b"Transfer-Encoding:chunked\r\n\r\n" + CHUNKS,
    "coding after a tab": LENGTH_0 + b"Transfer-Encoding:\tchunked\r\n\r\n" + CHUNKS,
    "coding and identity": LENGTH_0 + b"Transfer-Encoding: identity\r\n\r\n",
    # a coding that somebody may not see
    "space before the colon": PLAIN + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "tab before the colon": PLAIN + b"Transfer-Encoding\t: chunked\r\n\r\n" + CHUNKS,
    "space before the name": PLAIN + b" Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "vertical tab in the value": PLAIN + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "form feed in the value": PLAIN + b"Transfer-Encoding: \x0cchunked\r\n\r\n" + CHUNKS,
    "value on the next line": PLAIN + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    "value on the next line after a tab": PLAIN
    + b"Transfer-Encoding:\r\n\tchunked\r\n\r\n"
    + CHUNKS,
    "NUL before the name": PLAIN + b"\0Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "NUL after the value": PLAIN + b"Transfer-Encoding: chunked\0\r\n\r\n" + CHUNKS,
    "bare CR before the name": PLAIN + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "bare LF before the name": PLAIN + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "bare CR after the value": PLAIN + b"Transfer-Encoding: chunked\r\r\n\r\n" + CHUNKS,
    "quoted coding": PLAIN + b'Transfer-Encoding: "chunked"\r\n\r\n' + CHUNKS,
    "parameter of the coding": PLAIN + b"Transfer-Encoding: chunked;a=b\r\n\r\n" + CHUNKS,
    "comma before the coding": PLAIN + b"Transfer-Encoding: ,chunked\r\n\r\n" + CHUNKS,
    "comma after the coding": PLAIN + b"Transfer-Encoding: chunked,\r\n\r\n" + CHUNKS,
    "chunked and identity": PLAIN + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
    "identity and chunked": PLAIN + b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKS,
    "gzip": PLAIN + b"Transfer-Encoding: gzip\r\n\r\n" + CHUNKS,
    "cow": PLAIN + b"Transfer-Encoding: cow\r\n\r\n" + CHUNKS,
    "an x before chunked": PLAIN + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "an empty coding": PLAIN + b"Transfer-Encoding: \r\n\r\n" + CHUNKS,
    "two codings": PLAIN + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" + CHUNKS,
    "coding in HTTP/1.0": b"POST %T HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    # lengths
    "two lengths": LENGTH_0 + b"Content-Length: 44\r\n\r\n" + HIDDEN,
    "two lengths, the other way": PLAIN
    + b"Content-Length: 44\r\nContent-Length: 0\r\n\r\n"
    + HIDDEN,
    "two equal lengths": LENGTH_0 + b"Content-Length: 0\r\n\r\n",
    "a list of lengths": PLAIN + b"Content-Length: 0, 44\r\n\r\n" + HIDDEN,
    "a list of equal lengths": PLAIN + b"Content-Length: 0, 0\r\n\r\n",
    "plus": PLAIN + b"Content-Length: +5\r\n\r\nhello",
    "minus": PLAIN + b"Content-Length: -5\r\n\r\nhello",
    "hexadecimal": PLAIN + b"Content-Length: 0x5\r\n\r\nhello",
    "octal mark": PLAIN + b"Content-Length: 0o5\r\n\r\nhello",
    "underscore": PLAIN + b"Content-Length: 1_0\r\n\r\n0123456789",
    "a fraction": PLAIN + b"Content-Length: 5.0\r\n\r\nhello",
    "an exponent": PLAIN + b"Content-Length: 1e1\r\n\r\n0123456789",
    "a space inside": PLAIN + b"Content-Length: 1 0\r\n\r\n0123456789",
    "a letter behind": PLAIN + b"Content-Length: 5a\r\n\r\nhello",
    "an empty length": PLAIN + b"Content-Length: \r\n\r\nhello",
    "more than 64 bits": PLAIN + b"Content-Length: 18446744073709551617\r\n\r\nx",
    "other digits": PLAIN + "Content-Length: \u0665\r\n\r\nhello".encode(),
    "a length behind NUL": PLAIN + b"Content-Length: 5\0\r\n\r\nhello",
    "space before a length's colon": PLAIN + b"Content-Length : 44\r\n\r\n" + HIDDEN,
    "a folded length": PLAIN + b"Content-Length:\r\n 44\r\n\r\n" + HIDDEN,
    "a length behind bare CR": PLAIN + b"X: y\rContent-Length: 44\r\n\r\n" + HIDDEN,
    "a length behind bare LF": PLAIN + b"X: y\nContent-Length: 44\r\n\r\n" + HIDDEN,
    # chunks
    "a size with plus": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a size with minus": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a size behind a space": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
    "a size with underscore": PLAIN
    + b"Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n",
    "an empty size": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
    "a chunk too short": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a chunk ended by letters": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "bare LF behind the size": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    # hosts and targets
    "two hosts": PLAIN + b"Host: evil.i2p\r\nContent-Length: 0\r\n\r\n",
    "two equal hosts": PLAIN + b"Host: site.i2p\r\nContent-Length: 0\r\n\r\n",
    "a second host in lower case": PLAIN + b"host: evil.i2p\r\nContent-Length: 0\r\n\r\n",
    "no host": b"POST %T HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "a host behind a space": b"GET %T HTTP/1.1\r\nHost : site.i2p\r\n\r\n",
    "a host with a space": b"GET %T HTTP/1.1\r\nHost: site.i2p evil.i2p\r\n\r\n",
    "a folded host": b"GET %T HTTP/1.1\r\nHost: site.i2p\r\n evil.i2p\r\n\r\n",
    "a space in the target": b"GET %T a HTTP/1.1\r\nHost: site.i2p\r\n\r\n",
    "a tab after the method": b"GET\t%T HTTP/1.1\r\nHost: site.i2p\r\n\r\n",
    "a bare CR after the target": b"GET %T\rHTTP/1.1\r\nHost: site.i2p\r\n\r\n",
    "NUL in the target": b"GET %T\0 HTTP/1.1\r\nHost: site.i2p\r\n\r\n",
    "letters beyond ASCII in the target": "GET %Té HTTP/1.1\r\nHost: site.i2p\r\n\r\n".encode(),
    "a request line only": b"GET %T HTTP/1.1\r\n\r\n",
    "no version": b"GET %T\r\nHost: site.i2p\r\n\r\n",
    "a version in lower case": b"GET %T http/1.1\r\nHost: site.i2p\r\n\r\n",
    "version 1.10": b"GET %T HTTP/1.10\r\nHost: site.i2p\r\n\r\n",
    "version 2.0": b"GET %T HTTP/2.0\r\nHost: site.i2p\r\n\r\n",
    "version 1.1 with a space": b"GET %T HTTP/1.1 \r\nHost: site.i2p\r\n\r\n",
    "method with a colon": b"GE:T %T HTTP/1.1\r\nHost: site.i2p\r\n\r\n",
    "a header line without a colon": b"GET %T HTTP/1.1\r\nHost: site.i2p\r\nX\r\n\r\n",
    "an empty header name": b"GET %T HTTP/1.1\r\nHost: site.i2p\r\n: x\r\n\r\n",
    "brackets in a header name": b"GET %T HTTP/1.1\r\nHost: site.i2p\r\nX[]: y\r\n\r\n",
    "another expectation": LENGTH_0 + b"Expect: 100-continue, 200-ok\r\n\r\n",
}

# These have one meaning only: they arrive as exactly one request each, in plain framing.
PASSED: dict[str, bytes] = {
    "a body that looks like a request": PLAIN + b"Content-Length: 44\r\n\r\n" + HIDDEN,
    "leading zeros": PLAIN + b"Content-Length: 00005\r\n\r\nhello",
    "chunked": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "chunked in capitals": PLAIN + b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKS,
    "a chunk that looks like a request": (
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + HIDDEN + b"\r\n0\r\n\r\n"
    ),
    "a chunk extension": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
    "a length in the trailer": (
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 44\r\n\r\n"
    ),
    "the length named by Connection": (
        PLAIN + b"Connection: Content-Length\r\nContent-Length: 44\r\n\r\n" + HIDDEN
    ),
    "the coding named by Connection": (
        PLAIN + b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS
    ),
    "a length under another name": LENGTH_0 + b"Content_Length: 44\r\n\r\n",
    "a coding under another name": LENGTH_0 + b"Transfer_Encoding: chunked\r\n\r\n",
    "a method override": LENGTH_0 + b"X-HTTP-Method-Override: CONNECT\r\n\r\n",
    "empty lines first": b"\r\n\r\n" + LENGTH_0 + b"\r\n",
    "GET with a body": b"GET %T HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 44\r\n\r\n" + HIDDEN,
}

# Read here in one way, and never passed on as they were: whatever arrives has frames of our own.
REFRAMED: dict[str, bytes] = {
    "a huge size": PLAIN
    + b"Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n",
    "a size of 17 digits before a request": (
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + HIDDEN
    ),
    "a request in an extension": (
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5;" + HIDDEN.split(b"\r")[0] + b"\r\nhello\r\n"
        b"0\r\n\r\n"
    ),
}


class AnsweringOrigin:
    """Answers every request of a connection, as h11 reads them, and keeps their targets."""

    def __init__(self, origin: RecordingOrigin) -> None:
        self.targets: list[str] = []
        self.faults: list[str] = []
        origin.answer = self._answer

    async def _answer(
        self, got: bytearray, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(bytes(got))
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                self.faults.append(str(error))
                return
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                got += data
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                self.targets.append(event.target.decode())
            elif isinstance(event, h11.EndOfMessage):
                writer.write(OK)
                await writer.drain()
                rest = await reader.read(65536)  # nobody may send on after Connection: close
                if rest:
                    self.faults.append(f"{len(rest)} bytes behind the request")
                return
            elif isinstance(event, h11.ConnectionClosed):
                return


def on_the_way(raw: bytes, target: bytes) -> bytes:
    return raw.replace(b"%T", target)


async def through_proxy(bench: Bench, raw: bytes) -> bytes:
    return await bench.ask(on_the_way(raw, b"http://site.i2p/"), half_close=True)


async def through_stream(bench: Bench, raw: bytes) -> bytes:
    """As a stranger who speaks to the eepsite's stream directly."""
    stranger: LoopbackSession = bench.network.session("stranger")
    stream = await stranger.connect(bench.site_hash, port=80)
    answer = b""
    async with asyncio.timeout(5):
        await stream.write(on_the_way(raw, b"/"))
        await stream.close_write()
        while data := await stream.read():
            answer += data
    return answer


def run(ask: Callable[[Bench, bytes], object], raw: bytes) -> tuple[bytes, AnsweringOrigin, bytes]:
    async def main() -> tuple[bytes, AnsweringOrigin, bytes]:
        async with http_bench(
            client={"compression": False, "keep_alive": False}, server={"keep_alive": False}
        ) as bench:
            origin = AnsweringOrigin(bench.origin)
            answer = await ask(bench, raw)  # type: ignore[misc]
            return answer, origin, bench.origin.everything

    return asyncio.run(main())


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


WAYS = {"proxy": through_proxy, "stream": through_stream}


def test_the_corpus_is_large_enough() -> None:
    assert len(REFUSED) + len(PASSED) + len(REFRAMED) >= 100


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused(name: str, way: str) -> None:
    if name == "letters beyond ASCII in the target" and way == "proxy":
        return  # encoded there, as browsers do
    answer, origin, got = run(WAYS[way], REFUSED[name])
    assert origin.targets == []
    assert b"smuggled" not in got
    assert all(400 <= status < 600 for status in statuses(answer))
    assert len(statuses(answer)) <= 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PASSED)
def test_what_has_one_meaning_arrives_once(name: str, way: str) -> None:
    answer, origin, _ = run(WAYS[way], PASSED[name])
    assert statuses(answer) == [200]
    assert origin.targets == ["/"]
    assert origin.faults == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFRAMED)
def test_what_is_odd_in_a_body_never_becomes_a_request(name: str, way: str) -> None:
    _, origin, _ = run(WAYS[way], REFRAMED[name])
    assert origin.targets in ([], ["/"])


def test_requests_in_one_piece_are_as_many_as_they_seem() -> None:
    first = on_the_way(PASSED["a body that looks like a request"], b"http://site.i2p/1")
    second = on_the_way(PASSED["chunked"], b"http://site.i2p/2")
    third = on_the_way(REFUSED["length, then coding"], b"http://site.i2p/3")
    answer, origin, _ = run(through_proxy, first + second + third + first)
    assert statuses(answer) == [200, 200, 400]
    assert origin.targets == ["/1", "/2"]
