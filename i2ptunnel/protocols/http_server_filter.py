"""The filter of an eepsite: who the visitor is goes in, what the web server runs stays in.

To the web server: the visitor's destination in ``X-I2P-*`` headers, whatever it sent under such
names itself removed (also spelt with underscores, which CGI cannot tell apart), and no header that
pretends to come from a reverse proxy. From the web server: nothing that tells clock, software, or
where it is: redirections to an address of this machine or its network keep their path only.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from i2ptunnel.protocols.end_to_end import end_to_end, finish_request, finish_response
from i2ptunnel.protocols.hosts import HostKind, kind_of, normalise_host
from i2ptunnel.protocols.http1 import Headers, HttpFault, RequestHead, ResponseHead

_FORGED = re.compile(
    r"x-i2p.*|x-forwarded-.*|forwarded|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip"
    r"|cf-connecting-ip|via|client-ip|x-original-.*|x-rewrite-url"
)
_TELLTALE = frozenset(
    (
        "alt-svc",
        "date",
        "server",
        "server-timing",
        "strict-transport-security",
        "via",
        "x-aspnet-version",
        "x-aspnetmvc-version",
        "x-backend",
        "x-backend-server",
        "x-cache",
        "x-envoy-upstream-service-time",
        "x-generator",
        "x-host",
        "x-hostname",
        "x-litespeed-cache",
        "x-node",
        "x-php-version",
        "x-pingback",
        "x-powered-by",
        "x-powered-cms",
        "x-runtime",
        "x-served-by",
        "x-server",
        "x-server-name",
        "x-turbo-charged-by",
        "x-varnish",
    )
)
_ADDRESSES = frozenset(("location", "content-location"))
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^#]*)(?:#.*)?")


def _origin_form(head: RequestHead) -> str:
    if head.target.startswith("/") or (head.target == "*" and head.method == "OPTIONS"):
        return head.target
    match = _ABSOLUTE.fullmatch(head.target)
    if not match:
        raise HttpFault(400, "not a path")
    return match[1] if match[1].startswith("/") else "/" + match[1]


def filter_request(
    head: RequestHead,
    *,
    visitor: dict[str, str],
    hostname: str | None,
    keep_alive: bool = False,
) -> RequestHead:
    """The request for the web server; ``visitor`` is what :func:`visitor_headers` returns."""
    if head.method in ("CONNECT", "TRACE"):
        raise HttpFault(405, "this method is not offered")
    result = Headers([("Host", hostname or head.headers.get("host") or "")])
    for name, key, value in end_to_end(head.headers):
        if key not in ("host", "x-accept-encoding") and not _FORGED.fullmatch(
            key.replace("_", "-")
        ):
            result.add(name, value)
    for name, value in visitor.items():
        result.add(name, value)
    finish_request(result, head, keep_alive=keep_alive)
    return RequestHead(head.method, _origin_form(head), 1, result)


def visitor_headers(hash_base64: str, b32: str, destination_base64: str) -> dict[str, str]:
    """The headers that tell a web server who visits."""
    return {
        "X-I2P-DestHash": hash_base64,
        "X-I2P-DestB32": b32,
        "X-I2P-DestB64": destination_base64,
    }


def _without_local_origin(value: str) -> str:
    """An address without its scheme and host, if that is one of this machine or its network."""
    try:
        parts = urlsplit(value)
        host = normalise_host(parts.hostname or "")
    except ValueError:
        return value
    if not host or kind_of(host) is not HostKind.LOCAL:
        return value
    path = parts.path or "/"
    if path.startswith(("//", "/\\")):
        path = "/." + path  # alone it would be another host
    return urlunsplit(("", "", path, parts.query, parts.fragment))


def filter_response(head: ResponseHead, *, keep_alive: bool) -> ResponseHead:
    """The response for the visitor."""
    result = Headers()
    for name, key, value in end_to_end(head.headers):
        if key in _ADDRESSES:
            result.add(name, _without_local_origin(value))
        elif key not in _TELLTALE:
            result.add(name, value)
    finish_response(result, head, keep_alive=keep_alive)
    return ResponseHead(head.status, head.reason, 1, result)
