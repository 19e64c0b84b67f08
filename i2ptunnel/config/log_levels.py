"""How much is logged: one level for everything, and others for some rooms of the program.

``info`` is for everything; ``core.tunnel=debug`` for one room and what is in it. A room is a part
of the router (``core.tunnel``), or of the application (``i2ptunnel.naming``, and
``i2ptunnel.tunnel.NAME`` for a tunnel of the configuration).
"""

from __future__ import annotations

from dataclasses import dataclass

from i2ptunnel.config.faults import did_you_mean, nearest
from i2ptunnel.config.kinds import ScalarKind, Schema
from i2ptunnel.config.nodes import Scalar

LEVELS = ("debug", "info", "warning", "error")
#: rooms of the router, as its architecture has them, and the application with all its parts
ROOMS = (
    "core",
    "core.client",
    "core.datagram",
    "core.garlic",
    "core.i2cp",
    "core.io",
    "core.nat",
    "core.netdb",
    "core.peers",
    "core.router",
    "core.streaming",
    "core.transport",
    "core.tunnel",
    "i2ptunnel",
)


@dataclass(frozen=True, slots=True)
class LogLevel:
    """A level, for one room or (``room`` empty) for everything."""

    level: str
    room: str = ""

    def __str__(self) -> str:
        return f"{self.room}={self.level}" if self.room else self.level


def read_log_level(text: str) -> LogLevel:
    """``info`` or ``core.tunnel=debug``; raises ValueError that says what would be right."""
    room, equals, level = text.rpartition("=")
    if level not in LEVELS:
        raise ValueError(did_you_mean(level, LEVELS))
    if not equals:
        return LogLevel(level)
    if room not in ROOMS and not room.startswith("i2ptunnel."):
        guess = nearest(room, ROOMS)
        hint = f'did you mean "{guess}={level}"? ' if guess else ""
        raise ValueError(f"{hint}write a level, or ROOM=LEVEL; rooms: {', '.join(ROOMS)}")
    return LogLevel(level, room)


class LogLevelKind(ScalarKind[LogLevel]):
    """A level, or ``ROOM=LEVEL``."""

    word = "level | room=level"
    right = "write a level like info, or one for a room like core.tunnel=debug"

    def convert(self, node: Scalar) -> LogLevel:
        """As :func:`read_log_level`."""
        return read_log_level(node.text)

    def schema(self) -> Schema:
        """The pattern names no rooms: they are checked by :meth:`convert`."""
        return {"type": "string", "pattern": f"^([a-z0-9_.-]+=)?({'|'.join(LEVELS)})$"}
