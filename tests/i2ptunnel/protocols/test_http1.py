"""The strict HTTP reader: what it refuses, and that cutting the input anywhere changes nothing."""

from __future__ import annotations

import itertools

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.protocols.http1 import (
    CLOSED,
    END,
    NEED_DATA,
    BodyWriter,
    Headers,
    HttpFault,
    RequestHead,
    RequestReader,
    ResponseHead,
    ResponseReader,
    Signal,
    parse_request,
)

Got = list[RequestHead | ResponseHead | bytes | Signal]


def read_all(reader: RequestReader | ResponseReader, pieces: list[bytes]) -> Got:
    """All events of an input that ends; body pieces joined."""
    events: Got = []
    for piece in [*pieces, b""]:
        reader.receive_data(piece)
        while (event := reader.next_event()) is not NEED_DATA:
            if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                events[-1] += event
            else:
                events.append(event)
            if event is CLOSED:
                return events
            if isinstance(reader, ResponseReader) and event is END:
                return events
    return events


def outcome(pieces: list[bytes]) -> object:
    """What an input means, comparable: a status if it is refused."""
    try:
        events = read_all(RequestReader(), pieces)
        return [event.write() if isinstance(event, RequestHead) else event for event in events]
    except HttpFault as fault:
        return fault.status


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


SEVERAL = (
    b"GET http://a.i2p/ HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    b"POST http://b.i2p/ HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello"
    b"\r\nPUT http://c.i2p/ HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    b"GET http://d.i2p/ HTTP/1.0\r\n\r\n"
)


def test_several_requests_one_after_the_other() -> None:
    events = read_all(RequestReader(), [SEVERAL])
    heads = [event for event in events if isinstance(event, RequestHead)]
    assert [head.method for head in heads] == ["GET", "POST", "PUT", "GET"]
    assert [event for event in events if isinstance(event, bytes)] == [b"hello", b"abcde"]
    assert events[-1] is CLOSED
    assert events.count(END) == 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_where_the_input_is_cut_does_not_matter(places: list[int]) -> None:
    assert outcome(cut(SEVERAL, places)) == outcome([SEVERAL])


_WORDS = (
    "GET| |/|http://a.i2p/|HTTP/1.1|\r\n|\n|\r|Host|:|Content-Length|Transfer-Encoding|chunked"
    "|0|5|\0|\t|a|CONNECT|Expect: 100-continue\r\n|Host: a\r\n|\r\n\r\n|\xff"
)
JUNK = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(_WORDS.encode("latin-1").split(b"|")), max_size=40).map(b"".join),
)


@settings(max_examples=200, deadline=None)
@given(JUNK, st.lists(st.integers(0, 1000), max_size=5))
def test_junk_is_refused_or_read_alike_however_it_is_cut(junk: bytes, places: list[int]) -> None:
    whole, pieces = outcome([junk]), outcome(cut(junk, places))
    assert whole == pieces or isinstance(whole, int) == isinstance(pieces, int)


@settings(max_examples=150, deadline=None)
@given(JUNK)
def test_what_passes_is_read_alike_by_another_parser(junk: bytes) -> None:
    """A head that is accepted and written anew means the same to h11."""
    data = b"POST http://a.i2p/ HTTP/1.1\r\nHost: a\r\n" + junk
    try:
        events = read_all(RequestReader(), [data])
    except HttpFault:
        return
    for event in events:
        if not isinstance(event, RequestHead) or event.method == "CONNECT":
            continue
        if "host" not in event.headers:
            event.headers.add("Host", "x")
        other = h11.Connection(h11.SERVER)
        other.receive_data(event.write())
        request = other.next_event()
        assert isinstance(request, h11.Request)
        assert request.method.decode() == event.method
        assert request.target.decode() == event.target
        names = [name.decode().lower() for name, _ in request.headers]
        assert names == [name.lower() for name, _ in event.headers.fields]


@settings(max_examples=150, deadline=None)
@given(JUNK, st.sampled_from(["GET", "HEAD", "CONNECT"]), st.booleans())
def test_junk_as_a_response_is_refused_with_502(junk: bytes, method: str, has_head: bool) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + junk if has_head else junk
    try:
        read_all(ResponseReader(method), [data])
    except HttpFault as fault:
        assert fault.status == 502


def test_limits_hold_before_the_head_is_complete() -> None:
    for piece, status in (
        (b"GET /" + b"a" * 9000, 414),
        (b"GET / HTTP/1.1\r\n" + b"a" * 9000, 431),
    ):
        reader = RequestReader()
        reader.receive_data(piece)
        with pytest.raises(HttpFault) as caught:
            reader.next_event()
        assert caught.value.status == status
    reader = RequestReader()
    with pytest.raises(HttpFault) as caught:
        for _ in range(1000):
            reader.receive_data(b"\r\n" * 1000)
            reader.next_event()
    assert caught.value.status == 431


def test_interim_responses_come_first() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    events = read_all(ResponseReader("POST"), [data])
    assert [event.status for event in events if isinstance(event, ResponseHead)] == [100, 200]
    assert events[-2:] == [b"x", END]


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
    ],
)
def test_responses_without_body(method: str, raw: bytes) -> None:
    events = read_all(ResponseReader(method), [raw])
    assert isinstance(events[0], ResponseHead)
    assert events[1:] == [END]


def test_what_follows_connect_is_left_alone() -> None:
    reader = RequestReader()
    reader.receive_data(b"CONNECT a.i2p:1 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\0GET")
    assert isinstance(reader.next_event(), RequestHead)
    assert reader.take_rest() == b"\x16\x03\0GET"


def test_headers_compare_without_case_and_keep_their_order() -> None:
    headers = Headers([("B", "1"), ("a", "2"), ("b", "3, X ,,y")])
    assert headers.get("B") == "1"
    assert headers.get_all("b") == ["1", "3, X ,,y"]
    assert headers.words("B") == {"1", "3", "x", "y"}
    headers.remove("B")
    assert headers.fields == [("a", "2")]
    assert "A" in headers


def test_bodies_are_written_in_the_framing_that_was_announced() -> None:
    chunked = BodyWriter(Headers([("Transfer-Encoding", "chunked")]))
    assert chunked.data(b"abc") + chunked.data(b"") + chunked.end() == b"3\r\nabc\r\n0\r\n\r\n"
    plain = BodyWriter(Headers([("Content-Length", "3")]))
    assert plain.data(b"abc") + plain.end() == b"abc"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"GET http://a.i2p/two words HTTP/1.1", "a space in the address; %20 stands for one"),
        (b"GET http://a.i2p/ HTTP/1.1 HTTP/1.1", "a space in the address; %20 stands for one"),
        (b"GET  http://a.i2p/ HTTP/1.1", "not an HTTP request line"),
        (b"GET http://a.i2p/ FTP/1.1", "not an HTTP request line"),
    ],
)
def test_what_is_wrong_with_a_request_line_is_named(line: bytes, reason: str) -> None:
    with pytest.raises(HttpFault) as found:
        parse_request([line, b"Host: a.i2p"])
    assert found.value.status == 400 and str(found.value) == reason
