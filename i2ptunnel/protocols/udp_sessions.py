"""UDP through I2P: sessions by port, and which datagram format each packet takes.

i2pd (udpclient, udpserver): a local program's source port is the I2P port it sends from. The first
packet is repliable, so that the server learns who is there; those that follow soon go raw, which is
smaller, and are known by their ports alone. Sessions end after 2 minutes without traffic.
Java and SAM applications of repliable datagrams do not get raw ones. So we send raw packets only to
who has sent some, or i2pd's options, in the same session.
i2pd: its format 3 packets carry options: ``seqn`` (number of the packet) and ``flags``, of which 2
asks for ``acked`` (the highest number that came). Without such answers it gives up path after path
and in the end sends nothing, so they are always answered, also when they come without payload and
ports; we ask for none, the router watches its paths itself. An empty packet with such options but
no number is no packet of a program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

RAW = 0
IDLE_TIMEOUT_S = 120.0
#: a session without traffic for so long may make room for another
IDLE_S = 10.0
#: i2pd: 64 KiB; longer ones than this do not fit the datagram formats with their headers
PACKET_BYTES_MAX = 31_744
#: before anything came back a lost first packet would block the session
REPLIABLE_INTERVAL_UNANSWERED_S = 0.1
REPLIABLE_INTERVAL_S = 1.0
_FLAG_ACK_REQUESTED = 2
_OPTIONS = frozenset(("seqn", "flags", "acked"))
_NUMBER_MAX = (1 << 32) - 1

OwnerT = TypeVar("OwnerT")
GroupT = TypeVar("GroupT", bound=Hashable)


@dataclass(slots=True)
class UdpSession(Generic[OwnerT]):
    """One conversation. ``owner`` is whatever the tunnel needs to know of its local side."""

    remote_hash: bytes
    local_port: int
    remote_port: int
    owner: OwnerT
    last_active: float
    takes_raw: bool = False
    """The other side is known to understand raw packets."""
    is_answered: bool = False
    _last_repliable: float | None = None
    _highest_number: int = 0

    def choose(self, version: int, now: float) -> int:
        """The format of the next packet to the other side: ``version`` or RAW."""
        self.last_active = now
        if not self.takes_raw:
            return version
        interval_s = REPLIABLE_INTERVAL_S if self.is_answered else REPLIABLE_INTERVAL_UNANSWERED_S
        if self._last_repliable is not None and now - self._last_repliable < interval_s:
            return RAW
        self._last_repliable = now
        return version

    def receive(
        self, options: Mapping[str, str], now: float, *, is_raw: bool = False
    ) -> dict[str, str] | None:
        """Note a packet that came; options to send back at once in an empty format 3 packet.

        ``is_raw``: it came raw, and is proven to be by the other side.
        """
        self.last_active = now
        self.is_answered = True
        self.takes_raw = self.takes_raw or is_raw or not _OPTIONS.isdisjoint(options)
        self._highest_number = max(self._highest_number, _number(options.get("seqn")))
        return self.acknowledge(options)

    def acknowledge(self, options: Mapping[str, str]) -> dict[str, str] | None:
        """The answer to a packet that is no part of the conversation but from the same place."""
        if _number(options.get("flags")) & _FLAG_ACK_REQUESTED:
            return {"acked": str(self._highest_number)}
        return None


def is_control(payload: bytes, options: Mapping[str, str]) -> bool:
    """Whether a packet is of i2pd's tunnels, not of the program behind them."""
    return not payload and not _OPTIONS.isdisjoint(options) and "seqn" not in options


def _number(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 10:
        return 0
    return min(int(text), _NUMBER_MAX)


def _last_active(session: UdpSession[OwnerT]) -> float:
    return session.last_active


def _idlest_of_greediest(
    sessions: Iterable[UdpSession[OwnerT]],
    counts: Mapping[GroupT, int],
    group_of: Callable[[UdpSession[OwnerT]], GroupT],
) -> UdpSession[OwnerT] | None:
    return max(sessions, key=lambda one: (counts[group_of(one)], -one.last_active), default=None)


class UdpClientSessions(Generic[OwnerT]):
    """The sessions of a client tunnel: by the local program's address, and by I2P port.

    ``random_below(n)`` is for the rare case that two programs on different hosts use one port.
    ``takes_raw``: the other sides are known to understand raw packets.
    """

    def __init__(
        self,
        sessions_max: int,
        random_below: Callable[[int], int],
        *,
        takes_raw: bool = False,
        group_of: Callable[[OwnerT], Hashable] = lambda _: None,
    ) -> None:
        """``group_of``: whose an owner is. Of too many, the greediest loses the idlest."""
        self._group_of = group_of
        self._sessions_max = sessions_max
        self._takes_raw = takes_raw
        self._random_below = random_below
        self._by_owner: dict[OwnerT, UdpSession[OwnerT]] = {}
        self._by_port: dict[int, UdpSession[OwnerT]] = {}
        self.counters: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_owner)

    def obtain(
        self, owner: OwnerT, source_port: int, remote_hash: bytes, remote_port: int, now: float
    ) -> UdpSession[OwnerT] | None:
        """The session of a local program, made when there is none; None when there are too many."""
        session = self._by_owner.get(owner)
        if session is None:
            if len(self._by_owner) >= self._sessions_max:
                self.expire(now)
            if len(self._by_owner) >= self._sessions_max and not self._evict(now):
                self.counters["sessions_refused"] += 1
                return None
            port = source_port
            while port in self._by_port or not port:
                port = 1024 + self._random_below(65536 - 1024)
            session = UdpSession(remote_hash, port, remote_port, owner, now, self._takes_raw)
            self._by_port[port] = session
            self._by_owner[owner] = session
            self.counters["sessions"] += 1
        return session

    def find(self, from_port: int, to_port: int) -> UdpSession[OwnerT] | None:
        """Whose a packet from I2P is."""
        session = self._by_port.get(to_port)
        if session is None or session.remote_port != from_port:
            return None
        return session

    def latest(self) -> UdpSession[OwnerT] | None:
        """The session with the latest packet."""
        return max(self._by_owner.values(), key=_last_active, default=None)

    def expire(self, now: float) -> None:
        """Forget sessions without traffic."""
        for session in list(self._by_owner.values()):
            if now - session.last_active >= IDLE_TIMEOUT_S:
                self._remove(session)

    def _evict(self, now: float) -> bool:
        counts = Counter(self._group_of(owner) for owner in self._by_owner)
        idle = [one for one in self._by_owner.values() if now - one.last_active >= IDLE_S]
        victim = _idlest_of_greediest(idle, counts, lambda one: self._group_of(one.owner))
        if victim is None:
            return False
        self.counters["sessions_evicted"] += 1
        self._remove(victim)
        return True

    def _remove(self, session: UdpSession[OwnerT]) -> None:
        del self._by_owner[session.owner]
        del self._by_port[session.local_port]


