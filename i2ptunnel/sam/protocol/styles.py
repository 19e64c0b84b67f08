"""What a session is for: streams or one format of datagrams, and what each listens to."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOL_STREAMING = 6
PROTOCOL_RAW = 18


@dataclass(frozen=True, slots=True)
class Style:
    """``version``: of the datagrams, 0 for raw ones; None: none. ``protocol``: I2CP's number."""

    name: str
    protocol: int = 0
    version: int | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it carries streams."""
        return self.protocol == PROTOCOL_STREAMING

    @property
    def is_primary(self) -> bool:
        """Whether it only holds subsessions."""
        return not self.protocol

    @property
    def is_raw(self) -> bool:
        """Whether its datagrams have no sender, and a protocol of their own."""
        return self.version == 0


STREAM = Style("STREAM", PROTOCOL_STREAMING)
DATAGRAM = Style("DATAGRAM", 17, 1)
RAW = Style("RAW", PROTOCOL_RAW, 0)
DATAGRAM2 = Style("DATAGRAM2", 19, 2)
DATAGRAM3 = Style("DATAGRAM3", 20, 3)
PRIMARY = Style("PRIMARY")
#: samv3.md: PRIMARY was MASTER once, as it still is in i2pd. i2pd: DATAGRAM1 is DATAGRAM
STYLES: dict[str, Style] = {
    **{style.name: style for style in (STREAM, DATAGRAM, RAW, DATAGRAM2, DATAGRAM3, PRIMARY)},
    "MASTER": PRIMARY,
    "DATAGRAM1": DATAGRAM,
}
#: I2CP protocols that have a style of their own, and are not RAW's
OWN_PROTOCOLS = frozenset((PROTOCOL_STREAMING, 17, 19, 20))
