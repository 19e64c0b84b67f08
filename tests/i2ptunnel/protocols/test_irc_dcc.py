"""DCC through the filter: ports are translated, addresses never cross."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from core.base.errors import DecodeError
from core.data.identity import hash_to_b32
from i2ptunnel.protocols.irc_dcc import DccMessage
from i2ptunnel.protocols.irc_filter import IrcClientFilter

THEIRS = bytes(range(32))
OWN_B32 = hash_to_b32(b"o" * 32)


class Desk:
    """Gives out ports in order."""

    b32 = OWN_B32
    listen_address = IPv4Address("127.0.0.1")

    def __init__(self) -> None:
        self.offers: dict[int, int] = {}
        self.taken: dict[int, tuple[bytes, int]] = {}
        self.is_full = False

    def offer(self, kind: str, client_port: int) -> int | None:
        if self.is_full:
            return None
        self.offers[client_port] = 2000 + client_port
        return 2000 + client_port

    def take(self, kind: str, destination_hash: bytes, i2p_port: int) -> int | None:
        if self.is_full:
            return None
        self.taken[40000 + i2p_port] = (destination_hash, i2p_port)
        return 40000 + i2p_port

    def i2p_port_of(self, client_port: int) -> int | None:
        return self.offers.get(client_port)

    def client_port_of(self, i2p_port: int) -> int | None:
        return next((mine for mine, port in self.offers.items() if port == i2p_port), None)

    def remote_port_of(self, local_port: int) -> int | None:
        return self.taken[local_port][1] if local_port in self.taken else None

    def local_port_of(self, remote_port: int) -> int | None:
        return next((port for port, (_, far) in self.taken.items() if far == remote_port), None)


def outward(irc: IrcClientFilter, text: bytes) -> bytes:
    irc.receive_from_client(b"PRIVMSG eve :\x01DCC " + text + b"\x01\r\n")
    line = irc.data_to_server()
    return line.removeprefix(b"PRIVMSG eve :\x01DCC ").removesuffix(b"\x01\r\n")


def inward(irc: IrcClientFilter, text: bytes) -> bytes:
    irc.receive_from_server(b":eve!e@x PRIVMSG bob :\x01DCC " + text + b"\x01\r\n")
    line = irc.data_to_client()
    return line.removeprefix(b":eve!e@x PRIVMSG bob :\x01DCC ").removesuffix(b"\x01\r\n")


def test_offers_of_ours_name_our_b32_and_an_i2p_port() -> None:
    irc = IrcClientFilter(dcc=Desk())
    own = OWN_B32.encode()
    assert outward(irc, b"SEND a.txt 3232235777 50 1234") == b"SEND a.txt %s 2050 1234" % own
    assert outward(irc, b"CHAT chat 167772167 51") == b"CHAT chat %s 2051" % own
    assert outward(irc, b'SEND "a b.txt" 1 52 9 7') == b'SEND "a b.txt" %s 2052 9 7' % own
    assert outward(irc, b"SEND a.txt 3232235777 0 1234 5") == b"SEND a.txt 0 0 1234 5"


def test_offers_of_others_lead_to_a_local_port() -> None:
    desk = Desk()
    irc = IrcClientFilter(dcc=desk)
    theirs = hash_to_b32(THEIRS).encode()
    assert inward(irc, b"SEND a.txt %s 77 1234" % theirs) == b"SEND a.txt 2130706433 40077 1234"
    assert inward(irc, b"CHAT chat %s 78" % theirs[:52].upper()) == b"CHAT chat 2130706433 40078"
    assert desk.taken == {40077: (THEIRS, 77), 40078: (THEIRS, 78)}
    assert inward(irc, b"SEND a.txt 0 0 1234 5") == b"SEND a.txt 2130706433 0 1234 5"


def test_resuming_works_in_both_directions() -> None:
    irc = IrcClientFilter(dcc=Desk())
    outward(irc, b"SEND a.txt 1 50 1234")
    assert inward(irc, b"RESUME a.txt 2050 100") == b"RESUME a.txt 50 100"
    assert outward(irc, b"ACCEPT a.txt 50 100") == b"ACCEPT a.txt 2050 100"
    inward(irc, b"SEND b.txt %s 77 9" % hash_to_b32(THEIRS).encode())
    assert outward(irc, b"RESUME b.txt 40077 3") == b"RESUME b.txt 77 3"
    assert inward(irc, b"ACCEPT b.txt 77 3") == b"ACCEPT b.txt 40077 3"
    assert outward(irc, b"RESUME c.txt 0 3 5") == b"RESUME c.txt 0 3 5"


@pytest.mark.parametrize(
    "text",
    [
        b"SEND a.txt 3232235777 77 1234",  # an IP address
        b"SEND a.txt example.org 77 1234",
        b"SEND a.txt %s 77 1234" % OWN_B32.encode(),  # an echo of our own
        b"SEND ../../.profile %s 77 1" % hash_to_b32(THEIRS).encode(),
        b"SEND .. %s 77 1" % hash_to_b32(THEIRS).encode(),
        b"SCHAT chat %s 77" % hash_to_b32(THEIRS).encode(),
        b"CHAT wboard %s 77" % hash_to_b32(THEIRS).encode(),
        b"RESUME a.txt 99 1",
        b"ACCEPT a.txt 99 1",
        b"SEND a.txt %s 70000 1" % hash_to_b32(THEIRS).encode(),
        b"SEND a.txt %s -1 1" % hash_to_b32(THEIRS).encode(),
        b"SEND a.txt",
        b"",
    ],
)
def test_what_does_not_come_in(text: bytes) -> None:
    assert inward(IrcClientFilter(dcc=Desk()), text) == b""


def test_refused_offers_do_not_pass() -> None:
    desk = Desk()
    desk.is_full = True
    irc = IrcClientFilter(dcc=desk)
    assert outward(irc, b"SEND a.txt 1 50 1234") == b""
    assert b"DCC was not sent" in irc.data_to_client()
    assert inward(irc, b"SEND a.txt %s 77 1234" % hash_to_b32(THEIRS).encode()) == b""


def test_xdcc_passes_with_dcc_on_and_only_then() -> None:
    irc = IrcClientFilter(dcc=Desk())
    irc.receive_from_client(b"PRIVMSG bot :\x01XDCC SEND 1\x01\r\n")
    assert irc.data_to_server() == b"PRIVMSG bot :\x01XDCC SEND 1\x01\r\n"


@pytest.mark.parametrize("text", [b"SEND", b'SEND "a b 1 2', b"SEND a 1 2 3 4 5 6", b"XMIT a 1 2"])
def test_broken_messages_are_refused(text: bytes) -> None:
    with pytest.raises(DecodeError):
        DccMessage.parse(text)
