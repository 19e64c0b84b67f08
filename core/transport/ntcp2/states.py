"""The states of an NTCP2 connection as a table; docs/NTCP2_STATES.md draws it.

Alice dials, Bob accepts. Messages 1, 2 and 3 are SessionRequest, SessionCreated and
SessionConfirmed (specs/ntcp2); padding of the first two is announced inside and read as a step of
its own. A hybrid message 1 is read in two steps, because only its first bytes tell what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.transport.ports import Blame
from core.transport.reasons import TerminationReason


class State(Enum):
    """Where a connection is."""

    AWAIT_CREATED = "Alice awaits message 2"
    AWAIT_CREATED_PADDING = "Alice awaits its padding"
    AWAIT_REQUEST = "Bob awaits message 1"
    AWAIT_HYBRID_REQUEST = "Bob awaits the rest of a hybrid message 1"
    AWAIT_REQUEST_PADDING = "Bob awaits its padding"
    AWAIT_CONFIRMED = "Bob awaits message 3"
    ESTABLISHED = "data phase"
    DRAINING = "reads on, says nothing"
    CLOSED = "closed"


class Trigger(Enum):
    """What moves a connection from one state to the next."""

    MARK = "marked key"
    REQUEST = "message 1"
    REQUEST_PADDING = "padding / message 2"
    CREATED = "message 2"
    CREATED_PADDING = "padding / message 3"
    CONFIRMED = "message 3"
    VIOLATION = "violation"
    TIMEOUT = "timeout"
    DRAINED = "enough read or waited"
    TERMINATION = "Termination block"
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[State, Trigger], State] = {
    (State.AWAIT_CREATED, Trigger.CREATED): State.AWAIT_CREATED_PADDING,
    (State.AWAIT_CREATED, Trigger.VIOLATION): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_CREATED_PADDING, Trigger.CREATED_PADDING): State.ESTABLISHED,
    (State.AWAIT_CREATED_PADDING, Trigger.VIOLATION): State.CLOSED,
    (State.AWAIT_CREATED_PADDING, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_CREATED_PADDING, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_REQUEST, Trigger.REQUEST): State.AWAIT_REQUEST_PADDING,
    (State.AWAIT_REQUEST, Trigger.MARK): State.AWAIT_HYBRID_REQUEST,
    (State.AWAIT_REQUEST, Trigger.VIOLATION): State.DRAINING,
    (State.AWAIT_REQUEST, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_REQUEST, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_HYBRID_REQUEST, Trigger.REQUEST): State.AWAIT_REQUEST_PADDING,
    (State.AWAIT_HYBRID_REQUEST, Trigger.VIOLATION): State.DRAINING,
    (State.AWAIT_HYBRID_REQUEST, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_HYBRID_REQUEST, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_REQUEST_PADDING, Trigger.REQUEST_PADDING): State.AWAIT_CONFIRMED,
    (State.AWAIT_REQUEST_PADDING, Trigger.VIOLATION): State.DRAINING,
    (State.AWAIT_REQUEST_PADDING, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_REQUEST_PADDING, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_CONFIRMED, Trigger.CONFIRMED): State.ESTABLISHED,
    (State.AWAIT_CONFIRMED, Trigger.VIOLATION): State.DRAINING,
    (State.AWAIT_CONFIRMED, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_CONFIRMED, Trigger.CLOSE): State.CLOSED,
    (State.ESTABLISHED, Trigger.VIOLATION): State.DRAINING,
    (State.ESTABLISHED, Trigger.TERMINATION): State.CLOSED,
    (State.ESTABLISHED, Trigger.CLOSE): State.CLOSED,
    (State.DRAINING, Trigger.DRAINED): State.CLOSED,
    (State.DRAINING, Trigger.CLOSE): State.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failure in a state of the handshake says of the peer.

    ``code``: the reason on the wire for a violation, which is not sent; ``violation`` and
    ``timeout``: whose fault they are.
    """

    code: TerminationReason
    violation: Blame
    timeout: Blame


HANDSHAKE: Mapping[State, Failure] = {
    State.AWAIT_CREATED: Failure(TerminationReason.MESSAGE_2_ERROR, Blame.PEER, Blame.PEER),
    State.AWAIT_CREATED_PADDING: Failure(TerminationReason.MESSAGE_2_ERROR, Blame.PEER, Blame.PEER),
    State.AWAIT_REQUEST: Failure(TerminationReason.MESSAGE_1_ERROR, Blame.PROBE, Blame.PROBE),
    State.AWAIT_HYBRID_REQUEST: Failure(
        TerminationReason.MESSAGE_1_ERROR, Blame.PROBE, Blame.PROBE
    ),
    State.AWAIT_REQUEST_PADDING: Failure(
        TerminationReason.MESSAGE_1_ERROR, Blame.PROBE, Blame.NOBODY
    ),
    State.AWAIT_CONFIRMED: Failure(TerminationReason.MESSAGE_3_ERROR, Blame.PROBE, Blame.NOBODY),
}
