"""What arrived of the peer's packets, and the ACK block that says so (specs/ssu2, "Ack").

The block names the highest packet number received, how many directly below it were received too,
and then, downwards, pairs of how many were not and how many were. i2pd looks at no more than the
511 highest numbers, of which it has half in flight.

When an ack leaves: at once for what came out of order, shortly behind a gap, or with the flag that
asks for it; else after some packets or a part of the round trip. Only packets that carry more than
acks and the like elicit one.
"""

from __future__ import annotations

from struct import Struct

#: how far below the highest number a packet may be new
WINDOW_PACKETS = 1024
DEPTH_PACKETS = 1024
#: i2pd sends as many
RANGES_MAX = 32
#: an ack leaves at the latest with this many packets; RFC 9000 says two, i2pd one for each read
PACKETS_PER_ACK = 8
#: bounds of the delay, and what it is while the round trip is not known
DELAY_MIN_S = 0.005
DELAY_MAX_S = 0.150
DELAY_UNKNOWN_S = 0.025
DELAY_PER_ROUND_TRIP = 1 / 6
#: while one of so many highest numbers is missing, each packet is acknowledged at once: the sender
#: takes a packet for lost when three later ones arrived
_RECENT = 0b1111

BLOCK_BYTES_MIN = 8
_BLOCK_TYPE = 12
_HEAD = Struct(">BHIB")
_COUNT_MAX = 255
_NO_NUMBER = 1 << 32
_WINDOW_MASK = (1 << WINDOW_PACKETS) - 1


class ReceivedPackets:
    """The numbers received in one direction of a session.

    ``highest`` is -1 before the first; ``due_at``: when an ack must leave, 0.0 if none must;
    ``delay_s``: how long one may wait. ``count``: packets received, without copies.
    """

    __slots__ = (
        "_bits",
        "_block",
        "_eliciting",
        "_known_through",
        "_late_count",
        "_late_from",
        "_told_count",
        "count",
        "delay_s",
        "due_at",
        "highest",
    )

    def __init__(self) -> None:
        self.highest = -1
        self.count = 0
        self.due_at = 0.0
        self.delay_s = DELAY_UNKNOWN_S
        #: bit n: the number n below the highest was received
        self._bits = 0
        self._eliciting = 0
        #: numbers up to this one need not be told again: the peer saw an ack that told them
        self._known_through = -1
        #: the lowest number that came late and may be unknown to the peer; the count with the last
        self._late_from = _NO_NUMBER
        self._late_count = 0
        self._told_count = 0
        self._block: bytes | None = None

    @property
    def has_news(self) -> bool:
        """Whether something arrived since the last ack."""
        return self.count != self._told_count

    def is_duplicate(self, number: int) -> bool:
        """Whether it was received before, or is too old to tell."""
        behind = self.highest - number
        return behind >= 0 and (behind >= WINDOW_PACKETS or self._bits >> behind & 1 == 1)

    def record(self, number: int, elicits_ack: bool, is_urgent: bool, now: float) -> None:
        """A genuine packet that is no duplicate. ``is_urgent``: it asks for an ack at once."""
        ahead = number - self.highest
        if ahead == 1:
            self._bits = bits = (self._bits << 1 | 1) & _WINDOW_MASK
            self.highest = number
        elif ahead > 1:
            bits = (self._bits << ahead | 1) & _WINDOW_MASK if ahead < WINDOW_PACKETS else 1
            self._bits = bits
            self.highest = number
        else:
            self._bits = bits = self._bits | 1 << -ahead
            self._late_from = min(self._late_from, number)
            self._late_count = self.count + 1
        self.count += 1
        self._block = None
        if not elicits_ack:
            return
        self._eliciting += 1
        if (
            is_urgent
            or ahead != 1
            or bits & _RECENT != _RECENT
            or self._eliciting >= PACKETS_PER_ACK
        ):
            self.due_at = now
        elif not self.due_at:
            self.due_at = now + self.delay_s

    def acknowledge(self, now: float) -> None:
        """Have an ack leave at once."""
        self.due_at = now

    def set_round_trip(self, round_trip_s: float) -> None:
        """Adapt the delay of acks."""
        delay_s = round_trip_s * DELAY_PER_ROUND_TRIP
        self.delay_s = min(max(delay_s, DELAY_MIN_S), DELAY_MAX_S)

    def block(self, room: int) -> bytes:
        """The ACK block, at most ``room`` bytes long; empty if nothing came or it does not fit."""
        if self.highest < 0 or room < BLOCK_BYTES_MIN:
            return b""
        block = self._block
        if block is None:
            block = self._block = self._encode()
        if len(block) > room:
            length = room - (room - BLOCK_BYTES_MIN) % 2
            return b"\x0c" + (length - 3).to_bytes(2, "big") + block[3:length]
        return block

    def told(self) -> tuple[int, int]:
        """A packet with the block leaves now: no ack is due any more.

        Returns what to give :meth:`peer_knows` when the peer acknowledges that packet.
        """
        self.due_at = 0.0
        self._eliciting = 0
        self._told_count = self.count
        return self.highest, self.count

    def peer_knows(self, told: tuple[int, int]) -> None:
        """The peer saw the block that left with ``told``: of those numbers it tells no more."""
        through, count = told
        if count >= self._late_count:
            self._late_from = _NO_NUMBER
        if through > self._known_through:
            self._known_through = through
        self._block = None

    def _encode(self) -> bytes:
        highest = self.highest
        known_through = min(self._known_through, self._late_from - 1)
        depth = min(DEPTH_PACKETS, max(1, highest - known_through))
        bits = self._bits & ((1 << depth) - 1)
        received = (~bits & (bits + 1)).bit_length() - 1
        bits >>= received
        received -= 1
        count = min(received, _COUNT_MAX)
        received -= count
        if not bits and not received:
            return _HEAD.pack(_BLOCK_TYPE, 5, highest, count)
        ranges = bytearray()
        _add_range(ranges, 0, received)
        while bits and len(ranges) < 2 * RANGES_MAX:
            missing = (bits & -bits).bit_length() - 1
            bits >>= missing
            received = (~bits & (bits + 1)).bit_length() - 1
            bits >>= received
            _add_range(ranges, missing, received)
        del ranges[2 * RANGES_MAX :]
        return _HEAD.pack(_BLOCK_TYPE, 5 + len(ranges), highest, count) + ranges


def _add_range(ranges: bytearray, missing: int, received: int) -> None:
    """Append pairs; those with a zero continue a count beyond 255."""
    while missing > _COUNT_MAX:
        ranges += b"\xff\0"
        missing -= _COUNT_MAX
    while missing or received:
        count = min(received, _COUNT_MAX)
        ranges.append(missing)
        ranges.append(count)
        missing = 0
        received -= count
