"""Two data phases of one SSU2 session, joined by a network of datagrams in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from core.base.congestion import CongestionController
from core.transport.ports import Ended
from core.transport.ssu2.congestion import bbr
from core.transport.ssu2.connection import Connection
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.notices import Notice
from core.transport.stats import LinkStats
from tests.support.deterministic import FakeWallClock
from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import Dice, Schedule
from tests.support.world.udp import PublicHost, UdpNet, UdpSocket

ALICE, BOB = SocketAddress("198.51.100.1", 4001), SocketAddress("203.0.113.1", 4002)
BATCH_BYTES = 128 * 1024


def session_keys(seed: int = 1) -> tuple[SessionKeys, SessionKeys]:
    """What a handshake would give the initiator and the responder."""
    dice = Random(seed)
    ab, ba, alice_intro, bob_intro, ab_header, ba_header = (dice.randbytes(32) for _ in range(6))
    to_alice, to_bob = dice.getrandbits(64), dice.getrandbits(64)
    return (
        SessionKeys(ab, ba, bob_intro, ab_header, alice_intro, ba_header, to_bob, to_alice, True),
        SessionKeys(ba, ab, alice_intro, ba_header, bob_intro, ab_header, to_alice, to_bob, False),
    )


def message(number: int, size: int = 1037) -> bytes:
    """In short form; its content depends on the number."""
    body = Random(number).randbytes(size - 9)
    return bytes((20,)) + number.to_bytes(4, "big") + b"\x65\x53\xf1\x00" + body


class End:
    """One side with its socket. ``waiting``: messages that it has not given the connection yet."""

    def __init__(self, connection: Connection, socket: UdpSocket, stats: LinkStats) -> None:
        self.connection = connection
        self.socket = socket
        self.stats = stats
        self.waiting: list[bytes] = []
        self.received: list[bytes] = []
        self.notices: list[Notice] = []
        self.sent: list[bytes] = []

    def ends(self) -> list[Ended]:
        return [one for one in self.notices if isinstance(one, Ended)]


class Pair:
    """``alice`` is the initiator. ``ways`` may be changed while it runs."""

    def __init__(
        self,
        model: LinkModel | None = None,
        *,
        seed: int = 1,
        mtu: int = 1500,
        rtt_s: float = 0.0,
        controller: Callable[[float], CongestionController] = bbr,
    ) -> None:
        self._controller = controller
        self.schedule = Schedule()
        self.ways = Ways(model or LinkModel())
        self.net = UdpNet(self.schedule, self.ways, Dice(seed, "net"))
        self.wall = FakeWallClock()
        self.hosts: dict[str, PublicHost] = {}
        keys = session_keys(seed)
        self.alice, self.bob = (
            self._end(keys[n], mine, other, mtu, rtt_s, seed)
            for n, (mine, other) in enumerate(((ALICE, BOB), (BOB, ALICE)))
        )
        self.on_step: Callable[[], None] | None = None
        self._serial = 10_000

    def _end(
        self,
        keys: SessionKeys,
        mine: SocketAddress,
        other: SocketAddress,
        mtu: int,
        rtt_s: float,
        seed: int,
    ) -> End:
        stats = LinkStats()
        connection = Connection(
            keys,
            other,
            mtu=mtu,
            wall=self.wall,
            entropy=Dice(seed, mine),
            stats=stats,
            now=self.now,
            rtt_s=rtt_s,
            controller=self._controller,
        )
        return End(connection, self.bind(mine), stats)

    @property
    def now(self) -> float:
        return self.schedule.now

    @property
    def ends(self) -> tuple[End, End]:
        return self.alice, self.bob

    def bind(self, address: SocketAddress) -> UdpSocket:
        """A socket on a host that is made if it is new."""
        host = self.hosts.get(address.host)
        if host is None:
            host = self.hosts[address.host] = self.net.host(address.host)
        return host.bind(address.port)

    def move(self, end: End, address: SocketAddress) -> None:
        """From now on this side is at another address, and nobody is at the old one."""
        old = end.socket.address
        self.hosts[old[0]].close(old[1])
        end.socket = self.bind(address)

    def run(self, until: Callable[[], bool] | None = None, seconds: float = 60.0) -> bool:
        """Until it is true or the time is over; False then, unless there is nothing to wait for."""
        schedule = self.schedule
        end_tick = schedule.tick_of(self.now + seconds)
        while True:
            schedule.run_due()
            for end in self.ends:
                self._serve(end)
            if self.on_step is not None:
                self.on_step()
            if until is not None and until():
                return True
            ticks = [schedule.tick_of(end.connection.next_timer()) for end in self.live()]
            if (tick := schedule.next_tick()) is not None:
                ticks.append(tick)
            tick = max(min(ticks, default=end_tick + 1), schedule.tick + 1)
            if tick > end_tick:
                self.wall.advance((end_tick - schedule.tick) / 1000)
                schedule.tick = end_tick
                return until is None
            self.wall.advance((tick - schedule.tick) / 1000)
            schedule.tick = tick

    def live(self) -> list[End]:
        return [end for end in self.ends if not end.connection.is_closed]

    def _serve(self, end: End) -> None:
        connection, now = end.connection, self.now
        socket = end.socket
        while socket.received:
            data, source = socket.received.popleft()
            end.received += connection.receive(data, SocketAddress(*source), now)
            end.notices += connection.notices
            connection.notices.clear()
        if connection.is_closed:
            return
        connection.handle_timer(now)
        for _ in range(100):
            room = connection.room(now)
            if end.waiting and room > 0:
                batch: list[bytes] = []
                while end.waiting and room > 0:
                    room -= len(end.waiting[0])
                    batch.append(end.waiting.pop(0))
                connection.send(batch, now)
            packets = connection.take_packets(now, BATCH_BYTES)
            for data, target in packets:
                end.sent.append(data)
                socket.send(data, target)
            if not packets:
                break
        end.notices += connection.notices
        connection.notices.clear()

    def transfer(self, count: int, size: int = 1037, seconds: float = 600.0) -> float:
        """Send messages from alice to bob; all arrive exactly once. Returns the seconds it took."""
        began = self.now
        done = len(self.bob.received)
        messages = [message(self._serial + n, size) for n in range(count)]
        self._serial += count
        self.alice.waiting += messages
        assert self.run(lambda: len(self.bob.received) - done >= count, seconds), (
            f"{len(self.bob.received) - done} of {count} arrived"
        )
        assert sorted(self.bob.received[done:]) == sorted(messages)
        return self.now - began
