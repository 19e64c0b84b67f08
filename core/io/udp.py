"""The socket driver of datagram transports: moves datagrams, decides nothing.

One unconnected socket for each family carries all sessions. A wake-up of the loop reads a bounded
batch; what it brought is fed to the endpoint at once, and the turn afterwards
(:mod:`core.io.wakeup`) sends what the endpoint has. Linux takes and gives several datagrams of one
peer in one system call (UDP_SEGMENT, UDP_GRO); elsewhere they go one by one.

Whatever goes wrong with one datagram or one destination is counted and is the end of nothing else:
what is not sent counts as lost on the way.

Nothing here is a coroutine but :meth:`UdpTransport.start` and :meth:`UdpTransport.stop`. ``now`` is
the loop's clock. A timer that fires early is harmless, so a timer is only ever moved forward.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from typing import Protocol

from core.base.bounded import BoundedMap
from core.io.alarm import Alarm
from core.io.packet_filter import detach
from core.io.udp_guard import Guarded, UdpGuard
from core.io.udp_socket import (
    ANCILLARY_BYTES,
    SEGMENTS_BYTES_MAX,
    SEGMENTS_MAX,
    UdpSocket,
)
from core.io.wakeup import Wakeup
from core.transport.ssu2.framing import SocketAddress
from core.transport.stats import LinkStats

#: system calls for one socket before others have their turn
READS_MAX = 64
FLUSH_ROUNDS_MAX = 64
READ_BYTES = 64 * 1024
#: in a flood: how long what strangers send is gathered
GATHER_S = 0.003
#: datagrams that a full socket did not take, kept until it does
UNSENT_MAX = 1024
#: peers of whom it is remembered to which of our addresses they sent
REACHED_MAX = 8192

_FULL = frozenset((errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR))
#: segmentation offload that a route or an interface does not do
_NO_OFFLOAD = frozenset((errno.EINVAL, errno.EIO, errno.EOPNOTSUPP))

Datagram = tuple[bytes, SocketAddress]


class DatagramEndpoint(Guarded, Protocol):
    """What the driver needs of a transport; all calls return at once."""

    def receive_run(self, data: bytes, size: int, source: SocketAddress, now: float) -> int:
        """Datagrams came from one source: ``size`` bytes each, but the last, which may be
        smaller. Returns how many of them are strangers'."""
        ...

    def readable(self, wanted: int) -> int:
        """How many of ``wanted`` bytes one read may bring."""
        ...

    def take_output(self, now: float) -> list[Datagram]:
        """Datagrams to send now; again until it is empty."""
        ...

    def destination_failed(self, destination: SocketAddress, error: int, now: float) -> None:
        """The system refuses to send there, with this error number; it may be passing."""
        ...

    def read_pause(self, now: float) -> float:
        """Seconds for which nothing should be read, 0.0 for none."""
        ...

    def next_timer(self) -> float | None:
        """When to call :meth:`handle_timer` or :meth:`take_output`."""
        ...

    def handle_timer(self, now: float) -> None:
        """Check the deadlines; early calls do nothing."""
        ...

    def shutdown(self, now: float) -> None:
        """Say goodbye on every session."""
        ...


