"""What every HTTP intermediary does (RFC 9110 7.6.1): drop what is meant for the next hop only."""

from __future__ import annotations

from collections.abc import Iterator

from i2ptunnel.protocols.http1 import Headers, RequestHead, ResponseHead

_FRAMING = frozenset(("transfer-encoding", "content-length"))
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    )
)


def end_to_end(headers: Headers) -> Iterator[tuple[str, str, str]]:
    """(name, lower-case name, value) of each field that is to be passed on.

    The two fields that frame the body always are, whatever ``Connection`` says.
    """
    named = headers.words("connection")
    for name, value in headers.fields:
        key = name.lower()
        if key in _FRAMING or (key not in _HOP_BY_HOP and key not in named):
            yield name, key, value


def finish_request(headers: Headers, head: RequestHead, *, keep_alive: bool = False) -> None:
    """Add our own ``Connection``: an upgrade if ``head`` asks for one, else whether it stays."""
    if head.is_upgrade:
        headers.add("Upgrade", head.headers.get("upgrade") or "")
        headers.add("Connection", "Upgrade")
    else:
        headers.add("Connection", "keep-alive" if keep_alive else "close")


def finish_response(headers: Headers, head: ResponseHead, *, keep_alive: bool) -> None:
    """Add our own ``Connection``: the upgrade of a 101, else whether we keep the connection."""
    if head.status == 101:
        headers.add("Upgrade", head.headers.get("upgrade") or "")
        headers.add("Connection", "Upgrade")
    elif not head.is_interim:
        headers.add("Connection", "keep-alive" if keep_alive else "close")
