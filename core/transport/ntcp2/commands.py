"""What the NTCP2 endpoint has the socket driver do. Sockets are numbers here."""

from __future__ import annotations

from dataclasses import dataclass

LinkId = int
"""The number of a socket; never used twice."""


@dataclass(slots=True)
class Dial:
    """Open a TCP connection to ``host`` (a numeric address) and report dialed or dial_failed."""

    link: LinkId
    host: str
    port: int


@dataclass(slots=True)
class Close:
    """Close this socket: at once with a reset, or after what was written before has left."""

    link: LinkId
    is_abort: bool


Command = Dial | Close
