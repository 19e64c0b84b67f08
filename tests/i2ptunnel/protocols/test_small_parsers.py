"""Hosts, targets, helpers, users, SOCKS, pages: the small pure parts, with junk."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.protocols import error_pages
from i2ptunnel.protocols.address_helper import split_helper
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host
from i2ptunnel.protocols.http1 import HttpFault, RequestHead
from i2ptunnel.protocols.proxy_target import read_target
from i2ptunnel.protocols.socks import ConnectRequest, SocksReply, SocksServer, SocksSignal
from i2ptunnel.protocols.users import is_user

BASE64 = "A" * 516


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("site.i2p", HostKind.I2P),
        ("a.b.site.i2p", HostKind.I2P),
        ("SITE.I2P.", HostKind.I2P),
        ("site.i2p.alt", HostKind.I2P),
        (BASE64, HostKind.I2P),
        (BASE64 + ".i2p", HostKind.I2P),
        ("example.com", HostKind.OUTSIDE),
        ("i2p.example", HostKind.OUTSIDE),
        ("notreallyi2p", HostKind.LOCAL),
        ("8.8.8.8", HostKind.OUTSIDE),
        ("2001:4860:4860::8888", HostKind.OUTSIDE),
        ("127.0.0.1", HostKind.LOCAL),
        ("127.9.9.9", HostKind.LOCAL),
        ("0.0.0.0", HostKind.LOCAL),
        ("10.0.0.1", HostKind.LOCAL),
        ("100.64.0.1", HostKind.LOCAL),
        ("192.168.0.1", HostKind.LOCAL),
        ("169.254.169.254", HostKind.LOCAL),
        ("::1", HostKind.LOCAL),
        ("::", HostKind.LOCAL),
        ("fe80::1", HostKind.LOCAL),
        ("fd12::1", HostKind.LOCAL),
        ("::ffff:10.0.0.1", HostKind.LOCAL),
        ("0177.0.0.1", HostKind.LOCAL),
        ("0x7f.1", HostKind.LOCAL),
        ("017700000001", HostKind.LOCAL),
        ("localhost.", HostKind.LOCAL),
        ("nas.local", HostKind.LOCAL),
        ("router.lan", HostKind.LOCAL),
        ("", HostKind.INVALID),
        (".i2p", HostKind.INVALID),
        ("a..i2p", HostKind.INVALID),
        ("-a.i2p", HostKind.INVALID),
        ("bücher.i2p", HostKind.INVALID),
        ("a/b.i2p", HostKind.INVALID),
        ("a.i2p\n", HostKind.INVALID),
        ("a" * 64 + ".i2p", HostKind.INVALID),
    ],
)
def test_kinds_of_hosts(host: str, kind: HostKind) -> None:
    assert kind_of(normalise_host(host)) is kind


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["GET", "CONNECT", "POST"]))
def test_any_target_is_read_or_refused(text: str, method: str) -> None:
    for target in (text, f"http://{text}", f"http://{text}/", f"{text}:80"):
        try:
            read = read_target(RequestHead(method, target))
        except HttpFault as fault:
            assert fault.status == 400
        else:
            assert 1 <= read.port <= 65535
            assert read.is_connect or read.path.startswith("/")


@pytest.mark.parametrize(
    ("path", "rest", "helper"),
    [
        ("/", "/", None),
        ("/?a=b", "/?a=b", None),
        ("/?i2paddresshelper=X", "/", "X"),
        ("/p?i2paddresshelper=X&a=b", "/p?a=b", "X"),
        ("/p?a=b&i2paddresshelper=X", "/p?a=b", "X"),
        ("/p?a=b;i2paddresshelper=X;c=d", "/p?a=b;c=d", "X"),
        ("/p?a&I2PAddressHelper=X%7E&c", "/p?a&c", "X~"),
        ("/?%692paddresshelper=X", "/", "X"),
        ("/?i2paddresshelper=X&i2paddresshelper=Y", "/", "X"),
        ("/?i2paddresshelper", "/", ""),
        ("/?q=i2paddresshelper=X", "/?q=i2paddresshelper=X", None),
        ("/i2paddresshelper=X", "/i2paddresshelper=X", None),
    ],
)
def test_address_helpers(path: str, rest: str, helper: str | None) -> None:
    assert split_helper(path) == (rest, helper)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("abi2p=&;%?/paddresshelper"), max_size=60))
def test_a_helper_never_stays_in_the_path(junk: str) -> None:
    path, _ = split_helper(f"/?{junk}&i2paddresshelper=secret")
    assert "secret" not in path


def test_users() -> None:
    users = {"ann": "s:ecret", "empty": ""}
    assert is_user(users, b"ann", b"s:ecret")
    assert not is_user(users, b"ann", b"")
    assert not is_user(users, b"bob", b"")
    assert not is_user(users, b"\xff", b"")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"\x05", b"\x01\x00", b"\x05\x01\x00\x03\x05a.i2p\x00\x50", b"\x04\x01"]
            ),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_socks_junk(pieces: list[bytes], has_users: bool) -> None:
    users = {"ann": "secret"} if has_users else {}
    server = SocksServer(users)
    for piece in pieces:
        server.receive_data(piece)
        for _ in range(10):
            event = server.next_event()
            if isinstance(event, ConnectRequest):
                assert not has_users or event.version == 5
                assert event.host.isascii()
                assert 0 <= event.port <= 65535
            if event is SocksSignal.NEED_DATA:
                break
        else:
            raise AssertionError("an endless negotiation")
        server.data_to_send()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_socks_in_small_pieces(size: int) -> None:
    raw = b"\x05\x01\x02\x01\x03ann\x06secret\x05\x01\x00\x03\x08site.i2p\x1f\x90rest"
    server = SocksServer({"ann": "secret"})
    events, out = [], b""
    for start in range(0, len(raw), size):
        server.receive_data(raw[start : start + size])
        while (event := server.next_event()) is not SocksSignal.NEED_DATA:
            events.append(event)
        out += server.data_to_send()
    assert events == [ConnectRequest(5, "site.i2p", 8080)]
    assert out == b"\x05\x02\x01\x00"
    assert server.take_rest() == b"rest"
    server.fail(SocksReply.TTL_EXPIRED)
    assert server.data_to_send() == b"\x05\x06\x00\x01" + bytes(6)


PAGES = [page for page in vars(error_pages).values() if isinstance(page, Page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.status} {page.title}")
def test_pages_are_whole_safe_and_plain(page: Page) -> None:
    bad = 'http://x/"><script>'
    raw = render(page, subject="<script>&\"'", link=bad, retry_url=bad)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d %b\r\n" % (page.status, page.reason.encode()))
    assert f"Content-Length: {len(body)}".encode() in head
    for name in (b"Content-Security-Policy", b"X-Content-Type-Options", b"Referrer-Policy"):
        assert b"\r\n" + name + b": " in head
    assert b"Cache-Control: no-store" in head
    assert b"Connection: close" in head
    assert b"<script" not in body
    assert not re.search(rb"\son\w+=|javascript:|<(img|iframe|link|object)", body)
    assert (b"Retry-After" in head) == bool(page.retry_after_s)
    assert b"http-equiv" not in body
    assert (b"http-equiv" in render(page, reloads=True)) == bool(page.retry_after_s)
    assert render(page, method="HEAD").endswith(b"\r\n\r\n")


def test_every_unavailable_page_says_when_to_come_back() -> None:
    temporary = (error_pages.NOT_READY, error_pages.BUSY)
    assert all(page.retry_after_s for page in temporary)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:c0a8:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "localhost",
        "a.localhost",
        "router.lan",
        "nas.local",
        "host.home.arpa",
        "intranet",
    ],
)
def test_local_addresses_in_all_their_disguises(host: str) -> None:
    assert kind_of(normalise_host(host)) is HostKind.LOCAL


@pytest.mark.parametrize(
    "host", ["1.1.1.1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2606:4700::1111", "example.com."]
)
def test_addresses_of_the_internet_are_outside(host: str) -> None:
    assert kind_of(normalise_host(host)) is HostKind.OUTSIDE


@pytest.mark.parametrize("host", ["", ".", "a..b", "-a.i2p", "a b", "é.i2p", "%31.i2p", "a" * 300])
def test_what_is_no_host_is_nothing(host: str) -> None:
    assert kind_of(normalise_host(host)) is HostKind.INVALID
