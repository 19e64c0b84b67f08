"""All peer records, and the opinions that other rooms ask for.

It is fed by the router: links that come and go, builds that ended, tunnel tests. It implements what
hop selection wants to know (``PeerOpinions``) without knowing hop selection. Bounded: the record
that was not touched for longest goes first; bans are kept apart and end by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from core.base.errors import DecodeError
from core.peers.record import RECORD_BYTES, PeerRecord

RECORDS_MAX = 20_000
BANS_MAX = 10_000
_HASH_BYTES = 32
_FAST_RTT_S = 0.25
_FAST_ACCEPTED_MIN = 2.0


class Tier(Enum):
    """How good a router is; the console shows it, selection uses the weight."""

    UNKNOWN = "unknown"
    FAST = "fast"
    STANDARD = "standard"
    FAILING = "failing"
    BANNED = "banned"


class PeerBook:
    """See the module. Hashes are 32 bytes, times monotonic seconds."""

    def __init__(self, records_max: int = RECORDS_MAX) -> None:
        self._records: dict[bytes, PeerRecord] = {}
        self._records_max = records_max
        self._connected: set[bytes] = set()
        self._bans: dict[bytes, tuple[float, str]] = {}

    # Experience

    def note_connected(
        self, router_hash: bytes, now: float, handshake_s: float | None = None
    ) -> None:
        """A link is up."""
        self._connected.add(router_hash)
        self._record(router_hash, now).note_connected(now, handshake_s)

    def note_disconnected(self, router_hash: bytes) -> None:
        """The link is gone, whatever the reason."""
        self._connected.discard(router_hash)

    def note_connect_failed(self, router_hash: bytes, now: float) -> None:
        """No link could be made."""
        self._connected.discard(router_hash)
        self._record(router_hash, now).note_connect_failed(now)

    def note_build(self, hops: Sequence[bytes], codes: Sequence[int] | None, now: float) -> None:
        """A build ended: the hops' codes in path order, or None if no answer came."""
        if codes is None:
            for router_hash in hops:
                self._record(router_hash, now).note_lost(1 / len(hops), now)
            return
        for router_hash, code in zip(hops, codes, strict=True):
            record = self._record(router_hash, now)
            if code:
                record.note_declined(now)
            else:
                record.note_accepted(now)

    def note_test(self, hops: Sequence[bytes], rtt_s: float | None, now: float) -> None:
        """A tunnel test passed these hops, or was lost among them (None)."""
        if not hops:
            return
        share = 1 / len(hops)
        for router_hash in hops:
            hop_rtt_s = None if rtt_s is None else rtt_s * share
            self._record(router_hash, now).note_test(share, hop_rtt_s, now)

    def ban(self, router_hash: bytes, until: float, reason: str) -> None:
        """Have nothing to do with a router until ``until``; a longer ban stays."""
        known = self._bans.get(router_hash)
        if known is not None and known[0] >= until:
            return
        if len(self._bans) >= BANS_MAX:
            soonest = min(self._bans, key=lambda h: self._bans[h][0])
            del self._bans[soonest]
        self._bans[router_hash] = (until, reason)

    def unban(self, router_hash: bytes) -> None:
        self._bans.pop(router_hash, None)

    # Opinions

    def is_connected(self, router_hash: bytes) -> bool:
        return router_hash in self._connected

    @property
    def connected(self) -> frozenset[bytes]:
        """Routers with a link that is up."""
        return frozenset(self._connected)

    def is_banned(self, router_hash: bytes, now: float) -> bool:
        ban = self._bans.get(router_hash)
        if ban is None:
            return False
        if ban[0] <= now:
            del self._bans[router_hash]
            return False
        return True

    def is_usable(self, router_hash: bytes, now: float) -> bool:
        """False while a router is banned, cannot be reached, or is paused after bad answers."""
        if self.is_banned(router_hash, now):
            return False
        record = self._records.get(router_hash)
        if record is None:
            return True
        if record.unreachable_until > now and router_hash not in self._connected:
            return False
        return record.paused_until <= now

    def weight(self, router_hash: bytes, now: float) -> float:
        """Relative chance of being chosen, 0.02 to 3; an unknown router is 1."""
        record = self._records.get(router_hash)
        if record is None:
            return 1.0
        record.fade(now)
        weight = record.rate**2
        if record.hop_rtt_s is not None:
            weight *= min(1.5, 2 * _FAST_RTT_S / (record.hop_rtt_s + _FAST_RTT_S))
        if record.accepted >= _FAST_ACCEPTED_MIN:
            weight *= 2
        return max(0.02, weight)

    def tier(self, router_hash: bytes, now: float) -> Tier:
        if self.is_banned(router_hash, now):
            return Tier.BANNED
        record = self._records.get(router_hash)
        if record is None:
            return Tier.UNKNOWN
        if not self.is_usable(router_hash, now) or record.rate < 0.4:
            return Tier.FAILING
        is_quick = record.hop_rtt_s is not None and record.hop_rtt_s < _FAST_RTT_S
        if record.accepted >= _FAST_ACCEPTED_MIN and is_quick:
            return Tier.FAST
        return Tier.STANDARD

    def record(self, router_hash: bytes) -> PeerRecord | None:
        """The record, for the console; do not change it."""
        return self._records.get(router_hash)

    def __len__(self) -> int:
        return len(self._records)

    # Persistence

    def dump(self, now: float) -> bytes:
        """All records, 52 bytes each."""
        return b"".join(h + record.pack(now) for h, record in self._records.items())

    def load(self, data: bytes, now: float) -> int:
        """Add the records of an earlier run; returns how many. DecodeError changes nothing."""
        step = _HASH_BYTES + RECORD_BYTES
        if len(data) % step:
            raise DecodeError("peer records are truncated")
        loaded: dict[bytes, PeerRecord] = {}
        for at in range(0, len(data), step):
            key = data[at : at + _HASH_BYTES]
            loaded[key] = PeerRecord.unpack(data[at + _HASH_BYTES : at + step], now)
        for key, record in loaded.items():
            if len(self._records) >= self._records_max:
                break
            self._records.setdefault(key, record)
        return len(loaded)

    def forget(self, router_hashes: Iterable[bytes]) -> None:
        """Drop records of routers that netdb no longer knows."""
        for router_hash in router_hashes:
            if router_hash not in self._connected:
                self._records.pop(router_hash, None)

    def _record(self, router_hash: bytes, now: float) -> PeerRecord:
        record = self._records.pop(router_hash, None)
        if record is None:
            record = PeerRecord(now)
            if len(self._records) >= self._records_max:
                # Touched records move to the end, so the first one was idle for longest.
                del self._records[next(iter(self._records))]
        self._records[router_hash] = record
        return record
