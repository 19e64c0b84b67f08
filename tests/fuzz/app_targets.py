"""What i2ptunnel reads: from browsers, chat programs, users' files, and out of streams."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from core.base.errors import DecodeError, PeerError
from core.base.http_connect import HttpConnect
from core.base.socks_client import SocksClient
from i2ptunnel.commands import COMMANDS
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load
from i2ptunnel.config.nodes import Source
from i2ptunnel.console.multipart import parse_multipart
from i2ptunnel.naming import hosts_file
from i2ptunnel.naming.address import NameFault, read_address
from i2ptunnel.naming.fetch import FetchFault, read_feed_url
from i2ptunnel.naming.hosts_line import parse_line
from i2ptunnel.naming.names import displayed, is_host_name, normalise
from i2ptunnel.protocols import http_filter, http_server_filter
from i2ptunnel.protocols.access_filter import FilterFault, parse_definition, parse_list
from i2ptunnel.protocols.address_helper import split_helper
from i2ptunnel.protocols.hosts import kind_of, normalise_host
from i2ptunnel.protocols.http1 import (
    NEED_DATA,
    Headers,
    HttpFault,
    RequestHead,
    RequestReader,
    ResponseHead,
    ResponseReader,
    Signal,
)
from i2ptunnel.protocols.irc_dcc import DccMessage
from i2ptunnel.protocols.irc_filter import IrcClientFilter
from i2ptunnel.protocols.irc_line import IrcLine
from i2ptunnel.protocols.irc_server import IrcServerFilter
from i2ptunnel.protocols.proxy_auth import ProxyAuth
from i2ptunnel.protocols.proxy_target import read_target
from i2ptunnel.protocols.socks import ConnectRequest, SocksReply, SocksServer, SocksSignal
from i2ptunnel.protocols.socks_udp import parse_packet, write_packet
from i2ptunnel.protocols.streamr import StreamrProducer
from i2ptunnel.ssh.words import OFFERED, Words, WrongLine
from tests.fuzz.core_targets import ALICE, BOB
from tests.fuzz.runner import Target

_REQUESTS = (
    b"GET http://site.i2p/path?i2paddresshelper=x HTTP/1.1\r\nHost: site.i2p\r\n"
    b"User-Agent: curl\r\nReferer: http://site.i2p/a\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
    b"POST http://u:p@site.i2p:81/ HTTP/1.1\r\nHost: site.i2p\r\nContent-Length: 5\r\n"
    b"Connection: close, X-Me\r\nX-Me: 1\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
    b"CONNECT site.i2p:443 HTTP/1.1\r\nHost: site.i2p:443\r\n\r\n\x16\x03\x01",
    b"GET / HTTP/1.1\r\nHost: a.i2p\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\n\r\n",
)
_RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=b; Domain=i2p\r\n"
    b"Server: x\r\nDate: now\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.0 304 Not Modified\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nxyz",
    b"HTTP/1.1 200\r\n\r\nuntil the end",
)
_IRC = (
    b"NICK bob\r\nUSER bob 0 * :Bob\r\nCAP LS 302\r\nJOIN #a,#b key\r\n",
    b"PRIVMSG #a :\x01ACTION waves\x01\r\nPRIVMSG bob :\x01DCC SEND a.txt 1 4000 10\x01\r\n",
    b"@label=7;+evil=a :src!u@h PRIVMSG bob :hello\r\nPING :token\r\nPONG x :y\r\nQUIT :bye\r\n",
    b":irc.i2p 001 bob :Welcome\r\n:irc.i2p 005 bob A=b C :are\r\n:a!b@c MODE #x +o-v bob al\r\n",
    b"SERVER irc2 1 :other\r\nPASS x\r\n",
)
_YAML = tuple(
    path.read_bytes()
    for path in sorted((Path(__file__).parents[2] / "profiles").glob("*.yaml"))[:4]
)
_HOSTS = (
    b"site.i2p=" + ALICE.destination.b64.encode() + b"\n# comment\nother.i2p=x\n",
    b"a.i2p=" + BOB.destination.b64.encode() + b"#!date=1700000000#sig=abc#action=adddest\n",
    b"#!action=remove#name=a.i2p#dest=" + ALICE.destination.b64.encode() + b"#sig=x\n",
)


_WORDS = Words(COMMANDS)
_SSH_LINES = (
    b"watch 5 tunnels restart 'a b' --json",
    b"address add site.i2p aaaa.b32.i2p --replace --notes=two --book local",
    b"ping site.i2p --wait-s 5s",
    b"reload --origins /etc/passwd",
)


def _pieces(raw: bytes) -> list[bytes]:
    """As the network cuts it, the end of the stream included."""
    return [raw[start : start + 150] for start in range(0, len(raw), 150)] + [b""]


def _drain(reader: RequestReader | ResponseReader, take: Callable[[object], object]) -> bool:
    """False when the connection is over."""
    while True:
        event = reader.next_event()
        if event is NEED_DATA:
            return True
        if event is Signal.CLOSED:
            return False
        take(event)
        if isinstance(event, RequestHead) and event.method == "CONNECT":
            return False
        if isinstance(event, ResponseHead) and event.status == 101:
            return False


def _requests(raw: bytes) -> None:
    def take(event: object) -> None:
        if not isinstance(event, RequestHead):
            return
        for is_ours in (True, False):
            try:
                if is_ours:
                    target = read_target(event)
                    split_helper(target.path)
                    passed = http_filter.filter_request(
                        event, target=target.path, authority=target.authority, host=target.host
                    )
                else:
                    passed = http_server_filter.filter_request(event, visitor={}, hostname=None)
            except HttpFault:
                continue
            _check_head(passed.write())

    reader = RequestReader()
    for piece in _pieces(raw):
        reader.receive_data(piece)
        if not _drain(reader, take):
            return


def _check_head(head: bytes) -> None:
    """Nothing that an application behind us could read as a second head."""
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1, head
    assert not re.search(rb"[\0]|\r(?!\n)|(?<!\r)\n", head), head


def _responses(raw: bytes) -> None:
    def take(event: object) -> None:
        if isinstance(event, ResponseHead):
            _check_head(http_filter.filter_response(event, keep_alive=True).write())
            _check_head(http_server_filter.filter_response(event, keep_alive=False).write())

    for method in ("GET", "HEAD", "CONNECT"):
        reader = ResponseReader(method)
        for piece in _pieces(raw):
            reader.receive_data(piece)
            if not _drain(reader, take):
                break
            if reader._body is None and not piece:
                break


def _socks(raw: bytes) -> None:
    for users in ({}, {"u": "p"}):
        server = SocksServer(users)
        for piece in _pieces(raw):
            server.receive_data(piece)
            event = server.next_event()
            if isinstance(event, ConnectRequest):
                kind_of(normalise_host(event.host))
                server.fail(SocksReply.HOST_UNREACHABLE)
            server.data_to_send()
            if event is not SocksSignal.NEED_DATA:
                break


def _irc_client(raw: bytes) -> None:
    irc = IrcClientFilter(frozenset(("alice",)))
    for piece in _pieces(raw):
        irc.receive_from_client(piece)
        irc.receive_from_server(piece)
    for out in (irc.data_to_server(), irc.data_to_client()):
        assert out.endswith(b"\r\n") or not out
        assert b"\0" not in out and not re.search(rb"\r(?!\n)|(?<!\r)\n", out)


def _irc_server(raw: bytes) -> None:
    irc = IrcServerFilter("host.i2p")
    for piece in _pieces(raw):
        irc.receive_data(piece)
    irc.data_to_send()


def _yaml(raw: bytes) -> None:
    load([(raw, Source("fuzz.yaml", Path("/nowhere")))], data_dir=Path("/nowhere"))


def _hosts_file(raw: bytes) -> None:
    hosts_file.parse(raw.decode("utf-8", "replace"))


def _hosts_line(raw: bytes) -> None:
    line = parse_line(raw.decode("utf-8", "replace"))
    if line is not None:
        _ = (line.date, line.expires, line.has_signature, line.is_signed_properly())


def _name(raw: bytes) -> None:
    name = raw.decode("utf-8", "replace")
    for variant in (name, name.lower(), normalise_host(name)):
        kind_of(variant)
        is_host_name(variant)
        read_address(variant)


def _idn(raw: bytes) -> None:
    name = raw.decode("utf-8", "replace")
    displayed(name)
    displayed(normalise(name))


def _filter_definition(raw: bytes) -> None:
    parse_definition(raw.decode("utf-8", "replace"), Path("/nowhere"))


def _filter_list(raw: bytes) -> None:
    parse_list(raw.decode("utf-8", "replace"))


def _socks_client(raw: bytes) -> None:
    for user in (None, "user"):
        client = SocksClient("site.i2p", 80, user=user, password="word")
        for start in range(0, len(raw), 3):
            client.receive_data(raw[start : start + 3])
            client.data_to_send()
        client.take_rest()


def _http_connect(raw: bytes) -> None:
    for step in (3, 4096):
        client = HttpConnect("203.0.113.7", 80, user="user", password="word")
        for start in range(0, len(raw), step):
            client.receive_data(raw[start : start + step])
        client.take_rest()


def _socks_udp(raw: bytes) -> None:
    write_packet(parse_packet(raw))


def _proxy_auth() -> Target:
    auth = ProxyAuth({"u": "p"}, ("digest", "basic"), "proxy", bytes(32))
    nonce = auth.challenges(0.0)[0].partition('nonce="')[2].partition('"')[0]

    def parse(raw: bytes) -> None:
        headers = Headers([("Proxy-Authorization", raw.decode("latin-1"))])
        auth.check(RequestHead("GET", "http://a.i2p/", 1, headers), 1.0)

    digest = (
        f'Digest username="u", realm="proxy", nonce="{nonce}", uri="http://a.i2p/", qop=auth, '
        f'algorithm=SHA-256, nc=00000001, cnonce="x", response="{"0" * 64}"'
    )
    return Target("proxy authorisation", parse, (digest.encode(), b"Basic dTpw", b"Basic dTp4"), ())


def _ssh_lines(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    line, found = _WORDS.complete(text[:200], lambda command, argument: ["web", "two words"])
    assert line.startswith(text[: min(200, len(text.rstrip(" ")))].rpartition(" ")[0])
    assert all(one.startswith(text[:200].rpartition(" ")[2]) for one in found)
    request = _WORDS.parse(text)
    assert request.name in OFFERED and not {*request.arguments} & {"origins"}


def _streamr() -> Callable[[bytes], None]:
    producer = StreamrProducer(20, 4)
    now = 0.0

    def parse(raw: bytes) -> None:
        nonlocal now
        now += 0.01
        producer.receive(raw[:32].ljust(32, b"\0"), raw[32:], 1, raw[-1] if raw else 0, now)

    return parse


def _multipart(data: bytes) -> None:
    """The first line is the content type, the rest the body; nothing grows on the way."""
    head, _, body = data.partition(b"\n")
    fields, files = parse_multipart(body, head.decode("latin-1"))
    assert sum(map(len, [*fields.values(), *files.values()])) <= len(body)


TARGETS: tuple[Target, ...] = (
    Target("ssh lines", _ssh_lines, _SSH_LINES, (WrongLine,)),
    Target(
        "forms with files",
        _multipart,
        (
            b'multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name="a"'
            b'\r\n\r\nb\r\n--x\r\nContent-Disposition: form-data; name="f"; filename="g"\r\n'
            b"Content-Type: text/plain\r\n\r\n\0\xff\r\n--x--\r\n",
        ),
        (ValueError,),
    ),
    Target("http requests", _requests, _REQUESTS, (HttpFault,)),
    Target("http responses", _responses, _RESPONSES, (HttpFault,)),
    Target(
        "socks",
        _socks,
        (
            b"\5\1\0\5\1\0\3\x08site.i2p\0\x50GET /",
            b"\5\2\0\2\1\1u\1p\5\1\0\1\x7f\0\0\1\0\x50",
            b"\4\1\0\x50\0\0\0\1user\0site.i2p\0rest",
            b"\5\1\0\5\1\0\4" + bytes(16) + b"\0\x50",
        ),
        (),
    ),
    # Two filters for one input: one for each direction.
    Target("irc client", _irc_client, _IRC, (), seconds_max=0.1),
    Target("irc server", _irc_server, _IRC, (PeerError,)),
    Target("irc line", IrcLine.parse, tuple(line for seed in _IRC for line in seed.split(b"\r\n"))),
    Target(
        "dcc",
        DccMessage.parse,
        (
            b"SEND a.txt 1 4000 10",
            b'SEND "a b" x.b32.i2p 0 5 7',
            b"RESUME f 4000 77",
            b"CHAT chat 1 2",
        ),
    ),
    # The user's own file, and a parser in Python.
    Target("yaml", _yaml, _YAML, (ConfigError,), seconds_max=0.5),
    Target("hosts.txt", _hosts_file, _HOSTS, ()),
    Target("line of hosts.txt", _hosts_line, _HOSTS, (DecodeError,)),
    Target(
        "host names",
        _name,
        (
            b"site.i2p",
            b"a" * 52 + b".b32.i2p",
            b"a" * 56 + b".b32.i2p",
            b"127.0.0.1",
            b"::ffff:10.0.0.1",
            ALICE.destination.b64.encode(),
        ),
        (NameFault,),
    ),
    Target("international names", _idn, ("bücher.i2p".encode(), b"xn--bcher-kva.i2p")),
    Target(
        "http connect",
        _http_connect,
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest", b"HTTP/1.0 100 C\r\n\r\nHTTP/1.0 407 No\r\n\r\n"),
    ),
    Target(
        "socks client",
        _socks_client,
        (b"\5\0\5\0\0\1\1\2\3\4\0\x50rest", b"\5\2\1\0\5\0\0\3\1a\0\1"),
    ),
    Target(
        "socks udp",
        _socks_udp,
        (b"\0\0\0\1\1\2\3\4\0\x50data", b"\0\0\0\3\x08site.i2p\0\x50data"),
    ),
    _proxy_auth(),
    Target(
        "access filter",
        _filter_definition,
        (b"allow default\n15/5 explicit " + b"a" * 52 + b".b32.i2p\ndeny file x\n1/9 record y\n",),
        (FilterFault,),
    ),
    Target(
        "list of an access filter",
        _filter_list,
        (b"# who\n" + b"a" * 52 + b".b32.i2p\n",),
        (FilterFault,),
    ),
    Target(
        "feed url",
        lambda raw: read_feed_url(raw.decode("utf-8", "replace")),
        (b"http://site.i2p/hosts.txt?a=b", b"http://" + b"a" * 52 + b".b32.i2p:81/"),
        (FetchFault,),
    ),
    Target("streamr", _streamr(), (b"h" * 32 + b"\0", b"h" * 32 + b"\1"), ()),
)
