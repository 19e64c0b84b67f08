"""A mail server for one user: SMTP by aiosmtpd, POP3 (RFC 1939) over the same Maildir."""

from __future__ import annotations

import asyncio
import mailbox
from pathlib import Path

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP

USER, PASSWORD = "alice", "secret"
_SIZE_MAX = 20_000_000


class MailServer:
    """Start it in a running loop; ``smtp_port`` and ``pop3_port`` are on 127.0.0.1."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._servers: list[asyncio.Server] = []
        self.smtp_port = self.pop3_port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        handler = Mailbox(str(self._root))
        smtp = await loop.create_server(
            lambda: SMTP(handler, data_size_limit=_SIZE_MAX, hostname="mail.i2p", loop=loop),
            "127.0.0.1",
        )
        pop3 = await asyncio.start_server(self._serve_pop3, "127.0.0.1")
        self._servers = [smtp, pop3]
        self.smtp_port, self.pop3_port = (
            server.sockets[0].getsockname()[1] for server in self._servers
        )

    async def stop(self) -> None:
        for server in self._servers:
            server.close()

    async def _serve_pop3(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        box = mailbox.Maildir(self._root)
        messages = dict(enumerate(box.keys(), 1))
        deleted: set[int] = set()
        user, is_known = "", False
        writer.write(b"+OK mail.i2p\r\n")
        while line := await reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            answer = "-ERR"
            if verb == "USER":
                user, answer = rest, "+OK"
            elif verb == "PASS":
                is_known = (user, rest) == (USER, PASSWORD)
                answer = "+OK" if is_known else "-ERR no"
            elif verb == "CAPA":
                answer = "+OK\r\nUSER\r\n."
            elif verb == "QUIT":
                answer = "+OK"
            elif is_known and verb == "STAT":
                answer = (
                    f"+OK {len(messages)} {sum(map(len, map(box.get_bytes, messages.values())))}"
                )
            elif is_known and verb == "UIDL" and not rest:
                lines = [f"{number} {key[:70]}" for number, key in messages.items()]
                answer = "\r\n".join(["+OK", *lines, "."])
            elif is_known and verb == "LIST":
                sizes = [f"{number} {len(box.get_bytes(key))}" for number, key in messages.items()]
                answer = "\r\n".join(["+OK", *sizes, "."])
            elif is_known and verb == "RETR":
                raw = box.get_bytes(messages[int(rest)]).replace(b"\r\n", b"\n")
                stuffed = raw.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
                writer.write(b"+OK\r\n" + stuffed)
                answer = "."
            elif is_known and verb == "DELE":
                deleted.add(int(rest))
                answer = "+OK"
            writer.write(answer.encode() + b"\r\n")
            await writer.drain()
            if verb == "QUIT":
                for number in deleted:
                    box.remove(messages[number])
                break
        writer.close()
