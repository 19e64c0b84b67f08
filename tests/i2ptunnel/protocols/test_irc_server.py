"""In front of an IRC server: host names, WEBIRC, and what never reaches it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import PeerError
from core.data.encoding import b32encode
from i2ptunnel.protocols.irc_server import (
    REGISTRATION_LINES_MAX,
    Cloak,
    IrcServerFilter,
    webirc_line,
)

A, B = b"a" * 32, b"b" * 32


def passed(data: bytes, host_name: str | None = "x.b32.i2p") -> bytes:
    irc = IrcServerFilter(host_name)
    irc.receive_data(data)
    return irc.data_to_send()


def test_each_user_gets_a_host_name_that_stays() -> None:
    cloak = Cloak("%c.i2p", b"k" * 32)
    assert cloak.host_name(A) == cloak.host_name(A)
    assert cloak.host_name(A) != cloak.host_name(B)
    assert cloak.host_name(A) != Cloak("%c.i2p", b"l" * 32).host_name(A)
    assert b32encode(A)[:8] not in cloak.host_name(A)
    assert Cloak("%f.b32.i2p", b"").host_name(A) == b32encode(A) + ".b32.i2p"
    assert cloak.address(A).startswith("127.")
    assert cloak.address(A) != cloak.address(B)


@pytest.mark.parametrize(
    ("template", "is_right"),
    [
        ("%f.b32.i2p", True),
        ("%c.user.i2p", True),
        ("users.i2p", True),
        ("%f.%c.i2p", False),  # too long
        ("%x.i2p", False),
        ("a b", False),
        ("", False),
    ],
)
def test_templates(template: str, is_right: bool) -> None:
    assert Cloak.is_template(template) is is_right


def test_user_gets_the_host_name() -> None:
    assert passed(b"NICK bob\r\nUSER bob laptop 1.2.3.4 :Bob B\r\n") == (
        b"NICK bob\r\nUSER bob x.b32.i2p * :Bob B\r\n"
    )
    assert passed(b"USER bob laptop 1.2.3.4\r\n", None) == b"USER bob 0 * :bob\r\n"
    assert passed(b"USER bob 8 * :B\r\n", None) == b"USER bob 8 * :B\r\n"


def test_a_modern_registration_passes_cut_anywhere() -> None:
    text = (
        b"CAP LS 302\r\nPASS x\r\nNICK bob\r\nUSER bob 0 * :Bob\r\nCAP REQ :sasl\r\n"
        b"AUTHENTICATE PLAIN\r\nAUTHENTICATE abcd\r\nCAP END\r\nPONG :1\r\nUSERHOST bob\r\n"
    )
    irc = IrcServerFilter("h.i2p")
    for index in range(len(text)):
        irc.receive_data(text[index : index + 1])
    assert irc.is_registered
    assert irc.data_to_send() == text.replace(b"USER bob 0 *", b"USER bob h.i2p *")


def test_the_join_that_irssi_sends_with_its_cap_passes() -> None:
    assert passed(b"CAP LS 302\r\nJOIN :\r\n") == b"CAP LS 302\r\nJOIN :\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"\x13BitTorrent protocol\r\n",
        b"GNUTELLA CONNECT/0.6\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"WEBIRC guess cgiirc trusted.host 1.2.3.4\r\n",
        b"NICK bob\r\nWEBIRC guess cgiirc trusted.host 1.2.3.4\r\n",
        b"@a=b :x webirc guess cgiirc trusted.host 1.2.3.4\r\n",
        b"PRIVMSG #a :hello\r\n",
        b"JOIN #a\r\n",
        b"x" * 20000,
        b"NICK " + b"x" * 2000 + b"\r\n",
        b"NICK a\r\n" * (REGISTRATION_LINES_MAX + 1),
    ],
)
def test_what_is_no_registration_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        passed(data)


def test_after_registration_webirc_is_dropped_and_user_still_rewritten() -> None:
    irc = IrcServerFilter("h.i2p")
    irc.receive_data(b"NICK bob\r\nUSER bob 0 * :B\r\n")
    irc.data_to_send()
    irc.receive_data(b"WEBIRC a b c d\r\n:fake!x@y PRIVMSG #a :hi\r\n\x01\x02\r\nUSER a b c :d\r\n")
    assert irc.data_to_send() == b"PRIVMSG #a :hi\r\nUSER a h.i2p * :d\r\n"
    assert irc.counters["lines_dropped"] == 2


def test_server_links_are_left_alone_after_server() -> None:
    line = b":0AB \xff\x01weird :x\r\n"
    assert passed(b"PASS x\r\nSERVER a.i2p 1 :x\r\n" + line).endswith(line)


def test_webirc_line() -> None:
    assert webirc_line("pw", "h.i2p", "127.1.2.3") == b"WEBIRC pw cgiirc h.i2p 127.1.2.3\r\n"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_junk_is_refused_or_dropped(pieces: list[bytes]) -> None:
    irc = IrcServerFilter("h.i2p")
    try:
        for piece in pieces:
            irc.receive_data(piece)
    except PeerError:
        pass
    irc.data_to_send()
