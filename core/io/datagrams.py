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
from core.datagram.manager import DatagramManager, Mailbox, ReceivedDatagram

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
        self._mailbox: Mailbox = manager.bind()
        self._waiter: asyncio.Future[None] | None = None
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

    async def receive(self) -> Datagram:
        """The oldest one, of any version and port. One reader at a time."""
        while True:
            if self._is_closed:
                raise Unavailable("the session is closed", "closed", Retry.NEVER)
            received = self._mailbox.take()
            if received is not None:
                return _as_datagram(received)
            if self._waiter is not None and not self._waiter.done():
                raise LocalError("two tasks wait for datagrams of one session")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def wake(self) -> None:
        """There may be something new."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Whoever waits is told that nothing more comes."""
        self._is_closed = True
        self.wake()


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
