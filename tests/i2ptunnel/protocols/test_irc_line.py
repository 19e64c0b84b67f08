"""IRC lines: every way to cut them, and the same line written again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from i2ptunnel.protocols.irc_line import LINE_BYTES_MAX, IrcLine, LineBuffer

LINES = [
    (b"PING", b"PING\r\n"),
    (b"ping :a b", b"PING :a b\r\n"),
    (b"JOIN #a,#b key", b"JOIN #a,#b key\r\n"),
    (b":irc.i2p 001 bob :Welcome", b":irc.i2p 001 bob :Welcome\r\n"),
    (b":a!b@c PRIVMSG #x ::) hi  there ", b":a!b@c PRIVMSG #x ::) hi  there \r\n"),
    (b"@id=1;+x :s   MODE  #x   +o  bob", b"@id=1;+x :s MODE #x +o bob\r\n"),
    (b"  QUIT :", b"QUIT :\r\n"),
    (b"PRIVMSG #x :", b"PRIVMSG #x :\r\n"),
    (b"MODE bob :+i", b"MODE bob :+i\r\n"),
    (b"JOIN #a:b", b"JOIN #a:b\r\n"),
]


@pytest.mark.parametrize(("line", "written"), LINES)
def test_lines_are_written_as_they_were_read(line: bytes, written: bytes) -> None:
    assert IrcLine.parse(line).write() == written


@pytest.mark.parametrize(
    "line", [b"", b" ", b":a", b"@a", b"\x13BitTorrent protocol", b"12 a", b"PR\xc4V a", b"@a :b"]
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(DecodeError):
        IrcLine.parse(line)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_line_or_refused_and_writing_is_stable(junk: bytes) -> None:
    for raw in LineBuffer().feed(junk + b"\n"):
        try:
            written = IrcLine.parse(raw).write()
        except DecodeError:
            continue
        assert b"\r" not in written[:-2]
        assert b"\n" not in written[:-2]
        assert IrcLine.parse(written[:-2]).write() == written


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=12))
def test_the_cuts_between_pieces_do_not_matter(pieces: list[bytes]) -> None:
    buffer = LineBuffer()
    lines = [line for piece in pieces for line in buffer.feed(piece)]
    assert lines == LineBuffer().feed(b"".join(pieces))


def test_cr_lf_and_nul_end_a_line_each() -> None:
    assert LineBuffer().feed(b"a\rb\nc\0d\r\n\r\ne") == [b"a", b"b", b"c", b"d"]


def test_a_line_that_is_too_long_is_dropped_up_to_its_end() -> None:
    buffer = LineBuffer(10)
    assert buffer.feed(b"12345678901") == []
    assert buffer.feed(b"more of it") == []
    assert buffer.feed(b"end\nshort\n") == [b"short"]
    assert buffer.feed(b"12345678901\n1234567890\n") == [b"1234567890"]
    assert buffer.overlong == 2


def test_a_flood_without_a_line_end_takes_no_memory() -> None:
    buffer = LineBuffer()
    for _ in range(100):
        assert buffer.feed(b"x" * 65536) == []
    assert len(buffer._rest) <= LINE_BYTES_MAX
    assert buffer.overlong == 1
