"""Values of HTTP messages: heads, header fields, limits, and the fault of one that is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from core.base.errors import I2PError


class HttpFault(I2PError):
    """A message that is refused; ``status`` is what to answer the one who sent a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Signal(Enum):
    """Events without content."""

    NEED_DATA = "need data"
    END = "end of message"
    CLOSED = "closed between messages"


NEED_DATA = Signal.NEED_DATA
END = Signal.END
CLOSED = Signal.CLOSED


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a head."""

    line_bytes: int
    head_bytes: int
    fields: int


#: of a comma list
LIST_CHARACTERS_MAX = 32768


class Headers:
    """Header fields in their order; names compare without regard to case."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[tuple[str, str]] | None = None) -> None:
        self.fields = fields if fields is not None else []

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), None)

    def get_all(self, name: str) -> list[str]:
        """In the order of the message; names match in any case."""
        wanted = name.lower()
        return [value for key, value in self.fields if key.lower() == wanted]

    def words(self, name: str) -> set[str]:
        """The lower-case members of a comma list over all its fields.

        What is beyond :data:`LIST_CHARACTERS_MAX` does not count: more than a request may have.
        """
        joined = ",".join(self.get_all(name))[:LIST_CHARACTERS_MAX]
        return {word.strip().lower() for word in joined.split(",") if word.strip()}

    def add(self, name: str, value: str) -> None:
        """Append a field; others of that name stay."""
        self.fields.append((name, value))

    def remove(self, name: str) -> None:
        """All fields of that name, in any case."""
        self.fields = [(key, value) for key, value in self.fields if key.lower() != name.lower()]

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None


@dataclass(slots=True)
class RequestHead:
    """``version_minor`` is the x of HTTP/1.x."""

    method: str
    target: str
    version_minor: int = 1
    headers: Headers = field(default_factory=Headers)

    def write(self) -> bytes:
        """As sent, with the empty line; always HTTP/1.1."""
        return _write(f"{self.method} {self.target} HTTP/1.1", self.headers)

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks to switch protocols (WebSocket)."""
        return "upgrade" in self.headers.words("connection") and "upgrade" in self.headers

    @property
    def has_body(self) -> bool:
        """Whether content is announced and not empty (RFC 9112, 6)."""
        length = self.headers.get("content-length")
        return "transfer-encoding" in self.headers or (length is not None and int(length) > 0)


@dataclass(slots=True)
class ResponseHead:
    """A status line and its fields; 1xx responses too."""

    status: int
    reason: str
    version_minor: int = 1
    headers: Headers = field(default_factory=Headers)
    #: its framing was repaired: what follows on the same connection is not to be believed
    is_doubtful: bool = False
    #: a coding of the content inside of the framing, which the reader undoes; empty: none
    transfer_coding: str = ""

    def write(self) -> bytes:
        """As sent, with the empty line; always HTTP/1.1."""
        return _write(f"HTTP/1.1 {self.status} {self.reason}", self.headers)

    @property
    def is_interim(self) -> bool:
        """1xx but 101, which is final (RFC 9110, 15.2)."""
        return self.status < 200 and self.status != 101


Event: TypeAlias = RequestHead | ResponseHead | bytes | Signal


def _write(first: str, headers: Headers) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")
