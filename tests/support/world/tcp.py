"""TCP between the links of routers: in order and whole, or broken; loss is only delay.

This is the one place that knows how a router's link layer is driven (commands, output, what
happened to a socket); see core/io/tcp.py, which does the same with sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from core.transport.ntcp2.commands import Close, Dial, LinkId
from core.transport.ntcp2.endpoint import Ntcp2Endpoint
from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import Dice, Schedule

SEGMENT_BYTES = 1400
RETRANSMISSION_MIN_S = 0.2
SYN_RETRANSMISSION_S = 1.0
RETRANSMISSIONS_MAX = 8
"""After so many in a row the connection breaks."""
#: core/io/tcp.py sets TCP_USER_TIMEOUT to this
UNACKNOWLEDGED_S = 12.0
BUFFER_BYTES_HIGH, BUFFER_BYTES_LOW = 256 * 1024, 64 * 1024


class TcpHost(Protocol):
    """Where links end: a machine with a router. ``host``: its name; ``hosts``: its addresses."""

    host: str
    hosts: tuple[str, ...]

    @property
    def ntcp2(self) -> Ntcp2Endpoint | None:
        """None while no router runs there."""

    @property
    def now(self) -> float:
        """Its monotonic clock."""

    def touch(self) -> None:
        """Something happened to its links: the router needs a turn."""


class End:
    """One end of a connection. ``link`` is how the router's link layer calls it."""

    __slots__ = (
        "arrives_tick",
        "endpoint",
        "free_at",
        "held",
        "host",
        "is_paused",
        "link",
        "peer",
        "under_way",
    )

    def __init__(self, host: TcpHost, endpoint: Ntcp2Endpoint, link: LinkId) -> None:
        self.host = host
        self.endpoint = endpoint
        self.link = link
        self.peer: End | None = None
        """None: the connection is over."""
        self.arrives_tick = 0
        """When the last byte sent so far is at the other end."""
        self.free_at = 0.0
        self.held: list[bytes | None] = []
        """What waits for the way to be whole again; None is the end."""
        self.under_way = 0
        self.is_paused = False


