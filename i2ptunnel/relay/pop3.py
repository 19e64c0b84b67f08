"""One POP3 connection of a mail program to a server in I2P, command by command (RFC 1939)."""

from __future__ import annotations

from core.api import share_turn
from core.base.errors import PeerError
from i2ptunnel.protocols.pop3_filter import has_many_lines, is_offered, read_command
from i2ptunnel.relay.channel import Channel
from i2ptunnel.relay.lines import LineReader, first_to_speak

_COMMAND_BYTES_MAX = 4096
_LINE_BYTES_MAX = 1024 * 1024
_END = b"."


class Pop3Exchange:
    """``run`` it to its end; the caller closes both channels."""

    def __init__(self, client: Channel, server: Channel, idle_timeout_s: float = 0.0) -> None:
        self._client, self._server = client, server
        self._from_client = LineReader(client, _COMMAND_BYTES_MAX)
        self._from_server = LineReader(server, _LINE_BYTES_MAX)
        self._idle_timeout_s = idle_timeout_s

    async def run(self) -> None:
        """Until one side ends; raises Unavailable."""
        try:
            if (greeting := await self._from_server.line()) is None:
                return
            await self._tell([greeting])
            while await self._next():
                pass
        except PeerError as error:
            await self._tell([b"-ERR " + str(error).encode()])
        finally:
            await self._from_client.stop()
            await self._from_server.stop()

    async def _next(self) -> bool:
        """One command with its answer; False at the end."""
        ready = await first_to_speak(self._from_client, self._from_server, self._idle_timeout_s)
        if ready is None:
            return False
        if ready is self._from_server:
            await self._tell(await self._from_server.lines())
            return False
        line = await self._from_client.line()
        if line is None:
            return False
        verb = read_command(line)
        if verb is None:
            await self._tell([b"-ERR this is not carried through I2P"])
            return True
        await self._server.write(line + b"\r\n")
        return await self._answer(line, verb) and verb != b"QUIT"

    async def _answer(self, line: bytes, verb: bytes) -> bool:
        first = await self._from_server.line()
        while first is not None and verb == b"AUTH" and first.startswith(b"+ "):
            await self._tell([first])
            said = await self._from_client.line()
            if said is None:
                return False
            await self._server.write(said + b"\r\n")
            first = await self._from_server.line()
        if first is None:
            return False
        await self._tell([first])
        if not (first.startswith(b"+OK") and has_many_lines(line)):
            return True
        while lines := await self._from_server.lines():
            await share_turn()
            end = lines.index(_END) + 1 if _END in lines else len(lines)
            shown = lines[:end]
            await self._tell(
                [one for one in shown if is_offered(one)] if verb == b"CAPA" else shown
            )
            if shown[-1] == _END:
                self._from_server.put_back(lines[end:])
                return True
        return False

    async def _tell(self, lines: list[bytes]) -> None:
        if lines:
            await self._client.write(b"\r\n".join((*lines, b"")))
