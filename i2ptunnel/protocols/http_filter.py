"""What a browser's request may tell a site, and what a site's response may tell a browser.

Requests pass an allow-list: a header nobody thought of is dropped, not leaked. ``User-Agent`` is
the one all I2P proxies send, ``Host`` is the site's b32 address (never the name in our address
book), ``Referer`` passes only within the same site and without its origin. Hop-by-hop headers and
everything that ``Connection`` names go, as RFC 9110 7.6.1 demands of a proxy.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from i2ptunnel.protocols.end_to_end import end_to_end, finish_request, finish_response
from i2ptunnel.protocols.http1 import Headers, RequestHead, ResponseHead

USER_AGENT_I2P = "MYOB/6.66 (AN/ON)"
USER_AGENT_OUTSIDE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
)

# Needed for the body, for caching, for state the site itself set, and for the verbs of web
# applications; none of them says who or where the user is.
_PASSED = frozenset(
    (
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "depth",
        "digest",
        "expect",
        "git-protocol",
        "hx-boosted",
        "hx-prompt",
        "hx-request",
        "hx-target",
        "hx-trigger",
        "hx-trigger-name",
        "icy-metadata",
        "idempotency-key",
        "if",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-event-id",
        "lock-token",
        "overwrite",
        "pragma",
        "prefer",
        "range",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "soapaction",
        "timeout",
        "transfer-encoding",
        "want-digest",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-csrftoken",
        "x-http-method-override",
        "x-requested-with",
        "x-xsrf-token",
    )
)

# Java's words for it, which every proxy of I2P sends.
_ACCEPT_GZIP = "x-i2p-gzip;q=1.0, identity;q=0.5, deflate;q=0, gzip;q=0, *;q=0"
_ACCEPT_HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_ACCEPT_IMAGE = "image/webp,image/apng,image/*,*/*;q=0.8"
_ACCEPT_CSS = "text/css,*/*;q=0.1"

# Would lead the browser past the proxy, or mark it across sites.
_DROPPED_FROM_RESPONSES = frozenset(
    (
        "accept-ch",
        "alt-svc",
        "nel",
        "onion-location",
        "public-key-pins",
        "report-to",
        "reporting-endpoints",
        "strict-transport-security",
    )
)
# Parents of many sites. Browsers know none of them as such; names may end in .alt too (RFC 9476).
_SUPERCOOKIE_DOMAINS = frozenset(("i2p", "b32.i2p", "alt", "i2p.alt", "b32.i2p.alt"))


def _normal_accept(value: str) -> str:
    """Browsers differ in what they accept; the common cases are made alike."""
    first = value.split(",")[0].strip().lower()
    if first.startswith("text/html"):
        return _ACCEPT_HTML
    if first.startswith("image/"):
        return _ACCEPT_IMAGE
    if first.startswith("text/css"):
        return _ACCEPT_CSS
    return value


def _same_site_path(value: str, authority: str) -> str | None:
    """The path and query of an address within the same site, else None."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(":80")
    if parts.scheme != "http" or host != authority.lower().removesuffix(":80"):
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _passed_value(key: str, value: str, authority: str) -> str | None:
    """What of a header passes, or None."""
    if key == "accept":
        return _normal_accept(value)
    if key == "referer":
        return _same_site_path(value, authority)
    if key == "authorization" and value.split(" ")[0].lower() in ("ntlm", "negotiate"):
        return None
    if key == "x-requested-with" and value != "XMLHttpRequest":
        return None
    return value if key in _PASSED else None


def filter_request(
    head: RequestHead,
    *,
    target: str,
    authority: str,
    host: str,
    user_agent: str = USER_AGENT_I2P,
    extra_passed: frozenset[str] = frozenset(),
    keep_alive: bool = False,
    accepts_gzip: bool = False,
) -> RequestHead:
    """The request to send on.

    ``target`` is the new request target, ``authority`` the site as the browser knows it, ``host``
    the value of the new Host header, ``extra_passed`` lower-case names that pass besides;
    ``keep_alive``: whether the connection may carry another request afterwards; ``accepts_gzip``:
    whether the other end may compress its response for us.
    """
    result = Headers([("Host", host)])
    for name, key, value in end_to_end(head.headers):
        if key == "destination" and key not in extra_passed:
            # WebDAV: where to copy or move to, an address within the same site.
            path = _same_site_path(value, authority)
            if path is not None:
                result.add(name, f"http://{host}{path}")
            continue
        passed = value if key in extra_passed else _passed_value(key, value, authority)
        if passed is not None:
            result.add(name, passed)
    if "user-agent" not in result:
        result.add("User-Agent", user_agent)
    if head.is_upgrade and "origin" in head.headers and "origin" not in result:
        result.add("Origin", f"http://{host}")
    if accepts_gzip and not head.is_upgrade:
        result.add("X-Accept-Encoding", _ACCEPT_GZIP)
    finish_request(result, head, keep_alive=keep_alive)
    return RequestHead(head.method, target, 1, result)


COOKIE_CHARACTERS_MAX = 16384


def _is_supercookie(value: str) -> bool:
    """Whether a cookie would go to more than one site, by any of its domains: the last counts.

    One that is longer than any browser takes (RFC 6265bis: 4096 bytes and short attributes) may.
    """
    if len(value) > COOKIE_CHARACTERS_MAX:
        return True
    attributes = (attribute.partition("=") for attribute in value.split(";")[1:])
    domains = {text for name, _, text in attributes if name.strip().lower() == "domain"}
    return any(one.strip().strip('"').lower().strip(".") in _SUPERCOOKIE_DOMAINS for one in domains)


def filter_response(head: ResponseHead, *, keep_alive: bool) -> ResponseHead:
    """The response for the browser; ``keep_alive``: whether its connection stays open."""
    result = Headers()
    for name, key, value in end_to_end(head.headers):
        if key in _DROPPED_FROM_RESPONSES or (key == "set-cookie" and _is_supercookie(value)):
            continue
        result.add(name, value)
    finish_response(result, head, keep_alive=keep_alive)
    return ResponseHead(head.status, head.reason, 1, result)
