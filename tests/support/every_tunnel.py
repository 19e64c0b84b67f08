"""A tunnel of each type, and traffic through each.

One program has the servers, another one the clients (:func:`pairs_of`). ``CHECKS`` says for each
type how it is used.
"""

from __future__ import annotations

import asyncio
import poplib
import smtplib
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from python_socks import ProxyType
from python_socks.sync import Proxy

from core.api import SystemEntropy
from core.data.private_keys import PrivateKeys
from tests.support.appliance import Appliance
from tests.support.echo import echo_server
from tests.support.fetch_irc import installed as irc_installed
from tests.support.i2pd_net import wait_until
from tests.support.irc_programs import Ngircd
from tests.support.mail import PASSWORD, USER, MailServer
from tests.support.origin import PAGE, Origin, body_of
from tests.support.over_i2cp import fetched, proxy_at, site_of

_HOPS: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 1},
    "outbound": {"length": 1, "quantity": 1},
}
_ANYBODY = {"allow": ["127.0.0.0/8"]}
_SMTP, _POP3 = 25, 110
SERVERS = ("tcp", "site", "bidir", "ircd", "cam", "udps")
CLIENTS = ("web", "to-tcp", "connect", "socks", "socks-irc", "irc", "send", "fetch", "tv", "udpc")
#: of listeners, on the address of their program
_PORTS = {name: 5100 + number for number, name in enumerate((*CLIENTS, "bidir", "cam"))} | {
    "web": 4444
}
BULK_BYTES = 200_000
_PACKET = b"x" * 900


