"""Which class runs which tunnel type."""

from __future__ import annotations

from typing import Any

from i2ptunnel.tunnels.base import Tunnel
from i2ptunnel.tunnels.client import PlainClient
from i2ptunnel.tunnels.connectclient import ConnectProxy
from i2ptunnel.tunnels.httpbidirserver import HttpBidirServer
from i2ptunnel.tunnels.httpclient import HttpProxy
from i2ptunnel.tunnels.httpserver import HttpServer
from i2ptunnel.tunnels.ircclient import IrcClient
from i2ptunnel.tunnels.ircserver import IrcServer
from i2ptunnel.tunnels.server import PlainServer
from i2ptunnel.tunnels.socksirctunnel import SocksIrcProxy
from i2ptunnel.tunnels.sockstunnel import SocksProxy

# fmt: off
TUNNEL_CLASSES: dict[str, type[Tunnel[Any]]] = {
    "client":          PlainClient,
    "httpclient":      HttpProxy,
    "connectclient":   ConnectProxy,
    "sockstunnel":     SocksProxy,
    "socksirctunnel":  SocksIrcProxy,
    "ircclient":       IrcClient,
    "server":          PlainServer,
    "httpserver":      HttpServer,
    "httpbidirserver": HttpBidirServer,
    "ircserver":       IrcServer,
}
# fmt: on
