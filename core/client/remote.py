"""What a client session knows of one remote destination: how to reach it, what it knows of us."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from core.base.ports import Entropy
from core.client.spread import Path, Spread
from core.data.blinded_address import BlindedTarget
from core.data.certificate import CryptoType
from core.data.lease_set import Lease
from core.data.lease_set_variants import AnyLeaseSet
from core.garlic.session import UNDER_WAY_MAX
from core.streaming.recovery import RoundTrip
from core.tunnel.tunnels import OutboundTunnel

#: A lease that ends sooner is not used for what has just been sent.
LEASE_MARGIN_MS = 15_000
#: With less left on the last lease a newer lease set is asked for.
LEASE_REFRESH_MS = 60_000
#: Payloads kept while a lease set is looked up; the oldest go first.
WAITING_MAX = 64
#: How long a remote counts as active: it is told about new leases.
ACTIVE_S = 180.0
#: Searches for the lease set of a remote that does not answer: the longer it is silent, the fewer,
#: so that one that comes back is found after a tenth of the time it was away.
SEARCH_FIRST_S = 2.0
SEARCH_LAST_S = 60.0
SEARCH_SHARE = 0.1
#: Java, ratchet spec: an acknowledgement that nothing else carries goes out after a second.
ACK_DELAY_S = 1.0
#: A round trip of which nothing is known yet.
ROUND_TRIP_GUESS_S = 0.75
#: Acknowledgements asked for in vain until the path is suspected.
QUESTIONS_MAX = 2
#: So long after its last datagram the application is taken to expect nothing any more.
AWAITED_S = 15.0
#: After a silence of this length another path may be taken: nothing can be overtaken.
PAUSE_S = 5.0
#: With no room for more, how long after the last message another one is sent all the same.
STUCK_S = 1.0
#: Packets of two tunnel messages that may wait on the way. i2pd: closes the link to the next hop,
#: for everybody who uses it, once 500 messages wait for it.
QUEUE_MAX = 160
#: Packets under way on a short path, where a queue grows faster than it is measured, and how many
#: a second the fastest of the longer ones carries.
UNDER_WAY_SHORT = 240
PATH_RATE_MAX = 5000.0
#: A smoothed RTT above this multiple of the min RTT means queueing.
QUEUEING_RTT_RATIO = 2.0
#: How long another path is on trial before the next one is taken.
PATH_TRIAL_S = 1.0
#: Paths that failed one after the other until the session is suspected, not the paths.
FAILED_PATHS = 2
#: Failures that lie further apart have nothing to do with each other.
FAILURES_APART_S = 60.0
#: An answer that takes longer says nothing of the path.
ANSWER_MAX_S = 30.0


@dataclass(slots=True, eq=False)
class Remote:
    """One correspondent. ``static`` is the key of its lease set that we encrypt to."""

    hash: bytes
    static: bytes | None = None
    crypto_type: int = int(CryptoType.X25519)
    """The encryption type of that key."""
    shares_key: bool = False
    """Another destination has the same: which of them sent something is not known."""
    lease_set: AnyLeaseSet | None = None
    leases_end_ms: int = 0
    """When the last of its leases ends; 0 without a lease set."""
    lease: Lease | None = None
    outbound: OutboundTunnel | None = None
    avoid_gateway: bytes | None = None
    lookup: int | None = None
    """Request number of a lookup under way; 0 for one of an encrypted lease set."""
    blinded: BlindedTarget | None = None
    """How its encrypted lease set was opened, and will be again."""
    is_caller: bool = False
    """It came to us; the application never asked for it."""
    since: float = 0.0
    waiting: deque[bytes] = field(default_factory=lambda: deque(maxlen=WAITING_MAX))
    withholds_lease_set: bool = False
    """No lease set of ours may go along with what waits."""
    known_lease_set_s: int = 0
    """Published second of our newest lease set that it acknowledged."""
    offered_lease_set_s: int = 0
    offered_at: float = 0.0
    offered_since: float = 0.0
    """When the first of the offers went out that nothing came back for, on this path."""
    offers: int = 0
    """How often the newest lease set went out without an acknowledgement."""
    heard_at: float = 0.0
    sent_at: float = 0.0
    used_at: float = float("-inf")
    """When something of the application's was last sent to it, or of its streams."""
    failed_at: float = float("-inf")
    """When a path to it failed."""
    failed_paths: int = 0
    """How many of them failed since anything was known to have arrived there."""
    is_suspect: bool = False
    """Nothing came back since a path to it failed."""
    moved_at: float = 0.0
    """When a lease set was found that has none of the leases of the one before."""
    asked_at: float | None = None
    """When something was sent after a pause, until anything comes back."""
    answer_s: dict[Lease, float] = field(default_factory=dict)
    """How long the first answer took, through each lease of the lease set."""
    round_trip: RoundTrip = field(default_factory=RoundTrip)
    """Of all streams together, on the path in use."""
    minimum_before: float = 0.0
    """The min RTT of the path before: what to expect of one that is not measured."""
    measured_path: tuple[Lease | None, OutboundTunnel | None, int] = (None, None, 1)
    spread: Spread = field(default_factory=Spread)
    """The further paths that bulk data takes."""
    measured_from: float = 0.0
    search_at: float = 0.0
    suspect_since: float = 0.0
    """When it became suspect."""
    awaited_since: float = float("-inf")
    """When the first datagram was sent since anything came back."""
    datagram_at: float = float("-inf")
    """When the last one was sent."""
    questions: int = 0
    """Acknowledgements that were asked for since then, on this path, in vain."""
    questions_since: float = 0.0
    question_at: float = float("-inf")
    probed_lease_set_s: int = 0
    """Published second of the lease set of ours for which a stream was made to ask."""

    @property
    def is_elgamal(self) -> bool:
        """True if it is written to with ElGamal: its lease set has nothing better for us."""
        return self.crypto_type == 0

    def worth(self) -> tuple[bool, float]:
        """Sort key: who goes first when there are too many."""
        return not self.is_caller, max(self.heard_at, self.sent_at)

    @property
    def under_way_max(self) -> int:
        """How many packets may be under way: what travels, and a queue that no hop minds.

        What is under way is on the way for the smoothed round trip. Up to twice the smallest one is
        not unusual where links repair losses; for the rest of the time it waits at some hop.
        """
        smoothed = self.round_trip.smoothed
        minimum = self.round_trip.minimum or self.minimum_before
        most = int(min(UNDER_WAY_MAX, max(UNDER_WAY_SHORT, minimum * PATH_RATE_MAX)))
        waited = smoothed - QUEUEING_RTT_RATIO * minimum
        queue_max = QUEUE_MAX * self.spread.width
        if waited * most <= smoothed * queue_max:
            return most
        return int(queue_max * smoothed / waited)

    def is_stuck(self, now: float) -> bool:
        """Whether nothing was sent for so long that what is under way must have come to an end."""
        return now - self.sent_at >= STUCK_S

    def delivered(self, packets: int, round_trip_s: float, now: float) -> None:
        """Something of ours has arrived there."""
        self.failed_paths = 0
        before = self.spread.delivered(packets, round_trip_s, now)
        if before is not None and before[0][0] in _leases(self.lease_set):
            self.take(before)
        path = (self.lease, self.outbound, self.spread.width)
        if path != self.measured_path:
            # What is acknowledged for the next round trip went the old way.
            self.measured_path = path
            self.measured_from = now + round_trip_s
            self.minimum_before = self.round_trip.minimum or self.minimum_before
            self.round_trip = RoundTrip()
        if now >= self.measured_from:
            self.round_trip.update(round_trip_s, now)

    @property
    def may_have_lost_us(self) -> bool:
        """Whether it seems to have lost its ratchet session with us.

        Its router started anew: all tunnels were replaced, nothing came since then, and what was
        sent got no answer. Or we hear it, but whatever the path, nothing we send arrives: what is
        lost in a row may be more than it looks ahead.
        """
        if self.failed_paths > FAILED_PATHS:
            return True
        return self.is_suspect and self.moved_at > self.heard_at

    def adopt(self, lease_set: AnyLeaseSet, key: tuple[int, bytes], now: float) -> None:
        """Use a newer lease set; the lease in use stays if it is still in there.

        ``key``: the encryption type and key of it that we use.
        """
        if self.lease_set is not None and set(_leases(self.lease_set)).isdisjoint(
            _leases(lease_set)
        ):
            self.moved_at = now
        self.lease_set = lease_set
        self.leases_end_ms = max((lease.end_ms for lease in _leases(lease_set)), default=0)
        self.crypto_type, self.static = key
        leases = _leases(lease_set)
        self.answer_s = {lease: self.answer_s[lease] for lease in leases if lease in self.answer_s}
        if self.lease is not None and self.lease not in leases:
            self.lease = None

    def choose_lease(self, wall_ms: int, entropy: Entropy) -> Lease | None:
        """The lease in use while it lasts, else one of those that last longest.

        Of two random ones the faster; one that was never tried counts as fast.
        """
        if self.lease is not None and self.lease.end_ms > wall_ms + LEASE_MARGIN_MS:
            return self.lease
        alive = self._leases_beyond(wall_ms + LEASE_MARGIN_MS)
        trusted = [lease for lease in alive if lease.gateway != self.avoid_gateway] or alive
        lasting = [lease for lease in trusted if lease.end_ms > wall_ms + LEASE_REFRESH_MS]
        candidates = lasting or trusted
        if not candidates:
            self.lease = None
            return None
        two = [candidates[entropy.randbelow(len(candidates))] for _ in range(2)]
        self.lease = min(two, key=lambda lease: self.answer_s.get(lease, 0.0))
        return self.lease

    def take(self, paths: list[Path]) -> None:
        """Use these paths from now on."""
        (self.lease, self.outbound), *self.spread.extra = paths

    def other_lease(self, used: Collection[Lease], wall_ms: int, entropy: Entropy) -> Lease | None:
        """A lasting lease that is not in use."""
        lasting = self._leases_beyond(wall_ms + LEASE_REFRESH_MS)
        others = [lease for lease in lasting if lease not in used]
        return others[entropy.randbelow(len(others))] if others else None

    def is_lease_alive(self, lease: Lease, wall_ms: int) -> bool:
        """True if it is of the newest lease set and what is sent to it now arrives in time."""
        return lease in self._leases_beyond(wall_ms + LEASE_MARGIN_MS)

    def _leases_beyond(self, end_ms: int) -> list[Lease]:
        return [lease for lease in _leases(self.lease_set) if lease.end_ms > end_ms]

    def begin_sending(self, now: float) -> None:
        """Something is about to be sent: after a pause on a path that is chosen anew."""
        if self.sent_at and now - max(self.sent_at, self.heard_at) > PAUSE_S:
            self.lease = self.outbound = None
            self.spread.reset()
            self.asked_at = now

    def is_lease_set_old(self, wall_ms: int) -> bool:
        """True if the lease set ends so soon that a newer one should be asked for."""
        return self.leases_end_ms < wall_ms + LEASE_REFRESH_MS

    def heard(self, now: float) -> None:
        """A message came from it: what we know of it works."""
        self.heard_at = now
        if self.asked_at is not None:
            took_s = now - self.asked_at
            if self.lease is not None and took_s < ANSWER_MAX_S:
                self.answer_s[self.lease] = took_s
            self.asked_at = None
        self.is_suspect = False

    def clock_changed(self, latest_ms: int) -> None:
        """The wall clock was set: it may know none of our lease sets, nor we a usable one of it.

        ``latest_ms``: where the future begins.
        """
        self.known_lease_set_s = self.offered_lease_set_s = self.offers = 0
        self.probed_lease_set_s = 0
        if self.lease_set is not None and getattr(self.lease_set, "published_ms", 0) > latest_ms:
            self.lease_set = self.lease = None
            self.leases_end_ms = 0

    def next_search_s(self, now: float) -> float:
        """Seconds to the next search for a newer lease set; they grow with the silence."""
        return min(max(SEARCH_FIRST_S, SEARCH_SHARE * (now - self.suspect_since)), SEARCH_LAST_S)

    # What is sent without a stream, which would notice by itself that nothing arrives

    @property
    def answer_wait_s(self) -> float:
        """How long the answer to a question may take."""
        return ACK_DELAY_S + 2 * (self.round_trip.smoothed or ROUND_TRIP_GUESS_S)

    def note_datagram(self, now: float) -> None:
        """A datagram goes out: its application may wait for an answer."""
        if self.awaited_since < self.heard_at or now - self.datagram_at >= AWAITED_S:
            self.awaited_since = now
            self.questions = 0
        self.datagram_at = now

    def is_awaited(self, now: float) -> bool:
        """Whether datagrams were sent lately and nothing has come back."""
        return self.awaited_since >= self.heard_at and now - self.datagram_at < AWAITED_S

    def should_ask(self, now: float) -> bool:
        """Whether the next message should ask for an acknowledgement.

        Not before an answer of the application is late, and then ever more rarely. i2pd: sends
        none before it has data to send, so silence alone proves nothing.
        """
        if not self.is_awaited(now) or now - self.heard_at < ACK_DELAY_S:
            return False
        every_s = max(self._question_every_s, SEARCH_SHARE * (now - self.awaited_since))
        return now - self.question_at >= min(every_s, SEARCH_LAST_S)

    @property
    def _question_every_s(self) -> float:
        return self.answer_wait_s - ACK_DELAY_S

    def note_question(self, now: float) -> None:
        """An acknowledgement was asked for."""
        if not self.questions:
            self.questions_since = now
        self.questions += 1
        self.question_at = now

    def is_unanswered(self, now: float) -> bool:
        """Whether question after question got no answer."""
        is_late = now - self.questions_since >= self._question_every_s + self.answer_wait_s
        return self.is_awaited(now) and self.questions >= QUESTIONS_MAX and is_late

    def suspect_path(self, now: float) -> bool:
        """What was sent lately did not arrive: another lease, and the owner picks a tunnel.

        False if the path is so new that it must be tried first.
        """
        since_s = now - self.failed_at
        if since_s < PATH_TRIAL_S:
            return False
        self.failed_at = now
        self.questions = 0
        self.failed_paths = self.failed_paths + 1 if since_s < FAILURES_APART_S else 1
        self.spread.reset()
        if not self.is_suspect:
            self.suspect_since = now
        self.is_suspect = True
        self.asked_at = None
        self.avoid_gateway = None if self.lease is None else self.lease.gateway
        self.lease = None
        return True


def _leases(lease_set: AnyLeaseSet | None) -> tuple[Lease, ...]:
    return getattr(lease_set, "leases", ())
