"""Why a session ends, as the Termination block says it: NTCP2 and SSU2 share most codes."""

from __future__ import annotations

from enum import IntEnum


class TerminationReason(IntEnum):
    """Reasons on the wire (specs/ntcp2 and specs/ssu2, "Termination")."""

    NORMAL = 0
    TERMINATION_RECEIVED = 1
    IDLE_TIMEOUT = 2
    ROUTER_SHUTDOWN = 3
    AEAD_FAILURE = 4
    INCOMPATIBLE_OPTIONS = 5
    INCOMPATIBLE_SIGNATURE_TYPE = 6
    CLOCK_SKEW = 7
    PADDING_VIOLATION = 8
    FRAMING_ERROR = 9
    PAYLOAD_FORMAT_ERROR = 10
    MESSAGE_1_ERROR = 11
    MESSAGE_2_ERROR = 12
    MESSAGE_3_ERROR = 13
    #: In SSU2: nothing was acknowledged any more.
    INTRA_FRAME_TIMEOUT = 14
    BAD_SIGNATURE = 15
    STATIC_KEY_MISMATCH = 16
    BANNED = 17
    #: From here on SSU2 only.
    BAD_TOKEN = 18
    CONNECTION_LIMITS = 19
    INCOMPATIBLE_VERSION = 20
    WRONG_NETWORK = 21
    REPLACED = 22


def reason_word(reason: int) -> str:
    """A stable lower-case word for a reason, also for unknown ones."""
    try:
        return TerminationReason(reason).name.lower()
    except ValueError:
        return f"reason_{reason}"