class TcpNet:
    """All TCP connections of a world. ``on_delivery`` is told of all that arrives."""

    def __init__(
        self,
        schedule: Schedule,
        ways: Ways,
        dice: Dice,
        on_delivery: Callable[[TcpHost, TcpHost, bytes], None],
    ) -> None:
        self._schedule = schedule
        self._ways = ways
        self._dice = dice
        self._on_delivery = on_delivery
        self._hosts: dict[str, TcpHost] = {}
        self._ends: dict[tuple[str, LinkId], End] = {}
        self._held: dict[End, object] = {}
        self.dials = 0
        self.broken = 0
        ways.on_change.append(self._release)

    def add(self, host: TcpHost) -> None:
        """A machine that can be dialled."""
        for address in host.hosts:
            self._hosts[address] = host

    def serve(self, host: TcpHost, endpoint: Ntcp2Endpoint) -> bool:
        """Take what a link layer wants sent and done; False if it wanted nothing."""
        is_busy = False
        while output := endpoint.take_output(host.now):
            is_busy = True
            for link, data in output:
                end = self._ends.get((host.host, link))
                if end is not None:
                    self._send(end, data)
        for command in endpoint.take_commands():
            is_busy = True
            if isinstance(command, Dial):
                self._dial(host, endpoint, command)
            elif isinstance(command, Close):
                self._close(host.host, command.link)
        return is_busy

    def drop_host(self, host: str, *, is_silent: bool) -> None:
        """The router there ended. ``is_silent``: the machine went with it, and tells nobody."""
        for key in [key for key in self._ends if key[0] == host]:
            end = self._ends.pop(key)
            if not is_silent:
                self._put(end, None)

    def move_host(self, host: TcpHost) -> None:
        """It is about to have another address: its connections break, which it notices later."""
        for key in [key for key in self._ends if key[0] == host.host]:
            end = self._ends.pop(key)

            def notice(end: End = end) -> None:
                if host.ntcp2 is end.endpoint:
                    end.endpoint.lost(end.link, host.now)
                    host.touch()

            self._schedule.after(UNACKNOWLEDGED_S, notice)

    # Dials

    def _dial(self, host: TcpHost, endpoint: Ntcp2Endpoint, command: Dial) -> None:
        self.dials += 1
        called = self._hosts.get(command.host)
        there = command.host if called is None else called.host
        source = next(one for one in host.hosts if (":" in one) == (":" in command.host))
        model = self._ways.of(host.host, there)
        back = self._ways.of(there, host.host)
        there_s = self._pass_s(model) + self._lost_s(model, 1, SYN_RETRANSMISSION_S)
        back_s = self._pass_s(back) + self._lost_s(back, 1, SYN_RETRANSMISSION_S)

        def arrive() -> None:
            target = self._hosts.get(command.host)
            if target is None or self._ways.is_cut(host.host, there):
                return  # silence: the link layer has a timer for it
            remote = target.ntcp2
            if remote is None:
                self._schedule.after(back_s, refuse)
                return
            link = remote.accepted(source, target.now)
            target.touch()
            if link is None:
                self._schedule.after(back_s, close_at_once)
                return
            near, far = End(host, endpoint, command.link), End(target, remote, link)
            near.peer, far.peer = far, near
            far.arrives_tick = self._schedule.tick_of(self._schedule.now + back_s)
            self._ends[there, link] = far
            self._schedule.after(back_s, lambda: connected(near))

        def refuse() -> None:
            if host.ntcp2 is endpoint:
                endpoint.dial_failed(command.link, host.now)
                host.touch()

        def close_at_once() -> None:
            if host.ntcp2 is endpoint:
                endpoint.dialed(command.link, host.now)
                endpoint.lost(command.link, host.now)
                host.touch()

        def connected(near: End) -> None:
            if host.ntcp2 is not endpoint:
                self._put(near, None)
                return
            self._ends[host.host, command.link] = near
            endpoint.dialed(command.link, host.now)
            host.touch()

        self._schedule.after(there_s, arrive)

    # Bytes

    def _send(self, end: End, data: bytes) -> None:
        end.under_way += len(data)
        if end.under_way > BUFFER_BYTES_HIGH and not end.is_paused:
            end.is_paused = True
            end.endpoint.pause_writing(end.link)
        if end.held or self._is_cut(end):
            end.held.append(data)
            self._hold(end)
        else:
            self._put(end, data)

    def _put(self, end: End, data: bytes | None, extra_s: float = 0.0) -> None:
        """Under way to the other end; None is the end of it all."""
        peer = end.peer
        if peer is None:
            return
        model = self._ways.of(end.host.host, peer.host.host)
        now = self._schedule.now
        size = 0 if data is None else len(data)
        end.free_at = max(now, end.free_at)
        if model.bytes_s is not None:
            end.free_at += size / model.bytes_s
        lost_s = self._lost_s(model, 1 + size // SEGMENT_BYTES, self._retransmission_s(model))
        if lost_s > UNACKNOWLEDGED_S:
            self._break(end)
            return
        at = end.free_at + self._pass_s(model) + lost_s + extra_s
        end.arrives_tick = max(end.arrives_tick, self._schedule.tick_of(at))
        if data is None:
            end.peer = None
            self._schedule.at_tick(end.arrives_tick, lambda: self._lose(peer))
        else:
            self._schedule.at_tick(end.arrives_tick, lambda: self._deliver(end, peer, data))

    def _deliver(self, end: End, peer: End, data: bytes) -> None:
        end.under_way -= len(data)
        if end.is_paused and end.under_way <= BUFFER_BYTES_LOW:
            end.is_paused = False
            if end.host.ntcp2 is end.endpoint:
                end.endpoint.resume_writing(end.link)
                end.host.touch()
        host = peer.host
        if self._is_cut(end):  # it was under way when the way was cut
            end.under_way += len(data)
            end.held.append(data)
            self._hold(end)
            return
        if self._ends.get((host.host, peer.link)) is not peer:
            # Nobody has this socket any more: a reset is the answer.
            self._schedule.after(self._ways.default.delay_s, lambda: self._lose(end))
            return
        self._on_delivery(end.host, host, data)
        peer.endpoint.receive_data(peer.link, data, host.now)
        host.touch()

    def _lose(self, end: End) -> None:
        """The other side is gone, and all it sent is here."""
        end.peer = None
        if self._ends.pop((end.host.host, end.link), None) is end and (
            end.host.ntcp2 is end.endpoint
        ):
            end.endpoint.lost(end.link, end.host.now)
            end.host.touch()

    def _close(self, host: str, link: LinkId) -> None:
        end = self._ends.pop((host, link), None)
        if end is None or end.peer is None:
            return
        if end.held or self._is_cut(end):
            end.held.append(None)
            self._hold(end)
        else:
            self._put(end, None)

    def _break(self, end: End) -> None:
        """Neither side has heard of the other for too long."""
        self.broken += 1
        peer = end.peer
        end.held.clear()
        self._held.pop(end, None)
        self._lose(end)
        if peer is not None:
            self._lose(peer)

    # Cuts

    def _is_cut(self, end: End) -> bool:
        return end.peer is not None and self._ways.is_cut(end.host.host, end.peer.host.host)

    def _hold(self, end: End) -> None:
        if end in self._held:
            return
        token = self._held[end] = object()

        def give_up() -> None:
            if self._held.get(end) is token:
                self._break(end)

        self._schedule.after(UNACKNOWLEDGED_S, give_up)

    def _release(self) -> None:
        """A way may be whole again: what was held goes with the next retransmission."""
        for end in list(self._held):
            if not self._is_cut(end) and end.peer is not None:
                del self._held[end]
                held, end.held = end.held, []
                wait_s = self._retransmission_s(self._ways.default) * (1 + self._dice.fraction())
                for data in held:
                    self._put(end, data, wait_s)

    # Times

    def _pass_s(self, model: LinkModel) -> float:
        jitter_s = model.jitter_s * self._dice.fraction() if model.jitter_s else 0.0
        return model.delay_s + jitter_s

    @staticmethod
    def _retransmission_s(model: LinkModel) -> float:
        return max(RETRANSMISSION_MIN_S, 3 * (model.delay_s + model.jitter_s))

    def _lost_s(self, model: LinkModel, segments: int, first_s: float) -> float:
        """How much later the last of so many segments comes, because some were lost."""
        late_s = 0.0
        if model.loss:
            for _ in range(segments):
                wait_s, tries = 0.0, 0
                while self._dice.fraction() < model.loss:
                    wait_s += first_s * 2**tries
                    tries += 1
                    if tries > RETRANSMISSIONS_MAX:
                        return float("inf")
                late_s = max(late_s, wait_s)
        return late_s
