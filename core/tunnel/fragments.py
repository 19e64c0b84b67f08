"""Packing messages into tunnel messages and putting them together again (tunnel-message.md).

:func:`pack` fills payloads of at most 1003 bytes with delivery instructions and fragments. It
splits a message over what is left of a payload only if that saves a tunnel message: a message that
spans fewer tunnel messages is lost less often.

:class:`Reassembler` belongs to one endpoint. It accepts fragments in any order, is bounded in
bytes, in messages and in time, and never raises on what a peer sent: what does not fit is dropped
and counted. Those of a router share a :class:`ReassemblyMemory`. Bytes are what the memory holds,
with the objects around a fragment: one of a single byte costs a hundred more.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.base.errors import LocalError
from core.base.native import accelerated
from core.base.reassembly import ReassemblyMemory
from core.tunnel.constants import FRAGMENT_NUMBER_MAX, MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX
from core.tunnel.delivery import DeliveryTuple, Fragment, write_target

_FOLLOW_ON_BYTES = 7
_FOLLOW_ON_DATA_MAX = PAYLOAD_BYTES_MAX - _FOLLOW_ON_BYTES
PARTIAL_COST = 440
FRAGMENT_COST = 120
"""Bytes of memory for an incomplete message and for each of its fragments, beside the payload
(measured: 440 with the hash of a target, 118 for a fragment that came ahead, 48 for another)."""
_RESERVED_STEP = 16 * 1024
_FIRST_EXTRA_BYTES = 6
"""Message id and size in a first fragment."""


@accelerated
def pack(deliveries: Iterable[DeliveryTuple]) -> list[bytes]:
    """Payloads (1 to 1003 bytes each) that carry ``deliveries`` in order.

    Raises LocalError for a message beyond 62708 bytes or without its I2NP header.
    """
    payloads: list[bytes] = []
    parts: list[bytes] = []
    room = PAYLOAD_BYTES_MAX
    previous: tuple[int, bytes | None, int | None] | None = None
    target = b""
    for kind, router_hash, tunnel_id, message in deliveries:
        length = len(message)
        if not 16 <= length <= MESSAGE_BYTES_MAX:
            raise LocalError(f"tunnel message of {length} bytes")
        if (kind, router_hash, tunnel_id) != previous:
            previous = (kind, router_hash, tunnel_id)
            target = write_target(kind, router_hash, tunnel_id)
        whole = len(target) + 2 + length
        if whole > room and room < PAYLOAD_BYTES_MAX and not _is_split_better(target, length, room):
            payloads.append(b"".join(parts))
            parts = []
            room = PAYLOAD_BYTES_MAX
        if whole <= room:
            parts += (target, length.to_bytes(2, "big"), message)
            room -= whole
            continue
        message_id = message[1:5]
        if message_id == b"\0\0\0\0":
            # i2pd: drops a fragmented message with id 0.
            message_id = b"\0\0\0\x01"
        size = room - len(target) - _FIRST_EXTRA_BYTES
        flag = bytes((target[0] | 0x08,))
        parts += (flag, target[1:], message_id, size.to_bytes(2, "big"), message[:size])
        at, number = size, 0
        while at < length:
            payloads.append(b"".join(parts))
            number += 1
            size = min(length - at, _FOLLOW_ON_DATA_MAX)
            last = at + size == length
            header = bytes((0x80 | number << 1 | last,)) + message_id + size.to_bytes(2, "big")
            parts = [header, message[at : at + size]]
            room = PAYLOAD_BYTES_MAX - _FOLLOW_ON_BYTES - size
            at += size
    if parts:
        payloads.append(b"".join(parts))
    return payloads


def _is_split_better(target: bytes, length: int, room: int) -> bool:
    """True if starting in the ``room`` that is left needs fewer further tunnel messages."""
    overhead = len(target) + _FIRST_EXTRA_BYTES
    first = room - overhead
    if first <= 0:
        return False
    split = -(-(length - first) // _FOLLOW_ON_DATA_MAX)
    if split > FRAGMENT_NUMBER_MAX:
        return False
    if len(target) + 2 + length <= PAYLOAD_BYTES_MAX:
        return False
    fresh = 1 - (-(length - (PAYLOAD_BYTES_MAX - overhead)) // _FOLLOW_ON_DATA_MAX)
    return split < fresh


class _Partial:
    """A message whose fragments are not all here. ``pieces`` are those from 0 on without a gap,
    ``ahead`` the others by number, with their last-fragment flag; ``target`` is known with the
    first fragment. ``size`` counts payload, ``held`` memory."""

    __slots__ = ("ahead", "deadline", "held", "pieces", "size", "target")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.target: tuple[int, bytes | None, int | None] | None = None
        self.pieces: list[bytes] = []
        self.ahead: dict[int, tuple[bytes, bool]] | None = None
        self.size = 0
        self.held = 0


class Reassembler:
    """Fragments in, whole messages out; at most ``bytes_max`` bytes of memory are held."""

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_memory",
        "_partials",
        "_partials_max",
        "_period_s",
        "_reserved",
        "dropped",
    )

    def __init__(
        self,
        bytes_max: int = 512 * 1024,
        partials_max: int = 512,
        period_s: float = 15.0,
        memory: ReassemblyMemory | None = None,
    ) -> None:
        self._bytes_max = bytes_max
        self._partials_max = partials_max
        self._period_s = period_s
        self._memory = ReassemblyMemory() if memory is None else memory
        self._partials: dict[int, _Partial] = {}
        self._bytes = 0
        self._reserved = 0
        self.dropped = 0
        """Incomplete messages given up."""

    @property
    def waiting_bytes(self) -> int:
        """Memory held by incomplete messages."""
        return self._bytes

    def add(self, fragment: Fragment, now: float) -> DeliveryTuple | None:
        """The message that ``fragment`` completes, or None."""
        number, is_last, message_id, kind, router_hash, tunnel_id, data = fragment
        if message_id is None:
            return kind, router_hash, tunnel_id, data
        if not number:
            return self.add_first(message_id, (kind, router_hash, tunnel_id), data, now)
        return self.add_next(message_id, number, is_last, data, now)

    def add_first(
        self,
        message_id: int,
        target: tuple[int, bytes | None, int | None],
        data: bytes,
        now: float,
    ) -> DeliveryTuple | None:
        """Fragment 0 of a message; ``target`` is (kind, router hash, tunnel id)."""
        partial = self._partials.get(message_id)
        if partial is None:
            partial = self._partials[message_id] = _Partial(now + self._period_s)
        elif partial.pieces:
            return None
        partial.target = target
        return self._append(message_id, partial, False, data)

    def add_next(
        self, message_id: int, number: int, is_last: bool, data: bytes, now: float
    ) -> DeliveryTuple | None:
        """A follow-on fragment, ``number`` 1 to 63."""
        partial = self._partials.get(message_id)
        if partial is None:
            partial = self._partials[message_id] = _Partial(now + self._period_s)
        pieces = partial.pieces
        if number == len(pieces):
            size = partial.size
            target = partial.target
            if is_last and target is not None and size + len(data) <= MESSAGE_BYTES_MAX:
                # The usual end of a message, in order.
                del self._partials[message_id]
                self._bytes -= partial.held
                pieces.append(data)
                return *target, b"".join(pieces)
            return self._append(message_id, partial, is_last, data)
        if partial.ahead is None:
            partial.ahead = {}
        if number > len(pieces) and number not in partial.ahead:
            partial.ahead[number] = (data, is_last)
            self._count(message_id, partial, len(data))
        return None

    def _append(
        self, message_id: int, partial: _Partial, is_last: bool, data: bytes
    ) -> DeliveryTuple | None:
        """``data`` follows what is there, and may close the gap to what came ahead."""
        pieces = partial.pieces
        pieces.append(data)
        while partial.ahead and not is_last:
            following = partial.ahead.pop(len(pieces), None)
            if following is None:
                break
            pieces.append(following[0])
            is_last = following[1]
        if is_last and partial.target is not None:
            if partial.size + len(data) > MESSAGE_BYTES_MAX:
                self._drop(message_id)
                return None
            del self._partials[message_id]
            self._bytes -= partial.held
            return *partial.target, b"".join(pieces)
        self._count(message_id, partial, len(data))
        return None

    def _count(self, message_id: int, partial: _Partial, size: int) -> None:
        """``size`` more bytes wait; what exceeds the bounds is dropped."""
        cost = size + FRAGMENT_COST if partial.held else size + FRAGMENT_COST + PARTIAL_COST
        partial.size += size
        partial.held += cost
        self._bytes += cost
        if partial.size > MESSAGE_BYTES_MAX:
            self._drop(message_id)
            return
        if self._bytes > self._reserved:
            self._reserve()
        while len(self._partials) > self._partials_max:
            self._drop(next(iter(self._partials)))

    def _reserve(self) -> None:
        """Take more of the common memory, or give up the oldest messages."""
        memory = self._memory
        allowed = min(self._bytes_max, max(memory.share(), _RESERVED_STEP))
        while self._bytes > allowed:
            self._drop(next(iter(self._partials)))
        self._set_reserved(self._bytes)

    def _set_reserved(self, needed: int) -> None:
        """Hold as many steps of the common memory as ``needed`` bytes take."""
        steps = -(-needed // _RESERVED_STEP)
        reserved = min(steps * _RESERVED_STEP, max(needed, self._bytes_max))
        self._memory.bytes += reserved - self._reserved
        self._memory.holders += (reserved > 0) - (self._reserved > 0)
        self._reserved = reserved

    def expire(self, now: float) -> None:
        """Give up what waited too long."""
        due = [key for key, partial in self._partials.items() if partial.deadline <= now]
        for key in due:
            self._drop(key)
        if self._reserved:
            self._set_reserved(self._bytes)

    def close(self) -> None:
        """Give up everything: the tunnel is gone."""
        self._partials.clear()
        self._bytes = 0
        self._set_reserved(0)

    def _drop(self, message_id: int) -> None:
        self._bytes -= self._partials.pop(message_id).held
        self.dropped += 1
