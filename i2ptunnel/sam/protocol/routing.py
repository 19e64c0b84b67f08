"""Which session has which ID, and which subsession gets what arrives (samv3.md, "SAM Sessions").

IDs are unique on the whole bridge, those of subsessions too. Below one primary session no two
subsessions listen to the same protocol and port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from i2ptunnel.sam.protocol.requests import Refused, SessionRequest, invalid

SUBSESSIONS_MAX = 64


class Named(Protocol):
    """A session as the table sees it."""

    @property
    def id(self) -> str:
        """Its ID."""


SessionT = TypeVar("SessionT", bound=Named)


class SessionTable(dict[str, SessionT]):
    """ID -> session, subsessions included."""

    def claim(self, session: SessionT) -> None:
        """Give a session its ID; raises Refused if it is another's."""
        if session.id in self:
            raise Refused("DUPLICATED_ID", "another session has this ID")
        self[session.id] = session

    def release(self, session: SessionT) -> None:
        """Free an ID; harmless if it is another session's by now."""
        if self.get(session.id) is session:
            del self[session.id]


def check_listen(new: SessionRequest, others: Iterable[SessionRequest]) -> None:
    """Raise Refused if what ``new`` listens to is another subsession's."""
    known = list(others)
    if len(known) >= SUBSESSIONS_MAX:
        raise invalid("too many subsessions")
    wanted = listen_key(new)
    if any(listen_key(one) == wanted for one in known):
        raise invalid("another subsession listens to this protocol and port")


def listen_key(request: SessionRequest) -> tuple[int, int]:
    """(protocol, port) that a session listens to; 0: any."""
    return request.listen_protocol, request.listen_port


def options_to_tell(options: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The options of a lease set that a NAMING REPLY can hold, with the key as it is told there."""
    for key, value in options:
        if key and not any(one in "=\n\r " for one in key) and "\n" not in value:
            yield f"OPTION:{key}", value
