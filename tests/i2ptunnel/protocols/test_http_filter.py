"""The order of the request headers that the proxy writes."""

from __future__ import annotations

from i2ptunnel.protocols.http1 import Headers, RequestHead
from i2ptunnel.protocols.http_filter import filter_request


def test_what_the_proxy_adds_stands_in_javas_order() -> None:
    """Where nobody else has this order, it would tell a site which proxy its visitor has."""
    fields = [("User-Agent", "curl"), ("Accept", "*/*"), ("Host", "site.i2p"), ("Cookie", "a=b")]
    head = RequestHead("GET", "http://site.i2p/", 1, Headers(fields))
    sent = filter_request(
        head, target="/", authority="site.i2p", host="b.b32.i2p", accepts_gzip=True
    )
    assert [name for name, _ in sent.headers.fields] == [
        "Host",
        "Accept",
        "Cookie",
        "X-Accept-Encoding",
        "User-Agent",
        "Connection",
    ]
