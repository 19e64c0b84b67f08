"""``ircclient``: a local port that is an IRC server in I2P, with what identifies the user left out.

Programs put a login name into USER by themselves, those on other machines of the network too, so
``identity`` says what goes there. For NICK and SETNAME, which people type, the system is asked for
the names of this machine and its users. DCC needs an address of our own that others can find, so
with ``dcc: true`` the session is not shared.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import IrcClientSection
from i2ptunnel.config.tunnel_parts import IrcIdentitySection
from i2ptunnel.protocols.irc_dcc import DccDesk
from i2ptunnel.protocols.irc_filter import IrcClientFilter
from i2ptunnel.protocols.irc_server import error_line
from i2ptunnel.relay.channel import finish_politely
from i2ptunnel.relay.dcc import DccExchange
from i2ptunnel.relay.irc import IrcClientStream
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pump import pump
from i2ptunnel.tunnels.base import SessionRequest, TunnelContext, end_task
from i2ptunnel.tunnels.client_base import ClientTunnel
from i2ptunnel.tunnels.failover import DestinationChoice
from i2ptunnel.tunnels.private_words import machine_words


def irc_filter(
    identity: IrcIdentitySection, private_words: frozenset[str], dcc: DccDesk | None = None
) -> IrcClientFilter:
    """The filter of one connection."""
    user, real_name = identity.username.encode(), identity.real_name.encode()
    return IrcClientFilter(private_words, dcc, user=user, real_name=real_name)


class IrcClient(ClientTunnel[IrcClientSection]):
    """Filters every line in both directions."""

    LIVE_OPTIONS = ClientTunnel.LIVE_OPTIONS | {"identity"}

    BUSY_ANSWER = error_line("too many connections")

    def __init__(self, model: IrcClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._private_words: frozenset[str] = frozenset()
        self._choice = DestinationChoice(model.destination)
        self._dcc: DccExchange | None = None
        self._exchanging: asyncio.Task[None] | None = None

    def session_request(self) -> SessionRequest:
        """With DCC its own and published, since others connect to it."""
        request = super().session_request()
        return replace(request, is_shared=False, publish=True) if self.model.dcc else request

    def prepare(self) -> None:
        """Collects the words that would tell of this machine: user, host and the like."""
        self._private_words = machine_words()
        self._choice.prepare()

    async def start(self) -> None:
        """With DCC, streams from others are accepted as well."""
        await super().start()
        if self.model.dcc and self.session is not None:
            self._dcc = DccExchange(
                self.counts, self.counted, self.context.logger, secrets.randbelow
            )
            self._exchanging = asyncio.create_task(self._dcc.serve(self.session))
            self._exchanging.add_done_callback(self._on_exchange_done)

    async def stop(self) -> None:
        """Transfers end first."""
        exchanging, self._exchanging = self._exchanging, None
        await end_task(exchanging)
        await super().stop()

    async def serve(self, accepted: Accepted) -> None:
        """One IRC connection through the filter; failures are told as IRC errors."""
        accepted.establish()
        channel = accepted.channel
        try:
            stream = await unless_lost(channel, self._choice.connect(self))
        except Unavailable as error:
            await channel.write(error_line(str(error)))
            await finish_politely(channel)
            return
        desk = self._dcc.desk(accepted.client, self.model.listen) if self._dcc else None
        irc = irc_filter(self.model.identity, self._private_words, desk)
        try:
            await pump(
                channel, IrcClientStream(stream, irc), idle_timeout_s=self.model.idle_timeout
            )
        finally:
            self.counts.update(irc.counters)

    def _on_exchange_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.last_error = "the I2P session ended"
            self.failed.set()
