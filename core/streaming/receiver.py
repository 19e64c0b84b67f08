"""The receiving half of a stream: what is kept, when to acknowledge, when to choke the peer.

Acks go out after ``ack_every`` packets or a short delay, at once when a gap opens or the peer asks.
The protocol has no receive window: a receiver short of room puts a delay above 60000 ms into its
acks, and sends an unchoke several times because nobody acknowledges it. i2pd: gives a stream up
after 90 s without any progress, so a full buffer still takes one packet every ``TRICKLE_S``.
i2pd 2.56: resumes after a choke only by acks that come at the right moment (see ``withheld_acks``).
"""

from __future__ import annotations

from core.streaming.options import StreamingOptions
from core.streaming.packet import DELAY_CHOKE_SENT, NACKS_MAX, PLAIN_HEADER, build_packet
from core.streaming.receive_buffer import Arrival, ReceiveBuffer
from core.streaming.withheld_acks import TRICKLE_S, WithheldAcks

#: packets that may still arrive after a choke was sent: room kept free for them
CHOKE_RESERVE_BYTES = 1024 * 1024
#: what one stream may hold while all streams of the session hold too much
CROWDED_BYTES = 256 * 1024
#: so often a peer is told that there is room again, until something new arrives
UNCHOKES = 12
#: i2pd: forgets a stream with the first ack after its CLOSE, and then never acknowledges ours; if
#: our CLOSE is that ack, it answers
CLOSE_ACK_DELAY_S = 0.050
UNCHOKE_INTERVAL_S = 0.1
#: a peer that for so long sends nothing but what it sent before does not get our acks
UNHEARD_S = 1.0
#: but not if it was choked lately: i2pd then has to retransmit until it may go on
CHOKED_LONG_AGO_S = 60.0

_pack_plain = PLAIN_HEADER.pack
_IN_ORDER, _EARLY = Arrival.IN_ORDER, Arrival.EARLY


