"""A proxy for the router's outgoing TCP connections: who it is, and one request to it.

Without I/O, but for this room: the socket driver carries the bytes. Nothing is asked of DNS: the
proxy is given by its address, and the peers' addresses go to it as they are.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit

from core.base.errors import DecodeError, LocalError
from core.base.http_connect import HttpConnect
from core.base.socks_client import SocksClient

_DEFAULT_PORTS = {"socks5": 1080, "http": 80}
#: RFC 1928 section 6, when it is the peer that is not reached
_SOCKS_PEER_FAULTS = frozenset((1, 3, 4, 5, 6))
_HTTP_PEER_FAULTS = frozenset((502, 503, 504))


class ProxyOutcome(Enum):
    """How a request ended."""

    CONNECTED = "connected"
    PEER_FAILED = "peer_failed"
    #: the proxy refuses, or does not speak its protocol
    PROXY_FAILED = "proxy_failed"


@dataclass(frozen=True, slots=True)
class Proxy:
    """``scheme`` is ``socks5`` or ``http``; ``host`` a numeric address."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """From ``scheme://[user[:password]@]address[:port]``; LocalError if that is wrong."""
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
            host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
            ipaddress.ip_address(host or "")
        except (KeyError, ValueError):
            raise LocalError("a proxy is socks5://address:port or http://address:port") from None
        assert host is not None
        user = None if parts.username is None else unquote(parts.username)
        return cls(parts.scheme, host, port, user, unquote(parts.password or ""))

    def request(self, host: str, port: int) -> ProxyRequest:
        """Ask it for a connection to a peer."""
        return ProxyRequest(self, host, port)


class ProxyRequest:
    """One connection that is asked for. ``outcome`` is None until the proxy has answered."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        maker = SocksClient if proxy.scheme == "socks5" else HttpConnect
        self._client: SocksClient | HttpConnect = maker(
            host, port, user=proxy.user, password=proxy.password
        )
        self.outcome: ProxyOutcome | None = None

    def data_to_send(self) -> bytes:
        """What is to be sent to the proxy now; each byte is given once."""
        return self._client.data_to_send()

    def receive_data(self, data: bytes) -> None:
        """Never raises; NTCP2: peers say nothing first, so nothing may follow the answer."""
        client = self._client
        try:
            client.receive_data(data)
        except DecodeError:
            self.outcome = ProxyOutcome.PROXY_FAILED
            return
        if isinstance(client, SocksClient):
            code = None if client.reply is None else client.reply.code
            is_good, peer_faults = code == 0, _SOCKS_PEER_FAULTS
        else:
            code = client.status
            is_good, peer_faults = code is not None and code < 300, _HTTP_PEER_FAULTS
        if code is None:
            return
        if is_good and not client.take_rest():
            self.outcome = ProxyOutcome.CONNECTED
        else:
            is_peers = code in peer_faults
            self.outcome = ProxyOutcome.PEER_FAILED if is_peers else ProxyOutcome.PROXY_FAILED
