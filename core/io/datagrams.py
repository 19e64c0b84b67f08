"""Datagrams for asyncio programs: bounded mailboxes by I2CP protocol and I2P port.

Formats by number: 0 raw, 1 signed (repliable), 2 signed with replay protection and options, 3 not
signed but answerable: its sender is known by hash only, and proven if the ratchet session is.
Raw ones may have any protocol number that has no format of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from core.base.errors import LocalError, Retry, Unavailable
from core.data.identity import Destination
from core.data.payload import (
    PROTOCOL_DATAGRAM,
    PROTOCOL_DATAGRAM2,
    PROTOCOL_DATAGRAM3,
    PROTOCOL_RAW,
    PROTOCOL_STREAMING,
)
from core.datagram.manager import ANY, DatagramManager, Mailbox, ReceivedDatagram

_PROTOCOLS = {0: PROTOCOL_RAW, 1: PROTOCOL_DATAGRAM, 2: PROTOCOL_DATAGRAM2, 3: PROTOCOL_DATAGRAM3}
_VERSIONS = {protocol: version for version, protocol in _PROTOCOLS.items()}
#: what a raw datagram cannot be sent as: these have formats of their own
_TAKEN = frozenset((PROTOCOL_STREAMING, PROTOCOL_DATAGRAM, PROTOCOL_DATAGRAM2, PROTOCOL_DATAGRAM3))


@dataclass(frozen=True, slots=True)
class Datagram:
    """One that arrived. ``source`` is known for versions 1 and 2, ``source_hash`` also for 3.

    ``is_authentic``: who sent it is proven, by signature or by the ratchet session. ``protocol``:
    the I2CP protocol number, 18 for raw ones unless the sender chose another.
    """

    payload: bytes
    version: int
    from_port: int
    to_port: int
    source: Destination | None
    source_hash: bytes | None
    options: Mapping[str, str]
    is_authentic: bool
    protocol: int = PROTOCOL_RAW


class DatagramReceiver:
    """The datagrams of one protocol and port; from ``ClientSession.bind_datagrams``."""

    def __init__(self, inbox: DatagramInbox, mailbox: Mailbox) -> None:
        self._inbox = inbox
        self._mailbox = mailbox

    async def receive(self) -> Datagram:
        """The oldest one that waits. One reader at a time. Raises Unavailable ("closed")."""
        return await self._inbox.take(self._mailbox)

    def close(self) -> None:
        """Take no more; the protocol and port can be bound again."""
        self._inbox.unbind(self._mailbox)


class DatagramInbox:
    """Sending and receiving for one session; made when the first datagram is asked for."""

    def __init__(self, manager: DatagramManager) -> None:
        self._manager = manager
        #: by port; None: all that have no mailbox of their own
        self._mailboxes: dict[int | None, Mailbox] = {}
        self._bound: set[Mailbox] = set()
        self._waiters: dict[Mailbox, asyncio.Future[None]] = {}
        self._is_closed = False

    def listen(self) -> None:
        """Keep what arrives for :meth:`receive`, unless receivers were bound one by one."""
        if not self._bound and None not in self._mailboxes:
            self._mailboxes[None] = self._manager.bind()

    def bind(self, protocol: int, port: int, *, is_raw: bool) -> DatagramReceiver:
        """Unavailable ("in_use") if that is taken, or if there are too many."""
        mailbox = self._manager.bind(protocol, port, is_raw=is_raw)
        self._bound.add(mailbox)
        return DatagramReceiver(self, mailbox)

    def unbind(self, mailbox: Mailbox) -> None:
        """Its reader is told that nothing more comes."""
        self._manager.unbind(mailbox)
        self._bound.discard(mailbox)
        self.wake(mailbox)

    def send(
        self,
        destination_hash: bytes,
        payload: bytes,
        version: int,
        from_port: int,
        to_port: int,
        options: Mapping[str, str] | None,
        protocol: int | None = None,
    ) -> bool:
        """Queue one; False if the queue is full. Unavailable ("bad_datagram") if it cannot be.

        ``protocol``: of a raw one, instead of 18.
        """
        own = _PROTOCOLS.get(version)
        if own is None:
            raise LocalError(f"datagram version {version}")
        if protocol is None:
            protocol = own
        elif own != PROTOCOL_RAW or protocol in _TAKEN or not 0 <= protocol <= 255:
            raise Unavailable(f"not as protocol {protocol}", "bad_datagram", Retry.NEVER)
        try:
            return self._manager.send(
                destination_hash,
                payload,
                protocol=protocol,
                from_port=from_port,
                to_port=to_port,
                options=options,
            )
        except LocalError as error:
            raise Unavailable(str(error), "bad_datagram", Retry.NEVER) from error

    async def receive(self, port: int | None = None) -> Datagram:
        """The oldest one to a port, None: to any other. One reader for each at a time.

        Raises Unavailable ("closed"; "in_use": there are too many ports).
        """
        if port not in self._mailboxes:
            self._mailboxes[port] = self._manager.bind(port=ANY if port is None else port)
        return await self.take(self._mailboxes[port])

    async def take(self, mailbox: Mailbox) -> Datagram:
        """The oldest one in a mailbox; Unavailable ("closed")."""
        while True:
            is_own = mailbox in self._bound or mailbox in self._mailboxes.values()
            if self._is_closed or not is_own:
                raise Unavailable("the session is closed", "closed", Retry.NEVER)
            received = mailbox.take()
            if received is not None:
                return _as_datagram(received)
            waiter = self._waiters.get(mailbox)
            if waiter is not None and not waiter.done():
                raise LocalError("two tasks wait for datagrams of one port")
            waiter = self._waiters[mailbox] = asyncio.get_running_loop().create_future()
            await waiter

    def wake(self, mailbox: Mailbox) -> None:
        """There may be something new in it."""
        waiter = self._waiters.get(mailbox)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def close(self) -> None:
        """Whoever waits is told that nothing more comes."""
        self._is_closed = True
        for mailbox in (*self._mailboxes.values(), *self._bound):
            self.wake(mailbox)


def _as_datagram(received: ReceivedDatagram) -> Datagram:
    content = received.content
    return Datagram(
        content.payload,
        _VERSIONS.get(received.protocol, 0),
        received.from_port,
        received.to_port,
        content.sender,
        content.sender_hash,
        content.options,
        content.is_authentic,
        received.protocol,
    )
