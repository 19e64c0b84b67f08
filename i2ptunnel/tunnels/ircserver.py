"""``ircserver``: an IRC server in I2P, whose users each get a host name of their own.

With ``webirc_password`` the server is told name and address before the user speaks (it must know
that password for connections from this machine); otherwise the name is put into USER.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from core.api import create_key_file, read_key_file
from core.base.errors import Unavailable
from i2ptunnel.config.server_models import IrcServerSection
from i2ptunnel.protocols.irc_server import Cloak, IrcServerFilter, error_line, webirc_line
from i2ptunnel.relay.channel import I2pStream, finish_politely
from i2ptunnel.relay.irc import IrcVisitorStream
from i2ptunnel.relay.prefixed_channel import PrefixedChannel
from i2ptunnel.relay.pump import pump
from i2ptunnel.relay.slots import Slot
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.gate import Refusal
from i2ptunnel.tunnels.server_base import ServerTunnel, Visitor

REGISTRATION_TIMEOUT_S = 60.0
_KEY_BYTES = 32


class IrcServer(ServerTunnel[IrcServerSection]):
    """Only what is IRC reaches the server."""

    def __init__(self, model: IrcServerSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._cloak = Cloak(model.user_hostname, b"")

    async def start(self) -> None:
        """Reads or makes the key that visitors' host names are made with."""
        self._cloak = Cloak(self.model.user_hostname, self._cloak_key())
        await super().start()

    async def turn_away(self, stream: I2pStream, refusal: Refusal) -> None:
        """With an ``ERROR`` line, which clients show."""
        await stream.write(error_line("too many connections, try again later"))
        await finish_politely(stream)

    async def serve(self, stream: I2pStream, slot: Slot[Visitor]) -> None:
        """Filters until the visitor has registered, under a host name made of its address."""
        host_name = self._cloak.host_name(stream.remote.hash)
        password = self.model.webirc_password
        irc = IrcServerFilter(host_name if password is None else None)
        visitor = IrcVisitorStream(self.counted(stream), irc, REGISTRATION_TIMEOUT_S)
        first = await visitor.read()
        if not first:
            if visitor.is_refused:
                self.counts["connections_refused"] += 1
            await finish_politely(visitor)
            return
        slot.occupy()
        try:
            target = await self.connect_target(stream)
        except Unavailable:
            await visitor.write(error_line("the server is not available"))
            await finish_politely(visitor)
            return
        if password is not None:
            address = self._cloak.address(stream.remote.hash)
            await target.write(webirc_line(password, host_name, address))
        await pump(target, PrefixedChannel(first, visitor), idle_timeout_s=self.model.idle_timeout)
        self.counts.update(irc.counters)
        if visitor.is_refused:
            self.counts["connections_refused"] += 1

    def _cloak_key(self) -> bytes:
        """The key in ``NAME.cloak``, which is made when missing: the names stay the same."""
        if self.model.cloak_key is not None:
            return self.model.cloak_key.encode()
        if "%c" not in self.model.user_hostname and self.model.webirc_password is None:
            return b""
        path: Path = self.context.data_dir / f"{self.name}.cloak"
        key = read_key_file(path, _KEY_BYTES, _KEY_BYTES)
        if key is None:
            key = secrets.token_bytes(_KEY_BYTES)
            create_key_file(path, key)
        return key
