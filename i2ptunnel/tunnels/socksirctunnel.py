"""``socksirctunnel``: a SOCKS proxy to IRC servers in I2P, each connection filtered; no DCC."""

from __future__ import annotations

from i2ptunnel.config.tunnel_models import SocksIrcSection
from i2ptunnel.protocols.irc_filter import IrcClientFilter
from i2ptunnel.relay.channel import Channel, CountedChannel
from i2ptunnel.relay.irc import IrcClientStream
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.ircclient import machine_words
from i2ptunnel.tunnels.sockstunnel import SocksProxy


class SocksIrcProxy(SocksProxy):
    """Whatever comes through it is taken for IRC."""

    def __init__(self, model: SocksIrcSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._private_words: frozenset[str] = frozenset()

    def prepare(self) -> None:
        super().prepare()
        self._private_words = machine_words()

    def counted(self, stream: Channel) -> CountedChannel:
        return super().counted(IrcClientStream(stream, IrcClientFilter(self._private_words)))
