"""``smtpclient`` and ``pop3client``: local ports that are mail servers in I2P.

What a mail program says of its user, machine and network is left out on the way. TLS is not needed
on this side of I2P, and what it hides could not be cleaned.
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from typing import TypeVar

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import MailSection, Pop3ClientSection, SmtpClientSection
from i2ptunnel.protocols.mail_filter import MessageFilter
from i2ptunnel.relay.channel import Channel, finish_politely
from i2ptunnel.relay.listener import Accepted
from i2ptunnel.relay.local import unless_lost
from i2ptunnel.relay.pop3 import Pop3Exchange
from i2ptunnel.relay.smtp import SmtpExchange
from i2ptunnel.tunnels.base import TunnelContext
from i2ptunnel.tunnels.client_base import ClientTunnel
from i2ptunnel.tunnels.failover import DestinationChoice
from i2ptunnel.tunnels.private_words import machine_words

_SECRET_BYTES = 32
_COUNTED = ("mails_sent", "mails_refused", "mail_fields_dropped")
MailT = TypeVar("MailT", bound=MailSection)


class MailClient(ClientTunnel[MailT]):
    """What both have."""

    #: begins a line that says why there is no connection
    REFUSAL = b""

    def __init__(self, model: MailT, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._choice = DestinationChoice(model.destination)

    def prepare(self) -> None:
        """Also reads client keys from files; raises TunnelFault."""
        super().prepare()
        self._choice.prepare()

    async def serve(self, accepted: Accepted) -> None:
        """One connection; failures are told in the words of the protocol."""
        accepted.establish()
        channel = accepted.channel
        try:
            stream = await unless_lost(channel, self._choice.connect(self))
        except Unavailable as error:
            await channel.write(self.REFUSAL + str(error).encode("ascii", "replace") + b"\r\n")
            await finish_politely(channel)
            return
        try:
            await self.exchange(channel, stream)
        finally:
            await stream.close()
        await finish_politely(channel)

    @abstractmethod
    async def exchange(self, client: Channel, server: Channel) -> None:
        """Carry a connection to its end."""


class SmtpClient(MailClient[SmtpClientSection]):
    """Sends mail without what identifies the sender's machine."""

    REFUSAL = b"421 4.3.2 "
    BUSY_ANSWER = b"421 4.3.2 too many connections\r\n"

    def __init__(self, model: SmtpClientSection, context: TunnelContext) -> None:
        super().__init__(model, context)
        self._private_words: frozenset[str] = frozenset()
        self._secret = secrets.token_bytes(_SECRET_BYTES)
        self.counts.update(dict.fromkeys(_COUNTED, 0))

    def prepare(self) -> None:
        """Also collects the words that would tell of this machine."""
        super().prepare()
        self._private_words = machine_words()

    async def exchange(self, client: Channel, server: Channel) -> None:
        """See the class."""
        smtp = SmtpExchange(
            client,
            server,
            lambda: MessageFilter(self._secret, self._private_words),
            self.model.idle_timeout,
        )
        try:
            await smtp.run()
        finally:
            self.counts["mails_sent"] += smtp.messages
            self.counts["mails_refused"] += smtp.messages_refused
            self.counts["mail_fields_dropped"] += smtp.fields_dropped


class Pop3Client(MailClient[Pop3ClientSection]):
    """Fetches mail; what is fetched passes as it is."""

    REFUSAL = b"-ERR [SYS/TEMP] "
    BUSY_ANSWER = b"-ERR [SYS/TEMP] too many connections\r\n"

    async def exchange(self, client: Channel, server: Channel) -> None:
        """See the class."""
        await Pop3Exchange(client, server, self.model.idle_timeout).run()
