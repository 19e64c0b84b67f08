"""One SMTP connection of a mail program to a server in I2P, command by command.

Each command waits for the answer to the one before, so what we answer ourselves comes in order. A
message's header is read before the server hears of the message: one that cannot be cleaned never
begins. (RFC 5321; :mod:`i2ptunnel.protocols.mail_filter`.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from core.api import share_turn
from core.base.errors import PeerError
from i2ptunnel.protocols.mail_filter import (
    HEADER_BYTES_MAX,
    LINE_BYTES_MAX,
    MailRefused,
    MessageFilter,
)
from i2ptunnel.protocols.smtp_filter import Command, offered, read_command, read_response
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.lines import LineReader, first_to_speak

_RESPONSE_LINES_MAX = 128
_CONTINUE, _START_MAIL, _SERVER_GONE = 334, 354, 421
_END = b"."


class SmtpExchange:
    """``run`` it to its end; the caller closes both channels."""

    def __init__(
        self,
        client: Channel,
        server: Channel,
        make_filter: Callable[[], MessageFilter],
        idle_timeout_s: float = 0.0,
    ) -> None:
        self._client, self._server = client, server
        self._from_client = LineReader(client, LINE_BYTES_MAX)
        self._from_server = LineReader(server, LINE_BYTES_MAX)
        self._make_filter = make_filter
        self._idle_timeout_s = idle_timeout_s
        self._is_in_message = False
        self.messages = 0
        self.messages_refused = 0
        self.fields_dropped = 0

    async def run(self) -> None:
        """Until one side ends; raises Unavailable."""
        try:
            await self._tell(await self._response())
            while (command := await self._command()) is not None:
                await self._serve(command)
                if command.verb == b"QUIT":
                    return
        except _Over:
            pass
        except PeerError as error:
            await self._say(b"500 5.5.2", str(error))
        finally:
            await self._from_client.stop()
            await self._from_server.stop()

    async def _command(self) -> Command | None:
        """The next one; what the server says unasked is passed on, and is the end."""
        ready = await first_to_speak(self._from_client, self._from_server, self._idle_timeout_s)
        if ready is None:
            await self._say(b"421 4.4.2", "idle for too long")
            return None
        if ready is self._from_server:
            await self._tell(await self._response())
            return None
        line = await self._from_client.line()
        return None if line is None else read_command(line)

    async def _serve(self, command: Command) -> None:
        if command.line is None:
            await self._tell([command.answer])
        elif command.verb == b"DATA":
            await self._message()
        else:
            await self._send([command.line])
            response = await self._response()
            if command.verb == b"EHLO" and response[0].startswith(b"250"):
                response = offered(response)
            await self._tell(response)
            while command.verb == b"AUTH" and _code(response) == _CONTINUE:
                said = await self._from_client.line()
                if said is None:
                    raise _Over
                await self._send([said])
                response = await self._response()
                await self._tell(response)

    # A message

    async def _message(self) -> None:
        message = self._make_filter()
        await self._say(b"354", "end the message with a dot on a line of its own")
        self._is_in_message = True
        try:
            cleaned = message.header(await self._header())
        except MailRefused as error:
            await self._drain()
            await self._send([b"RSET"])
            await self._response()
            await self._refuse(error)
            return
        await self._send([b"DATA"])
        response = await self._response()
        if _code(response) != _START_MAIL:
            await self._drain()
            await self._tell(response)
            return
        self.fields_dropped += message.fields_dropped
        await self._send([*cleaned, b""])
        try:
            while self._is_in_message:
                await self._send([message.body_line(line) for line in await self._message_lines()])
        except MailRefused as error:
            # The server has a part of it, which only the end of the connection takes back.
            self._server.reset()
            await self._drain()
            await self._refuse(error)
            raise _Over from None
        await self._send([_END])
        self.messages += 1
        await self._tell(await self._response())

    async def _header(self) -> list[bytes]:
        """Its lines, without the empty one behind it; raises MailRefused."""
        header: list[bytes] = []
        while self._is_in_message:
            lines = await self._message_lines()
            if b"" in lines:
                end = lines.index(b"")
                self._from_client.put_back(lines[end + 1 :] + [_END] * (not self._is_in_message))
                self._is_in_message = True
                return header + lines[:end]
            header += lines
            if sum(map(len, header)) > HEADER_BYTES_MAX:
                raise MailRefused(f"its header has more than {HEADER_BYTES_MAX} bytes")
        return header

    async def _message_lines(self) -> list[bytes]:
        """Some lines of a message, without the dot at its end; raises MailRefused."""
        await share_turn()
        lines = await self._from_client.lines()
        if not lines:
            raise _Over
        if _END in lines:
            self._is_in_message = False
            end = lines.index(_END)
            self._from_client.put_back(lines[end + 1 :])
            lines = lines[:end]
        if any(map(_is_broken, lines)):
            raise MailRefused("a line end that is not CRLF is in it")
        return lines

    async def _drain(self) -> None:
        """Read the rest of a message that goes nowhere."""
        while self._is_in_message:
            with contextlib.suppress(MailRefused):
                await self._message_lines()

    async def _refuse(self, error: MailRefused) -> None:
        self.messages_refused += 1
        await self._say(b"554 5.6.0", f"not sent: {error}")

    # Lines

    async def _response(self) -> list[bytes]:
        lines: list[bytes] = []
        while True:
            line = await self._from_server.line()
            said = None if line is None else read_response(line)
            if line is None or said is None or len(lines) >= _RESPONSE_LINES_MAX:
                await self._say(b"421 4.4.2", "the connection to the mail server has ended")
                raise _Over
            lines.append(line)
            if said[1]:
                return lines

    async def _send(self, lines: list[bytes]) -> None:
        if lines:
            await self._server.write(b"\r\n".join((*lines, b"")))

    async def _tell(self, lines: list[bytes]) -> None:
        await self._client.write(b"\r\n".join((*lines, b"")))
        if _code(lines) == _SERVER_GONE:
            raise _Over

    async def _say(self, code: bytes, text: str) -> None:
        await self._client.write(code + b" " + text.encode("ascii", "replace") + b"\r\n")


class _Over(Exception):
    """One side has ended."""


def _code(response: list[bytes]) -> int:
    said = read_response(response[-1])
    return 0 if said is None else said[0]


def _is_broken(line: bytes) -> bool:
    """Whether another reader might see two lines in it, and so another message."""
    return b"\n" in line or b"\r" in line or b"\0" in line
