"""What a :class:`~core.streaming.manager.StreamManager` tells its owner.

A stream makes events that name it, so they are generic in the class of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

StreamT = TypeVar("StreamT")


@dataclass(frozen=True, slots=True)
class StreamOpened(Generic[StreamT]):
    """A peer opened ``stream``."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class Connected(Generic[StreamT]):
    """The peer answered our SYN."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class Readable(Generic[StreamT]):
    """There is more to read. Once for each batch, not for each packet."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class Writable(Generic[StreamT]):
    """After a write that was not taken whole: there is room again."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class RemoteClosed(Generic[StreamT]):
    """The peer will send no more; what is buffered can still be read."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class Acknowledged(Generic[StreamT]):
    """After :meth:`Stream.request_ack`: the peer has acknowledged all that was written."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class Reset(Generic[StreamT]):
    """The stream is dead; unsent data is lost.

    ``why``: ``"peer"`` (it sent RESET), ``"connect_timeout"``, ``"timeout"`` (a peer that no longer
    answers), ``"local"`` (our own :meth:`Stream.reset`).
    """

    stream: StreamT
    why: str


@dataclass(frozen=True, slots=True)
class Closed(Generic[StreamT]):
    """Both directions ended in order; what is buffered can still be read."""

    stream: StreamT


@dataclass(frozen=True, slots=True)
class PathSuspect(Generic[StreamT]):
    """``timeouts`` timeouts in a row without an answer: try other tunnels, another lease.

    0: the peer goes on retransmitting what was acknowledged, so it does not hear us.
    """

    stream: StreamT
    timeouts: int


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to :meth:`StreamManager.ping`."""

    remote_hash: bytes
    payload: bytes
    rtt_s: float


Event = (
    StreamOpened[StreamT]
    | Connected[StreamT]
    | Readable[StreamT]
    | Writable[StreamT]
    | Acknowledged[StreamT]
    | RemoteClosed[StreamT]
    | Reset[StreamT]
    | Closed[StreamT]
    | PathSuspect[StreamT]
    | Pong
)
