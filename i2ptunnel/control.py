"""The control socket: JSON lines over a Unix socket in the data directory, mode 0600.

A request is one line ``{"command": …, …}``, the answer one line ``{"ok": true, "result": …}`` or
``{"ok": false, "error": …}``. A connection may carry several requests, one after the other. Only
the owner of the data directory can connect.

A command that has thousands of things to tell returns an iterator: its list is written in parts, so
that nothing else has to wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from core.api import share_turn
from core.base.errors import I2PError, Unavailable
from i2ptunnel.relay.acceptor import Acceptor
from i2ptunnel.tunnels.base import end_task

#: in the runtime directory of a service: its data directory, then its configuration files
RUNNING_FILE = "data-dir"
LINE_BYTES_MAX = 2 << 20
ANSWER_BYTES_MAX = 256 << 20
CONNECTIONS_MAX = 32
_PATH_BYTES_MAX = 107
_IDLE_TIMEOUT_S = 60.0
LOCK = "router.lock"
_PART_ITEMS = 50
_BACKLOG = 1024
#: between two tries to connect while the backlog is full
_RETRY_S = 0.05

_log = logging.getLogger("i2ptunnel.control")

#: takes the request's further keys
Command = Callable[[dict[str, Any]], Awaitable[Any]]


class ControlFault(I2PError):
    """A request that cannot be carried out; the message goes to the user."""


class NotRunning(Unavailable):
    """Nobody answers at the control socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"i2ptunnel is not running (no answer at {path})", code="not_running")


class SocketGone(ControlFault):
    """The program runs, but its socket was removed."""

    def __init__(self, path: Path, pid: int) -> None:
        process = f"process {pid}" if pid else "a process"
        hint = f"at once after: kill -HUP {pid}" if pid else "at once after SIGHUP"
        super().__init__(
            f"i2ptunnel is running ({process} holds {path.parent / LOCK}), but its control socket "
            f"{path} is gone; it comes back within a minute, {hint}"
        )


