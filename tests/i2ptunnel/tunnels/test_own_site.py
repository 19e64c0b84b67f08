"""proxy.i2p: set-up pages, PAC, self-test, and what users decide about addresses and keys there."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from core.base.errors import Unavailable
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b64encode
from core.data.identity import hash_to_b32
from i2ptunnel.protocols.pac import firefox_policies, pac_file
from tests.support.tunnel_bench import Bench, http_bench

Answer = bytes


def run(case: Callable[[Bench], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        async with http_bench(**options) as bench:
            return await case(bench)

    return asyncio.run(main())


def form_of(page: bytes) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(rb'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name.decode(): html.unescape(value.decode()) for name, value in found}


async def send_form(bench: Bench, path: str, fields: dict[str, str]) -> Answer:
    body = urlencode(fields).encode()
    head = (
        f"POST http://proxy.i2p{path} HTTP/1.1\r\nHost: proxy.i2p\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return await bench.ask(head.encode() + body)


@pytest.mark.parametrize("path", ["/", "/setup", "/selftest", "/proxy.pac", "/policies.json"])
def test_pages_load_nothing_and_run_nothing(path: str) -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.get(path, host="proxy.i2p")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Security-Policy: default-src 'none'; style-src 'sha256-" in answer
        assert b"Cache-Control: no-store\r\n" in answer
        assert b"X-Content-Type-Options: nosniff\r\n" in answer
        for bad in (b"<script", b"<img", b"<link", b" src=", b" onclick"):
            assert bad not in answer
        assert bench.origin.received == []

    run(case)


def test_other_pages_and_methods_are_refused() -> None:
    async def case(bench: Bench) -> None:
        assert (await bench.get("/other", host="proxy.i2p")).startswith(b"HTTP/1.1 404 ")
        assert (await bench.get("/", host="proxy.i2p:8080")).startswith(b"HTTP/1.1 404 ")
        connect = b"CONNECT proxy.i2p:80 HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await bench.ask(connect)).startswith(b"HTTP/1.1 404 ")
        put = b"PUT http://proxy.i2p/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        assert (await bench.ask(put)).startswith(b"HTTP/1.1 405 ")
        assert bench.network.sessions[bench.site_hash].connects == []

    run(case)


def test_nothing_is_opened_beside_the_proxy_if_it_is_for_all() -> None:
    script = pac_file("127.0.0.1:4444", is_for_all=True)
    assert b'"DIRECT"' not in script
    assert script.rstrip().endswith(b"return I2P;\n}")
    policies = json.loads(firefox_policies("127.0.0.1:4444"))["policies"]
    assert policies["Proxy"]["Passthrough"] == ""
    hijacking = policies["Preferences"]["network.proxy.allow_hijacking_localhost"]
    assert hijacking == {"Value": True, "Status": "locked"}


def test_the_pac_file_sends_i2p_to_the_proxy_only() -> None:
    async def case(bench: Bench) -> None:
        proxy = f"127.0.0.1:{bench.proxy_port}"
        direct = f"GET /proxy.pac HTTP/1.1\r\nHost: {proxy}\r\n\r\n".encode()
        for answer in (await bench.get("/proxy.pac", host="proxy.i2p"), await bench.ask(direct)):
            raw = answer.partition(b"\r\n\r\n")
            assert b"Content-Type: application/x-ns-proxy-autoconfig\r\n" in raw[0]
            assert f'"PROXY {proxy}"'.encode() in raw[2]
            # a proxy that is down must not send names to DNS
            assert b"; DIRECT" not in raw[2]

    run(case)


def test_a_browser_without_the_proxy_gets_the_set_up_pages_only() -> None:
    async def case(bench: Bench) -> None:
        async def ask(path: str, host: str) -> bytes:
            raw = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            return await bench.ask(raw.encode())

        own = f"127.0.0.1:{bench.proxy_port}"
        for host in (own, f"localhost:{bench.proxy_port}"):
            for path in ("/", "/setup", "/proxy.pac", "/all.pac", "/policies.json"):
                assert (await ask(path, host)).startswith(b"HTTP/1.1 200 "), path
        # DNS rebinding: another name that leads to our address
        for host in (
            "evil.example",
            f"evil.example:{bench.proxy_port}",
            "site.i2p",
            "",
            "proxy.i2p",
        ):
            assert (await ask("/proxy.pac", host)).startswith(b"HTTP/1.1 400 "), host
        for path in ("/selftest", "/helper", "/credentials", "/other"):
            assert (await ask(path, own)).startswith(b"HTTP/1.1 400 "), path

    run(case)


def test_the_self_test_shows_what_is_removed_and_keeps_secrets() -> None:
    async def case(bench: Bench) -> None:
        answer = await bench.get(
            "/selftest",
            "User-Agent: My<b>Browser",
            "Sec-Odd: value",
            "Cookie: session=secret",
            host="proxy.i2p",
        )
        assert b"My&lt;b&gt;Browser" in answer
        assert b"MYOB/6.66" in answer
        assert b"Sec-Odd" in answer and b"removed" in answer
        assert b"secret" not in answer

    run(case)


def new_name(bench: Bench, path: str = "/page?a=1&i2paddresshelper=", host: str = "new.i2p") -> Any:
    return bench.get(path + bench.b32, host=host)


def test_a_new_name_is_opened_after_a_click() -> None:
    async def case(bench: Bench) -> None:
        page = await new_name(bench)
        assert page.startswith(b"HTTP/1.1 409 New Address\r\n")
        assert b"form-action http://proxy.i2p http://new.i2p;" in page
        form = form_of(page)
        assert form["url"] == "http://new.i2p/page?a=1"
        assert (await bench.get(host="new.i2p")).startswith(b"HTTP/1.1 502 ")
        done = await send_form(bench, "/helper", {**form, "book": "none"})
        assert done.startswith(b"HTTP/1.1 303 ")
        assert b"Location: http://new.i2p/page?a=1\r\n" in done
        assert (await bench.get(host="new.i2p")).startswith(b"HTTP/1.1 200 ")
        # the same link again has nothing to ask
        assert (await new_name(bench)).startswith(b"HTTP/1.1 200 ")

    run(case)


@pytest.mark.parametrize("field", ["host", "target", "url", "token"])
def test_forms_that_are_not_ours_change_nothing(field: str) -> None:
    async def case(bench: Bench) -> None:
        form = form_of(await new_name(bench))
        forged = {
            "host": "bank.i2p",
            "target": hash_to_b32(bytes(32)),
            "url": "http://elsewhere.i2p/",
            "token": "0" * 32,
        }
        for value in (forged[field], ""):
            answer = await send_form(bench, "/helper", {**form, field: value, "book": "none"})
            assert answer.startswith(b"HTTP/1.1 403 ")
        assert (await bench.get(host="new.i2p")).startswith(b"HTTP/1.1 502 ")
        assert (await bench.get(host="bank.i2p")).startswith(b"HTTP/1.1 502 ")

    run(case)


def test_a_token_of_another_proxy_is_worth_nothing() -> None:
    async def first(bench: Bench) -> dict[str, str]:
        return form_of(await new_name(bench))

    form = run(first)

    async def second(bench: Bench) -> None:
        answer = await send_form(bench, "/helper", {**form, "book": "none"})
        assert answer.startswith(b"HTTP/1.1 403 ")

    run(second)


class Books:
    """Keeps what it is told to keep."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str, str]] = []
        self.keys: list[tuple[str, str, bytes | None]] = []

    def add(self, book: Any, name: str, target: str, *, source: str = "") -> None:
        self.names.append((book.word, name, target))

    def keep_credentials(self, address: str, secret: str, client_key: bytes | None) -> None:
        self.keys.append((address, secret, client_key))


