"""What a browser's request may tell a site, and what a site's response may tell a browser.

Which headers pass, and how, is in ``request_headers``. ``User-Agent`` is the one all I2P proxies
send, ``Host`` is the site's b32 address (never the name in our address book), ``Referer`` passes
only within the same site and without its origin. Hop-by-hop headers and everything that
``Connection`` names go, as RFC 9110 7.6.1 demands of a proxy.
"""

from __future__ import annotations

from i2ptunnel.protocols.end_to_end import end_to_end, finish_request, finish_response
from i2ptunnel.protocols.http1 import Headers, RequestHead, ResponseHead
from i2ptunnel.protocols.request_headers import (
    is_within_site,
    passed_value,
    passes,
    same_site_path,
)

USER_AGENT_I2P = "MYOB/6.66 (AN/ON)"
USER_AGENT_OUTSIDE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
)

# Java's words for it, which every proxy of I2P sends.
_ACCEPT_GZIP = "x-i2p-gzip;q=1.0, identity;q=0.5, deflate;q=0, gzip;q=0, *;q=0"

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
    is_within = is_within_site(head, authority)
    for name, key, value in end_to_end(head.headers):
        if key in extra_passed:
            result.add(name, value)
        elif passes(key, is_within=is_within):
            passed = passed_value(key, value, head, authority, host, is_within=is_within)
            if passed is not None:
                result.add(name, passed)
    if accepts_gzip and not head.is_upgrade:
        result.add("X-Accept-Encoding", _ACCEPT_GZIP)
    if "user-agent" not in result:
        # Java: behind its X-Accept-Encoding, before Connection.
        result.add("User-Agent", user_agent)
    if head.is_upgrade and "origin" in head.headers and "origin" not in result:
        # A server knows its own pages by it, and those of others by another one.
        origins = head.headers.get_all("origin")
        is_own = all(same_site_path(origin, authority) is not None for origin in origins)
        result.add("Origin", f"http://{host}" if is_own else "null")
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
