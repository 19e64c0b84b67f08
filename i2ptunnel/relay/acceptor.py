"""accept() on a listening socket, for as long as it is open.

Whatever accept says, the loop goes on. Out of descriptors or memory it gives up the one descriptor
that it keeps in reserve, takes the waiting connection with it, drops it, and rests for a moment;
without that the socket would stay readable and the loop would spin.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import Any

from core.base.errors import Unavailable

_BATCH = 32
_PAUSE_S = 0.1
_WARN_EVERY_S = 60.0
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: the caller is gone; the next one may be sound
_GONE = frozenset((errno.ECONNABORTED, errno.EPROTO, errno.EINTR, errno.EPERM))

_log = logging.getLogger("i2ptunnel.listener")


class Acceptor:
    """Serves one listening socket, which its owner closes after :meth:`close`.

    ``on_exhausted`` is called when the system has no more descriptors: it should free some.
    """

    def __init__(self, sock: socket.socket, on_exhausted: Callable[[], object]) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._on_exhausted = on_exhausted
        self._reserve = -1
        self._failure: OSError | None = None
        self._warned_at = float("-inf")
        self._refill()

    def close(self) -> None:
        """Give the reserve back; harmless the second time."""
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    async def accept(self) -> list[tuple[socket.socket, Any]]:
        """The connections that wait, at least until there is one; now and then none.

        Raises Unavailable ``closed`` when the socket was closed.
        """
        if self._failure is not None:
            await self._recover()
        taken: list[tuple[socket.socket, Any]] = []
        try:
            taken.append(await asyncio.get_running_loop().sock_accept(self.socket))
            while len(taken) < _BATCH:
                taken.append(self.socket.accept())
        except BlockingIOError:
            pass  # nobody else waits
        except OSError as error:
            if self.socket.fileno() < 0:
                raise Unavailable("the listener was closed", code="closed") from None
            # Those that are taken first: nothing may be awaited while they belong to nobody.
            self._failure = error
        return taken

    async def _recover(self) -> None:
        error, self._failure = self._failure, None
        assert error is not None
        if error.errno in _GONE:
            return
        if error.errno in _EXHAUSTED:
            self._warn()
            self._on_exhausted()
            self._spend_reserve()
        await asyncio.sleep(_PAUSE_S)
        self._refill()

    def _spend_reserve(self) -> None:
        if self._reserve >= 0:
            self.close()
            with contextlib.suppress(OSError):
                self.socket.accept()[0].close()
            self._refill()

    def _refill(self) -> None:
        if self._reserve < 0:
            with contextlib.suppress(OSError):
                self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _warn(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("out of file descriptors; connections are turned away until some are free")
