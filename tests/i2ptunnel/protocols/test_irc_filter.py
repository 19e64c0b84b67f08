"""The IRC client's filter: what passes, what is rewritten, what never crosses."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from i2ptunnel.protocols.irc_commands import FROM_CLIENT, FROM_SERVER
from i2ptunnel.protocols.irc_filter import PINGS_MAX, IrcClientFilter
from i2ptunnel.protocols.irc_line import IrcLine

PRIVATE = frozenset(("alice", "alice liddell", "wonderland-laptop"))


def to_server(line: bytes, irc: IrcClientFilter | None = None) -> bytes:
    irc = irc or IrcClientFilter(PRIVATE)
    irc.receive_from_client(line + b"\r\n")
    return irc.data_to_server()


def to_client(line: bytes, irc: IrcClientFilter | None = None) -> bytes:
    irc = irc or IrcClientFilter(PRIVATE)
    irc.receive_from_server(line + b"\r\n")
    return irc.data_to_client()


OUTWARD = [
    (b"USER bob wonderland-laptop 10.0.0.7 :Bob B", b"USER user 0 * :user"),
    (b"USER bob 8 irc.postman.i2p :Bob B", b"USER user 8 * :user"),
    (b"USER alice 0 * :Alice Liddell", b"USER user 0 * :user"),
    (b"USER bob 0 *", b"USER user 0 * :user"),
    (b"USER", b"USER user 0 * :user"),
    (b"SETNAME :Alice Liddell", b"SETNAME :user"),
    (b"SETNAME :Bob the Builder", b"SETNAME :Bob the Builder"),
    (b"QUIT :WeeChat 3.8 on Debian", b"QUIT :leaving"),
    (b"QUIT", b"QUIT :leaving"),
    (b"PART #a,#b :irssi 1.4", b"PART #a,#b :leaving"),
    (b"PART #a", b"PART #a"),
    (b"PART", b""),
    (b"NICK bob", b"NICK bob"),
    (b"nick bob 1", b"NICK bob"),
    (b"NICK alice", b"NICK alice"),
    (b"NICK", b""),
    (b":bob!alice@laptop PRIVMSG #a :hi", b""),
    (b"PRIVMSG #a :hello there", b"PRIVMSG #a :hello there"),
    (b"PRIVMSG #a", b""),
    (b"PRIVMSG #a :\x01ACTION waves\x01", b"PRIVMSG #a :\x01ACTION waves\x01"),
    (b"PRIVMSG #a :\x01ACTION waves", b"PRIVMSG #a :\x01ACTION waves"),
    (b"NOTICE bob :\x01ACTION waves\x01", b""),
    (b"NOTICE bob :\x01VERSION irssi 1.4 (Linux)\x01", b""),
    (b"NOTICE bob :\x01TIME Sat Nov 21 07:00\x01", b""),
    (b"NOTICE bob :\x01PING 1700000000\x01", b""),
    (b"PRIVMSG bob :\x01VERSION\x01", b""),
    (b"PRIVMSG bob :\x01VERSION", b""),
    (b"PRIVMSG bob :see \x01VERSION\x01", b""),
    (b"PRIVMSG bob :\x01ACTION a\x01\x01VERSION\x01", b""),
    (b"PRIVMSG bob :\x01DCC SEND a.txt 3232235777 4000 10\x01", b""),
    (b"PRIVMSG bob :\x01XDCC SEND 1\x01", b""),
    (b"NOTICE bob :DCC Send a.txt (192.168.1.1)", b""),
    (b"@+typing=active TAGMSG #a", b""),
    (b"@+draft/react=x;+typing=done TAGMSG #a", b"@+draft/react=x TAGMSG #a"),
    (b"@label=7;+evil=alice;time=2026 PRIVMSG #a :x", b"@label=7 PRIVMSG #a :x"),
    (b"CAP LS 302", b"CAP LS 302"),
    (b"CAP REQ :sasl away-notify", b"CAP REQ :sasl away-notify"),
    (b"AUTHENTICATE PLAIN", b"AUTHENTICATE PLAIN"),
    (b"WEBIRC secret cgiirc host 1.2.3.4", b""),
    (b"STARTTLS", b""),
    (b"USERIP bob", b""),
    (b"\x16\x03\x01\x02", b""),
]


@pytest.mark.parametrize(("line", "passed"), OUTWARD)
def test_from_the_client(line: bytes, passed: bytes) -> None:
    assert to_server(line) == (passed + b"\r\n" if passed else b"")


INWARD_UNCHANGED = [
    b":irc.i2p 001 bob :Welcome to IRC",
    b":irc.i2p 005 bob NETWORK=I2P CHANTYPES=# :are supported",
    b"@time=2026-11-21T07:00:00.000Z;account=eve :eve!e@x PRIVMSG #a :hello",
    b":eve!e@x PRIVMSG bob :\x01ACTION waves\x01",
    b":eve!e@x NOTICE bob :hello",
    b":eve!e@x AWAY :lunch",
    b":eve!e@x CHGHOST e host.i2p",
    b":eve!e@x SETNAME :Eve E",
    b":eve!e@x ACCOUNT eve",
    b":eve!e@x INVITE bob #a",
    b":eve!e@x JOIN #a eve :Eve",
    b":irc.i2p BATCH +1 netjoin",
    b"@batch=1;+draft/reply=z :eve!e@x TAGMSG #a",
    b":irc.i2p FAIL JOIN X #a :no",
    b":irc.i2p CAP * LS * :sasl=PLAIN,EXTERNAL batch",
    b":irc.i2p CAP bob ACK :sasl",
    b"AUTHENTICATE +",
    b"ERROR :Closing Link",
    b":eve!e@x KILL bob :x",
]


@pytest.mark.parametrize("line", INWARD_UNCHANGED)
def test_from_the_server_unchanged(line: bytes) -> None:
    assert to_client(line) == line + b"\r\n"


INWARD_DROPPED = [
    b":eve!e@x PRIVMSG bob :\x01VERSION\x01",
    b":eve!e@x PRIVMSG bob :\x01VERSION",
    b":eve!e@x PRIVMSG bob :\x01TIME\x01",
    b":eve!e@x PRIVMSG bob :\x01PING 1\x01",
    b":eve!e@x PRIVMSG #a :x \x01CLIENTINFO\x01",
    b":eve!e@x PRIVMSG bob :\x01ACTION a\x01\x01VERSION\x01",
    b":eve!e@x PRIVMSG bob :\x01DCC SEND a 3232235777 4000 10\x01",
    b":eve!e@x PRIVMSG bob :\x01DCC CHAT chat 3232235777 4000\x01",
    b":eve!e@x PRIVMSG bob :\x01XDCC SEND 1\x01",
    b":eve!e@x NOTICE bob :\x01VERSION x\x01",
    b":irc.i2p 010 bob irc.example.org 6667 :Please use this server",
    b":irc.i2p 670 bob :STARTTLS successful",
    b":irc.i2p UNKNOWNCOMMAND x",
    b":eve!e@x PRIVMSG bob",
    b"\x16\x03\x01\x02",
]


@pytest.mark.parametrize("line", INWARD_DROPPED)
def test_from_the_server_dropped(line: bytes) -> None:
    irc = IrcClientFilter(PRIVATE)
    assert to_client(line, irc) == b""
    assert irc.data_to_server() == b""
    assert irc.counters["server_lines_dropped"] == 1


def test_every_command_of_the_tables_passes() -> None:
    for command in sorted(FROM_CLIENT):
        line = command + b" a :b c"
        assert to_server(line) == line + b"\r\n"
    for command in sorted(FROM_SERVER):
        line = b":s " + command + b" a :b c"
        assert to_client(line) == line + b"\r\n"


def test_capabilities_that_lead_out_of_i2p_are_hidden() -> None:
    line = b":irc.i2p CAP * LS :sts=port=6697,duration=100 sasl tls away-notify"
    assert to_client(line) == b":irc.i2p CAP * LS :sasl away-notify\r\n"
    assert to_client(b":s CAP bob NEW :sts=port=6697") == b":s CAP bob NEW :\r\n"


@pytest.mark.parametrize(
    ("ping", "server_says", "client_gets"),
    [
        (b"PING LAG1700000000123", b":s PONG s :%s", b":s PONG s :LAG1700000000123"),
        (b"PING 127.0.0.1", b":s PONG s %s", b":s PONG s :127.0.0.1"),
        (b"PING 1700000000 127.0.0.1", b":s PONG s :%s", b":s PONG 127.0.0.1 :1700000000"),
        (b"PING token", b"PONG %s", b"PONG :token"),
    ],
)
def test_pings_go_out_with_a_token_of_ours(
    ping: bytes, server_says: bytes, client_gets: bytes
) -> None:
    irc = IrcClientFilter()
    sent = to_server(ping, irc)
    assert sent == b"PING :i2p-1\r\n"
    assert to_client(server_says % b"i2p-1", irc) == client_gets + b"\r\n"
    assert to_client(b":s PONG s :other", irc) == b":s PONG s :other\r\n"


def test_many_pings_take_no_memory() -> None:
    irc = IrcClientFilter()
    for number in range(500):
        to_server(b"PING %d" % number, irc)
        to_client(b"PING %d" % number, irc)
    assert len(irc._pings) == len(irc._server_tokens) == PINGS_MAX


def test_pongs_say_only_what_the_server_asked_for() -> None:
    irc = IrcClientFilter(PRIVATE)
    assert to_server(b"PONG anything", irc) == b""
    assert to_client(b":s PING :cookie 1", irc) == b":s PING :cookie 1\r\n"
    for answer in (b"their-laptop :cookie 1", b"their-laptop", b"cookie", b"cookie 1", b""):
        assert to_server(b"PONG " + answer, irc) == b"PONG :cookie 1\r\n"


def test_only_the_configuration_says_what_is_in_user() -> None:
    irc = IrcClientFilter(PRIVATE, user=b"bob", real_name=b"Bob B")
    assert to_server(b"USER alice laptop 10.0.0.7 :A L", irc) == b"USER bob 0 * :Bob B\r\n"
    assert to_server(b"SETNAME :Alice Liddell", irc) == b"SETNAME :Bob B\r\n"


@pytest.mark.parametrize("nick", [b"alice", b"Alice_", b"wonderland-laptop"])
def test_the_user_is_told_when_the_nick_is_a_local_name(nick: bytes) -> None:
    irc = IrcClientFilter(PRIVATE)
    irc.receive_from_client(b"NICK %s\r\nNICK %s\r\n" % (nick, nick))
    (told,) = irc.data_to_client().splitlines()
    assert told.startswith(b":i2ptunnel NOTICE * :your nick is a name of this machine")
    assert irc.data_to_server() == b"NICK %s\r\n" % nick * 2
    irc.receive_from_client(b"NICK bob\r\n")
    assert irc.data_to_client() == b""


def test_the_user_is_told_once_what_does_not_pass() -> None:
    irc = IrcClientFilter()
    to_client(b":s 001 bob :Welcome", irc)
    irc.receive_from_client(b"STARTTLS\r\nSTARTTLS\r\nPRIVMSG eve :\x01VERSION\x01\r\n")
    told = irc.data_to_client().splitlines()
    assert told == [
        b":i2ptunnel 421 bob STARTTLS :does not pass to I2P",
        b":i2ptunnel NOTICE bob :VERSION was not sent: it could identify you",
    ]
    assert irc.counters["client_lines_dropped"] == 3


def test_a_cr_within_a_line_does_not_smuggle_another_one() -> None:
    irc = IrcClientFilter()
    irc.receive_from_client(b"PRIVMSG #a :x\rQUIT :irssi on alice-laptop\r\n")
    assert irc.data_to_server() == b"PRIVMSG #a :x\r\nQUIT :leaving\r\n"
    irc.receive_from_server(b":e PRIVMSG bob :x\r:e PRIVMSG bob :\x01VERSION\x01\r\n")
    assert irc.data_to_client() == b":e PRIVMSG bob :x\r\n"


def test_split_lines_byte_by_byte() -> None:
    irc = IrcClientFilter(PRIVATE)
    text = b"".join(line + b"\r\n" for line, _ in OUTWARD)
    for index in range(len(text)):
        irc.receive_from_client(text[index : index + 1])
    sent = irc.data_to_server()
    expected = [passed for line, passed in OUTWARD if passed]
    assert sent.split(b"\r\n")[:-1] == expected
    for secret in (b"laptop", b"10.0.0.7", b"WeeChat", b"irssi", b"1700000000", b"iddell"):
        assert secret not in sent


def test_passwords_and_accounts_are_the_users_own() -> None:
    assert to_server(b"PASS alice:secret") == b"PASS alice:secret\r\n"
    assert to_server(b"NS IDENTIFY alice secret") == b"NS IDENTIFY alice secret\r\n"


IRC_JUNK = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"PRIVMSG a :",
                b"\x01DCC SEND ",
                b"\x01",
                b"\r\n",
                b":s ",
                b"@a=b ",
                b"PING ",
                b"CAP ",
            ]
        ),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(IRC_JUNK)
@example([b"PING ", b"PRIVMSG", b"\x01", b"\r\n"])
def test_junk_never_raises_and_no_ctcp_gets_through(pieces: list[bytes]) -> None:
    irc = IrcClientFilter(PRIVATE)
    for piece in pieces:
        irc.receive_from_client(piece)
        irc.receive_from_server(piece)
    for line in (irc.data_to_server() + irc.data_to_client()).split(b"\r\n"):
        if line and IrcLine.parse(line).command == b"PRIVMSG" and b"\x01" in line:
            assert b":\x01ACTION" in line.upper() or b" \x01ACTION" in line.upper()
