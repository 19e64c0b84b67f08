"""Where a stream stands, and what moves it on. docs/STREAM_STATES.md draws the table.

Our direction has ended when the peer has acknowledged our CLOSE, the peer's when its CLOSE and all
before it have come.
"""

from __future__ import annotations

from enum import Enum


class StreamState(Enum):
    """Where a stream stands."""

    CONNECTING = "connecting"
    OPEN = "open"
    HALF_CLOSED_LOCAL = "half closed (local)"
    HALF_CLOSED_REMOTE = "half closed (remote)"
    CLOSED = "closed"
    RESET = "reset"


class StreamChange(Enum):
    """What moves a stream from one state to the next."""

    SYN_REPLY = "SYN reply"
    CLOSE_ACKED = "our CLOSE acknowledged"
    CLOSE_RECEIVED = "peer's CLOSE received"
    CLOSE_UNANSWERED = "our CLOSE unanswered"
    RESET = "RESET sent or received, or given up"


_S, _C = StreamState, StreamChange

#: A stream that a peer opens starts as OPEN, one of ours as CONNECTING.
TRANSITIONS = {
    (_S.CONNECTING, _C.SYN_REPLY): _S.OPEN,
    # A SYN may carry CLOSE, and an ack of it may overtake the reply.
    (_S.CONNECTING, _C.CLOSE_ACKED): _S.CONNECTING,
    (_S.CONNECTING, _C.CLOSE_UNANSWERED): _S.CLOSED,
    (_S.CONNECTING, _C.RESET): _S.RESET,
    (_S.OPEN, _C.CLOSE_ACKED): _S.HALF_CLOSED_LOCAL,
    (_S.OPEN, _C.CLOSE_RECEIVED): _S.HALF_CLOSED_REMOTE,
    (_S.OPEN, _C.CLOSE_UNANSWERED): _S.CLOSED,
    (_S.OPEN, _C.RESET): _S.RESET,
    (_S.HALF_CLOSED_LOCAL, _C.CLOSE_RECEIVED): _S.CLOSED,
    (_S.HALF_CLOSED_LOCAL, _C.RESET): _S.RESET,
    (_S.HALF_CLOSED_REMOTE, _C.CLOSE_ACKED): _S.CLOSED,
    # i2pd: a peer that has closed is likely gone, and acknowledges nothing more.
    (_S.HALF_CLOSED_REMOTE, _C.CLOSE_UNANSWERED): _S.CLOSED,
    (_S.HALF_CLOSED_REMOTE, _C.RESET): _S.RESET,
}
