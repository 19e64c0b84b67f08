"""All peer records, and the opinions that other rooms ask for.

It is fed by the router: links that come and go, builds that ended, tunnel tests. It implements what
hop selection wants to know (``PeerOpinions``) without knowing hop selection. Bounded: the record
that was not touched for longest goes first, of routers that are not proven if there are such. Whom
not to talk to at all is known to the links (``is_banned``).

It outlives a restart as a file (:meth:`PeerBook.dump`, :meth:`PeerBook.load`).

A router is *proven* once we had a link to its address, it agreed to a build of ours, or passed a
test. Who only calls us proves nothing: anybody can do that in a thousand names. It has *served* us
once a test passed through it, until it lets us down several times in a row: routers that do nothing
but answer handshakes, or accept and carry nothing, are proven and never serve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from core.peers.dump import DUMPED_MAX, DumpedRecord, decode, encode
from core.peers.hardship import Hardship
from core.peers.record import LOSS_STREAK_MIN, RESTART_FAILURES, PeerRecord
from core.peers.silence import SilenceWatch
from core.peers.strangers import StrangersRate
from core.peers.tiers import Tier, Tiers

RECORDS_MAX = 20_000
PROVEN_MAX = 5000
#: Who cannot be reached so often in a row has to prove anew that it exists.
DISPROVED_FAILURES = 3 + RESTART_FAILURES
#: i2pd: forgets a failed handshake after 28 to 33 s and refuses others until then.
LENIENT_S = 40.0
#: By then its link has ended, or it was heard.
SILENT_PAUSE_S = 15.0
#: While many routers have vanished.
LIVELY_FACTOR = 10.0
TIER_FACTOR = {
    Tier.FAST: 2.0,
    Tier.HIGH_CAPACITY: 1.5,
    Tier.NOT_FAILING: 1.0,
    Tier.FAILING: 0.25,
}
_FAST_RTT_S = 0.25
_FAST_ACCEPTED_MIN = 2.0
#: Declined builds in a row after which a router serves us no more.
_DECLINES_MAX = 4
#: A neighbour is suspected before the hops behind it.
_NEIGHBOUR_DOUBT = 2.0


class PeerBook:
    """See the module. Hashes are 32 bytes, times monotonic seconds.

    ``is_banned``: whether there is nothing to be had to do with a router at a time. ``was_heard``:
    whether something came over the link with a router since a time when it was there.
    """

    def __init__(
        self,
        records_max: int = RECORDS_MAX,
        is_banned: Callable[[bytes, float], bool] | None = None,
        was_heard: Callable[[bytes, float], bool] | None = None,
    ) -> None:
        self._records: dict[bytes, PeerRecord] = {}
        self._records_max = records_max
        #: records of routers that are not proven, the one not touched for longest first
        self._strangers: dict[bytes, None] = {}
        #: the one proven longest ago first
        self._proven: dict[bytes, None] = {}
        self._proven_list: tuple[bytes, ...] | None = None
        #: those that serve us, the one that did so first in front
        self._served: dict[bytes, None] = {}
        self._served_list: tuple[bytes, ...] | None = None
        self._lenient_until = 0.0
        self._connected: set[bytes] = set()
        self._is_banned = is_banned
        self._was_heard = was_heard
        self._silence = SilenceWatch()
        self._hardship = Hardship()
        self._tiers = Tiers()
        self._strangers_rate = StrangersRate()
        self._untried_rate = StrangersRate()

    # Experience

    def note_connected(
        self,
        router_hash: bytes,
        now: float,
        *,
        is_outbound: bool = True,
    ) -> None:
        """A link is up; only one that we made proves that the router is where it says."""
        self._connected.add(router_hash)
        self._record(router_hash, now).note_connected(now)
        self._silence.linked(router_hash, now)
        if is_outbound:
            self.prove((router_hash,))

    def prove(self, router_hashes: Iterable[bytes]) -> None:
        """These exist; of more than ``PROVEN_MAX`` those proven last count."""
        proven = self._proven
        for router_hash in router_hashes:
            if router_hash in proven:
                del proven[router_hash]
            else:
                self._strangers.pop(router_hash, None)
                self._proven_list = None
                if len(proven) >= PROVEN_MAX:
                    oldest = next((one for one in proven if one not in self._connected), None)
                    if oldest is None:
                        return
                    del proven[oldest]
                    if oldest in self._records:
                        self._strangers[oldest] = None
            proven[router_hash] = None

    def note_disconnected(self, router_hash: bytes) -> None:
        """The link is gone, whatever the reason."""
        self._connected.discard(router_hash)

    def note_silent(self, router_hash: bytes, now: float) -> None:
        """It acknowledges nothing on its link: for a moment it is no hop."""
        record = self._record(router_hash, now)
        record.silent_until = max(record.silent_until, now + SILENT_PAUSE_S)

    def note_connect_failed(
        self, router_hash: bytes, now: float, *, is_peers_fault: bool = True
    ) -> None:
        """No link could be made; ``is_peers_fault``: and that says something new about it."""
        self._connected.discard(router_hash)
        if is_peers_fault and now >= self._lenient_until:
            record = self._record(router_hash, now)
            record.note_connect_failed(now)
            if record.connect_failures >= DISPROVED_FAILURES and router_hash in self._proven:
                del self._proven[router_hash]
                self._strangers[router_hash] = None
                self._proven_list = None
                self._note_let_down(router_hash)

    def forgive_connect_failures(self) -> None:
        """Our own network was down: who could not be reached may be tried at once."""
        for record in self._records.values():
            record.forgive_connect_failures()

    def note_build(
        self,
        hops: Sequence[bytes],
        codes: Sequence[int] | None,
        now: float,
        neighbour: bytes | None = None,
        elapsed_s: float = 0.0,
    ) -> None:
        """A build ended: the hops' codes in path order, or None if no answer came.

        ``hops``: all that may have lost it, perhaps none. ``neighbour``: the one of them that has a
        link to us, if the build was given to it; ``elapsed_s``: how long the build took.
        """
        if codes is None:
            if hops:
                self._hardship.lost(now - elapsed_s)
            self._note_lost_build(hops, neighbour, now - elapsed_s, now)
            return
        self._hardship.answered()
        if neighbour is not None:
            self._silence.answered(neighbour, now)
            self._record(neighbour, now).silent_until = 0.0
        for router_hash, code in zip(hops, codes, strict=True):
            record = self._record(router_hash, now)
            if code:
                record.note_declined(now)
                if record.decline_streak >= _DECLINES_MAX:
                    self._note_let_down(router_hash)
            else:
                record.note_accepted(now)
            if router_hash not in self._served:
                self._untried_rate.count(now, done=float(not code), failed=float(bool(code)))
            if not code:
                if router_hash not in self._proven:
                    self._strangers_rate.count(now, done=1.0)
                self.prove((router_hash,))

    def _note_lost_build(
        self, hops: Sequence[bytes], neighbour: bytes | None, started_at: float, now: float
    ) -> None:
        """Blame the hops, those most that lose most; or the neighbour alone if it is silent."""
        doubts = {one: self._doubt(one, one == neighbour, now) for one in hops}
        doubt = sum(doubts.values())
        shares = {one: doubts[one] / doubt for one in hops}
        for router_hash, share in shares.items():
            losing = self._record(router_hash, now)
            losing.note_lost(share, now)
            if router_hash not in self._proven:
                self._strangers_rate.count(now, failed=share)
            if router_hash not in self._served:
                self._untried_rate.count(now, failed=share)
            elif losing.loss_streak >= LOSS_STREAK_MIN:
                self._note_let_down(router_hash)
        if neighbour is None:
            return
        avoided_s = self._silence.unanswered(neighbour, shares, started_at, now)
        if not avoided_s:
            return
        silent = self._record(neighbour, now)
        silent.silent_until = now + avoided_s
        for blamed in self._silence.take_blame(neighbour, now):
            for router_hash, share in blamed.items():
                record = self._records.get(router_hash)
                if record is not None and record is not silent:
                    record.take_back_loss(share)

    def _note_served(self, router_hashes: Iterable[bytes]) -> None:
        for router_hash in router_hashes:
            if router_hash not in self._served:
                if len(self._served) >= PROVEN_MAX:
                    del self._served[next(iter(self._served))]
                self._served[router_hash] = None
                self._served_list = None

    def _note_let_down(self, router_hash: bytes) -> None:
        if router_hash in self._served:
            del self._served[router_hash]
            self._served_list = None

    def _doubt(self, router_hash: bytes, is_neighbour: bool, now: float) -> float:
        """How likely, relative to others, a router is the one that lost a build."""
        record = self._record(router_hash, now)
        record.fade(now)
        answered = record.accepted + record.declined
        doubt = (record.lost + 0.5) / (record.lost + answered + 1)
        run = self._silence.run(router_hash) if is_neighbour else record.loss_streak
        return doubt * (1 + run) * (_NEIGHBOUR_DOUBT if is_neighbour else 1.0)

    def note_test(
        self, hops: Sequence[bytes], rtt_s: float | None, now: float, elapsed_s: float = 0.0
    ) -> None:
        """A tunnel test passed these hops, or was lost among them (None) in ``elapsed_s``."""
        if not hops:
            return
        if rtt_s is None:
            self._hardship.lost(now - elapsed_s)
        else:
            self._hardship.answered()
        share = 1 / len(hops)
        for router_hash in hops:
            hop_rtt_s = None if rtt_s is None else rtt_s * share
            self._record(router_hash, now).note_test(share, hop_rtt_s, now)
            if rtt_s is None and router_hash not in self._served:
                self._untried_rate.count(now, failed=share)
        if rtt_s is not None:
            self.prove(hops)
            self._note_served(hops)

    def note_carried(self, hops: Iterable[bytes], bytes_s: float, now: float) -> None:
        """A tunnel of ours through these hops carried so many bytes per second."""
        for router_hash in hops:
            self._record(router_hash, now).note_carried(bytes_s, now)

    def clock_changed(self, now: float) -> None:
        """Failures under a wrong clock, or of a machine that slept, are not the peers' fault.

        Nor are those in the moment after that: they may still hold it against us.
        """
        self._lenient_until = now + LENIENT_S
        for record in self._records.values():
            record.forgive()

    # Opinions

    def is_connected(self, router_hash: bytes) -> bool:
        """True while a link to it is up."""
        return router_hash in self._connected

    def was_heard(self, router_hash: bytes, since: float) -> bool:
        """Whether something came over the link with it since a time when it was there."""
        return self._was_heard is not None and self._was_heard(router_hash, since)

    @property
    def connected(self) -> frozenset[bytes]:
        """Routers with a link that is up."""
        return frozenset(self._connected)

    def is_proven(self, router_hash: bytes) -> bool:
        """True if a link to it ever was up."""
        return router_hash in self._proven

    @property
    def proven(self) -> Sequence[bytes]:
        """Routers known to exist."""
        if self._proven_list is None:
            self._proven_list = tuple(self._proven)
        return self._proven_list

    def has_served(self, router_hash: bytes) -> bool:
        """True if a test passed through it, and it did not let us down since."""
        return router_hash in self._served

    @property
    def served(self) -> Sequence[bytes]:
        """Routers that have served us."""
        if self._served_list is None:
            self._served_list = tuple(self._served)
        return self._served_list

    def is_banned(self, router_hash: bytes, now: float) -> bool:
        """Whether there is nothing to be had to do with a router."""
        return self._is_banned is not None and self._is_banned(router_hash, now)

    def is_usable(self, router_hash: bytes, now: float) -> bool:
        """False while a router is banned, cannot be reached, or is paused after bad answers."""
        if self.is_banned(router_hash, now):
            return False
        record = self._records.get(router_hash)
        if record is None:
            return True
        if record.unreachable_until > now and router_hash not in self._connected:
            return False
        return record.paused_until <= now and record.silent_until <= now

    def is_restarting(self, router_hash: bytes, now: float) -> bool:
        """A proven router that cannot be reached just now, and probably can in a moment."""
        record = self._records.get(router_hash) if router_hash in self._proven else None
        return (
            record is not None
            and record.is_restarting(now)
            and record.silent_until <= now
            and not self.is_banned(router_hash, now)
        )

    @property
    def are_builds_lost(self) -> bool:
        """Whether half of our own builds and tests get lost of late: many may have vanished."""
        return self._hardship.since is not None

    @property
    def strangers_rate(self) -> float:
        """How often routers that are not proven did what we asked, 0 to 1; 1 without experience."""
        return self._strangers_rate.value

    @property
    def untried_rate(self) -> float:
        """The same of those that never served us, proven or not."""
        return self._untried_rate.value

    def weight(self, router_hash: bytes, now: float) -> float:
        """Relative chance of being chosen, 0.02 or more; an unknown router is 1.

        It grows with how often a router does what we ask, how quickly, and with its tier.
        While our builds get lost it is more for who has shown since then that it is there.
        """
        record = self._records.get(router_hash)
        if record is None:
            return 1.0
        record.fade(now)
        weight = record.rate**2
        if record.hop_rtt_s is not None:
            weight *= min(1.5, 2 * _FAST_RTT_S / (record.hop_rtt_s + _FAST_RTT_S))
        if record.accepted >= _FAST_ACCEPTED_MIN:
            weight *= 2
        if self._hardship.since is None:
            weight *= TIER_FACTOR[self.tier(router_hash, now)]
        elif record.good_at > self._hardship.since:
            weight *= LIVELY_FACTOR
        return max(0.02, weight)

    def tier(self, router_hash: bytes, now: float) -> Tier:
        """Where the router stands by what we measured."""
        if self._tiers.is_due(now):
            self._tiers.sort(self._records.items(), now)
        return self._tiers.of(router_hash, self._records.get(router_hash), now)

    def tier_counts(self, now: float) -> dict[str, int]:
        """How many of the proven routers are in each tier, the best first."""
        counts = Counter(self.tier(router_hash, now) for router_hash in self._proven)
        return {tier.word: counts[tier] for tier in reversed(Tier)}

    def record(self, router_hash: bytes) -> PeerRecord | None:
        """What is known of a router; do not change it."""
        return self._records.get(router_hash)

    def __len__(self) -> int:
        return len(self._records)

    # Persistence

    def dump(self, now: float, wall_now_s: float) -> bytes:
        """The latest records, as a file for :meth:`load`."""
        latest = list(islice(reversed(self._records.items()), DUMPED_MAX))
        served = self._served
        records = (DumpedRecord(key, key in served, record) for key, record in reversed(latest))
        return encode(records, now, wall_now_s)

    def load(self, data: bytes, now: float, wall_now_s: float) -> int:
        """Add the records of an earlier run; returns how many. DecodeError changes nothing.

        They fade by the time between the runs, and never replace what is known already.
        """
        count = 0
        for router_hash, has_served, record in decode(data, now, wall_now_s):
            if len(self._records) >= self._records_max:
                break
            if router_hash not in self._records:
                self._records[router_hash] = record
                if router_hash not in self._proven:
                    self._strangers[router_hash] = None
                if has_served:
                    self.prove((router_hash,))
                    self._note_served((router_hash,))
                count += 1
        return count

    def _record(self, router_hash: bytes, now: float) -> PeerRecord:
        record = self._records.pop(router_hash, None)
        if record is None:
            record = PeerRecord(now)
            if len(self._records) >= self._records_max:
                # Touched records move to the end, so the first one was idle for longest.
                oldest = next(iter(self._strangers or self._records))
                del self._records[oldest]
                self._strangers.pop(oldest, None)
        self._records[router_hash] = record
        if router_hash not in self._proven:
            self._strangers.pop(router_hash, None)
            self._strangers[router_hash] = None
        return record
