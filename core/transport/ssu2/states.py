"""The states of an SSU2 session as a table; docs/SSU2_STATES.md draws it.

Alice dials, Bob answers. Before her token is proven Bob has no session: he answers a TokenRequest,
or a SessionRequest with a wrong token, with a Retry and forgets it (:mod:`.endpoint`).

What is no genuine packet of the moment is dropped and changes nothing: on UDP anybody can send
anything, and the genuine packet may still come.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class State(Enum):
    """Where a session is."""

    AWAIT_RETRY = "Alice awaits Retry"
    AWAIT_CREATED = "Alice awaits SessionCreated"
    AWAIT_DATA = "Alice sends and awaits data"
    AWAIT_CONFIRMED = "Bob awaits SessionConfirmed"
    ESTABLISHED = "data phase"
    CLOSING = "repeats its last words"
    CLOSED = "closed"


class Trigger(Enum):
    """What moves a session from one state to the next."""

    RETRY = "Retry / SessionRequest"
    OTHER_VERSION = "Retry with version / TokenRequest"
    REFUSAL = "Retry with reason"
    CREATED = "SessionCreated / SessionConfirmed"
    CONFIRMED = "SessionConfirmed"
    DATA = "Data"
    VIOLATION = "violation"
    TIMEOUT = "timeout"
    TERMINATION = "Termination"
    CLOSE = "close"
    QUIET = "answer or time"


TRANSITIONS: Mapping[tuple[State, Trigger], State] = {
    (State.AWAIT_RETRY, Trigger.RETRY): State.AWAIT_CREATED,
    (State.AWAIT_RETRY, Trigger.OTHER_VERSION): State.AWAIT_RETRY,
    (State.AWAIT_RETRY, Trigger.REFUSAL): State.CLOSED,
    (State.AWAIT_RETRY, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_RETRY, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.RETRY): State.AWAIT_CREATED,
    (State.AWAIT_CREATED, Trigger.OTHER_VERSION): State.AWAIT_RETRY,
    (State.AWAIT_CREATED, Trigger.REFUSAL): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.CREATED): State.AWAIT_DATA,
    (State.AWAIT_CREATED, Trigger.VIOLATION): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_CREATED, Trigger.CLOSE): State.CLOSED,
    (State.AWAIT_DATA, Trigger.DATA): State.ESTABLISHED,
    (State.AWAIT_DATA, Trigger.TERMINATION): State.CLOSING,
    (State.AWAIT_DATA, Trigger.TIMEOUT): State.CLOSING,
    (State.AWAIT_DATA, Trigger.CLOSE): State.CLOSING,
    (State.AWAIT_CONFIRMED, Trigger.CONFIRMED): State.ESTABLISHED,
    (State.AWAIT_CONFIRMED, Trigger.VIOLATION): State.CLOSED,
    (State.AWAIT_CONFIRMED, Trigger.TIMEOUT): State.CLOSED,
    (State.AWAIT_CONFIRMED, Trigger.CLOSE): State.CLOSED,
    (State.ESTABLISHED, Trigger.TERMINATION): State.CLOSING,
    (State.ESTABLISHED, Trigger.TIMEOUT): State.CLOSING,
    (State.ESTABLISHED, Trigger.CLOSE): State.CLOSING,
    (State.CLOSING, Trigger.QUIET): State.CLOSED,
}
