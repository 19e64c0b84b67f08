"""Which headers of a browser's request reach a site, and with which values.

Requests that a browser calls same-origin (``Sec-Fetch-Site``), or says nothing about as far as can
be seen, carry what an application needs of its own scripts and programs. So all headers pass but
those that identify or mark the user, the program or the way: :data:`_DENIED`. Requests from other
sites, and those that say where they come from only by ``Origin`` or ``Referer``, pass an allow list
instead: a header nobody thought of is dropped, not leaked. Browsers send ``Sec-Fetch-Site`` to
https and to this machine only (Fetch Metadata, 2.1), so over plain HTTP it is mostly absent, as it
is from curl and scripts; what one site's scripts put into a header for another needs that other
site's consent (CORS), and could stand in the address as well.

Values that differ from program to program are made alike where sites keep working.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from i2ptunnel.protocols.http_head import Headers, RequestHead

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
        "destination",
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
        "range",
        "referer",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "soapaction",
        "transfer-encoding",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
        "x-csrftoken",
        "x-http-method-override",
        "x-requested-with",
        "x-xsrf-token",
    )
)

# Underscores count as hyphens: CGI cannot tell them apart.
_DENIED = re.compile(
    "|".join(
        (
            # the user: language, place, time, wishes, accounts
            r"(x-)?(accept-)?(language|locale|lang)s?",
            r"accept-(charset|ch|datetime)",
            r"(x-)?(client-|user-|browser-)?(tz|time-?zone)(-?offset)?",
            r"date|dnt|from|x-do-not-track|global-privacy-control",
            r"(x-)?geo.*|x-(client-|user-)?(country|city|region|location|latitude|longitude).*",
            r"x-(msisdn|imsi|imei|acr|uidh|up|vf|att|nokia|wap|h3g|ee|tm)(-.*)?",
            # the program and the machine: names, abilities, what it wants by default
            r"user-agent|.*-user-agent|.*-ua|ua-.*|x-ua-.*",
            r"sec-.*|client-hint.*|dpr|width|viewport-.*|device-memory|downlink|ect|rtt|save-data",
            r"content-dpr|device-.*|x-device-.*|x-screen-.*|x-os-.*|x-platform",
            r"x-client-(data|version|name|os|time|timestamp|ip)|x-(moz|chrome|goog-ext)(-.*)?",
            r"upgrade-insecure-requests|priority|purpose|x-purpose|service-worker.*",
            r"early-data|available-dictionary|dictionary-id|idempotent|http2-settings|alt-used",
            r"prefer|timeout|want-(digest|repr-digest|content-digest)|accept-signature",
            r"x-(operamini|ucbrowser|puffin|flipboard|requested-from|devtools).*",
            # the way: proxies, caches, gateways, and what follows a request through them
            r"(x-)?forwarded.*|x-forward-.*|via|x-via|x-real-.*|(x-)?client-ip|remote-.*|x-remote-.*",
            r"(x-)?(originating|orig|original|rewrite|envoy|arr|azure|amzn|appengine|vercel)-.*",
            r"(x-)?(cluster|true|cf|amz-cf|fastly|akamai|cdn|edge|bluecoat|iinfo|gateway|nginx|varnish)-.*",
            r"x-(proxy|host|server|squid|cache|http-(client-ip|x-forwarded-for)).*",
            r"max-forwards|cache-info|cdn-loop|xroxy-connection|x-accept-encoding|x-i2p.*",
            r"proxy.*|connection|keep-alive|te|trailer|upgrade|host|origin|origin-.*",
            r"traceparent|tracestate|baggage|(x-)?(b3|sentry|datadog|newrelic|amzn|ot)(-.*)?",
            r"x-(request|correlation|trace|transaction|cloud-trace)-(id|context)",
        )
    )
)

_ACCEPT_HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_ACCEPT_IMAGE = "image/webp,image/apng,image/*,*/*;q=0.8"
_ACCEPT_CSS = "text/css,*/*;q=0.1"
_ACCEPT_ANY = "*/*"
_MEDIA_RANGES_MAX = 16

_MEDIA_RANGE = re.compile(
    r"([a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+)"
    r"((?:[ \t]*;[ \t]*[a-z0-9_-]+=(?:[^\s,;\"]+|\"[^\"]*\"))*)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})", re.IGNORECASE)
#: Android's WebView tells the application it is part of
_PACKAGE = re.compile(r"[A-Za-z]\w*(\.\w+)+")


def is_within_site(head: RequestHead, authority: str) -> bool:
    """Whether a request belongs to the site it goes to, as far as it says."""
    headers = head.headers
    told = {value.strip().lower() for value in headers.get_all("sec-fetch-site")}
    if told - {"same-origin"}:
        return False
    froms = headers.get_all("origin") + headers.get_all("referer")
    return all(value == "" or same_site_path(value, authority) is not None for value in froms)


def same_site_path(value: str, authority: str) -> str | None:
    """The path and query of an address within the same site, else None."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(":80")
    if parts.scheme != "http" or host != authority.lower().removesuffix(":80"):
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def passed_value(
    key: str, value: str, head: RequestHead, authority: str, host: str, *, is_within: bool
) -> str | None:
    """What of a header whose name :func:`passes` is sent on, or None.

    ``authority``: the site as the browser knows it; ``host``: as it is told its own name.
    """
    match key:
        case "accept":
            return _uniform_accept(value)
        case "accept-encoding":
            return _uniform_encoding(value)
        case "referer":
            return same_site_path(value, authority)
        case "destination":
            # WebDAV: where to copy or move to, an address within the same site.
            path = same_site_path(value, authority)
            return None if path is None else f"http://{host}{path}"
        case "range":
            return _simple_range(value)
        case "x-requested-with":
            is_usual = value == "XMLHttpRequest"
            return value if is_usual or (is_within and not _PACKAGE.fullmatch(value)) else None
        case "authorization":
            return None if value.split(" ")[0].lower() in ("ntlm", "negotiate") else value
        case _ if key.startswith("sec-websocket-"):
            return _websocket_value(key, value, head)
    # An address of the site itself (HX-Current-URL) has the name that the site is told, not that
    # of the user's address book.
    path = same_site_path(value, authority) if "://" in value else None
    return value if path is None else f"http://{host}{path}"


