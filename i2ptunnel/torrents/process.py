"""The worker seen from this program: started, asked, ended. What it says is checked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.base.errors import I2PError, Unavailable
from i2ptunnel.torrents.settings import TORRENTS_MAX

_GREETING_S = 20.0
_ANSWER_S = 60.0
_STOP_S = 5.0
_GREETING_BYTES_MAX = 4096
#: news of all torrents are one line
_LINE_BYTES_MAX = 4 << 20
_TEXT_MAX = 300
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL")
_NUMBERS = (
    *("size", "done", "download_rate", "upload_rate", "downloaded", "uploaded"),
    *("peers", "seeds", "added"),
)
STATES = ("checking", "metadata", "downloading", "seeding", "paused", "error")


class TorrentRefused(I2PError):
    """A request that cannot be carried out; the message goes to the user."""


class Worker:
    """One process. Made by :meth:`start`, over when :meth:`ended` returns."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, told: Callable[[], None]
    ) -> None:
        """``told``: called after each piece of news."""
        self._process = process
        self._control = control
        self._told = told
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        #: the socket at which it wants SAM, once it has greeted
        self.sam: socket.socket | None = None
        self.files_limited = False
        self.torrents: list[dict[str, Any]] = []
        self.i2p_error: str | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @classmethod
    async def start(cls, task: dict[str, Any], told: Callable[[], None]) -> Worker:
        """Raises Unavailable if the process cannot be shut in, or has no libtorrent."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "i2ptunnel.torrents.worker", str(theirs.fileno())),
                    pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    cwd=Path(__file__).parents[2],
                    env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        worker = cls(process, ours, told)
        try:
            await worker._greet(task)
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def _greet(self, task: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_GREETING_S):
                await loop.sock_sendall(self._control, json.dumps(task).encode() + b"\n")
                await _until_readable(self._control)
            data, descriptors, _, _ = socket.recv_fds(self._control, _GREETING_BYTES_MAX, 1)
            if descriptors:
                self.sam = socket.socket(fileno=descriptors[0])
            greeting = json.loads(data)
        except (OSError, ValueError, TimeoutError):
            raise Unavailable("the torrent client did not start", "worker") from None
        if self.sam is None:
            raise Unavailable(str(greeting.get("error"))[:_TEXT_MAX], "worker")
        self.files_limited = greeting.get("files_limited") is True
        reader, self._writer = await asyncio.open_unix_connection(
            sock=self._control, limit=_LINE_BYTES_MAX
        )
        self._reading = asyncio.create_task(self._read(reader))

    async def ask(self, do: str, **arguments: Any) -> Any:
        """The answer to a request; raises TorrentRefused and Unavailable."""
        if self._writer is None or self._reading is None or self._reading.done():
            raise Unavailable("the torrent client is not running", "worker")
        self._last += 1
        future = self._waiting[self._last] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": self._last, "do": do, **arguments})
        try:
            async with asyncio.timeout(_ANSWER_S):
                self._writer.write(line.encode() + b"\n")
                return await future
        except TimeoutError:
            raise Unavailable("the torrent client does not answer", "worker") from None
        finally:
            self._waiting = {
                number: one for number, one in self._waiting.items() if one is not future
            }

    async def ended(self) -> str:
        """Wait for its end; why it has ended, for people."""
        assert self._reading is not None
        await asyncio.wait([self._reading])
        await self.kill()
        status = self._process.returncode
        how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
        return f"the torrent client ended ({how})"

    async def stop(self) -> None:
        """Let it save what it has, and end it."""
        if self._writer is not None:
            self._writer.write(b'{"do": "stop"}\n')
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it now; may be called in any state."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        if self._writer is not None:
            self._writer.close()
        else:
            self._control.close()
        if self.sam is not None:
            self.sam.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Until the process closes its end, or says what nobody understands."""
        try:
            while line := await reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Unavailable("the torrent client has ended", "worker"))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self.torrents = [_torrent(one) for one in message["torrents"][:TORRENTS_MAX]]
            self.i2p_error = _text(message["i2p_error"])
            self._told()
            return
        future = self._waiting.get(int(message["id"]))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(TorrentRefused(str(message["error"])[:_TEXT_MAX]))
        else:
            future.set_result(message["ok"])


def _torrent(told: dict[str, Any]) -> dict[str, Any]:
    """What it says of a torrent, in the types that everybody counts on."""
    state = told["state"]
    return {
        "id": str(told["id"])[:64],
        "name": str(told["name"])[:_TEXT_MAX],
        "state": state if state in STATES else "error",
        **{name: max(0, int(told[name])) for name in _NUMBERS},
        "error": _text(told["error"]),
        "tracker_error": _text(told["tracker_error"]),
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:_TEXT_MAX]


async def _until_readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock, wake)
    try:
        await readable
    finally:
        loop.remove_reader(sock)