class UdpTransport:
    """Serves one :class:`DatagramEndpoint`; a turn follows each batch or timer."""

    def __init__(
        self,
        endpoint: DatagramEndpoint,
        wakeup: Wakeup,
        stats: LinkStats,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._wakeup = wakeup
        self._stats = stats
        self._loop = loop or asyncio.get_running_loop()
        self._sockets: list[UdpSocket] = []
        self._reached: BoundedMap[SocketAddress, bytes] = BoundedMap(REACHED_MAX)
        self._unsent: deque[Datagram] = deque()
        self._read_buffer = bytearray(READ_BYTES)
        self._read_view = memoryview(self._read_buffer)
        self._is_stopped = False
        wakeup.add(self.flush)
        self._alarm = Alarm(self._loop, self._on_timer)
        self._pauses: set[asyncio.TimerHandle] = set()
        self._guard = UdpGuard(endpoint, lambda: self._sockets, stats, self._loop)

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The open sockets, at most one of each family."""
        return tuple(one.socket for one in self._sockets)

    async def start(
        self, host: str, port: int = 0, *, inherited: socket.socket | None = None
    ) -> int:
        """Open a socket at a numeric address; call again for the other family. Returns the port.

        ``inherited``: a socket that is bound there already, kept over a restart. OSError if the
        address cannot be bound. With a wildcard, answers leave from the address that was reached.
        """
        sock = UdpSocket(host, port, inherited)
        detach(sock.socket)  # what a process before us had in its last moments
        self._sockets.append(sock)
        self._read_on(sock)
        return sock.port

    async def stop(self, timeout_s: float = 1.0, *, keep_sockets: bool = False) -> None:
        """Say goodbye to every peer, wait shortly for their answers, and close everything.

        ``keep_sockets``: leave them open for the next process, until :meth:`close_sockets`.
        """
        if self._is_stopped:
            return
        self._endpoint.shutdown(self._loop.time())
        self._wakeup.run()
        deadline = self._loop.time() + timeout_s
        while self._endpoint.next_timer() is not None and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        self._is_stopped = True
        self._wakeup.remove(self.flush)
        self._guard.stop()
        for sock in self._sockets:
            self._read_off(sock)
            self._write_off(sock)
            self._note_overruns(sock)
        self._alarm.cancel()
        for handle in self._pauses:
            handle.cancel()
        self._pauses.clear()
        self._unsent.clear()
        if not keep_sockets:
            self.close_sockets()

    def close_sockets(self) -> None:
        """The last thing to do; harmless the second time."""
        for sock in self._sockets:
            self._read_off(sock)
            sock.socket.close()
        self._sockets.clear()

    def schedule(self) -> None:
        """Have a turn soon."""
        self._wakeup.schedule()

    def flush(self) -> None:
        """Send what the endpoint has, as far as the sockets take it, and set the timer."""
        endpoint = self._endpoint
        now = self._loop.time()
        for _ in range(FLUSH_ROUNDS_MAX):
            if self._unsent:
                break  # a socket is full; what waits with the owner can still expire there
            output = endpoint.take_output(now)
            if not output:
                break
            self._send(output, now)
        else:
            # Others want the loop too: go on in its next turn.
            self.schedule()
        self._alarm.set(endpoint.next_timer())

    def _on_timer(self) -> None:
        self._endpoint.handle_timer(self._loop.time())
        self._wakeup.run()

    # Reading

    def _read_on(self, sock: UdpSocket) -> None:
        if sock.socket.fileno() >= 0 and not self._is_stopped:
            self._loop.add_reader(sock.socket.fileno(), self._on_readable, sock)

    def _read_off(self, sock: UdpSocket) -> None:
        if sock.socket.fileno() >= 0:
            self._loop.remove_reader(sock.socket.fileno())

    def _on_readable(self, sock: UdpSocket) -> None:
        loop, endpoint, view = self._loop, self._endpoint, self._read_view
        now = loop.time()
        wakeup = self._wakeup
        if not wakeup.may_read(sock.socket.fileno(), now):
            return
        may_coalesce = endpoint.readable(READ_BYTES) >= READ_BYTES
        if may_coalesce != sock.has_coalescing:
            sock.coalesce(may_coalesce)
        receive_run = endpoint.receive_run
        recvmsg_into = sock.socket.recvmsg_into
        buffers = [view]
        strangers = 0
        is_empty = False
        for count in range(READS_MAX):
            try:
                size, ancillary, _, address = recvmsg_into(buffers, ANCILLARY_BYTES)
            except (BlockingIOError, InterruptedError):
                is_empty = True
                break
            except OSError as error:
                # Of a datagram sent before, or of this one; the next one is another matter.
                self._count_failure(error.errno)
                continue
            source = SocketAddress(address[0], address[1])
            segment = size
            if ancillary:
                segment, reached = sock.read_ancillary(ancillary, size)
                if reached is not None:
                    self._reached.put(source, reached)
            strange = receive_run(bytes(view[:size]), segment, source, now)
            if strange:
                strangers += 1
                self._guard.saw(source, strange)
            pause_s = endpoint.read_pause(now)
            if pause_s > 0:
                self._pause(sock, pause_s)
                break
            if not count & 7 and wakeup.is_reading_over(loop.time()):
                break
        else:
            self._note_overruns(sock)
        if strangers:
            took_s = loop.time() - now
            self._guard.spent(took_s * strangers / (count + 1), now + took_s)
            if is_empty and strangers == count and self._guard.is_on:
                # Nobody else waits: many at once cost one turn of the loop.
                self._pause(sock, GATHER_S)

    def _pause(self, sock: UdpSocket, pause_s: float) -> None:
        """The bandwidth is used up: the kernel keeps what comes, and drops what it cannot."""

        def resume() -> None:
            self._pauses.discard(handle)
            self._read_on(sock)

        self._read_off(sock)
        handle = self._loop.call_later(pause_s, resume)
        self._pauses.add(handle)

    def _note_overruns(self, sock: UdpSocket) -> None:
        """Count what the kernel dropped because it was not read in time."""
        if not self._guard.is_on:
            self._stats.datagrams_overrun += sock.take_overruns()

    # Writing

    def _send(self, output: list[Datagram], now: float) -> None:
        """All of it, or up to where a socket is full; the rest waits."""
        at = 0
        end = len(output)
        while at < end:
            data, destination = output[at]
            sock = self._socket_for(destination)
            if sock is None:
                self._fail(destination, errno.EAFNOSUPPORT, now)
                at += 1
                continue
            stop = at + 1
            if sock.has_offload and stop < end and output[stop][1] == destination:
                stop = _run_end(output, at, end)
            buffers = [data] if stop == at + 1 else [one for one, _ in output[at:stop]]
            ancillary = sock.write_ancillary(
                len(data) if stop > at + 1 else 0, self._reached.get(destination)
            )
            try:
                sock.socket.sendmsg(buffers, ancillary, 0, destination)
            except OSError as error:
                code = error.errno or 0
                if code in _FULL:
                    self._hold(sock, output[at:])
                    return
                if stop > at + 1 and code in _NO_OFFLOAD:
                    sock.has_offload = False
                    continue
                if stop > at + 1:
                    # One may be too large, or not; as if there was no offload this time.
                    for one, _ in output[at:stop]:
                        self._send_alone(sock, one, destination, now)
                else:
                    self._fail(destination, code, now)
            at = stop

    def _send_alone(
        self, sock: UdpSocket, data: bytes, destination: SocketAddress, now: float
    ) -> None:
        try:
            ancillary = sock.write_ancillary(0, self._reached.get(destination))
            sock.socket.sendmsg([data], ancillary, 0, destination)
        except OSError as error:
            self._fail(destination, error.errno or 0, now)

    def _socket_for(self, destination: SocketAddress) -> UdpSocket | None:
        is_ipv6 = ":" in destination[0]
        for sock in self._sockets:
            if sock.is_ipv6 == is_ipv6:
                return sock
        return None

    def _fail(self, destination: SocketAddress, code: int, now: float) -> None:
        self._count_failure(code)
        # Too large or no buffers says nothing of the destination.
        if code not in (errno.EMSGSIZE, errno.ENOBUFS, errno.ENOMEM):
            self._endpoint.destination_failed(destination, code, now)

    def _count_failure(self, code: int | None) -> None:
        self._stats.datagrams_failed[errno.errorcode.get(code or 0, "unknown").lower()] += 1

    def _hold(self, sock: UdpSocket, rest: list[Datagram]) -> None:
        """The socket is full: keep what is sealed, up to a bound, until it takes more."""
        room = UNSENT_MAX - len(self._unsent)
        if len(rest) > room:
            self._stats.datagrams_failed["full"] += len(rest) - room
        self._unsent.extend(rest[:room])
        if not sock.is_writing:
            sock.is_writing = True
            self._loop.add_writer(sock.socket.fileno(), self._on_writable, sock)

    def _write_off(self, sock: UdpSocket) -> None:
        if sock.is_writing:
            sock.is_writing = False
            self._loop.remove_writer(sock.socket.fileno())

    def _on_writable(self, sock: UdpSocket) -> None:
        self._write_off(sock)
        unsent = list(self._unsent)
        self._unsent.clear()
        self._send(unsent, self._loop.time())
        if not self._unsent:
            self.schedule()


def _run_end(output: list[Datagram], at: int, end: int) -> int:
    """Behind the last datagram that can leave with the one at ``at``: same destination, and as
    large but for the last one, which may be smaller."""
    data, destination = output[at]
    size = len(data)
    limit = min(end, at + min(SEGMENTS_MAX, SEGMENTS_BYTES_MAX // max(size, 1)))
    stop = at + 1
    while stop < limit:
        data, other = output[stop]
        if other != destination or len(data) > size:
            break
        stop += 1
        if len(data) < size:
            break
    return stop
