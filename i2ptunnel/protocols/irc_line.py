"""IRC lines: cutting bytes into lines, and one line into tags, source, command and parameters.

Format: RFC 1459 section 2.3 and the IRCv3 message-tags specification. What is passed on is always
written anew from its parts, so that no reader behind us can see another line than we did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from core.base.errors import DecodeError

#: message-tags: 8191 bytes of tags; the rest is 512, but servers may allow longer ones
TAGS_BYTES_MAX = 8191
LINE_BYTES_MAX = TAGS_BYTES_MAX + 4096

# A lone CR or a NUL ends a line for some servers and clients: it must for us too.
_END = re.compile(rb"[\r\n\0]")
_COMMAND = re.compile(rb"[A-Za-z]{1,32}|[0-9]{3}")


class LineBuffer:
    """Cuts a byte stream into lines, without their ends; empty ones are left out.

    A line that gets too long is dropped up to its end and counted in ``overlong``.
    """

    __slots__ = ("_bytes_max", "_is_skipping", "_rest", "overlong")

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = line_bytes_max
        self._rest = b""
        self._is_skipping = False
        self.overlong = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes."""
        *lines, rest = _END.split(self._rest + data)
        if lines and self._is_skipping:
            self._is_skipping = False
            lines[0] = b""
        if self._is_skipping:
            rest = b""
        elif len(rest) > self._bytes_max:
            self.overlong += 1
            self._is_skipping = True
            rest = b""
        self._rest = rest
        good = [line for line in lines if len(line) <= self._bytes_max]
        self.overlong += len(lines) - len(good)
        return [line for line in good if line]


@dataclass(frozen=True, slots=True)
class IrcLine:
    """One line. ``command`` is upper case; ``tags`` are as on the wire, without the ``@``.

    ``has_trailing``: the last parameter was written with a colon.
    """

    command: bytes
    parameters: tuple[bytes, ...] = ()
    source: bytes = b""
    tags: tuple[bytes, ...] = field(default=())
    has_trailing: bool = False

    @classmethod
    def parse(cls, line: bytes) -> IrcLine:
        """Read a line without its end; DecodeError if it is no IRC."""
        rest = line.lstrip(b" ")
        tags: tuple[bytes, ...] = ()
        source = b""
        if rest[:1] == b"@":
            joined, _, rest = rest[1:].partition(b" ")
            if len(joined) > TAGS_BYTES_MAX:
                raise DecodeError("too many tags in an IRC line")
            tags = tuple(tag for tag in joined.split(b";") if tag)
            rest = rest.lstrip(b" ")
        if rest[:1] == b":":
            source, _, rest = rest[1:].partition(b" ")
            rest = rest.lstrip(b" ")
        command, _, rest = rest.partition(b" ")
        if not _COMMAND.fullmatch(command):
            raise DecodeError("no command in an IRC line")
        rest = b" " + rest.lstrip(b" ")
        middle, colon, trailing = rest.partition(b" :")
        parameters = [word for word in middle.split(b" ") if word]
        if colon:
            parameters.append(trailing)
        return cls(command.upper(), tuple(parameters), source, tags, bool(colon))

    def write(self) -> bytes:
        """The line with its end."""
        parts = []
        if self.tags:
            parts.append(b"@" + b";".join(self.tags))
        if self.source:
            parts.append(b":" + self.source)
        parts.append(self.command)
        parts.extend(self.parameters[:-1])
        if self.parameters:
            last = self.parameters[-1]
            if self.has_trailing or not last or b" " in last or last[:1] == b":":
                last = b":" + last
            parts.append(last)
        return b" ".join(parts) + b"\r\n"

    def parameter(self, index: int) -> bytes:
        """A parameter, empty if there is none."""
        return self.parameters[index] if index < len(self.parameters) else b""

    def with_parameters(self, *parameters: bytes) -> IrcLine:
        """The same line with other parameters, the last one written with a colon."""
        return replace(self, parameters=parameters, has_trailing=True)