@pytest.mark.parametrize("book", ["private", "local", "router"])
def test_a_name_is_saved_in_the_book_that_was_chosen(book: str) -> None:
    async def case(bench: Bench) -> None:
        books = bench.resolver.books = Books()  # type: ignore[attr-defined]
        page = await new_name(bench)
        assert b'value="%b"' % book.encode() in page
        done = await send_form(bench, "/helper", {**form_of(page), "book": book})
        assert done.startswith(b"HTTP/1.1 303 ")
        assert books.names == [(book, "new.i2p", bench.b32)]

    run(case)


def test_without_books_nothing_is_offered_for_saving() -> None:
    async def case(bench: Bench) -> None:
        page = await new_name(bench)
        assert b'value="none"' in page
        assert b'value="router"' not in page

    run(case)


def test_helpers_can_be_switched_off() -> None:
    async def case(bench: Bench) -> None:
        assert (await new_name(bench)).startswith(b"HTTP/1.1 502 ")
        path = f"/?i2paddresshelper={hash_to_b32(bytes(32))}"
        assert (await bench.get(path)).startswith(b"HTTP/1.1 200 ")
        assert bench.origin.heads[0][0] == "GET / HTTP/1.1"

    run(case, client={"address_helper": False})


def test_html_in_a_link_stays_text() -> None:
    async def case(bench: Bench) -> None:
        page = await new_name(bench, '/"><script>alert(1)</script>?i2paddresshelper=')
        assert page.startswith(b"HTTP/1.1 409 ")
        assert b"<script" not in page

    run(case)


