"""Which class runs which tunnel type."""

from __future__ import annotations

from typing import Any

from i2ptunnel.tunnels.base import Tunnel
from i2ptunnel.tunnels.client import PlainClient
from i2ptunnel.tunnels.httpclient import HttpProxy
from i2ptunnel.tunnels.httpserver import HttpServer
from i2ptunnel.tunnels.server import PlainServer
from i2ptunnel.tunnels.sockstunnel import SocksProxy

# fmt: off
TUNNEL_CLASSES: dict[str, type[Tunnel[Any]]] = {
    "client":      PlainClient,
    "httpclient":  HttpProxy,
    "sockstunnel": SocksProxy,
    "server":      PlainServer,
    "httpserver":  HttpServer,
}
# fmt: on
