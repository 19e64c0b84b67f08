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
from i2ptunnel.tunnels.mail import Pop3Client, SmtpClient
from i2ptunnel.tunnels.server import PlainServer
from i2ptunnel.tunnels.socksirctunnel import SocksIrcProxy
from i2ptunnel.tunnels.sockstunnel import SocksProxy
from i2ptunnel.tunnels.streamrclient import StreamrClient
from i2ptunnel.tunnels.streamrserver import StreamrServer
from i2ptunnel.tunnels.udpclient import UdpClient
from i2ptunnel.tunnels.udpserver import UdpServer

# fmt: off
TUNNEL_CLASSES: dict[str, type[Tunnel[Any]]] = {
    "client":          PlainClient,
    "httpclient":      HttpProxy,
    "connectclient":   ConnectProxy,
    "sockstunnel":     SocksProxy,
    "socksirctunnel":  SocksIrcProxy,
    "ircclient":       IrcClient,
    "smtpclient":      SmtpClient,
    "pop3client":      Pop3Client,
    "server":          PlainServer,
    "httpserver":      HttpServer,
    "httpbidirserver": HttpBidirServer,
    "ircserver":       IrcServer,
    "streamrclient":   StreamrClient,
    "streamrserver":   StreamrServer,
    "udpclient":       UdpClient,
    "udpserver":       UdpServer,
}
# fmt: on
