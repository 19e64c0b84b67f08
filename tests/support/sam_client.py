"""A program that speaks SAM, line by line, as asyncio code."""

from __future__ import annotations

import asyncio
from typing import Any

Reply = tuple[str, dict[str, str]]
_opened: set[SamClient] = set()


class SamClient:
    """One connection to a bridge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        _opened.add(self)

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1") -> SamClient:
        return cls(*await asyncio.open_connection(host, port, limit=1 << 20))

    @classmethod
    async def greeted(
        cls, port: int, version: str = "3.3", host: str = "127.0.0.1", options: str = ""
    ) -> SamClient:
        """Connected, and HELLO is done."""
        client = await cls.connect(port, host)
        reply = await client.ask(f"HELLO VERSION MIN={version} MAX={version}{options}")
        assert reply == ("HELLO REPLY", {"RESULT": "OK", "VERSION": version}), reply
        return client

    async def send(self, line: str) -> None:
        self.writer.write(line.encode() + b"\n")
        await self.writer.drain()

    async def line(self, timeout_s: float = 60) -> str:
        """The next line without its end; empty at the end of the connection."""
        async with asyncio.timeout(timeout_s):
            return (await self.reader.readline()).decode().removesuffix("\n")

    async def reply(self, timeout_s: float = 60) -> Reply:
        return parse_reply(await self.line(timeout_s))

    async def ask(self, line: str, timeout_s: float = 60) -> Reply:
        await self.send(line)
        return await self.reply(timeout_s)

    async def at_end(self, timeout_s: float = 20) -> bool:
        """Whether the bridge closes the connection without another byte."""
        async with asyncio.timeout(timeout_s):
            try:
                return not await self.reader.read(1)
            except ConnectionError:
                return True

    async def close(self) -> None:
        _opened.discard(self)
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass


async def close_all() -> None:
    """Close the connections of a test that is over."""
    while _opened:
        await _opened.pop().close()


def parse_reply(line: str) -> Reply:
    """``STREAM STATUS`` and its values, with quotes taken off."""
    words = line.split(" ") if '"' not in line else _quoted_words(line)
    pairs: dict[str, Any] = dict(pair.split("=", 1) for pair in words[2:] if "=" in pair)
    return " ".join(words[:2]), pairs


def _quoted_words(line: str) -> list[str]:
    words: list[str] = []
    word, is_quoted, at = "", False, 0
    while at < len(line):
        one = line[at]
        if one == "\\" and line[at + 1 : at + 2] in ('"', "\\"):
            word += line[at + 1]
            at += 1
        elif one == '"':
            is_quoted = not is_quoted
        elif one == " " and not is_quoted:
            words.append(word)
            word = ""
        else:
            word += one
        at += 1
    return [*words, word]
