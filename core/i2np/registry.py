"""Message type -> body class. Types that are not here are carried but not understood."""

from __future__ import annotations

from typing import ClassVar, Protocol

from core.base.errors import DecodeError
from core.i2np.build import (
    ShortTunnelBuild,
    ShortTunnelBuildReply,
    TunnelBuild,
    TunnelBuildReply,
    VariableTunnelBuild,
    VariableTunnelBuildReply,
)
from core.i2np.carriers import Data, Garlic, TunnelData, TunnelGateway
from core.i2np.database import (
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import Message


class Body(Protocol):
    """What every body class offers."""

    TYPE: ClassVar[int]

    @classmethod
    def parse(cls, body: bytes) -> Body:
        """DecodeError if the body is malformed."""

    def write(self) -> bytes:
        """The body without any header; LocalError if a field does not fit."""


BODY_TYPES: dict[int, type[Body]] = {
    1: DatabaseStore,
    2: DatabaseLookup,
    3: DatabaseSearchReply,
    10: DeliveryStatus,
    11: Garlic,
    18: TunnelData,
    19: TunnelGateway,
    20: Data,
    21: TunnelBuild,
    22: TunnelBuildReply,
    23: VariableTunnelBuild,
    24: VariableTunnelBuildReply,
    25: ShortTunnelBuild,
    26: ShortTunnelBuildReply,
}


def parse_body(message: Message) -> Body:
    """The body of ``message``; DecodeError if malformed or of an unknown type."""
    kind = BODY_TYPES.get(message.type)
    if kind is None:
        raise DecodeError(f"unknown message type {message.type}")
    return kind.parse(message.body)


def message_of(body: Body, message_id: int, expiration_ms: int) -> Message:
    """``body`` with a header; unique ids are the caller's duty."""
    return Message(body.TYPE, message_id, expiration_ms, body.write())
