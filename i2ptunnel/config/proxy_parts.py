"""Kinds of values of proxies: outproxies, jump servers, isolation."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from i2ptunnel.config.kinds import Choice, ScalarKind, Schema
from i2ptunnel.config.network_kinds import Endpoint, UrlKind
from i2ptunnel.config.nodes import Scalar

_SCHEMES_I2P = ("http", "socks5")
_SCHEMES = (*_SCHEMES_I2P, "socks4")
_DEFAULT_PORTS = {"http": 80, "socks5": 1080, "socks4": 1080}
_UNIX = "+unix:"

IsolationKind = Choice("none", "credential", "site")


@dataclass(frozen=True, slots=True)
class OutproxyUrl:
    """Where requests for hosts outside I2P go. ``is_i2p``: through I2P, else straight there.

    ``scheme`` is http, socks4 or socks5; ``user`` None: no authentication.
    """

    scheme: str
    endpoint: Endpoint
    is_i2p: bool
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        if self.endpoint.is_unix:
            return f"{self.scheme}{_UNIX}{self.endpoint.path}"
        return f"{self.scheme}://{self.endpoint}"


class OutproxyKind(ScalarKind[OutproxyUrl]):
    """A proxy inside I2P, or one on this machine or network (Tor, Privoxy)."""

    word = "URL"
    right = (
        "write http://host.i2p, socks5://host.i2p, or for a proxy that is not in I2P an address: "
        "socks5://127.0.0.1:9050, socks5+unix:/run/tor/socks"
    )

    def convert(self, node: Scalar) -> OutproxyUrl:
        """As :func:`read_outproxy`."""
        return read_outproxy(node.text)

    def schema(self) -> Schema:
        """The schemes, and ``+unix`` with a path."""
        return {"type": "string", "pattern": r"^(http|socks4|socks5)(://|\+unix:/).+$"}

    def plain(self, value: OutproxyUrl) -> Any:
        """With user and password, which ``str`` leaves out."""
        if value.user is None or value.endpoint.is_unix:
            return str(value)
        user, password = quote(value.user, safe=""), quote(value.password, safe="")
        return f"{value.scheme}://{user}:{password}@{value.endpoint}"


def read_outproxy(text: str) -> OutproxyUrl:
    """An outproxy from its URL; raises ValueError that says what would be right."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(OutproxyKind.right)
    scheme, mark, path = text.partition(_UNIX)
    if mark:
        if scheme not in _SCHEMES or not path.startswith("/") or len(path) > 107:
            raise ValueError(OutproxyKind.right)
        return OutproxyUrl(scheme, Endpoint(path=path), is_i2p=False)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(OutproxyKind.right) from None
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _SCHEMES or not host or port == 0:
        raise ValueError(OutproxyKind.right)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("write the URL without a path")
    is_i2p = host.endswith(".i2p")
    if is_i2p and parts.scheme not in _SCHEMES_I2P:
        raise ValueError("write http:// or socks5:// for a proxy in I2P")
    if not is_i2p and host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            # A name would have to be asked for in DNS, for everybody on the way to see.
            raise ValueError(
                "write a .i2p host, or the address of a proxy that is not in I2P"
            ) from None
    user = unquote(parts.username) if parts.username is not None else None
    endpoint = Endpoint(host, port or _DEFAULT_PORTS[parts.scheme])
    return OutproxyUrl(parts.scheme, endpoint, is_i2p, user, unquote(parts.password or ""))


class JumpServerKind(UrlKind):
    """A page in I2P that knows addresses; the name asked for is added at the end."""

    def __init__(self) -> None:
        super().__init__("http", i2p_host=True)
        self.right = "write a URL like http://stats.i2p/cgi-bin/jump.cgi?a="


JUMP_SERVERS = (
    "http://stats.i2p/cgi-bin/jump.cgi?a=",
    "http://i2pjump.i2p/jump/",
    "http://notbob.i2p/cgi-bin/jump.cgi?q=",
)