class Receiver:
    """``ack_at`` is when an ack is due, 0 if none is."""

    __slots__ = (
        "_choked_at",
        "_duplicates_at",
        "_duplicates_since",
        "_is_unheard",
        "_low_water",
        "_trickle_at",
        "_unacked",
        "_withheld_acks",
        "ack_at",
        "buffer",
        "choke_ms",
        "duplicates",
        "is_choking",
        "is_crowded",
        "is_reading",
        "options",
        "refused",
        "unchokes",
    )

    def __init__(self, options: StreamingOptions) -> None:
        self.options = options
        limit = options.receive_bytes_max
        #: with fewer buffered bytes than this the check for room is skipped
        self._low_water = limit - min(CHOKE_RESERVE_BYTES, limit // 2)
        self.buffer = ReceiveBuffer()
        self.ack_at = 0.0
        #: what tells the peer to stop
        self.choke_ms = DELAY_CHOKE_SENT
        self.is_choking = False
        #: set by the owner while all streams together hold too much
        self.is_crowded = False
        #: False if the application wants no more data: payload is dropped, not kept
        self.is_reading = True
        self.unchokes = 0
        self.duplicates = 0
        self.refused = 0
        self._unacked = 0
        self._trickle_at = 0.0
        self._withheld_acks = WithheldAcks()
        #: how much had arrived when the peer began to retransmit in vain, and since when it does
        self._duplicates_at = -1
        self._duplicates_since = 0.0
        self._is_unheard = False
        self._choked_at = float("-inf")

    def add(self, sequence: int, payload: bytes, now: float, round_trip_s: float) -> None:
        """Take a data packet (or SYN, or CLOSE) and decide when to acknowledge it."""
        buffer = self.buffer
        if payload:
            if not self.is_reading:
                payload = b""
            elif (
                self.is_crowded
                or buffer.readable + buffer.early_bytes + len(payload) > self._low_water
            ) and not self._has_room(sequence, len(payload), now):
                self.refused += 1
                self._withheld_acks.note_sent_before(sequence)
                self.ack_soon(now)
                return
        arrival = buffer.add(sequence, payload)
        if self._withheld_acks.count:
            self._withheld_acks.note_data(sequence, buffer.newest, now)
        if arrival is _IN_ORDER or (arrival is _EARLY and len(buffer.early) > 1):
            if self.unchokes:
                self.unchokes = int(self._withheld_acks.is_choking)  # nobody was told yet
                self.ack_at = 0.0
            self._unacked += 1
            if self._unacked >= self.options.ack_every:
                self.ack_at = now
            elif not self.ack_at:
                delay = max(round_trip_s / 10, self.options.ack_delay_s)
                self.ack_at = now + min(delay, self.options.ack_delay_max_s)
        elif arrival is _EARLY:
            # A gap has opened: the peer should hear of it at once, of its growth with the others.
            self.ack_at = now
        else:
            if self._withheld_acks.count and not self.is_choking:
                self.unchokes = max(1, self.unchokes)
            self.duplicates += 1
            self._note_duplicate(now)
            self.ack_soon(now)

    def _note_duplicate(self, now: float) -> None:
        arrived = self.buffer.next_sequence + len(self.buffer.early)
        was_choked = self.is_choking or now < self._choked_at + CHOKED_LONG_AGO_S
        if arrived != self._duplicates_at or was_choked:
            self._duplicates_at = arrived
            self._duplicates_since = now
        elif now - self._duplicates_since >= UNHEARD_S:
            self._duplicates_since = now
            self._is_unheard = True

    def take_unheard(self) -> bool:
        """True, once, when the peer seems not to get our acks: it only retransmits what we have."""
        is_unheard, self._is_unheard = self._is_unheard, False
        return is_unheard

    def ack_on_request(self, now: float, round_trip_s: float) -> None:
        """The peer asked for an ack at once: an answer that comes right now may carry it."""
        at = now + min(round_trip_s / 16, self.options.ack_delay_s)
        if not self.ack_at or at < self.ack_at:
            self.ack_at = at

    def ack_on_delay(self, now: float, delay_s: float) -> None:
        """The peer has time: an ack that is due for no other reason than what came may wait."""
        if self.ack_at and not (self.buffer.early or self.is_choking or self.unchokes):
            self.ack_at = now + min(delay_s, self.options.ack_delay_max_s)

    def note_plain(self, now: float) -> None:
        """A packet without data: perhaps the answer to what an ack of ours asked for."""
        if self._withheld_acks.count:
            self._withheld_acks.note_answer(self.buffer.newest, now)

    def ack_close(self, now: float) -> None:
        """The peer has closed: leave the application a moment to close as well."""
        self._withheld_acks.end()
        self.ack_at = now + CLOSE_ACK_DELAY_S

    def ack_soon(self, now: float) -> None:
        """Acknowledge again, but not once for each packet of a burst."""
        if not self.ack_at:
            self.ack_at = now + self.options.ack_delay_s

    def ack_was_carried(self) -> None:
        """A data packet took the cumulative ack along."""
        if not self.buffer.early and not self.is_choking and not self.unchokes:
            self._unacked = 0
            self.ack_at = 0.0

    @property
    def received_through(self) -> int:
        """The highest sequence with nothing missing below; -1 before the SYN."""
        return self.buffer.next_sequence - 1

    @property
    def ack_through(self) -> int:
        """What an ack says: all that is received in order, but for what a choke withholds."""
        received = self.buffer.next_sequence - 1
        withheld = self._withheld_acks
        if withheld.count:
            return min(received, withheld.through(self.buffer.newest))
        if received > withheld.told:
            withheld.told = received
        return received

    def _has_room(self, sequence: int, size: int, now: float) -> bool:
        limit = self.options.receive_bytes_max
        if self.is_crowded:
            limit = min(limit, CROWDED_BYTES)
        buffer = self.buffer
        if sequence < buffer.next_sequence or sequence in buffer.early:
            return True
        held = buffer.buffered + size
        reserve = min(CHOKE_RESERVE_BYTES, limit // 2)
        if held <= limit - reserve:
            return True
        if not self.is_choking and sequence > self._withheld_acks.told:
            self.is_choking = True
            self._withheld_acks.choke(now)
            self._trickle_at = now + TRICKLE_S
            self.ack_at = now
        is_next = sequence == buffer.next_sequence
        # Early packets stop first: the gap below them must always be able to close.
        if held <= (limit if is_next else limit - reserve // 2):
            return True
        if is_next and now >= self._trickle_at and held <= 2 * limit:
            self._trickle_at = now + TRICKLE_S
            return True
        return False

    def note_read(self) -> bool:
        """After a read; True if the peer must be told that there is room again."""
        if not self.is_choking or self.buffer.buffered * 2 > self.options.receive_bytes_max:
            return False
        if self.is_crowded and self.buffer.buffered > CROWDED_BYTES // 2:
            return False
        self.is_choking = False
        self.unchokes = UNCHOKES
        return True

    @property
    def due_at(self) -> float:
        """When an ack should go out, 0 if none should."""
        release_at = self._withheld_acks.release_at
        if release_at and (release_at < self.ack_at or not self.ack_at):
            return release_at
        return self.ack_at

    def is_ack_due(self, now: float) -> bool:
        """True if :meth:`build_ack` should be called now."""
        if not self.buffer.next_sequence:
            return False
        due_at = self.due_at
        return (due_at > 0 and now >= due_at) or (self.unchokes > 0 and not self.ack_at)

    def build_ack(self, remote_id: int, local_id: int, now: float, round_trip_s: float) -> bytes:
        """A plain ack of everything received so far, with the gaps."""
        buffer = self.buffer
        withheld = self._withheld_acks
        delay_ms = None
        if self.is_choking:
            delay_ms = self.choke_ms
            self._choked_at = now
            withheld.note_choke_sent(now, round_trip_s)
        elif self.unchokes:
            delay_ms = 0
            self.unchokes -= 1
            if withheld.is_choking:
                withheld.resume(buffer.newest, now)
        if withheld.release_at and now >= withheld.release_at:
            withheld.release(buffer.newest, now)
        self._unacked = 0
        self.ack_at = now + max(UNCHOKE_INTERVAL_S, round_trip_s / 4) if self.unchokes else 0.0
        if delay_ms is None and not buffer.early:
            return _pack_plain(remote_id, local_id, 0, self.ack_through, 0, 0, 0, 0)
        through, nacks = buffer.missing(NACKS_MAX, withheld.through(buffer.newest))
        return build_packet(remote_id, local_id, 0, through, nacks=nacks, delay_ms=delay_ms)
