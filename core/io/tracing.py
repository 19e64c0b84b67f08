"""Traces as JSON lines, in the way of aioquic's qlog, and the debug log of links and tunnels.

The first line says what the file is. Each further one is an event: ``time`` in seconds since the
start of the trace, ``name`` (``room:event``), ``id`` of the link, tunnel or stream, and ``data``.
Ids are numbers in the order of appearance. There are times, sizes, counts and states; never
payload, keys, names, hosts or hashes. A trace still tells when its user was active: keep it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from core.base.errors import system_reason
from core.base.trace import Figure
from core.io.files import FileFault
from core.netdb import events as netdb_events
from core.streaming import events as stream_events
from core.streaming.connection import Stream
from core.streaming.manager import StreamEvent
from core.transport import events as link_events
from core.tunnel import events as tunnel_events

FORMAT = "i2ptunnel trace 1"
#: a trace that is forgotten does not fill the disk
BYTES_MAX = 256 * 1024 * 1024
_THINGS_MAX = 4096

_links = logging.getLogger("core.transport")
_tunnels = logging.getLogger("core.tunnel")
_netdb = logging.getLogger("core.netdb")
_streams = logging.getLogger("core.streaming")


class TraceFile:
    """Where traces of one run go. ``sessions``: trace only the tunnels and streams of these."""

    def __init__(self, path: Path, sessions: Sequence[str] = ()) -> None:
        """Create the file for its owner only, or empty an older trace. Raises FileFault."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(path, flags, 0o600)
        except OSError as error:
            raise FileFault(path, f"cannot write: {system_reason(error)}") from None
        try:
            head = os.pread(handle, 64, 0)
            if head and FORMAT.encode() not in head:
                raise FileFault(path, "is there already, and is no trace; choose another name")
            os.ftruncate(handle, 0)
        except OSError:  # a pipe or a device
            os.close(handle)
            raise FileFault(path, "is no regular file; choose another name") from None
        except FileFault:
            os.close(handle)
            raise
        self.sessions = frozenset(sessions)
        self._file: TextIO | None = os.fdopen(handle, "w", encoding="ascii")
        self._began: float | None = None
        self._bytes = 0
        self._write({"format": FORMAT, "time_unit": "s"})

    def wants(self, session: str | None) -> bool:
        """Whether what belongs to a session (None: to the router itself) is traced."""
        return not self.sessions or session in self.sessions

    def event(self, name: str, thing: int, now: float, figures: dict[str, Figure]) -> None:
        """One line; nothing any more once the file is full."""
        if self._began is None:
            self._began = now
        time = round(now - self._began, 6)
        self._write({"time": time, "name": name, "id": thing, "data": figures})

    def _write(self, entry: dict[str, object]) -> None:
        if self._file is None:
            return
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        self._bytes += len(line)
        try:
            self._file.write(line)
        except OSError as error:
            logging.getLogger("core.io").error("the trace ends: %s", error.strerror)
            self._bytes = BYTES_MAX
        if self._bytes >= BYTES_MAX:
            self.close()

    def flush(self) -> None:
        """Have what was written so far in the file."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


class StreamTrace:
    """The trace of one stream."""

    def __init__(self, file: TraceFile, number: int) -> None:
        self._file = file
        self._number = number

    def event(self, name: str, now: float, **figures: Figure) -> None:
        """See :class:`core.base.trace.Trace`."""
        self._file.event(f"streaming:{name}", self._number, now, figures)


class RouterLog:
    """The observer of a router: debug lines for rooms that log them, and a trace if there is one.

    Both are without hashes, so that a log tells nobody who was talked to.
    """

    def __init__(self, file: TraceFile | None = None) -> None:
        self._file = file
        self.wants_messages = file is not None and file.wants(None)
        self._numbers: dict[object, int] = {}
        self._named = 0
        #: session of a pool's owner; the router's own is not there
        self.sessions: dict[object, str] = {}

    def _number(self, thing: object) -> int:
        """The id of a link or tunnel."""
        number = self._numbers.get(thing)
        if number is None:
            self._named += 1
            number = self._numbers[thing] = self._named
            if len(self._numbers) > _THINGS_MAX:
                del self._numbers[next(iter(self._numbers))]
        return number

    def _tell(self, name: str, thing: int, now: float, **figures: Figure) -> None:
        if self._file is not None:
            self._file.event(name, thing, now, figures)

    # Links

    def on_link_event(self, event: link_events.Event, now: float) -> None:
        """See :class:`core.router.observer.Observer`."""
        match event:
            case link_events.PeerConnected(router_hash, _, is_outbound):
                number = self._number(router_hash)
                direction = "outbound" if is_outbound else "inbound"
                _links.debug("link %d: connected, %s", number, direction)
                if self.wants_messages:
                    self._tell("transport:connected", number, now, direction=direction)
            case link_events.PeerDisconnected(router_hash, reason):
                number = self._number(router_hash)
                self._numbers.pop(router_hash, None)
                _links.debug("link %d: disconnected, %s", number, reason)
                if self.wants_messages:
                    self._tell("transport:disconnected", number, now, reason=reason)
            case link_events.PeerFailed(router_hash, reason, dropped):
                number = self._number(router_hash)
                self._numbers.pop(router_hash, None)
                _links.debug("link %d: no connection, %s; %d dropped", number, reason, dropped)
                if self.wants_messages:
                    self._tell("transport:failed", number, now, reason=reason, dropped=dropped)

            case link_events.TraversalStep(name, exchange, is_sent, code):
                self._on_traversal(name, exchange, is_sent, code, now)

    def _on_traversal(self, name: str, exchange: int, is_sent: bool, code: int, now: float) -> None:
        number = self._number(("traversal", exchange))
        direction = "sent" if is_sent else "received"
        _links.debug("introduction or test %d: %s %s, code %d", number, name, direction, code)
        if self.wants_messages:
            self._tell(f"ssu2:{name}", number, now, direction=direction, code=code)

    def on_messages(self, router_hash: bytes, messages: Sequence[bytes], now: float) -> None:
        """See :class:`core.router.observer.Observer`."""
        size = sum(map(len, messages))
        count = len(messages)
        number = self._number(router_hash)
        self._tell("transport:messages_received", number, now, count=count, size=size)

    # Tunnels

    def on_tunnel_event(self, event: tunnel_events.TunnelEvent, now: float) -> None:
        """See :class:`core.router.observer.Observer`."""
        match event:
            case tunnel_events.TunnelReady(owner, tunnel, is_inbound):
                hops, direction = len(tunnel.hops), _direction(is_inbound)
                number = self._number(tunnel)
                _tunnels.debug("tunnel %d: ready, %s, %d hops", number, direction, hops)
                self._on_tunnel("ready", number, owner, now, direction=direction, hops=hops)
            case tunnel_events.TunnelLost(owner, tunnel, is_inbound, reason):
                number, direction = self._number(tunnel), _direction(is_inbound)
                self._numbers.pop(tunnel, None)
                _tunnels.debug("tunnel %d: lost, %s, %s", number, direction, reason)
                count = tunnel.messages
                self._on_tunnel("lost", number, owner, now, reason=reason, messages=count)
            case tunnel_events.BuildFinished(owner, is_inbound, hops, codes, elapsed_s):
                answer = "no answer" if codes is None else "declined" if any(codes) else "accepted"
                direction = _direction(is_inbound)
                _tunnels.debug(
                    "build, %s, %d hops: %s after %.1f s", direction, len(hops), answer, elapsed_s
                )
                self._on_tunnel(
                    *("build_finished", 0, owner, now),
                    direction=direction,
                    hops=len(hops),
                    answer=answer,
                    elapsed=round(elapsed_s, 3),
                )
            case tunnel_events.TunnelTested(owner, _, rtt_s):
                _tunnels.debug("test: %s", "failed" if rtt_s is None else f"{rtt_s:.2f} s")
                rtt = None if rtt_s is None else round(rtt_s, 3)
                self._on_tunnel("tested", 0, owner, now, rtt=rtt)

    def _on_tunnel(
        self, name: str, number: int, owner: object, now: float, **figures: Figure
    ) -> None:
        if self._file is not None and self._file.wants(self.sessions.get(owner)):
            self._file.event(f"tunnel:{name}", number, now, figures)

    # The network database

    def on_netdb_event(self, event: netdb_events.Event, now: float) -> None:
        """See :class:`core.router.observer.Observer`."""
        match event:
            case netdb_events.LookupFinished(_, kind, _, _, result):
                is_found = "found" if result is not None else "not found"
                _netdb.debug("lookup of a %s: %s", kind.name.lower().replace("_", " "), is_found)
            case netdb_events.PublishConfirmed():
                _netdb.debug("publication: confirmed")
            case netdb_events.PublishVerified():
                _netdb.debug("publication: verified")
            case netdb_events.PublishFailed(_, _, attempts):
                _netdb.debug("publication: failed after %d attempts", attempts)

    # Streams

    def on_stream(self, stream: Stream, session: str, now: float) -> None:
        """A stream was opened, by us or by a peer."""
        direction = _direction(stream.is_inbound)
        is_traced = self._file is not None and self._file.wants(session)
        if not is_traced and not _streams.isEnabledFor(logging.DEBUG):
            return
        number = self._number(stream)
        _streams.debug("stream %d: opened, %s", number, direction)
        if self._file is not None and is_traced:
            stream.trace = StreamTrace(self._file, number)
            stream.trace.event("opened", now, direction=direction)

    def on_stream_event(self, event: StreamEvent, now: float) -> None:
        """Something happened to a stream."""
        match event:
            case stream_events.Connected(stream):
                self._on_stream("connected", stream, now)
            case stream_events.RemoteClosed(stream):
                self._on_stream("remote_closed", stream, now)
            case stream_events.Closed(stream):
                self._on_stream("closed", stream, now, **_sums(stream))
            case stream_events.Reset(stream, why):
                self._on_stream("reset", stream, now, reason=why, **_sums(stream))

    def _on_stream(self, name: str, stream: Stream, now: float, **figures: Figure) -> None:
        if stream.trace is not None:
            stream.trace.event(name, now, **figures)
        if _streams.isEnabledFor(logging.DEBUG):
            text = ", ".join(f"{key} {value}" for key, value in figures.items())
            words = name.replace("_", " ")
            _streams.debug(
                "stream %d: %s%s", self._number(stream), words, f"; {text}" if text else ""
            )
        if name in ("closed", "reset"):
            self._numbers.pop(stream, None)


def _direction(is_inbound: bool) -> str:
    return "inbound" if is_inbound else "outbound"


def _sums(stream: Stream) -> dict[str, Figure]:
    stats = stream.stats
    return {
        "bytes_sent": stats.bytes_sent,
        "bytes_received": stats.bytes_received,
        "packets_sent": stats.sent,
        "packets_received": stats.received,
        "retransmitted": stats.resent,
        "lost": stats.lost,
        "rtt": round(stats.rtt, 4),
    }