class _UdpEcho(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, own = self.request
        own.sendto(data.upper(), self.client_address)


class Services:
    """What stands behind the servers, on 127.0.0.1."""

    def __init__(self, root: Path, irc_port: int) -> None:
        self._root = root
        self._stack = ExitStack()
        self.irc_port = irc_port

    def __enter__(self) -> Services:
        stack = self._stack
        self._root.mkdir(parents=True)
        self.origin = stack.enter_context(Origin())
        self.echo_port = stack.enter_context(echo_server())
        udp = stack.enter_context(socketserver.ThreadingUDPServer(("127.0.0.1", 0), _UdpEcho))
        threading.Thread(target=udp.serve_forever, daemon=True).start()
        stack.callback(udp.shutdown)
        self.udp_port = int(udp.server_address[1])
        ngircd = Ngircd(irc_installed(), self._root / "ngircd", self.irc_port, dns=False)
        stack.callback(ngircd.stop)
        self.mail = MailServer(self._root / "mail")
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        stack.callback(loop.close)
        stack.callback(thread.join)
        stack.callback(lambda: loop.call_soon_threadsafe(loop.stop))
        asyncio.run_coroutine_threadsafe(self.mail.start(), loop).result(20)
        stack.callback(lambda: asyncio.run_coroutine_threadsafe(self.mail.stop(), loop).result(20))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _make_keys(appliance: Appliance) -> dict[str, str]:
    """The addresses of its servers, whose keys are there before it starts."""
    appliance.data_dir.mkdir(parents=True, exist_ok=True)
    names = {}
    for name in SERVERS:
        keys = PrivateKeys.generate_destination(SystemEntropy())
        (appliance.data_dir / f"{name}.dat").write_bytes(keys.write())
        (appliance.data_dir / f"{name}.dat").chmod(0o600)
        names[name] = keys.destination.b32
    return names


def _server_sections(services: Services, address: str) -> dict[str, Any]:
    """A tunnel of each server type, for a program at ``address``."""

    def at(port: int) -> str:
        return f"127.0.0.1:{port}"

    web = at(services.origin.port)
    mail = {_SMTP: at(services.mail.smtp_port), _POP3: at(services.mail.pop3_port)}
    types: dict[str, dict[str, Any]] = {
        "tcp": {"type": "server", "target": at(services.echo_port), "ports": mail},
        "bidir": {
            "type": "httpbidirserver",
            "target": web,
            "listen": f"{address}:{_PORTS['bidir']}",
            **_ANYBODY,
        },
        "ircd": {"type": "ircserver", "target": at(services.irc_port)},
        "cam": {"type": "streamrserver", "listen": f"{address}:{_PORTS['cam']}", **_ANYBODY},
        "udps": {"type": "udpserver", "target": at(services.udp_port), "unique_local": False},
    }
    return {
        "site": site_of(services.origin.port, "site"),
        **{name: {**one, **_HOPS} for name, one in types.items()},
    }


def _client_sections(address: str, names: dict[str, str], tv_port: int) -> dict[str, Any]:
    """A tunnel of each client type, for a program at ``address``, to the servers ``names``."""
    types: dict[str, dict[str, Any]] = {
        "to-tcp": {"type": "client", "destination": names["tcp"]},
        "connect": {"type": "connectclient"},
        "socks": {"type": "sockstunnel"},
        "socks-irc": {"type": "socksirctunnel"},
        "irc": {"type": "ircclient", "destination": names["ircd"]},
        "send": {"type": "smtpclient", "destination": f"{names['tcp']}:{_SMTP}"},
        "fetch": {"type": "pop3client", "destination": f"{names['tcp']}:{_POP3}"},
        "udpc": {"type": "udpclient", "destination": names["udps"]},
    }
    listening = {
        name: {"listen": f"{address}:{_PORTS[name]}", **_ANYBODY, **one}
        for name, one in types.items()
    }
    # Those without datagrams share the session of the proxy.
    shared = proxy_at(address)
    shape = {key: shared[key] for key in _HOPS}
    tv = {"type": "streamrclient", "destination": names["cam"], "target": f"127.0.0.1:{tv_port}"}
    return {
        "web": shared,
        **{name: {**one, **shape} for name, one in listening.items()},
        "udpc": {**listening["udpc"], **_HOPS},
        "tv": {**tv, **_HOPS},
    }


@dataclass
class Pair:
    """Servers ``names`` of the program at ``server``, which clients of the one at ``client`` use.

    ``back``: a site of the client's program. ``tv``: where its stream goes.
    """

    services: Services
    server: str
    client: str
    names: dict[str, str]
    back: str
    tv: socket.socket

    def at(self, name: str) -> tuple[str, int]:
        """Where a listener is."""
        return (self.server if name in SERVERS else self.client), _PORTS[name]

    def proxy(self, name: str, scheme: str = "http") -> str:
        host, port = self.at(name)
        return f"{scheme}://{host}:{port}"


def pairs_of(
    stack: ExitStack, services: Services, one: Appliance, other: Appliance
) -> tuple[Pair, Pair]:
    """Give each of two programs a tunnel of each type, to the other one's servers.

    The first of the pairs has the servers of ``one``.
    """
    names = {program.address: _make_keys(program) for program in (one, other)}
    return (
        _pair(stack, services, names, one, other),
        _pair(stack, services, names, other, one),
    )


def _pair(
    stack: ExitStack,
    services: Services,
    names: dict[str, dict[str, str]],
    server: Appliance,
    client: Appliance,
) -> Pair:
    tv = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    tv.bind(("127.0.0.1", 0))
    theirs, own = names[server.address], names[client.address]
    server.config["tunnels"] |= _server_sections(services, server.address)
    client.config["tunnels"] |= _client_sections(client.address, theirs, tv.getsockname()[1])
    return Pair(services, server.address, client.address, theirs, own["site"], tv)


def _converse(connected: socket.socket) -> None:
    """Bytes there and back."""
    sent = body_of(BULK_BYTES)
    writing = threading.Thread(target=connected.sendall, args=(sent,))
    writing.start()
    got = b""
    while len(got) < len(sent) and (data := connected.recv(65536)):
        got += data
    writing.join()
    assert got == sent


def _plain(pair: Pair) -> None:
    with socket.create_connection(pair.at("to-tcp"), 60) as connected:
        _converse(connected)


def _site(pair: Pair) -> None:
    assert fetched(pair.proxy("web"), f"http://{pair.names['site']}/") == PAGE


def _bidir(pair: Pair) -> None:
    assert fetched(pair.proxy("web"), f"http://{pair.names['bidir']}/") == PAGE
    assert fetched(pair.proxy("bidir"), f"http://{pair.back}/") == PAGE


def _connect(pair: Pair) -> None:
    with socket.create_connection(pair.at("connect"), 60) as connected:
        host = f"{pair.names['tcp']}:443"
        connected.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = connected.recv(1)
            assert data, head
            head += data
        assert b" 200 " in head.split(b"\r\n")[0], head
        _converse(connected)


def _through_socks(pair: Pair, name: str, server: str) -> socket.socket:
    proxy = Proxy(ProxyType.SOCKS5, *pair.at(name), rdns=True)
    return proxy.connect(pair.names[server], 6667, timeout=60)


def _socks(pair: Pair) -> None:
    with _through_socks(pair, "socks", "tcp") as connected:
        _converse(connected)


def _greet(connected: socket.socket) -> None:
    """As an IRC program does."""
    connected.sendall(b"NICK bob\r\nUSER bob 0 * :bob\r\n")
    said = b""
    while b" 001 bob " not in said:
        data = connected.recv(4096)
        assert data, said
        said += data
    connected.sendall(b"QUIT\r\n")
    while connected.recv(4096):
        pass


def _irc(pair: Pair) -> None:
    with socket.create_connection(pair.at("irc"), 60) as connected:
        _greet(connected)


def _socks_irc(pair: Pair) -> None:
    with _through_socks(pair, "socks-irc", "ircd") as connected:
        _greet(connected)


def _write_to(address: tuple[str, int], subject: str) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "bob@mail.i2p", "alice@mail.i2p", subject
    letter.set_content("hello")
    with smtplib.SMTP(*address, "localhost", timeout=60) as program:
        assert program.send_message(letter) == {}


def _subjects(address: tuple[str, int]) -> list[str]:
    box = poplib.POP3(*address, timeout=60)
    box.user(USER)
    box.pass_(PASSWORD)
    count = len(box.list()[1])
    letters = [b"\n".join(box.retr(number)[1]).decode() for number in range(1, count + 1)]
    box.quit()
    return [line for one in letters for line in one.split("\n") if line.startswith("Subject:")]


def _send(pair: Pair) -> None:
    subject = f"sent from {pair.client}"
    _write_to(pair.at("send"), subject)
    assert f"Subject: {subject}" in _subjects(("127.0.0.1", pair.services.mail.pop3_port))


def _fetch(pair: Pair) -> None:
    subject = f"fetched at {pair.client}"
    _write_to(("127.0.0.1", pair.services.mail.smtp_port), subject)
    assert f"Subject: {subject}" in _subjects(pair.at("fetch"))


def udp_answer(pair: Pair, program: socket.socket, mark: str, within_s: float = 60) -> None:
    """The echo of a packet, asked for again and again."""
    program.settimeout(0.5)
    packet = mark.encode() + _PACKET

    def is_there() -> bool:
        program.sendto(packet, pair.at("udpc"))
        try:
            return program.recv(2048) == packet.upper()
        except TimeoutError:
            return False

    wait_until(f"{mark}: a UDP packet comes back", is_there, within_s, 0.0)


def _udp(pair: Pair) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
        udp_answer(pair, program, f"from {pair.client}")


def stream_seen(pair: Pair, mark: str, within_s: float = 60) -> None:
    """A packet of the stream, which is sent again and again, at the subscriber."""
    pair.tv.settimeout(0.5)
    packet = mark.encode() + _PACKET
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as camera:

        def is_seen() -> bool:
            camera.sendto(packet, pair.at("cam"))
            try:
                while pair.tv.recv(2048) != packet:
                    pass
            except TimeoutError:
                return False
            return True

        wait_until(f"{mark}: the stream is seen", is_seen, within_s, 0.0)


def _stream(pair: Pair) -> None:
    stream_seen(pair, f"seen at {pair.client}")


#: by tunnel type
CHECKS: dict[str, Callable[[Pair], None]] = {
    "client": _plain,
    "server": _plain,
    "httpclient": _site,
    "httpserver": _site,
    "httpbidirserver": _bidir,
    "connectclient": _connect,
    "sockstunnel": _socks,
    "socksirctunnel": _socks_irc,
    "ircclient": _irc,
    "ircserver": _irc,
    "smtpclient": _send,
    "pop3client": _fetch,
    "streamrclient": _stream,
    "streamrserver": _stream,
    "udpclient": _udp,
    "udpserver": _udp,
}