def test_jump_servers_are_offered_when_their_name_is_known() -> None:
    async def case(bench: Bench) -> None:
        bench.resolver.hosts["jump.i2p"] = bytes(32)
        page = await bench.get(host="unknown.i2p")
        assert page.startswith(b"HTTP/1.1 502 ")
        assert b'href="http://jump.i2p/?q=unknown.i2p"' in page
        assert b"other.i2p" not in page

    run(case, client={"jump_servers": ("http://jump.i2p/?q=", "http://other.i2p/?q=")})


def encrypted(bench: Bench, **needs: bool) -> BlindedAddress:
    destination = bench.network.sessions[bench.site_hash].destination
    return BlindedAddress.of(destination, **needs)


def gate(bench: Bench, secret: str, key: bytes | None) -> list[BlindedTarget]:
    """Lets blinded targets through to the site that have the right keys."""
    session = bench.proxy.session
    seen: list[BlindedTarget] = []
    assert session is not None
    connect = session.connect

    async def check(target: Any, **options: Any) -> Any:
        assert isinstance(target, BlindedTarget)
        seen.append(target)
        if secret and target.secret != secret:
            raise Unavailable("no", "secret_required")
        if key is not None and target.client_key is None:
            raise Unavailable("no", "client_key_required")
        if key is not None and target.client_key != key:
            raise Unavailable("no", "client_key_refused")
        return await connect(bench.site_hash, **options)

    session.connect = check  # type: ignore[method-assign,assignment]
    return seen


def test_an_encrypted_address_asks_for_its_secret() -> None:
    async def case(bench: Bench) -> None:
        host = encrypted(bench, needs_secret=True).host
        gate(bench, "open sesame", None)
        page = await bench.get("/a?b", host=host)
        assert page.startswith(b"HTTP/1.1 400 Destination Not Found\r\n")
        assert b'type="password" name="secret"' in page
        assert b'name="client_key"' not in page
        wrong = await send_form(bench, "/credentials", {**form_of(page), "secret": "wrong"})
        assert wrong.startswith(b"HTTP/1.1 303 ")
        page = await bench.get("/a?b", host=host)
        assert page.startswith(b"HTTP/1.1 400 ")
        done = await send_form(bench, "/credentials", {**form_of(page), "secret": "open sesame"})
        assert f"Location: http://{host}/a?b\r\n".encode() in done
        assert (await bench.get("/a?b", host=host)).startswith(b"HTTP/1.1 200 ")
        assert f"Host: {host}" in bench.origin.heads[0]

    run(case)


def test_an_encrypted_address_asks_for_its_key() -> None:
    async def case(bench: Bench) -> None:
        key = bytes(range(32))
        books = bench.resolver.books = Books()  # type: ignore[attr-defined]
        host = encrypted(bench, needs_client_key=True).host
        gate(bench, "", key)
        page = await bench.get(host=host)
        assert b'type="text" name="client_key"' in page
        bad = await send_form(bench, "/credentials", {**form_of(page), "client_key": "short"})
        assert bad.startswith(b"HTTP/1.1 400 ")
        form = {**form_of(page), "client_key": b64encode(key), "keep": "yes"}
        assert (await send_form(bench, "/credentials", form)).startswith(b"HTTP/1.1 303 ")
        assert books.keys == [(host, "", key)]
        assert (await bench.get(host=host)).startswith(b"HTTP/1.1 200 ")
        forged = {**form, "host": "evil.i2p"}
        assert (await send_form(bench, "/credentials", forged)).startswith(b"HTTP/1.1 403 ")

    run(case)


def test_a_large_form_is_refused() -> None:
    async def case(bench: Bench) -> None:
        answer = await send_form(bench, "/helper", {"host": "a" * 20_000})
        assert answer.startswith(b"HTTP/1.1 413 ")

    run(case)


def test_scripts_of_a_site_learn_neither_language_nor_tokens() -> None:
    async def case(bench: Bench) -> None:
        german = "Accept-Language: de-CH,de"
        for mode, is_german in (("navigate", True), ("cors", False), ("no-cors", False)):
            page = await bench.get(
                f"/?i2paddresshelper={bench.b32}",
                german,
                f"Sec-Fetch-Mode: {mode}",
                host="new.i2p",
            )
            assert page.startswith(b"HTTP/1.1 409 ")
            assert (b'lang="de"' in page) == is_german
            assert (b'name="token"' in page) == is_german

    run(case)