class UdpServerSessions(Generic[OwnerT]):
    """The sessions of a server tunnel: by destination and ports, and raw packets by ports.

    Two destinations may use the same ports: each has its session, and a raw packet belongs to the
    one that sent a repliable one last (i2pd keeps only that one).
    """

    def __init__(self, sessions_max: int, per_destination_max: int) -> None:
        self._sessions_max = sessions_max
        self._per_destination_max = per_destination_max
        self._sessions: dict[tuple[bytes, int, int], UdpSession[OwnerT]] = {}
        self._by_ports: dict[tuple[int, int], UdpSession[OwnerT]] = {}
        self._per_destination: Counter[bytes] = Counter()
        self.counters: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._sessions)

    def has_room(self, remote_hash: bytes) -> bool:
        """Whether one more session may be made for a destination."""
        return (
            len(self._sessions) < self._sessions_max
            and self._per_destination.get(remote_hash, 0) < self._per_destination_max
        )

    def make_room(self, remote_hash: bytes, now: float) -> OwnerT | None:
        """End a session for one more of a destination; its owner, to be closed.

        Its own idlest one, or that of the destination with the most. None: all are busy, and nobody
        has more than an even share.
        """
        counts = self._per_destination
        count = counts.get(remote_hash, 0)
        is_own = count >= self._per_destination_max
        sessions = [
            one for one in self._sessions.values() if not is_own or one.remote_hash == remote_hash
        ]
        victim = _idlest_of_greediest(sessions, counts, lambda one: one.remote_hash)
        if victim is None:
            return None
        if now - victim.last_active < IDLE_S and counts[victim.remote_hash] <= count + 1:
            return None
        self.counters["sessions_evicted"] += 1
        self._remove((victim.remote_hash, victim.remote_port, victim.local_port), victim)
        return victim.owner

    def find(self, remote_hash: bytes, from_port: int, to_port: int) -> UdpSession[OwnerT] | None:
        """The session of a repliable packet; raw ones of these ports belong to it from now on."""
        session = self._sessions.get((remote_hash, from_port, to_port))
        if session is not None:
            self._by_ports[from_port, to_port] = session
        return session

    def find_raw(
        self, source_hash: bytes | None, from_port: int, to_port: int
    ) -> UdpSession[OwnerT] | None:
        """The session of a raw packet; ``source_hash`` if the core knows its sender."""
        if source_hash is not None:
            return self._sessions.get((source_hash, from_port, to_port))
        return self._by_ports.get((from_port, to_port))

    def latest_of(self, remote_hash: bytes) -> UdpSession[OwnerT] | None:
        """The session of a destination with the latest packet."""
        own = [s for s in self._sessions.values() if s.remote_hash == remote_hash]
        return max(own, key=_last_active, default=None)

    def add(
        self, remote_hash: bytes, from_port: int, to_port: int, owner: OwnerT, now: float
    ) -> UdpSession[OwnerT]:
        """A new session; ask :meth:`has_room` first."""
        session = UdpSession(remote_hash, to_port, from_port, owner, now)
        self._sessions[remote_hash, from_port, to_port] = session
        self._by_ports[from_port, to_port] = session
        self._per_destination[remote_hash] += 1
        self.counters["sessions"] += 1
        return session

    def expire(self, now: float) -> list[OwnerT]:
        """Forget sessions without traffic; their owners, to be closed."""
        gone = []
        for key, session in list(self._sessions.items()):
            if now - session.last_active >= IDLE_TIMEOUT_S:
                gone.append(session.owner)
                self._remove(key, session)
        return gone

    def clear(self) -> list[OwnerT]:
        """Forget all sessions; their owners, to be closed."""
        owners = [session.owner for session in self._sessions.values()]
        self._sessions.clear()
        self._by_ports.clear()
        self._per_destination.clear()
        return owners

    def _remove(self, key: tuple[bytes, int, int], session: UdpSession[OwnerT]) -> None:
        del self._sessions[key]
        if self._by_ports.get(key[1:]) is session:
            del self._by_ports[key[1:]]
        self._per_destination[key[0]] -= 1
        if self._per_destination[key[0]] <= 0:
            del self._per_destination[key[0]]
