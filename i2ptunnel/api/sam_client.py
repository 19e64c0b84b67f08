"""A connection to a SAM bridge, seen from the program's side (samv3.md)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from i2ptunnel.api.errors import (
    Closed,
    Error,
    NotFound,
    RouterError,
    Unreachable,
    UsageError,
    reason_of,
)
from i2ptunnel.sam.protocol.line import LineFault, format_line, parse_line

#: 3.1 has signature types, 3.2 ports, 3.3 nothing that is used here
VERSION_MIN, VERSION_MAX = "3.1", "3.3"
#: what is read ahead of a stream, at least; also the longest line that is taken
_BUFFER_BYTES = 1 << 16
_RESULTS: dict[str, tuple[type[Error], str]] = {
    "CANT_REACH_PEER": (Unreachable, "the destination does not answer"),
    "TIMEOUT": (Unreachable, "the destination does not answer"),
    "PEER_NOT_FOUND": (Unreachable, "the destination is not in the network"),
    "LEASESET_NOT_FOUND": (Unreachable, "the destination is not in the network"),
    "KEY_NOT_FOUND": (NotFound, "the router's address book does not have this name"),
    "INVALID_KEY": (UsageError, "the bridge takes this key for none"),
    "DUPLICATED_DEST": (UsageError, "this destination is open already"),
    "INVALID_ID": (Closed, "the bridge has ended the session"),
}


@dataclass(frozen=True, slots=True)
class SamAddress:
    """Where a bridge listens, and who asks."""

    host: str = "127.0.0.1"
    port: int = 7656
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of the bridge: its two words, and its values."""

    head: str
    values: Mapping[str, str] = field(repr=False)

    @property
    def result(self) -> str:
        """OK, or what is wrong."""
        return self.values.get("RESULT", "")


class SamConnection:
    """One TCP connection; it becomes a session's control socket, or a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address: SamAddress) -> SamConnection:
        """Connected and greeted. Raises RouterError."""
        try:
            reader, writer = await asyncio.open_connection(
                address.host, address.port, limit=_BUFFER_BYTES
            )
        except OSError as error:
            why = f"no SAM bridge at {address}: {reason_of(error)}"
            raise RouterError(why, "no_router") from error
        made = cls(reader, writer)
        try:
            hello = {"MIN": VERSION_MIN, "MAX": VERSION_MAX}
            if address.user:
                hello |= {"USER": address.user, "PASSWORD": address.password}
            await made.ask("HELLO VERSION", hello)
        except BaseException:
            made.abort()
            raise
        return made

    async def ask(self, command: str, values: Mapping[str, str]) -> Reply:
        """Send a command and read its reply; raises the error that its RESULT stands for."""
        await self.send(command, values)
        reply = await self.reply()
        if reply.result == "OK":
            return reply
        kind, why = _RESULTS.get(reply.result, (RouterError, "the SAM bridge refuses"))
        said = reply.values.get("MESSAGE", "")
        text = f"{why} ({said})" if said else why
        raise kind(text, reply.result.lower() or "refused")

    async def send(self, command: str, values: Mapping[str, str], payload: bytes = b"") -> None:
        """One line, and what belongs to it. Raises Closed."""
        try:
            self.writer.write(format_line(command, values) + payload)
            await self.writer.drain()
        except OSError as error:
            raise Closed("the SAM bridge has gone", "closed") from error

    async def reply(self) -> Reply:
        """The next line; PINGs are answered. Raises Closed, or RouterError for nonsense."""
        while True:
            line = await self.line()
            try:
                command = parse_line(line)
            except LineFault as fault:
                raise RouterError(f"no SAM bridge answers there: {fault}", "no_sam") from None
            if command is None:
                continue
            if command.verb != "PING":
                return Reply(f"{command.verb} {command.action}", command.options)
            self.writer.write(f"PONG {command.text}\n".encode())

    async def line(self) -> bytes:
        """The next line without its end. Raises Closed."""
        try:
            line = await self.reader.readline()
        except (OSError, ValueError) as error:
            raise Closed("the SAM bridge has gone", "closed") from error
        if not line.endswith(b"\n"):
            raise Closed("the SAM bridge has closed the connection", "closed")
        return line[:-1]

    async def payload(self, size: int) -> bytes:
        """Exactly so many bytes. Raises Closed."""
        try:
            return await self.reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Closed("the SAM bridge has gone", "closed") from error

    def abort(self) -> None:
        """Close at once."""
        self.writer.transport.abort()

    async def close(self) -> None:
        """Close when everything is written."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
