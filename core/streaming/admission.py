"""Which streams that peers open are let in: not too many, no replays, no forgeries."""

from __future__ import annotations

from core.base.filters import DuplicateFilter
from core.base.ports import WallClock
from core.base.rates import FairShares, WindowCounter
from core.data.identity import Destination
from core.data.offline import OfflineSignature
from core.streaming.options import StreamingOptions
from core.streaming.packet import RESET, Packet

SYN_MEMORY_SECONDS = 600.0
SYN_MEMORY_MAX = 65536
PEERS_MAX = 4096
_MINUTE_S = 60.0


class PeerRates:
    """Counts per minute for the peers seen last; ``per_minute`` 0 = no limit."""

    __slots__ = ("_counter", "_per_minute")

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._counter = WindowCounter(_MINUTE_S, keys_max=PEERS_MAX)

    def take(self, peer_hash: bytes, now: float) -> bool:
        """True if ``peer_hash`` may act once more, which is then counted."""
        return not self._per_minute or self._counter.count(peer_hash, now) <= self._per_minute


def is_authentic(
    source: object,
    remote: Destination,
    offline: OfflineSignature | None,
    packet: Packet,
    wall_s: float,
) -> bool:
    """Whether a packet that needs it is provably by ``remote``, at ``wall_s`` seconds since 1970.

    ``source``: the destination hash that its ratchet session belongs to, or None; ``offline``: the
    transient key that the peer's SYN named.
    """
    if packet.offline is not None:
        offline = packet.offline
        if offline.expires_s < wall_s or not offline.is_authorised_by(remote):
            return False
    if source is not None:
        return source == remote.hash
    return packet.is_signed_by(remote, offline)


class Admission:
    """Of one session, whose destination hash is ``own_hash``."""

    __slots__ = ("_new_streams", "_own_hash", "_peer_rates", "_syns", "_wall")

    def __init__(self, own_hash: bytes, options: StreamingOptions, wall: WallClock) -> None:
        self._own_hash = own_hash
        self._wall = wall
        self._syns = DuplicateFilter(SYN_MEMORY_SECONDS, SYN_MEMORY_MAX)
        rate = options.new_streams_per_second
        self._new_streams = FairShares(rate, options.new_streams_burst / rate)
        self._peer_rates = PeerRates(options.peer_streams_per_minute)

    def why_not(self, source: object, packet: Packet, now: float) -> str:
        """Why a SYN is dropped without an answer, as a name of a counter; empty if it is not."""
        remote = packet.sender
        if remote is None or not packet.receive_id or packet.flags & RESET:
            return "malformed"
        is_allowed = self._new_streams.take((source,), 1, now)
        if not is_allowed or not self._peer_rates.take(remote.hash, now):
            return "flood"
        if packet.nack_hash not in (None, self._own_hash):
            return "replayed"
        if not is_authentic(source, remote, None, packet, self._wall.now()):
            return "unauthentic"
        name = int.from_bytes(remote.hash[:8], "big") << 32 | packet.receive_id
        return "replayed" if self._syns.is_duplicate(name, now) else ""
