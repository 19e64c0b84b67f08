"""What a :class:`~core.streaming.manager.StreamManager` tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.streaming.connection import Stream


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A peer opened ``stream``."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer answered our SYN."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Readable:
    """There is more to read. Once for each batch, not for each packet."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Writable:
    """After a write that was not taken whole: there is room again."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class RemoteClosed:
    """The peer will send no more; what is buffered can still be read."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """After :meth:`Stream.request_ack`: the peer has acknowledged all that was written."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream is dead; unsent data is lost.

    ``why``: ``"peer"`` (it sent RESET), ``"connect_timeout"``, ``"timeout"`` (a peer that no longer
    answers), ``"local"`` (our own :meth:`Stream.reset`).
    """

    stream: Stream
    why: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Both directions ended in order; what is buffered can still be read."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class PathSuspect:
    """``timeouts`` timeouts in a row without an answer: try other tunnels, another lease.

    0: the peer goes on retransmitting what was acknowledged, so it does not hear us.
    """

    stream: Stream
    timeouts: int


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to :meth:`StreamManager.ping`."""

    remote_hash: bytes
    payload: bytes
    rtt_s: float


Event = (
    StreamOpened
    | Connected
    | Readable
    | Writable
    | Acknowledged
    | RemoteClosed
    | Reset
    | Closed
    | PathSuspect
    | Pong
)
