"""Hosts and ports as one text (RFC 3986, 3.2): an IPv6 address stands in brackets."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """A name or an address as the host of a URL."""
    return f"[{host}]" if ":" in host else host


def authority(host: str, port: int) -> str:
    """``host:port``."""
    return f"{bracketed(host)}:{port}"
