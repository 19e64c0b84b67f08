"""Messages larger than a packet (specs/ssu2, "First Fragment", "Follow-on Fragment").

Neither the number of fragments nor an offset is told, so a fragment is always sent again with the
length that it had. Fragments may come in any order. What a peer sent never raises: what does not
fit is dropped and counted.
"""

from __future__ import annotations

from struct import Struct

from core.base.filters import DuplicateFilter
from core.base.reassembly import ReassemblyMemory
from core.transport.stats import LinkStats

#: i2pd: 62708, Java: about as much
MESSAGE_BYTES_MAX = 65535
#: i2pd and Java take 64
FRAGMENTS_MAX = 64
FIRST = 4
FOLLOW_ON = 5
_HEADER_BYTES = 9
"""Type, id and expiration of a message in short form."""
_FIRST_HEAD = Struct(">BH")
_FOLLOW_ON_HEAD = Struct(">BHB4s")
_FOLLOW_ON_OVERHEAD = _FOLLOW_ON_HEAD.size

PARTIAL_COST = 440
FRAGMENT_COST = 120
"""Bytes of memory for an incomplete message and for each fragment, beside the payload."""
#: i2pd: 30 s, Java: 10 s
PERIOD_S = 30.0
_RESERVED_STEP = 16 * 1024
#: for how long fragments of a message that is complete are known as copies, and of how many
_COMPLETED_S = 10.0
_COMPLETED_MAX = 1024


def cut(message: bytes, payload_max: int) -> list[bytes]:
    """The blocks of a short-form message, each at most ``payload_max`` bytes with its header.

    ``payload_max`` is at least 1100, ``message`` at most ``MESSAGE_BYTES_MAX`` and longer than fits
    one block.
    """
    size = payload_max - _FIRST_HEAD.size
    message_id = message[1:5]
    blocks = [_FIRST_HEAD.pack(FIRST, size) + message[:size]]
    length = len(message)
    part = payload_max - _FOLLOW_ON_OVERHEAD
    number = 1
    for at in range(size, length, part):
        end = min(length, at + part)
        info = number << 1 | (end == length)
        head = _FOLLOW_ON_HEAD.pack(FOLLOW_ON, end - at + 5, info, message_id)
        blocks.append(head + message[at:end])
        number += 1
    return blocks


class _Partial:
    """A message of which not all fragments are here. ``last``: the number of the last one, or 0."""

    __slots__ = ("deadline", "held", "last", "pieces", "size")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.pieces: dict[int, bytes] = {}
        self.last = 0
        self.size = 0
        self.held = PARTIAL_COST


class Reassembler:
    """Fragments of one session in, whole messages out.

    At most ``bytes_max`` bytes of memory are held, with the objects around the fragments. The
    oldest message goes when there is too much, or when it is not complete in time. ``stats``
    counts messages that were given up, and fragments that cannot be right.
    """

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_completed",
        "_memory",
        "_partials",
        "_partials_max",
        "_reserved",
        "_stats",
    )

    def __init__(
        self,
        stats: LinkStats,
        bytes_max: int = 512 * 1024,
        partials_max: int = 128,
        memory: ReassemblyMemory | None = None,
    ) -> None:
        """``memory``: what all sessions hold together."""
        self._bytes_max = bytes_max
        self._partials_max = partials_max
        self._memory = ReassemblyMemory() if memory is None else memory
        self._partials: dict[bytes, _Partial] = {}
        self._completed = DuplicateFilter(_COMPLETED_S, _COMPLETED_MAX)
        self._bytes = 0
        self._reserved = 0
        self._stats = stats

    @property
    def waiting_bytes(self) -> int:
        """Memory held by incomplete messages."""
        return self._bytes

    @property
    def deadline(self) -> float | None:
        """When the oldest incomplete message is given up."""
        for partial in self._partials.values():
            return partial.deadline
        return None

    def add_first(self, data: bytes, now: float) -> bytes | None:
        """The data of a First Fragment block; the message that it completes, or None."""
        if len(data) <= _HEADER_BYTES:
            self._stats.blocks_malformed += 1
            return None
        return self._add(data[1:5], 0, False, data, now)

    def add_follow_on(self, data: bytes, now: float) -> bytes | None:
        """The data of a Follow-on Fragment block; the message that it completes, or None."""
        number = data[0] >> 1 if len(data) > 5 else 0
        if not 0 < number < FRAGMENTS_MAX:
            self._stats.blocks_malformed += 1
            return None
        return self._add(data[1:5], number, bool(data[0] & 1), data[5:], now)

    def _add(
        self, message_id: bytes, number: int, is_last: bool, piece: bytes, now: float
    ) -> bytes | None:
        partial = self._partials.get(message_id)
        if partial is None:
            if self._completed.is_known(int.from_bytes(message_id, "big"), now):
                return None
            partial = self._begin(message_id, now)
        elif number in partial.pieces:
            return None
        if (is_last and partial.last) or (partial.last and number > partial.last):
            self._stats.blocks_malformed += 1
            return None
        partial.size += len(piece)
        if partial.size > MESSAGE_BYTES_MAX or (
            is_last and max(partial.pieces, default=0) > number
        ):
            self._stats.blocks_malformed += 1
            self._give_up(message_id)
            return None
        if is_last:
            partial.last = number
        partial.pieces[number] = piece
        held = len(piece) + FRAGMENT_COST
        partial.held += held
        self._bytes += held
        if partial.last and len(partial.pieces) == partial.last + 1:
            self._forget(message_id)
            self._completed.is_duplicate(int.from_bytes(message_id, "big"), now)
            pieces = partial.pieces
            return b"".join([pieces[n] for n in range(partial.last + 1)])
        self._make_room(message_id)
        return None

    def _begin(self, message_id: bytes, now: float) -> _Partial:
        if len(self._partials) >= self._partials_max:
            self._give_up(next(iter(self._partials)))
        partial = self._partials[message_id] = _Partial(now + PERIOD_S)
        self._bytes += PARTIAL_COST
        if len(self._partials) == 1:
            self._memory.holders += 1
        return partial

    def _make_room(self, newest: bytes) -> None:
        self._reserve()
        while self._bytes > min(self._bytes_max, self._memory.share()):
            oldest = next(iter(self._partials))
            self._give_up(oldest)
            if oldest == newest:
                return

    def _give_up(self, message_id: bytes) -> None:
        self._stats.messages_incomplete += 1
        self._forget(message_id)

    def _forget(self, message_id: bytes) -> None:
        self._bytes -= self._partials.pop(message_id).held
        if not self._partials:
            self._memory.holders -= 1
        self._reserve()

    def _reserve(self) -> None:
        """Tell the shared memory in steps, and exactly when nothing is held."""
        reserved = -(-self._bytes // _RESERVED_STEP) * _RESERVED_STEP
        if reserved != self._reserved:
            self._memory.bytes += reserved - self._reserved
            self._reserved = reserved

    def handle_timer(self, now: float) -> None:
        """Give up what is not complete in time."""
        while self._partials:
            oldest = next(iter(self._partials))
            if self._partials[oldest].deadline > now:
                return
            self._give_up(oldest)

    def clear(self) -> None:
        """Forget everything: the session is over."""
        for message_id in list(self._partials):
            self._forget(message_id)
