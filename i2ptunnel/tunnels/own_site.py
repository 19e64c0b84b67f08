"""``http://proxy.i2p/``: the proxy's own site, and the decisions that users make there.

Status, browser set-up, a PAC file, a self-test; and the targets of the forms on error pages:
``/helper`` (the address that a link brought along) and ``/credentials`` (what opens an encrypted
lease set). The forms carry a token that only we can make and only for their values, so no other
page can send them. The listener's own address serves the set-up part too, for a browser that does
not use the proxy yet.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol, cast
from urllib.parse import parse_qs

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, I2PError
from core.data.encoding import b64decode
from i2ptunnel.health import Sentence
from i2ptunnel.naming.address import Address, NameFault
from i2ptunnel.naming.feed_state import FeedState
from i2ptunnel.naming.resolver import Resolver
from i2ptunnel.naming.store import Book
from i2ptunnel.protocols import error_pages as pages
from i2ptunnel.protocols import html, own_pages, pac
from i2ptunnel.protocols.error_pages import Page, render
from i2ptunnel.protocols.hosts import normalise_host
from i2ptunnel.protocols.http1 import END, HttpFault, RequestHead
from i2ptunnel.protocols.languages import choose_language
from i2ptunnel.protocols.own_pages import ProxyStatus
from i2ptunnel.relay.http_front import Front

_FORM_BYTES_MAX = 16_384
_FORM_TIMEOUT_S = 15.0
_NAMES_MAX = 1000
_CREDENTIALS_MAX = 200
_KEY_BYTES = 32
_SETUP_PATHS = frozenset(("/", "/setup", "/proxy.pac", "/all.pac", "/policies.json"))


class _Books(Protocol):
    """What of the address books is used here (``i2ptunnel.naming.books.AddressBooks``)."""

    def add(self, book: Book, name: str, target: str, *, source: str = ...) -> object: ...

    def keep_credentials(self, address: str, secret: str, client_key: bytes | None) -> None: ...


class OwnSite:
    """Answers for one proxy, and keeps what users decided until the proxy stops."""

    def __init__(
        self,
        resolver: Resolver,
        status: Callable[[], ProxyStatus],
        extra_passed: frozenset[str],
    ) -> None:
        self._resolver = resolver
        self._status = status
        self.extra_passed = extra_passed
        self._key = secrets.token_bytes(32)
        #: names that were accepted without being saved
        self._names: BoundedMap[str, Address] = BoundedMap(_NAMES_MAX)
        self._credentials: BoundedMap[str, tuple[str, bytes | None]] = BoundedMap(_CREDENTIALS_MAX)

    @property
    def has_books(self) -> bool:
        """Whether names can be saved: not where the resolver reads plain files."""
        return self._books is not None

    @property
    def _books(self) -> _Books | None:
        return cast("_Books | None", getattr(self._resolver, "books", None))

    async def resolve(self, host: str) -> Address:
        """The address of a host, with names and keys from the forms; raises NameFault."""
        try:
            address = await self._resolver.resolve(host)
        except NameFault:
            known = self._names.get(host)
            if known is None:
                raise
            address = known
        credentials = self._credentials.get(address.host)
        if address.blinded is not None and credentials is not None:
            secret, client_key = credentials
            return Address(address.hash, address.blinded, (), secret, client_key)
        return address

    def names_state(self) -> Sentence | None:
        """Whether and when the subscriptions were fetched, if there is an address book."""
        asked = getattr(self._resolver, "feed_state", None)
        try:
            return None if asked is None else cast(FeedState, asked()).sentence
        except I2PError:
            return None  # the address book cannot be read; the log says so

    async def jump_links(self, urls: tuple[str, ...], host: str) -> str:
        """Links to those jump servers whose own names are known."""
        known = []
        for url in urls:
            try:
                await self.resolve(normalise_host(url.split("/")[2].partition(":")[0]))
            except NameFault:
                continue
            known.append(url)
        return own_pages.jump_links(known, host)

    def helper_form(self, host: str, target: str, url: str, language: str) -> str:
        """See :func:`i2ptunnel.protocols.own_pages.helper_form`."""
        return own_pages.helper_form(
            self._key, host, target, url, has_books=self.has_books, language=language
        )

    def credentials_form(self, address: Address, url: str, language: str) -> str:
        """The form for an encrypted lease set."""
        blinded = address.blinded
        if blinded is None:
            return ""
        return own_pages.credentials_form(
            self._key,
            address.host,
            url,
            wants_secret=blinded.needs_secret,
            wants_key=blinded.needs_client_key or not blinded.needs_secret,
            has_books=self.has_books,
            language=language,
        )

    async def answer(self, front: Front, head: RequestHead, path: str) -> bytes:
        """The response to a request for proxy.i2p; raises HttpFault, Unavailable."""
        language = choose_language(head.headers.get("accept-language"))
        path = path.partition("?")[0]
        if head.method == "POST" and path in ("/helper", "/credentials"):
            form = await _read_form(front)
            decide = self._on_helper if path == "/helper" else self._on_credentials
            return await decide(form, language)
        if head.method not in ("GET", "HEAD"):
            raise HttpFault(405, "only GET and HEAD here")
        return self._page(head, path, self._status().proxy, language)

    def answer_direct(self, head: RequestHead, own_addresses: frozenset[str]) -> bytes | None:
        """The response to a browser that took us for a web server; None if it did not ask for us.

        ``own_addresses``: what it may have in ``Host``, in lower case.
        """
        host = (head.headers.get("host") or "").lower()
        path = head.target.partition("?")[0]
        if head.method not in ("GET", "HEAD") or host not in own_addresses:
            return None
        if path not in _SETUP_PATHS:
            return None
        language = choose_language(head.headers.get("accept-language"))
        path = "/setup" if path == "/" else path
        return self._page(head, path, host, language, is_direct=True)

    def _page(
        self, head: RequestHead, path: str, proxy: str, language: str, *, is_direct: bool = False
    ) -> bytes:
        content_type = "text/html; charset=utf-8"
        if path == "/":
            body = own_pages.home_page(self._status(), language)
        elif path == "/setup":
            body = own_pages.setup_page(proxy, language, is_direct=is_direct)
        elif path == "/selftest":
            body = own_pages.self_test_page(head, language, self.extra_passed)
        elif path in ("/proxy.pac", "/all.pac"):
            is_tls = self._status().is_tls
            body = pac.pac_file(proxy, is_for_all=path == "/all.pac", is_tls=is_tls)
            content_type = pac.CONTENT_TYPE
        elif path == "/policies.json":
            body, content_type = pac.firefox_policies(proxy), "application/json"
        else:
            return render(pages.NOT_FOUND, method=head.method, language=language, has_home=True)
        return html.response(200, "OK", body, content_type=content_type, method=head.method)

    async def _on_helper(self, form: dict[str, str], language: str) -> bytes:
        host, target, url = form.get("host", ""), form.get("target", ""), form.get("url", "")
        if not own_pages.is_token(self._key, form.get("token", ""), "helper", host, target, url):
            return render(pages.HELPER_STALE, language=language, has_home=True)
        try:
            address = await self._resolver.resolve(normalise_host(target))
        except NameFault:
            return render(pages.HELPER_BAD, language=language, has_home=True)
        book = form.get("book", "none")
        if book in own_pages.BOOKS and self._books is not None:
            saved = target if not target.endswith(".i2p") else address.host
            try:
                await asyncio.to_thread(
                    self._books.add, Book.of(book), host, saved, source="address helper"
                )
            except I2PError as error:
                return render(_not_saved(error), language=language, has_home=True)
        else:
            self._names.put(host, address)
        return _redirect(url)

    async def _on_credentials(self, form: dict[str, str], language: str) -> bytes:
        host, url = form.get("host", ""), form.get("url", "")
        if not own_pages.is_token(self._key, form.get("token", ""), "credentials", host, url):
            return render(pages.HELPER_STALE, language=language, has_home=True)
        secret, key_text = form.get("secret", "").strip(), form.get("client_key", "").strip()
        client_key = None
        if key_text:
            try:
                client_key = b64decode(key_text)
            except DecodeError:
                client_key = b""
            if len(client_key) != _KEY_BYTES:
                return render(pages.KEY_MALFORMED, language=language, has_home=True)
        self._credentials.put(host, (secret, client_key))
        if form.get("keep") == "yes" and self._books is not None:
            try:
                await asyncio.to_thread(self._books.keep_credentials, host, secret, client_key)
            except I2PError as error:
                return render(_not_saved(error), language=language, has_home=True)
        return _redirect(url)


def _not_saved(error: I2PError) -> Page:
    reason = str(error)[:1].upper() + str(error)[1:].rstrip(".")
    return Page(409, "Conflict", "It could not be saved", f"{reason}.")


def _redirect(url: str) -> bytes:
    """On to the page; ``url`` was in a form of ours and is proper."""
    return html.response(303, "See Other", b"", extra=(("Location", url),), form_action="'none'")


async def _read_form(front: Front) -> dict[str, str]:
    """The fields of a form; raises HttpFault."""
    body = b""
    try:
        async with asyncio.timeout(_FORM_TIMEOUT_S):
            while (event := await front.next_event()) is not END:
                if isinstance(event, bytes):
                    body += event
                if len(body) > _FORM_BYTES_MAX:
                    raise HttpFault(413, "the form is too long")
    except TimeoutError:
        raise HttpFault(408, "the form did not arrive in time") from None
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HttpFault(400, "not a form") from None
    return {name: values[0] for name, values in fields.items()}
