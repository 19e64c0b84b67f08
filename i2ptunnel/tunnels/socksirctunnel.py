"""``socksirctunnel``: a SOCKS proxy to IRC servers in I2P, each connection filtered; no DCC."""

from __future__ import annotations

from i2ptunnel.config.client_models import SocksIrcSection, SocksSection
from i2ptunnel.config.tunnel_parts import TunnelSection
from i2ptunnel.naming.address import Address
from i2ptunnel.relay.channel import Channel, CountedChannel, I2pSession
from i2ptunnel.relay.irc import IrcClientStream
from i2ptunnel.tunnels.adapt import adapt
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.ircclient import irc_filter
from i2ptunnel.tunnels.private_words import machine_words
from i2ptunnel.tunnels.sockstunnel import SocksProxy


class SocksIrcProxy(SocksProxy):
    """Whatever comes through it is taken for IRC."""

    def __init__(self, model: SocksIrcSection, context: TunnelContext) -> None:
        super().__init__(_as_socks(model), context)
        self._identity = model.identity
        self._private_words: frozenset[str] = frozenset()

    @property
    def type(self) -> str:
        """Its own, although its model becomes that of a SOCKS proxy."""
        return SocksIrcSection.TYPE

    def update(self, model: TunnelSection) -> bool:
        """Takes its own model."""
        if not super().update(_as_socks(model)):
            return False
        assert isinstance(model, SocksIrcSection)
        self._identity = model.identity
        return True

    def can_update(self, model: TunnelSection) -> bool:
        """Takes its own model."""
        return super().can_update(_as_socks(model))

    def prepare(self) -> None:
        """Collects the words that would tell of this machine: user, host and the like."""
        super().prepare()
        self._private_words = machine_words()

    async def connect(
        self,
        address: Address,
        port: int,
        initial: bytes = b"",
        *,
        secret: str = "",
        client_key: bytes | None = None,
        session: I2pSession | None = None,
    ) -> CountedChannel:
        """As the base's, but ``initial`` goes through the filter too."""
        stream = await super().connect(
            address, port, secret=secret, client_key=client_key, session=session
        )
        if initial:
            await stream.write(initial)
        return stream

    def counted(self, stream: Channel) -> CountedChannel:
        """With the IRC filter between client and stream, whatever the port."""
        return super().counted(
            IrcClientStream(stream, irc_filter(self._identity, self._private_words))
        )


def _as_socks(model: TunnelSection) -> SocksSection:
    """The same options; nothing that would go around the filter."""
    return adapt(model, SocksSection, outproxies=(), udp=False, filter_http=False)
