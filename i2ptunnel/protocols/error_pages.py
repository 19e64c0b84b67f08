"""The pages a proxy answers with itself: plain words, escaped, and no way to load anything.

Every response is complete (head and body) and closes the connection.
"""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass

from i2ptunnel.protocols.http1 import Headers, ResponseHead

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1d2733}"
    "main{max-width:38rem;margin:12vh auto 0;padding:2rem;background:#fff;border-radius:8px;"
    "border-top:4px solid #5b6ee1}h1{font-size:1.4rem;margin:0 0 1rem}"
    "p{margin:.6rem 0}code{overflow-wrap:anywhere;background:#eef0f4;padding:.1em .3em;"
    "border-radius:3px}small{color:#5a6675}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#d6dde6}"
    "main{background:#1d232b}code{background:#2a323d}small{color:#93a0b0}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer says. ``retry_after_s``: when the browser should ask again by itself."""

    status: int
    reason: str
    title: str
    text: str
    retry_after_s: int = 0


BAD_REQUEST = Page(400, "Bad Request", "The request cannot be used", "")
BAD_ADDRESS = Page(
    400,
    "Destination Not Found",
    "This is not an I2P address",
    "A .b32.i2p address has 52 letters a-z and digits 2-7; check that it was copied whole.",
)
ENCRYPTED_ADDRESS = Page(
    400,
    "Destination Not Found",
    "This address is encrypted",
    "Addresses with an encrypted lease set cannot be opened yet.",
)
LOCAL_HOST = Page(
    403,
    "Forbidden",
    "This address is on your own network",
    "The I2P proxy does not connect to this machine or its network. "
    "Add the address to the exceptions of the browser's proxy settings.",
)
PORT_DENIED = Page(
    403, "Forbidden", "This port is not allowed", "See connect_ports in the settings."
)
NOT_ALLOWED = Page(403, "Forbidden", "You may not use this proxy", "See allow in its settings.")
RESET = Page(
    403,
    "Connection Reset",
    "The site closed the connection",
    "It was reached, but it refused or broke off the connection. Try again later.",
)
AUTH_NEEDED = Page(407, "Proxy Authentication Required", "User name and password are needed", "")
TIMEOUT = Page(408, "Request Timeout", "The request did not arrive in time", "")
UNKNOWN_NAME = Page(
    502,
    "Domain Not Found",
    "This name is not in the address book",
    "Ask for the site's .b32.i2p address, or add the name to hosts.txt in the data directory.",
)
BROKEN_RESPONSE = Page(
    502, "Bad Gateway", "The site's answer cannot be used", "It does not follow the rules of HTTP."
)
OUTPROXY_FAILED = Page(
    502, "Bad Gateway", "No outproxy could be reached", "Addresses outside I2P need one."
)
NO_OUTPROXY = Page(
    503,
    "No Outproxy Configured",
    "This address is outside I2P",
    "Only .i2p addresses can be opened here. For others, set outproxies in the settings.",
)
NOT_READY = Page(
    503,
    "Service Unavailable",
    "The router is still getting ready",
    "It is building its first tunnels. This page loads again by itself.",
    retry_after_s=5,
)
BUSY = Page(
    503, "Service Unavailable", "Too many connections", "Try again in a moment.", retry_after_s=5
)
BACKEND_DOWN = Page(
    503, "Service Unavailable", "The web server does not answer", "Try again later."
)
NO_LEASE_SET = Page(
    504,
    "Gateway Timeout",
    "The site cannot be found",
    "No router knows a way to it at the moment. It is probably offline; try again later.",
)
CONNECT_TIMEOUT = Page(
    504,
    "Gateway Timeout",
    "The site does not answer",
    "It may be offline, or the way to it is congested. Try again later.",
)
HELPER_NEW = Page(
    409,
    "New Address",
    "This name is not in the address book",
    "The link tells an address for it. Whether it is the right one cannot be checked; "
    "the site can be opened by that address:",
)
HELPER_CONFLICT = Page(
    409,
    "Conflict",
    "The link tells another address than the address book",
    "One of the two may be an attempt to deceive you. The link's address is:",
)
HELPER_BAD = Page(
    409, "Bad Helper", "The address in this link is damaged", "Remove it and open the name alone."
)
PROXY_IS_UP = Page(200, "OK", "The I2P proxy works", "Open a .i2p address to see for yourself.")
NOT_FOUND = Page(404, "Not Found", "There is no such page", "")

# What went wrong, as Unavailable.code has it -> the page for it.
PAGE_OF_CODE = {
    "bad_address": BAD_ADDRESS,
    "closed": NOT_READY,
    "connect_timeout": CONNECT_TIMEOUT,
    "encrypted_address": ENCRYPTED_ADDRESS,
    "lease_set_not_found": NO_LEASE_SET,
    "stream_reset": RESET,
    "target_unreachable": BACKEND_DOWN,
    "too_many_streams": BUSY,
    "tunnels_not_ready": NOT_READY,
    "unknown_name": UNKNOWN_NAME,
}

_REASONS = {
    400: "Bad Request",
    405: "Method Not Allowed",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


def bad_request(status: int, text: str) -> Page:
    """The page for a request that the strict reader refused."""
    reason = _REASONS.get(status, BAD_REQUEST.reason)
    return Page(status, reason, BAD_REQUEST.title, text[:1].upper() + text[1:] + ".")


def render(
    page: Page, *, subject: str = "", method: str = "GET", realm: str = "", link: str = ""
) -> bytes:
    """The whole response. ``subject``: the address it is about; ``link``: one to go to instead."""
    refresh = ""
    if page.retry_after_s:
        refresh = f'<meta http-equiv="refresh" content="{page.retry_after_s}">'
    about = f"<p><code>{html.escape(subject[:300])}</code></p>" if subject else ""
    text = f"<p>{html.escape(page.text)}</p>" if page.text else ""
    if link:
        text += f'<p><a href="{html.escape(link)}">{html.escape(link)}</a></p>'
    body = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(page.title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(page.title)}</h1>{about}{text}"
        f"<p><small>I2P · {page.status}</small></p></main></body></html>\n"
    ).encode()
    headers = Headers(
        [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", _POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ]
    )
    if page.retry_after_s:
        headers.add("Retry-After", str(page.retry_after_s))
    if page.status == 407:
        headers.add("Proxy-Authenticate", f'Basic realm="{realm or "I2P"}", charset="UTF-8"')
    if page.status == 405:
        headers.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")
    head = ResponseHead(page.status, page.reason, 1, headers).write()
    return head if method == "HEAD" else head + body
