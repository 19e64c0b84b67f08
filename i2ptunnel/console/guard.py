"""What every request must be like, and what every response says, whatever page it is.

* A page of somebody else's must not reach us by a name that its DNS server points here (DNS
  rebinding): we are asked by address, as localhost, or by a name of the configuration.
* What changes anything is a POST from a page of ours.
* A response loads nothing from elsewhere, runs no script but our own files, and is never framed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from i2ptunnel.http_server import is_local_name
from i2ptunnel.torrents.client import FILE_BYTES_MAX

BODY_BYTES_MAX = 256 * 1024
BODY_TIMEOUT_S = 15.0
#: pages that take files, below the session's path: bytes and seconds of a body
UPLOADS = {"torrents/add": (FILE_BYTES_MAX + 65_536, 60.0)}
TARGET_BYTES_MAX = 4096
#: brought by the file of ``i2ptunnel console``, whose origin is nobody's
ENTRY_PATH = "/enter"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A form of ours would come without its origin if it were no-referrer.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), clipboard-read=()",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("i2ptunnel.console")


class Refused(HTTPException):
    """A page cannot be shown; ``detail`` is for the user."""


class Guard:
    """An ASGI application around the pages. ``hosts``: names we may be asked by."""

    def __init__(self, site: Asgi, hosts: Collection[str]) -> None:
        self._site = site
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing is raised but a cancellation."""
        if scope["type"] != "http":
            return
        begun = False

        async def say(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _complete(message)
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        try:
            if refusal is not None:
                await _refuse(*refusal)(scope, receive, say)
            else:
                await self._site(scope, _Body(receive, *_bounds(scope)).receive, say)
        except Exception as error:
            # The path is a secret, so the log has the kind of error alone.
            _log.error("internal error on a page: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)
            if not begun:
                await _refuse(500, "That went wrong here. The log says what.")(scope, receive, say)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Status and words for a request that is not served."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return 403, (
                "This name is not known here. Ask by address, or add the name to "
                "control.console.hosts in the configuration."
            )
        if len(scope["raw_path"]) + len(scope["query_string"]) > TARGET_BYTES_MAX:
            return 414, "The address is too long."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "GET and POST are served here."
        if scope["method"] == "POST":
            length = headers.get("content-length", "")
            bytes_max, _ = _bounds(scope)
            if length.isdigit() and int(length) > bytes_max:
                return 413, f"At most {bytes_max} bytes are read."
            if scope["path"] != ENTRY_PATH and not _is_from_us(headers, hosts[0]):
                return 403, "This form does not come from a page of the console."
        return None

    def _is_own(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.count(":") == 1 else host
        return is_local_name(host.encode("latin-1")) or name.lower().rstrip(".") in self._hosts


def _bounds(scope: Scope) -> tuple[int, float]:
    """Bytes of the body, and seconds until it is here."""
    page = scope["path"].split("/", 2)[-1]
    return UPLOADS.get(page, (BODY_BYTES_MAX, BODY_TIMEOUT_S))


def _is_from_us(headers: Headers, host: str) -> bool:
    """Whether the browser says that one of our pages sends this; silence is no."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return origin in (f"http://{host}", f"https://{host}")
    return site is not None


def _complete(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


def _refuse(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(f"{text}\n", status)


class _Body:
    """The body of a request, bounded in size and time."""

    def __init__(self, receive: Receive, bytes_max: int, timeout_s: float) -> None:
        self._receive = receive
        self._bytes = 0
        self._bytes_max = bytes_max
        self._ends_at = asyncio.get_running_loop().time() + timeout_s
        self._is_over = False

    async def receive(self) -> Message:
        """The next part; once all of it is here, the end of the connection."""
        if self._is_over:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, "The request took too long.") from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._bytes_max:
            raise Refused(413, f"At most {self._bytes_max} bytes are read.")
        self._is_over = not message.get("more_body", False)
        return message
