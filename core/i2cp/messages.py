"""All messages of I2CP by type: one function that reads any of them, one that writes any."""

from __future__ import annotations

from typing import TypeAlias

from core.i2cp.data_messages import (
    MessagePayload,
    MessageStatus,
    ReceiveMessageBegin,
    ReceiveMessageEnd,
    SendMessage,
    SendMessageExpires,
)
from core.i2cp.frames import write_frame
from core.i2cp.lease_messages import (
    CreateLeaseSet,
    CreateLeaseSet2,
    RequestLeaseSet,
    RequestVariableLeaseSet,
)
from core.i2cp.lookup_messages import BlindingInfo, DestLookup, DestReply, HostLookup, HostReply
from core.i2cp.session_messages import (
    BandwidthLimits,
    CreateSession,
    DestroySession,
    Disconnect,
    GetBandwidthLimits,
    GetDate,
    ReconfigureSession,
    SessionStatus,
    SetDate,
)

Message: TypeAlias = (
    BandwidthLimits
    | BlindingInfo
    | CreateLeaseSet
    | CreateLeaseSet2
    | CreateSession
    | DestLookup
    | DestReply
    | DestroySession
    | Disconnect
    | GetBandwidthLimits
    | GetDate
    | HostLookup
    | HostReply
    | MessagePayload
    | MessageStatus
    | ReceiveMessageBegin
    | ReceiveMessageEnd
    | ReconfigureSession
    | RequestLeaseSet
    | RequestVariableLeaseSet
    | SendMessage
    | SendMessageExpires
    | SessionStatus
    | SetDate
)

#: The version of the API that this tree speaks. 0.9.67 would promise encryption types 5 to 7.
API_VERSION = "0.9.66"

_CLASSES: tuple[type[Message], ...] = (
    BandwidthLimits,
    BlindingInfo,
    CreateLeaseSet,
    CreateLeaseSet2,
    CreateSession,
    DestLookup,
    DestReply,
    DestroySession,
    Disconnect,
    GetBandwidthLimits,
    GetDate,
    HostLookup,
    HostReply,
    MessagePayload,
    MessageStatus,
    ReceiveMessageBegin,
    ReceiveMessageEnd,
    ReconfigureSession,
    RequestLeaseSet,
    RequestVariableLeaseSet,
    SendMessage,
    SendMessageExpires,
    SessionStatus,
    SetDate,
)
MESSAGES: dict[int, type[Message]] = {one.kind: one for one in _CLASSES}


def parse_message(kind: int, body: bytes) -> Message | None:
    """The message; None if its type is not known. DecodeError if it is malformed."""
    known = MESSAGES.get(kind)
    return None if known is None else known.parse(body)


def write_message(message: Message) -> bytes:
    """The message with its header."""
    body = message.write()
    return write_frame(message.kind, body)
