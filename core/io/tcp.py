"""The socket driver of NTCP2: moves bytes, decides nothing.

All sockets are non-blocking and watched by the event loop directly; there is no task, future or
timer for a link. One wake-up of the loop may read many sockets; what they brought is fed to the
:class:`~core.transport.ntcp2.endpoint.Ntcp2Endpoint` at once, and the turn afterwards
(:mod:`core.io.wakeup`) writes to every link that has something, once.

With a ``proxy`` every connection is dialled through it, none past it.

Nothing here is a coroutine but :meth:`TcpTransport.start` and :meth:`TcpTransport.stop`. ``now`` is
the loop's clock. A timer that fires early is harmless, so a timer is only ever moved forward.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Iterable

from core.io.alarm import Alarm
from core.io.proxy import Proxy
from core.io.tcp_acceptor import Acceptor
from core.io.tcp_dialer import TcpDialer
from core.io.wakeup import Wakeup
from core.transport.ntcp2.commands import Close, Dial, LinkId
from core.transport.ntcp2.endpoint import Ntcp2Endpoint

logger = logging.getLogger("core.io.tcp")

READ_BYTES = 64 * 1024
WRITE_BYTES_HIGH = 256 * 1024
WRITE_BYTES_LOW = 64 * 1024
LINGER_S = 3.0
FLUSH_ROUNDS_MAX = 64
#: Linux: what is written must be acknowledged within this time. Without it a connection that
#: outlives a pulled cable waits longer and longer between its tries.
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_ACKNOWLEDGED_MS = 12_000
#: Linux only
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_RESET = struct.pack("ii", 1, 0)
WARN_INTERVAL_S = 60.0
#: Connections that are closing and have something left to write; the oldest goes first.
LINGERING_MAX = 64


class _Socket:
    """One TCP connection."""

    __slots__ = ("buffer", "is_closing", "is_paused", "is_reading", "is_writing", "link", "socket")

    def __init__(self, link: LinkId, sock: socket.socket) -> None:
        self.link = link
        self.socket = sock
        #: bytes the kernel did not take yet
        self.buffer = bytearray()
        self.is_reading = False
        self.is_writing = False
        self.is_paused = False
        self.is_closing = False


class TcpTransport:
    """Serves one :class:`Ntcp2Endpoint`; a turn follows each batch of reads or timers.

    ``source_hosts``: the addresses to connect from, at most one of each network; peers refuse a
    router that calls from another address than the one it publishes. They do not count with
    ``proxy``.
    """

    def __init__(
        self,
        endpoint: Ntcp2Endpoint,
        wakeup: Wakeup,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        source_hosts: Iterable[str] = (),
        proxy: Proxy | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._wakeup = wakeup
        self._loop = loop or asyncio.get_running_loop()
        self._sockets: dict[LinkId, _Socket] = {}
        self._lingering: dict[_Socket, None] = {}
        self._warned_at = float("-inf")
        self._read_buffer = memoryview(bytearray(READ_BYTES))
        self._is_stopped = False
        wakeup.add(self.flush)
        self._alarm = Alarm(self._loop, self._on_timer)
        self._handles: set[asyncio.TimerHandle] = set()
        self._acceptor = Acceptor(self, endpoint, self._loop)
        self._dialer = TcpDialer(self, endpoint, self._loop, source_hosts, proxy)

    @property
    def socket_count(self) -> int:
        """Open connections and dials."""
        return len(self._sockets) + len(self._dialer)

    async def start(
        self, host: str | None = None, port: int = 0, *, inherited: socket.socket | None = None
    ) -> int:
        """Listen on a numeric address; call again for another family. Returns the port.

        ``inherited``: a socket that listens there already, kept over a restart. Without ``host``
        nothing is listened on; dialling works either way. OSError if the address cannot be bound.
        """
        if host is None:
            return 0
        return self._acceptor.listen(host, port, inherited)

    @property
    def listeners(self) -> tuple[socket.socket, ...]:
        """The listening sockets."""
        return tuple(self._acceptor.listeners)

    async def stop(self, timeout_s: float = 1.0, *, keep_listeners: bool = False) -> None:
        """Say goodbye to every peer, wait shortly for it to leave, and close everything.

        Who calls meanwhile waits in the backlog of the listeners, which close last, or stay open
        with ``keep_listeners`` until :meth:`close_listeners`. Java bans a router for nine minutes
        whose port refuses it; the next process answers if it inherits the listening socket.
        """
        if self._is_stopped:
            return
        self._acceptor.stop()
        self._endpoint.shutdown(self._loop.time())
        self._wakeup.run()
        deadline = self._loop.time() + timeout_s
        while self._sockets and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        self._is_stopped = True
        self._wakeup.remove(self.flush)
        self._dialer.abandon_all()
        for sock in list(self._sockets.values()):
            self._drop(sock, is_abort=True)
        self._alarm.cancel()
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()
        self._acceptor.release_reserve()
        if not keep_listeners:
            self.close_listeners()

    def close_listeners(self) -> None:
        """The last thing to do; harmless the second time."""
        self._acceptor.close()

    def schedule(self) -> None:
        """Have a turn soon."""
        self._wakeup.schedule()

    def flush(self) -> None:
        """Write what the sessions have to say, obey their commands and set the timer."""
        endpoint = self._endpoint
        sockets = self._sockets
        now = self._loop.time()
        for _ in range(FLUSH_ROUNDS_MAX):
            output = endpoint.take_output(now)
            for link, data in output:
                sock = sockets.get(link)
                if sock is not None:
                    self._write(sock, data)
            commands = endpoint.take_commands()
            for command in commands:
                if isinstance(command, Dial):
                    self._dialer.dial(command)
                elif isinstance(command, Close):
                    self._close(command)
            if not output and not commands:
                break
        else:
            # Others want the loop too: go on in its next turn.
            self.schedule()
        self._alarm.set(endpoint.next_timer())

    def _on_timer(self) -> None:
        self._endpoint.handle_timer(self._loop.time())
        self._wakeup.run()

    # What the acceptor and the dialer need

    def opened(self, link: LinkId, sock: socket.socket) -> None:
        """Serve a connection that has been accepted or made."""
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _USER_TIMEOUT is not None:
                sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, _ACKNOWLEDGED_MS)
        connection = _Socket(link, sock)
        self._sockets[link] = connection
        self._read_on(connection)

    def later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back after a time, unless this is stopped before."""

        def run() -> None:
            self._handles.discard(handle)
            callback()

        handle = self._loop.call_later(delay_s, run)
        self._handles.add(handle)

    def short_of_resources(self, error: OSError) -> None:
        """The system refused a descriptor, a port or memory: give up what is worth least."""
        now = self._loop.time()
        if now - self._warned_at >= WARN_INTERVAL_S:
            self._warned_at = now
            logger.warning("connections of the router: %s", (error.strerror or "?").lower())
        self._endpoint.free_descriptors(now)

    # Reading

    def _read_on(self, sock: _Socket) -> None:
        if not sock.is_reading and not sock.is_closing and sock.socket.fileno() >= 0:
            sock.is_reading = True
            self._loop.add_reader(sock.socket.fileno(), self._on_readable, sock)

    def _read_off(self, sock: _Socket) -> None:
        if sock.is_reading:
            sock.is_reading = False
            self._loop.remove_reader(sock.socket.fileno())

    def _on_readable(self, sock: _Socket) -> None:
        now = self._loop.time()
        if not self._wakeup.may_read(sock.socket.fileno(), now):
            return
        size = self._endpoint.readable(READ_BYTES)
        try:
            count = sock.socket.recv_into(self._read_buffer, size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        if not count:
            self._drop(sock, is_abort=False)
            self._endpoint.lost(sock.link, now)
        else:
            # i2pd: writes without TCP_NODELAY, so a delayed ack holds its next frame up for 40 ms;
            # the kernel forgets the option after each ack.
            if _QUICKACK is not None:
                # Not suppress(): it costs as much as the call.
                try:
                    sock.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
                except OSError:
                    pass
            self._endpoint.receive_data(sock.link, self._read_buffer[:count], now)
            pause_s = self._endpoint.read_pause(now)
            if pause_s > 0:
                self._read_off(sock)
                self.later(pause_s, lambda: self._read_on(sock))

    # Writing

    def _write(self, sock: _Socket, data: bytes) -> None:
        if not sock.buffer:
            try:
                sent = sock.socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._drop(sock, is_abort=False)
                self._endpoint.lost(sock.link, self._loop.time())
                self.schedule()
                return
            if sent == len(data):
                return
            data = data[sent:]
        sock.buffer += data
        if not sock.is_writing:
            sock.is_writing = True
            self._loop.add_writer(sock.socket.fileno(), self._on_writable, sock)
        if len(sock.buffer) > WRITE_BYTES_HIGH and not sock.is_paused:
            sock.is_paused = True
            self._endpoint.pause_writing(sock.link)

    def _on_writable(self, sock: _Socket) -> None:
        try:
            sent = sock.socket.send(sock.buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(sock, is_abort=False)
            self._endpoint.lost(sock.link, self._loop.time())
            self.schedule()
            return
        del sock.buffer[:sent]
        if sock.is_paused and len(sock.buffer) <= WRITE_BYTES_LOW:
            sock.is_paused = False
            self._endpoint.resume_writing(sock.link)
            self.schedule()
        if not sock.buffer:
            sock.is_writing = False
            self._loop.remove_writer(sock.socket.fileno())
            if sock.is_closing:
                self._drop(sock, is_abort=False)

    # Closing

    def _close(self, command: Close) -> None:
        if self._dialer.abandon(command.link):
            return
        sock = self._sockets.get(command.link)
        if sock is None:
            return
        if command.is_abort or not sock.buffer:
            self._drop(sock, command.is_abort)
            return
        self._read_off(sock)
        sock.is_closing = True
        self._lingering[sock] = None
        if len(self._lingering) > LINGERING_MAX:
            self._drop(next(iter(self._lingering)), is_abort=True)
        self.later(LINGER_S, lambda: self._drop(sock, is_abort=True))

    def _drop(self, sock: _Socket, is_abort: bool) -> None:
        """Close the socket; harmless the second time."""
        self._lingering.pop(sock, None)
        if sock.socket.fileno() < 0:
            return
        self._read_off(sock)
        if sock.is_writing:
            sock.is_writing = False
            self._loop.remove_writer(sock.socket.fileno())
        if is_abort:
            with contextlib.suppress(OSError):
                sock.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.socket.close()
        if self._sockets.get(sock.link) is sock:
            del self._sockets[sock.link]
