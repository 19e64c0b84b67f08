"""DCC offers inside IRC messages, and their translation between local ports and I2P ports.

Within I2P an offer names a b32 address and an I2P port where it else has an IP address and a port
(Java: the same form, so both can exchange files)::

    DCC CHAT chat ADDRESS PORT
    DCC SEND file ADDRESS PORT [SIZE [TOKEN]]
    DCC RESUME file PORT POSITION [TOKEN]
    DCC ACCEPT file PORT POSITION [TOKEN]

Port 0 in an offer means that the receiver shall listen; then the address says nothing.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Protocol

from core.base.errors import DecodeError
from core.data.identity import b32_to_hash

_DIGITS = re.compile(rb"[0-9]{1,20}")
_NO_FILE_NAME = re.compile(rb"[/\\\x00-\x1f\x7f]|\A\.{1,2}\Z|\A\Z")
_B32 = re.compile(rb"([a-z2-7]{52})(\.b32\.i2p)?", re.IGNORECASE)
_PORT_MAX = 65535


class DccDesk(Protocol):
    """Makes room for transfers. Nothing here waits; None means refused."""

    @property
    def b32(self) -> str:
        """Our own address in I2P, ``….b32.i2p``."""
        ...

    @property
    def listen_address(self) -> ipaddress.IPv4Address:
        """Where our client finds the local ports of :meth:`take`."""
        ...

    def offer(self, kind: str, client_port: int) -> int | None:
        """An I2P port of ours that leads to a port of our client."""
        ...

    def take(self, kind: str, destination_hash: bytes, i2p_port: int) -> int | None:
        """A local port that leads to the I2P port of somebody's offer."""
        ...

    def i2p_port_of(self, client_port: int) -> int | None:
        """The I2P port of an offer of ours."""
        ...

    def client_port_of(self, i2p_port: int) -> int | None:
        """The other way round."""
        ...

    def remote_port_of(self, local_port: int) -> int | None:
        """The I2P port behind a port that :meth:`take` returned."""
        ...

    def local_port_of(self, remote_port: int) -> int | None:
        """The other way round."""
        ...


@dataclass(frozen=True, slots=True)
class DccMessage:
    """What stands after ``DCC ``. ``address`` is empty in RESUME and ACCEPT.

    ``file`` is as on the wire, perhaps in quotes; ``rest`` are the numbers after the port.
    """

    kind: str
    file: bytes
    address: bytes
    port: int
    rest: tuple[bytes, ...]

    @classmethod
    def parse(cls, text: bytes) -> DccMessage:
        """Read it; DecodeError also for kinds that cannot be translated."""
        kind, _, tail = text.strip(b" ").partition(b" ")
        tail = tail.lstrip(b" ")
        if tail[:1] == b'"':
            end = tail.find(b'"', 1)
            if end < 0:
                raise DecodeError("DCC file name without its closing quote")
            file, tail = tail[: end + 1], tail[end + 1 :]
        else:
            file, _, tail = tail.partition(b" ")
        words = [word for word in tail.split(b" ") if word]
        name = kind.upper().decode("ascii", "replace")
        address = b""
        if name in ("CHAT", "SEND"):
            address = words.pop(0) if words else b""
        elif name not in ("RESUME", "ACCEPT"):
            raise DecodeError("DCC of a kind that does not pass")
        if not words or len(words) > 3 or not all(_DIGITS.fullmatch(word) for word in words):
            raise DecodeError("DCC without port, or with something else than numbers")
        port = int(words[0])
        if port > _PORT_MAX or _NO_FILE_NAME.search(file.strip(b'"')):
            raise DecodeError("DCC with an impossible port or file name")
        if name == "CHAT" and file.lower() != b"chat":
            raise DecodeError("DCC CHAT of an unknown protocol")
        return cls(name, file, address, port, tuple(words[1:]))

    def write(self) -> bytes:
        """``DCC …``."""
        words = [b"DCC", self.kind.encode(), self.file]
        if self.address:
            words.append(self.address)
        return b" ".join((*words, b"%d" % self.port, *self.rest))

    @property
    def is_offer(self) -> bool:
        """Whether it offers a port, as against RESUME and ACCEPT, which speak of one."""
        return self.kind in ("CHAT", "SEND")


def translate_outbound(message: DccMessage, desk: DccDesk) -> DccMessage | None:
    """What our client says, for the other side. The address it gives is never looked at."""
    if message.is_offer:
        if message.port == 0:
            return replace(message, address=b"0")
        i2p_port = desk.offer(message.kind, message.port)
        if i2p_port is None:
            return None
        return replace(message, address=desk.b32.encode(), port=i2p_port)
    if message.port == 0:
        return message
    find = desk.remote_port_of if message.kind == "RESUME" else desk.i2p_port_of
    port = find(message.port)
    return None if port is None else replace(message, port=port)


def translate_inbound(message: DccMessage, desk: DccDesk) -> DccMessage | None:
    """What the other side says, for our client: only addresses of our own ever reach it."""
    if message.is_offer:
        address = str(int(desk.listen_address)).encode()
        if message.port == 0:
            return replace(message, address=address)
        found = _B32.fullmatch(message.address)
        if found is None:
            return None  # an IP address: connecting there would leave I2P
        label = found[1].lower().decode()
        if desk.b32.startswith(label):
            return None  # our own words, sent back by the server (echo-message)
        try:
            destination_hash = b32_to_hash(label)
        except DecodeError:
            return None
        local_port = desk.take(message.kind, destination_hash, message.port)
        return None if local_port is None else replace(message, address=address, port=local_port)
    if message.port == 0:
        return message
    find = desk.client_port_of if message.kind == "RESUME" else desk.local_port_of
    port = find(message.port)
    return None if port is None else replace(message, port=port)
