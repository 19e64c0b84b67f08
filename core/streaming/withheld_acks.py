"""Acks that are withheld, so that a sender that was choked resumes with them.

i2pd 2.56: a choked stream sends something new only in answer to an ack that makes progress, and
only while its pacing timer has run out: from a third of a round trip after it last sent anything
until it retransmits what is not acknowledged. An ack at another moment sets the timer back; with
nothing left to acknowledge the stream is silent for good. The second new packet that is
acknowledged ends the choke. So the newest packets are not acknowledged while we choke, and then one
by one, each so that it should arrive between two retransmissions.

i2pd 2.59: an ack of all that it sent ends the choke. After a few retransmissions it waits 9 s; so
one that does not go on retransmitting gets all at once.
"""

from __future__ import annotations

#: packets withheld while choking: so many times the sender can be made to resume
WITHHELD_PACKETS = 3
#: and how many of those that a resumed sender brings
WITHHELD_RESUMED = 1
#: i2pd 2.56: the choke ends so many packets beyond what was sent before
NEW_PACKETS = 2
#: i2pd: gives a stream up after 90 s without any progress; so often a choke lets one ack go, and a
#: full buffer takes one packet
TRICKLE_S = 20.0
#: where between two retransmissions of the first withheld packet its ack should arrive, and how
#: much later for each that is withheld: they are retransmitted one after another
PHASE = 0.5
PHASE_PER_PACKET = 0.13
PHASE_MAX = 0.9
#: what was on the way when the peer heard of the choke for the last time has arrived: round trips,
#: and seconds
SETTLED_ROUND_TRIPS = 2.0
SETTLED_S = 0.5
#: i2pd 2.59: 9 s
SELDOM_S = 8.0
#: less is the same packet twice on the way, not a retransmission
RETRANSMISSION_MIN_S = 0.008


class WithheldAcks:
    """``count``: how many of the newest packets are not acknowledged; 0 if no choke asks for it.

    ``release_at``: when the next of them should be, 0 if nothing is planned. ``told``: the highest
    sequence that an ack has named. ``newest``: the highest that has arrived, in order or not.
    """

    __slots__ = (
        "_asked_at",
        "_is_retransmitting",
        "_periods",
        "_released_at",
        "_round_trip",
        "_seen",
        "_sent_before",
        "_settled_at",
        "_trickle_at",
        "count",
        "is_choking",
        "release_at",
        "told",
    )

    def __init__(self) -> None:
        self.count = 0
        self.release_at = 0.0
        self.told = -1
        self.is_choking = False
        #: when the withheld packets came last, and how long they took to come again
        self._seen: dict[int, float] = {}
        self._periods = (0.0, 0.0)
        #: a withheld packet was retransmitted since the last ack that made progress
        self._is_retransmitting = False
        self._round_trip = 0.0
        #: when an answer was asked for, 0 once it has come
        self._asked_at = 0.0
        self._released_at = 0.0
        self._trickle_at = 0.0
        self._settled_at = 0.0
        #: what is no news after a choke
        self._sent_before = 0

    def through(self, newest: int) -> int:
        """The highest sequence that an ack may name."""
        through = newest - self.count
        if through > self.told:
            self._tell(through)
        return self.told

    def choke(self, now: float) -> None:
        """There is no room."""
        if not self.count:
            self._seen.clear()
            self._periods = (0.0, 0.0)
        self.count = WITHHELD_PACKETS
        self.release_at = 0.0
        self.is_choking = True
        self._trickle_at = now + TRICKLE_S

    def note_choke_sent(self, now: float, round_trip_s: float) -> None:
        """The peer is told to stop. ``round_trip_s`` is 0 if it is not known."""
        self._round_trip = round_trip_s
        self._settled_at = now + SETTLED_ROUND_TRIPS * round_trip_s + SETTLED_S

    def note_sent_before(self, sequence: int) -> None:
        """The peer had sent that before it could resume, also if there was no room for it."""
        self._sent_before = max(self._sent_before, sequence)

    def resume(self, newest: int, now: float) -> None:
        """The peer is told, from now on, to go on and to answer at once."""
        self.is_choking = False
        self.note_sent_before(newest)
        self._asked_at = now
        if not self.count or self._period >= SELDOM_S:
            self.end()
            return
        self._await_retransmission(now)
        self._released_at = 0.0
        self._plan(newest, now)

    def note_answer(self, newest: int, now: float) -> None:
        """A packet without data arrived."""
        if self._asked_at:
            self._round_trip = now - self._asked_at
            self._asked_at = 0.0
            if not (self._released_at or self.is_choking):
                self._plan(newest, now)

    def note_data(self, sequence: int, newest: int, now: float) -> None:
        """A packet with data arrived, for the first time or again."""
        if not (self.is_choking or self._is_retransmitting):
            self._await_retransmission(now)  # what is missing comes before what is withheld
        if sequence <= self.told:
            return
        seen_at = self._seen.get(sequence)
        self._seen[sequence] = now
        if seen_at is None:
            if sequence == newest and not self.is_choking:
                self._note_awake(newest, now)
        elif now - seen_at > RETRANSMISSION_MIN_S:
            self._periods = (now - seen_at, self._periods[0] or now - seen_at)
        is_told_lately = now <= self._released_at + self._round_trip
        is_kept = self.is_choking and now < self._trickle_at
        if self.count and sequence == self.told + 1 and not (is_told_lately or is_kept):
            self._plan(newest, now)

    def _note_awake(self, newest: int, now: float) -> None:
        """Something new, but perhaps just one packet and the last."""
        if now < self._settled_at:
            self.note_sent_before(newest)
        elif newest >= self._sent_before + NEW_PACKETS:
            self.end()
            return
        elif newest > self._sent_before:
            self.count = WITHHELD_RESUMED
        self.through(newest)
        self._released_at = now
        self._await_retransmission(now)

    def _await_retransmission(self, now: float) -> None:
        self._is_retransmitting = False
        self.release_at = now + self._patience

    @property
    def _period(self) -> float:
        """Seconds between two retransmissions, 0 if unknown; one in between may have got lost."""
        return min(self._periods)

    @property
    def _patience(self) -> float:
        """Who retransmits nothing for so long is not waiting for an ack at the right moment."""
        if self._period:
            return 3 * self._period + self._round_trip + 0.1
        return 4 * self._round_trip + 0.5

    def _plan(self, newest: int, now: float) -> None:
        """Acknowledge when all that is withheld was retransmitted, before that begins anew."""
        period = self._period
        repeated_at = self._seen.get(self.told + 1)
        if self.is_choking and not (period and self._round_trip):
            self.release_at = now
        if not (period and self._round_trip and repeated_at) or now > repeated_at + self._patience:
            return
        self._is_retransmitting = True
        phase = min(PHASE_MAX, PHASE + PHASE_PER_PACKET * (newest - self.told))
        at = repeated_at + phase * period - self._round_trip
        self.release_at = at + period * max(0.0, -((at - now) // period))

    def release(self, newest: int, now: float) -> None:
        """The ack that goes out now names one packet more, or all."""
        if not (self.is_choking or self._is_retransmitting):
            self.end()
            return
        self._tell(min(newest, self.told + 1))
        self._released_at = now
        if self.is_choking:
            self._trickle_at = now + TRICKLE_S
            self.release_at = 0.0
        else:
            self._await_retransmission(now)

    def _tell(self, through: int) -> None:
        self.told = through
        if self._seen:
            self._seen = {one: at for one, at in self._seen.items() if one > through}

    def end(self) -> None:
        """Nothing is withheld any more."""
        self.count = 0
        self.release_at = 0.0