def passes(key: str, *, is_within: bool) -> bool:
    """Whether a header may pass by its lower-case name."""
    if key in _PASSED:
        return True
    plain = key.replace("_", "-")
    return is_within and plain not in _PASSED and not _DENIED.fullmatch(plain)


def dropped_names(before: Headers, after: Headers) -> list[str]:
    """Names of what did not pass, in lower case and order; framing and hop-by-hop ones as well."""
    kept = {name.lower() for name, _ in after.fields}
    return list(dict.fromkeys(k for n, _ in before.fields if (k := n.lower()) not in kept))


def _uniform_accept(value: str) -> str:
    """Programs differ in what they accept by default; what a script asks for is kept."""
    ranges = []
    for one in value.split(",")[:_MEDIA_RANGES_MAX]:
        match = _MEDIA_RANGE.fullmatch(one.strip())
        if match:
            parameters = [part.strip() for part in match[2].split(";")[1:]]
            ranges.append(";".join((match[1].lower(), *parameters)))
    first = ranges[0].partition(";")[0] if ranges else _ACCEPT_ANY
    kind = first.partition("/")[0]
    if first in ("text/html", "application/xhtml+xml"):
        return _ACCEPT_HTML
    if kind == "image":
        return _ACCEPT_IMAGE
    if first == "text/css":
        return _ACCEPT_CSS
    if kind in ("*", "audio", "video"):
        return _ACCEPT_ANY
    return ", ".join(ranges)


def _uniform_encoding(value: str) -> str:
    """What browsers say over plain HTTP, as far as the program can undo it."""
    codings = set()
    for word in value.lower().split(","):
        coding, _, weight = word.partition(";")
        if not re.fullmatch(r"[ \t]*q[ \t]*=[ \t]*0(\.0*)?[ \t]*", weight):
            codings.add(coding.strip())
    if "*" in codings or codings >= {"gzip", "deflate"}:
        return "gzip, deflate"
    return "gzip" if codings & {"gzip", "x-gzip"} else "identity"


def _simple_range(value: str) -> str | None:
    """One range of bytes in its plainest form; others are a mark of the program, and optional."""
    match = _RANGE.fullmatch(value.strip())
    if not match or not (match[1] or match[2]):
        return None
    first, last = (str(int(part)) if part else "" for part in match.groups())
    return f"bytes={first}-{last}"


def _websocket_value(key: str, value: str, head: RequestHead) -> str | None:
    if not head.is_upgrade or "websocket" not in head.headers.words("upgrade"):
        return None
    if key == "sec-websocket-extensions":
        # Browsers differ in its parameters; without them all understand the answer.
        return "permessage-deflate" if "permessage-deflate" in value.lower() else None
    known = ("sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version")
    return value if key in known else None
