"""One session of the console: lines to commands, their answers, completion and ``watch``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

import asyncssh

from core.api import share_turn
from core.base.errors import I2PError
from i2ptunnel.commands import COMMANDS, Program, call
from i2ptunnel.finishing import finish
from i2ptunnel.naming.store import Book
from i2ptunnel.printable import printable
from i2ptunnel.ssh.answers import answer_lines
from i2ptunnel.ssh.words import EXIT, HELP, Request, Words, WrongLine

PROMPT = "i2ptunnel> "
#: lines typed while a command runs; more are dropped
AHEAD_MAX = 64
_OK, _FAILED, _USAGE = 0, 1, 2
_CLEAR = "\x1b[H\x1b[2J"
_PART_LINES = 50
#: a session that says nothing for so long ends
IDLE_S = 3600.0

_log = logging.getLogger("i2ptunnel.ssh")


class Console:
    """Serves one SSH session; it cannot do anything but the commands that are offered."""

    def __init__(self, program: Program, process: asyncssh.SSHServerProcess[str]) -> None:
        self._program = program
        self._process = process
        self._words = Words(COMMANDS)
        self._is_terminal = process.term_type is not None
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(AHEAD_MAX)
        self._interrupt = asyncio.Event()
        self._is_working = self._is_leaving = False

    def leave(self) -> bool:
        """Take no more commands; whether there is one to be answered yet."""
        self._is_leaving = True
        return self._is_working

    async def run(self) -> int:
        """The exit status of the session."""
        if self._process.subsystem is not None:
            return self._complain("there are no subsystems here, and no SFTP", _USAGE)
        command = self._process.command
        if command is not None:
            reading = asyncio.create_task(self._read())
            try:
                return await self._interruptible(command)
            finally:
                reading.cancel()
        return await self._converse()

    async def _converse(self) -> int:
        if self._is_terminal:
            self._process.channel.register_key("\t", self._complete)  # type: ignore[attr-defined]
            self._write(["help lists the commands; Tab completes them"])
        reading = asyncio.create_task(self._read())
        status = _OK
        try:
            while True:
                if self._is_terminal:
                    self._process.stdout.write(PROMPT)
                self._is_working = False
                async with asyncio.timeout(IDLE_S):
                    line = await self._lines.get()
                if line is None or line.strip() in EXIT:
                    return status
                self._interrupt.clear()
                if line.strip():
                    status = await self._interruptible(line)
                if self._is_leaving:
                    return status
        except TimeoutError:
            return self._complain("nobody was here for an hour", _OK)
        finally:
            reading.cancel()

    async def _read(self) -> None:
        """What is typed; Ctrl-C interrupts the command that runs, the end ends the session."""
        while True:
            try:
                line = await self._process.stdin.readline()
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                self._interrupt.set()
                if self._is_terminal and self._process.command is None:
                    self._offer("")
                continue
            except asyncssh.TerminalSizeChanged:
                continue
            except (asyncssh.Error, OSError):  # an end that is typed (Ctrl-D), or gone
                line = ""
            if not line:
                self._offer(None)
                return
            self._offer(line)

    def _offer(self, line: str | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._lines.put_nowait(line)

    async def _interruptible(self, line: str) -> int:
        """Run a line until it ends, or somebody presses Ctrl-C."""
        working = asyncio.create_task(self._obey(line))
        stopping = asyncio.create_task(self._interrupt.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else _FAILED
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _obey(self, line: str) -> int:
        if line.strip() in HELP:
            self._write(self._words.help_lines())
            return _OK
        try:
            request = self._words.parse(line)
            while True:
                self._is_working = True
                await self._answer(request)
                if request.watch_s is None or self._is_leaving:
                    return _OK
                self._is_working = False
                await asyncio.sleep(request.watch_s)
        except WrongLine as error:
            return self._complain(str(error), _USAGE)
        except (BrokenPipeError, ConnectionError):
            return _FAILED
        except (I2PError, OSError) as error:
            return self._complain(str(error), _FAILED)
        except Exception as error:
            # A bug of ours fails this command only.
            _log.error("internal error in a command: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)
            return self._complain("internal error", _FAILED)

    async def _answer(self, request: Request) -> None:
        # It may stop this console: a reload does.
        result = await finish(call(self._program, request.name, dict(request.arguments)))
        if request.watch_s is not None and self._is_terminal:
            self._process.stdout.write(_CLEAR)
        part: list[str] = []
        lines = answer_lines(request.name, request.arguments, result, is_json=request.is_json)
        for line in lines:
            part.append(line)
            if len(part) >= _PART_LINES:
                self._write(part)
                part = []
                await self._process.stdout.drain()
                await share_turn()
        self._write(part)
        await self._process.stdout.drain()

    def _write(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._process.stdout.write(text)

    def _complain(self, text: str, status: int) -> int:
        with contextlib.suppress(OSError):
            self._process.stderr.write(f"{printable(text)}\n")
        return status

    # Completion

    def _complete(self, line: str, at: int) -> tuple[str, int] | bool:
        """Tab: the line goes on as far as it is certain, or what could follow is shown."""
        done, found = self._words.complete(line[:at], self._values)
        if done == line[:at]:
            if not found:
                return False
            self._process.stdout.write(f"{'  '.join(found)}\n{PROMPT}")
        return done + line[at:], len(done)

    def _values(self, command: str, argument: str) -> Iterable[str]:
        if command.startswith("tunnel-") and argument == "name":
            return [str(one["name"]) for one in self._program.manager.status()]
        if argument == "torrent":
            torrents = self._program.torrents
            return [one["id"] for one in torrents.list()] if torrents.is_running else []
        return [book.word for book in Book] if argument == "book" else []
