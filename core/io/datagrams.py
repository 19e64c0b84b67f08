"""Datagrams for asyncio programs: one bounded inbox for all formats and ports of a session.

Formats by number: 0 raw, 1 signed (repliable), 2 signed with replay protection and options, 3 not
signed but answerable: its sender is known by hash only, and proven if the ratchet session is.
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
)
from core.datagram.manager import ANY, DatagramManager, Mailbox, ReceivedDatagram

_PROTOCOLS = {0: PROTOCOL_RAW, 1: PROTOCOL_DATAGRAM, 2: PROTOCOL_DATAGRAM2, 3: PROTOCOL_DATAGRAM3}
_VERSIONS = {protocol: version for version, protocol in _PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class Datagram:
    """One that arrived. ``source`` is known for versions 1 and 2, ``source_hash`` also for 3.

    ``is_authentic``: who sent it is proven, by signature or by the ratchet session.
    """

    payload: bytes
    version: int
    from_port: int
    to_port: int
    source: Destination | None
    source_hash: bytes | None
    options: Mapping[str, str]
    is_authentic: bool


class DatagramInbox:
    """Sending and receiving for one session; made when the first datagram is asked for."""

    def __init__(self, manager: DatagramManager) -> None:
        self._manager = manager
        #: by port; None: all that have no mailbox of their own
        self._mailboxes: dict[int | None, Mailbox] = {None: manager.bind()}
        self._waiters: dict[Mailbox, asyncio.Future[None]] = {}
        self._is_closed = False

    def send(
        self,
        destination_hash: bytes,
        payload: bytes,
        version: int,
        from_port: int,
        to_port: int,
        options: Mapping[str, str] | None,
    ) -> bool:
        """Queue one; False if the queue is full. Unavailable ("bad_datagram") if it cannot be."""
        protocol = _PROTOCOLS.get(version)
        if protocol is None:
            raise LocalError(f"datagram version {version}")
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
        mailbox = self._mailboxes[port]
        while True:
            if self._is_closed:
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
        for mailbox in self._mailboxes.values():
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
    )