def lock_owner(data_dir: Path) -> int | None:
    """The process that holds the lock of a data directory; 0: unknown which, None: nobody."""
    try:
        handle = os.open(data_dir / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(handle, 32).strip()
        return int(owner) if owner.isdigit() else 0
    finally:
        os.close(handle)
    return None


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for a socket path that fits into an address, however deep the directory is."""
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield str(path)
        return
    handle = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)


class ControlServer:
    """Answers requests with the commands it is given."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = path
        self._commands = commands
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None
        #: device and inode of the socket's file
        self._place: tuple[int, int] | None = None
        #: open connections; those that wait for a request are True, the longest waiting first
        self._open: dict[asyncio.StreamWriter, bool] = {}

    async def start(self) -> None:
        """Listen; raises OSError. The caller holds the data directory's lock."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)
        try:
            with _reachable(self._path) as name:
                sock.bind(name)
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(old_mask)
        self._socket = sock
        self._place = self._found()
        self._serving = asyncio.create_task(self._accept(sock))

    def _found(self) -> tuple[int, int] | None:
        """What file is at the path now."""
        try:
            info = self._path.lstat()
        except OSError:
            return None
        return info.st_dev, info.st_ino

    async def check(self) -> None:
        """Raise Unavailable if the socket's file was removed or replaced: nobody finds us then."""
        if self._found() != self._place:
            raise Unavailable("the control socket was removed", "closed")
        if self._serving is None or self._serving.done():
            raise Unavailable("the control socket no longer accepts", "closed")

    def status(self) -> dict[str, Any]:
        """Where it listens, and how many are connected."""
        return {"listen": f"unix:{self._path}", "connections_open": len(self._open)}

    async def stop(self) -> None:
        """Cut off who is connected, and remove the socket's file if it is still ours."""
        if self._socket is not None:
            if self._found() == self._place:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            serving, self._serving = self._serving, None
            await end_task(serving)
            self._socket.close()
            self._socket = None

    async def _accept(self, sock: socket.socket) -> None:
        acceptor = Acceptor(sock, self._drop_idle)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for connection, _ in await acceptor.accept():
                        group.create_task(self._run(connection))
                    await asyncio.sleep(0)
        finally:
            acceptor.close()

    async def _run(self, connection: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(
                sock=connection, limit=LINE_BYTES_MAX
            )
        except OSError:
            connection.close()
            return
        try:
            await self._serve(reader, writer)
        except Exception as error:
            # A bug of ours ends this connection only.
            _log.error("internal error: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self._make_room():
                return
            while True:
                self._note(writer, is_waiting=True)
                async with asyncio.timeout(_IDLE_TIMEOUT_S):
                    line = await reader.readline()
                if not line:
                    break
                self._note(writer, is_waiting=False)
                await _send(writer, await self._answer(line))
        except (OSError, ValueError):  # gone, idle too long, or a line without end
            pass
        finally:
            self._open.pop(writer, None)
            writer.close()

    def _note(self, writer: asyncio.StreamWriter, *, is_waiting: bool) -> None:
        self._open.pop(writer, None)
        self._open[writer] = is_waiting

    def _make_room(self) -> bool:
        """Whether one more may come in; who has asked nothing for the longest time has to go."""
        return len(self._open) < CONNECTIONS_MAX or self._drop_idle()

    def _drop_idle(self) -> bool:
        idle = next((writer for writer, is_waiting in self._open.items() if is_waiting), None)
        if idle is None:
            return False
        del self._open[idle]
        idle.transport.abort()
        return True

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            command = self._commands.get(request.pop("command"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"ok": False, "error": "not a request"}
        if command is None:
            return {"ok": False, "error": "unknown command"}
        try:
            return {"ok": True, "result": await command(request)}
        except (I2PError, OSError) as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:
            # A bug of ours fails this request only.
            _log.error("internal error in a control command: %s", type(error).__name__)
            _log.debug("internal error", exc_info=True)
            return {"ok": False, "error": "internal error"}


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    """One answer; a result that is an iterator becomes a list."""
    result = answer.get("result")
    if not isinstance(result, Iterator):
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        return
    writer.write(b'{"ok": true, "result": [')
    is_first = True
    while True:
        await share_turn()
        part = list(islice(result, _PART_ITEMS))
        if not part:
            break
        writer.write((b"" if is_first else b", ") + json.dumps(part).encode()[1:-1])
        is_first = False
        await writer.drain()
    writer.write(b"]}\n")
    await writer.drain()


def _connect(sock: socket.socket, name: str, deadline: float) -> None:
    """Linux: a Unix socket whose backlog is full refuses who will not wait."""
    while True:
        try:
            sock.connect(name)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)


def ask(path: Path, command: str, timeout_s: float = 10.0, **arguments: Any) -> Any:
    """Send one request and wait for its result; for the command line, blocking.

    Raises NotRunning, or ControlFault with what the program answered.
    """
    request = json.dumps({"command": command, **arguments}).encode() + b"\n"
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(timeout_s)
            with _reachable(path) as name:
                _connect(sock, name, time.monotonic() + timeout_s)
            sock.sendall(request)
            while not answer.endswith(b"\n") and (data := sock.recv(1 << 16)):
                answer += data
                if len(answer) > ANSWER_BYTES_MAX:
                    raise ControlFault("the answer is too long")
    except PermissionError:
        raise ControlFault(f"{path} belongs to another user") from None
    except (TimeoutError, BlockingIOError):
        raise ControlFault("i2ptunnel runs but does not answer") from None
    except OSError:
        owner = lock_owner(path.parent)
        raise NotRunning(path) if owner is None else SocketGone(path, owner) from None
    try:
        reply = json.loads(answer)
        if reply["ok"]:
            return reply["result"]
        raise ControlFault(str(reply["error"]))
    except (ValueError, KeyError, TypeError):
        raise ControlFault("the answer cannot be read") from None
