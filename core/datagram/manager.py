"""Datagrams of one client session: building, verifying, and who gets what.

Mailboxes are bound to a protocol and a port; 0 stands for any. The most specific one takes a
datagram: exact, then protocol with any port, then port with any protocol, then both any. Mailboxes
are bounded; a full one drops what is new. Nothing here does I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.base.errors import DecodeError, Unavailable
from core.base.ports import WallClock
from core.data.payload import PROTOCOL_STREAMING
from core.data.private_keys import PrivateKeys
from core.datagram.formats import (
    DATAGRAM1,
    DATAGRAM2,
    Content,
    build_datagram,
    parse_datagram,
    readdress_datagram2,
)

MAILBOX_DATAGRAMS_MAX = 512
MAILBOX_BYTES_MAX = 4 * 1024 * 1024
MAILBOXES_MAX = 1024
#: i2pd: DATAGRAM_SEND_QUEUE_MAX_SIZE 64
OUTGOING_MAX = 256
ANY = 0


@dataclass(frozen=True, slots=True)
class OutgoingDatagram:
    """To be wrapped with its protocol and ports and sent; ``compress``: deflating it pays."""

    remote_hash: bytes
    protocol: int
    from_port: int
    to_port: int
    message: bytes
    compress: bool


@dataclass(frozen=True, slots=True)
class ReceivedDatagram:
    """One datagram with where it came from and went to."""

    protocol: int
    from_port: int
    to_port: int
    content: Content


class Mailbox:
    """Datagrams waiting for one receiver. ``is_raw``: it wants them as they came, of any format."""

    __slots__ = ("_bytes", "_waiting", "is_raw", "port", "protocol")

    def __init__(self, protocol: int, port: int, *, is_raw: bool = False) -> None:
        self.protocol = protocol
        self.port = port
        self.is_raw = is_raw
        self._waiting: deque[ReceivedDatagram] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, datagram: ReceivedDatagram) -> bool:
        """False if there was no room."""
        size = len(datagram.content.payload)
        if len(self._waiting) >= MAILBOX_DATAGRAMS_MAX or self._bytes + size > MAILBOX_BYTES_MAX:
            return False
        self._waiting.append(datagram)
        self._bytes += size
        return True

    def take(self) -> ReceivedDatagram | None:
        """The oldest one, or None."""
        if not self._waiting:
            return None
        datagram = self._waiting.popleft()
        self._bytes -= len(datagram.content.payload)
        return datagram


class DatagramManager:
    """See the module."""

    def __init__(self, keys: PrivateKeys, wall: WallClock) -> None:
        self._keys = keys
        self._wall = wall
        self._mailboxes: dict[tuple[int, int], Mailbox] = {}
        self._outgoing: list[OutgoingDatagram] = []
        #: dropped datagrams by cause
        self.counters: dict[str, int] = {}

    def bind(self, protocol: int = ANY, port: int = ANY, *, is_raw: bool = False) -> Mailbox:
        """A new mailbox; Unavailable ("in_use") if that one is taken or there are too many."""
        key = (protocol, port)
        if protocol == PROTOCOL_STREAMING:
            raise Unavailable("protocol 6 belongs to streams", code="in_use")
        if key in self._mailboxes or len(self._mailboxes) >= MAILBOXES_MAX:
            raise Unavailable("datagram port in use", code="in_use")
        mailbox = self._mailboxes[key] = Mailbox(protocol, port, is_raw=is_raw)
        return mailbox

    def unbind(self, mailbox: Mailbox) -> None:
        """Forget a mailbox; what waits in it can still be taken."""
        key = (mailbox.protocol, mailbox.port)
        if self._mailboxes.get(key) is mailbox:
            del self._mailboxes[key]

    def send(
        self,
        remote_hash: bytes,
        payload: bytes,
        *,
        protocol: int,
        from_port: int = 0,
        to_port: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> bool:
        """Queue one datagram; False if the queue is full (it is dropped, as datagrams are).

        LocalError as :func:`~core.datagram.formats.build_datagram`.
        """
        if len(self._outgoing) >= OUTGOING_MAX:
            self._count("queue_full")
            return False
        message = build_datagram(protocol, self._keys, remote_hash, payload, options)
        compress = protocol in (DATAGRAM1, DATAGRAM2)
        self._outgoing.append(
            OutgoingDatagram(remote_hash, protocol, from_port, to_port, message, compress)
        )
        return True

    def readdress(self, message: bytes, target_hash: bytes) -> bytes:
        """A Datagram2 of ours for another destination than the one it was built for."""
        return readdress_datagram2(message, self._keys, target_hash)

    def datagrams_to_send(self) -> list[OutgoingDatagram]:
        """Everything queued since the last call."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive_datagrams(
        self, batch: Sequence[tuple[bytes | None, int, int, int, bytes]]
    ) -> list[Mailbox]:
        """Take ``(source, protocol, from_port, to_port, message)`` items.

        Returns the mailboxes that have something new. What is malformed, forged or wanted by nobody
        is dropped and counted.
        """
        touched: dict[Mailbox, None] = {}
        now = self._wall.now()
        for source, protocol, from_port, to_port, message in batch:
            mailbox = self._find(protocol, to_port)
            if mailbox is None:
                self._count("unwanted")
                continue
            own = self._keys.hash
            try:
                content = (
                    Content(message, None, source, is_authentic=source is not None)
                    if mailbox.is_raw
                    else parse_datagram(protocol, message, own, source, now)
                )
            except DecodeError:
                self._count("invalid")
                continue
            if mailbox.put(ReceivedDatagram(protocol, from_port, to_port, content)):
                touched[mailbox] = None
            else:
                self._count("mailbox_full")
        return list(touched)

    def _find(self, protocol: int, port: int) -> Mailbox | None:
        mailboxes = self._mailboxes
        for key in ((protocol, port), (protocol, ANY), (ANY, port), (ANY, ANY)):
            mailbox = mailboxes.get(key)
            if mailbox is not None:
                return mailbox
        return None

    def _count(self, cause: str) -> None:
        self.counters[cause] = self.counters.get(cause, 0) + 1
