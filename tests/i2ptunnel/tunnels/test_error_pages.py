"""The proxy's error pages: each says what happened, and has a way to try again and to the proxy."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.data.identity import hash_to_b32
from i2ptunnel.health import Sentence
from i2ptunnel.naming.feed_state import FETCHED, FeedState
from i2ptunnel.protocols import error_pages
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.languages import LANGUAGES
from i2ptunnel.protocols.own_pages import paragraph
from tests.support.tunnel_bench import Bench, http_bench

OTHER = hash_to_b32(bytes(32))
HOME = '<a href="http://proxy.i2p/">About this proxy</a>'
PAGES = {name: page for name, page in vars(error_pages).items() if isinstance(page, Page)}


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with http_bench(**options) as bench:
            return await case(bench)

    return asyncio.run(main())


def links_of(answer: bytes) -> list[str]:
    return [html.unescape(url) for url in re.findall(r'href="([^"]*)"', answer.decode())]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://unknown.i2p/a?b=%22&c", 502),
        ("http://x.b32.i2p/", 400),
        (f"http://{OTHER}/", 504),
        ("http://example.com/", 503),
        ("http://example.com:81/?q", 503),
        ("http://192.168.1.1/", 403),
        ("http://localhost/", 403),
        ("http://[::1]:8080/", 403),
        ("http://proxy.i2p:81/", 404),
        (f"http://site.i2p/x?i2paddresshelper={OTHER}", 409),
        (f"http://new.i2p/x?i2paddresshelper={OTHER}", 409),
        ("http://new.i2p/x?i2paddresshelper=junk", 409),
    ],
)
def test_every_page_leads_on(url: str, status: int) -> None:
    async def case(bench: Bench) -> None:
        raw = f"GET {url} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Mode: navigate\r\n\r\n".encode()
        answer = await bench.ask(raw)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert HOME.encode() in answer
        assert url in links_of(answer)
        assert b">Try again</a>" in answer
        assert b"default-src 'none'" in answer
        assert b"<script" not in answer
        # Who asks by script, or with a body, cannot be led by a link.
        raw = f"GET {url} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Mode: cors\r\n\r\n".encode()
        assert b">Try again</a>" not in await bench.ask(raw)
        raw = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
        answer = await bench.ask(raw)
        assert b">Try again</a>" not in answer and b"Go back and try again." in answer

    run(case)


def test_what_is_no_request_gets_the_way_to_the_proxy() -> None:
    async def case(bench: Bench) -> None:
        for raw in (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"JUNK\r\n\r\n"):
            assert HOME.encode() in await bench.ask(raw)

    run(case)


def test_the_proxys_own_address_leads_to_its_pages() -> None:
    """Never to an exception in the browser's settings, which would undo the protection."""

    async def case(bench: Bench) -> None:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            url = f"http://{host}:{bench.proxy_port}/"
            answer = await bench.ask(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"This is the address of the I2P proxy itself" in answer
            assert b'<a href="http://proxy.i2p/">http://proxy.i2p/</a>' in answer
        for url in ("http://127.0.0.1/", "http://127.0.0.1:1/", "http://192.168.0.1/"):
            answer = await bench.ask(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b"This address is on your own network" in answer

    run(case)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_is_told_to_make_an_exception(language: str) -> None:
    words = ("exception", "ausnahme", "excepci", "исключени", "例外")
    for page in PAGES.values():
        shown = render(page, language=language).decode().lower()
        assert not [word for word in words if word in shown]


def test_every_page_says_what_to_do() -> None:
    assert [name for name, page in PAGES.items() if not page.text] == ["BAD_REQUEST", "NOT_READY"]


def test_a_set_up_page_for_a_browser_without_the_proxy_asks_dns_for_nothing() -> None:
    async def case(bench: Bench) -> None:
        own = f"127.0.0.1:{bench.proxy_port}"
        answer = await bench.ask(f"GET / HTTP/1.1\r\nHost: {own}\r\n\r\n".encode())
        assert b"<code>http://proxy.i2p/</code>" in answer
        assert all("proxy.i2p" not in link for link in links_of(answer))

    run(case)


def test_an_unknown_name_says_what_the_subscriptions_do() -> None:
    async def case(bench: Bench) -> None:
        bench.resolver.feed_state = lambda: FeedState(1, 7200.0, 600.0)
        answer = await bench.get("/", host="unknown.i2p")
        told = b"The subscriptions were last fetched 2 h ago. The next fetch follows in 10 min."
        assert told in answer
        assert told in await bench.get("/", host="proxy.i2p")
        german = await bench.get("/", "Accept-Language: de", host="unknown.i2p")
        assert b"Die Abonnements wurden zuletzt vor 2 h abgerufen." in german

    run(case)


def test_sentences_are_escaped() -> None:
    made = paragraph(Sentence(FETCHED, {"ago": "<b>", "next": '"'}), "en")
    assert "<b>" not in made and "&lt;b&gt;" in made


@pytest.mark.parametrize("host", [OTHER, "gone.i2p"])
def test_a_page_shows_how_far_the_visit_got(host: str) -> None:
    """An address that needs no address book is not said to be in one."""

    async def case(bench: Bench) -> bytes:
        bench.resolver.hosts["gone.i2p"] = bytes(32)
        raw = f"GET http://{host}/ HTTP/1.1\r\nHost: x\r\nSec-Fetch-Mode: navigate\r\n\r\n"
        return await bench.ask(raw.encode())

    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>(.)</td></tr>", run(case).decode())
    named = [("The name is in the address book", "✓")] if host == "gone.i2p" else []
    assert [(text, mark) for text, _, mark in rows] == [
        *named,
        ("This proxy has tunnels into I2P", "✓"),
        ("The network knows how to reach the site", "✗"),
    ]
    assert all(re.fullmatch(r"\d+\.\d s", seconds) for _, seconds, _ in rows)


def test_scripts_of_a_site_are_not_told_how_long_it_took() -> None:
    async def case(bench: Bench) -> bytes:
        raw = f"GET http://{OTHER}/ HTTP/1.1\r\nHost: x\r\nSec-Fetch-Mode: cors\r\n\r\n"
        return await bench.ask(raw.encode())

    answer = run(case)
    assert b"504" in answer and b"<tr>" not in answer
