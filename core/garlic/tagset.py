"""Tag sets: the tag and key of each message of one direction, and the table that finds them again.

Spec: ECIES-X25519-AEAD-Ratchet, sections 4a (DH initialisation), 4b (tags) and 4c (keys).

A tag set is two hash chains: one yields an 8-byte tag for each message number, the other its key.
The sender walks both, one step a message. The receiver walks the tags ahead (the look-ahead window)
and puts them into a :class:`TagTable`; it walks the keys only when a tag shows up and keeps the
keys it jumped over for messages that are late.

The table maps a tag to one integer, ``slot << 16 | number``, so that a waiting tag costs two small
objects; the slot leads to the tag set, which knows its session.

Always holds: a tag is in the table at most once, is removed when its message has been opened, and
never outlives its tag set; message numbers stay below ``MESSAGES_MAX``.
"""

from __future__ import annotations

from core.base.errors import LocalError
from core.crypto.hkdf import chain_step, hkdf

TAG_BYTES = 8

MESSAGES_MAX = 65534
"""i2pd: refuses the tags of numbers above 65533; the specification would allow 65535."""

SLOTS_MAX = 1 << 20
_EXTEND_STEP = 16
"""Tags are made this many at a time at least: less bookkeeping for each message."""


_key_step = chain_step(b"", b"SymmetricRatchet")
_TAG_INFO = b"SessionTagKeyGen"


def start_chains(root_key: bytes, key: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """DH_INITIALIZE: (next root key, tag chain key, tag constant, key chain key), 32 bytes each."""
    step = hkdf(root_key, key, b"KDFDHRatchetStep", 64)
    chains = hkdf(step[32:], b"", b"TagAndKeyGenKeys", 64)
    tags = hkdf(chains[:32], b"", b"STInitialization", 64)
    return step[:32], tags[:32], tags[32:], chains[32:]


class SendTagSet:
    """Our outbound chain: ``take`` yields tag, number and key of the next message."""

    __slots__ = ("_key_chain", "_tag_chain", "_tag_step", "next_number", "next_root", "set_id")

    def __init__(self, root_key: bytes, key: bytes, set_id: int = 0) -> None:
        self.set_id = set_id
        self.next_number = 0
        self.next_root, self._tag_chain, constant, self._key_chain = start_chains(root_key, key)
        self._tag_step = chain_step(constant, _TAG_INFO)

    def take(self) -> tuple[bytes, int, bytes]:
        """(tag of 8 bytes, message number, key of 32 bytes). LocalError when used up."""
        number = self.next_number
        if number >= MESSAGES_MAX:
            raise LocalError("tag set used up")
        self.next_number = number + 1
        self._tag_chain, tag = self._tag_step(self._tag_chain)
        self._key_chain, key = _key_step(self._key_chain)
        return tag[:8], number, key

    def take_tag(self) -> bytes:
        """The next tag alone, for new session replies, which do not use the keys."""
        number = self.next_number
        if number >= MESSAGES_MAX:
            raise LocalError("tag set used up")
        self.next_number = number + 1
        self._tag_chain, tag = self._tag_step(self._tag_chain)
        return tag[:8]


class TagTable:
    """Every tag that one local destination waits for."""

    __slots__ = ("_free", "entries", "sets")

    def __init__(self) -> None:
        self.entries: dict[bytes, int] = {}
        """Tag -> ``slot << 16 | number``; read directly by the hot path."""
        self.sets: list[ReceiveTagSet | None] = []
        """By slot."""
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, tag: bytes) -> tuple[ReceiveTagSet, int] | None:
        """The tag set and message number behind a tag, or None."""
        entry = self.entries.get(tag)
        if entry is None:
            return None
        tag_set = self.sets[entry >> 16]
        return None if tag_set is None else (tag_set, entry & 0xFFFF)

    def claim_slot(self, tag_set: ReceiveTagSet) -> int:
        """A slot for a new tag set. LocalError past ``SLOTS_MAX`` (the owner limits sessions)."""
        if self._free:
            slot = self._free.pop()
            self.sets[slot] = tag_set
            return slot
        slot = len(self.sets)
        if slot >= SLOTS_MAX:
            raise LocalError("too many tag sets")
        self.sets.append(tag_set)
        return slot

    def release_slot(self, slot: int) -> None:
        """Free a slot; no tag must lead to it any more."""
        self.sets[slot] = None
        self._free.append(slot)


class ReceiveTagSet:
    """Our inbound chain with its look-ahead window; ``session`` is what its messages belong to.

    The window starts with ``window`` tags and, once messages arrive, reaches
    ``min(window_max, window + number / 4)`` past the highest number received and as far behind.
    """

    __slots__ = (
        "_key_chain",
        "_keys",
        "_next_key",
        "_slot",
        "_table",
        "_tag_chain",
        "_tag_step",
        "_tags",
        "_trimmed",
        "_window_max",
        "expires_at",
        "highest",
        "next_number",
        "next_root",
        "session",
        "set_id",
        "window",
    )

    def __init__(
        self,
        table: TagTable,
        session: object,
        root_key: bytes,
        key: bytes,
        *,
        set_id: int = 0,
        window: int,
        window_max: int,
        initial: int | None = None,
    ) -> None:
        self.session = session
        self.set_id = set_id
        self.window = window
        self._window_max = window_max
        self.next_number = 0
        self.highest = -1
        self.expires_at: float | None = None
        self.next_root, self._tag_chain, constant, self._key_chain = start_chains(root_key, key)
        self._tag_step = chain_step(constant, _TAG_INFO)
        self._next_key = 0
        self._keys: dict[int, bytes] = {}
        self._tags: list[bytes] = []
        self._trimmed = 0
        self._table = table
        self._slot = table.claim_slot(self)
        self.extend(window if initial is None else initial)

    def extend(self, end: int) -> None:
        """Make the tags of all numbers below ``end``."""
        end = min(end, MESSAGES_MAX)
        if end <= self.next_number:
            return
        entries = self._table.entries
        tags = self._tags
        step = self._tag_step
        chain = self._tag_chain
        base = self._slot << 16
        for number in range(self.next_number, end):
            chain, output = step(chain)
            tag = output[:8]
            tags.append(tag)
            entries[tag] = base | number
        self._tag_chain = chain
        self.next_number = end

    def key(self, number: int) -> bytes | None:
        """The key of a message number, None if it was used; it stays until :meth:`consumed`."""
        next_key = self._next_key
        if number < next_key:
            return self._keys.get(number)
        if number >= self.next_number:
            return None
        chain = self._key_chain
        key = b""
        while next_key <= number:
            chain, key = _key_step(chain)
            self._keys[next_key] = key
            next_key += 1
        self._key_chain = chain
        self._next_key = next_key
        return key

    def consumed(self, tag: bytes, number: int) -> None:
        """A message was opened: forget its tag and key, move the window."""
        self._table.entries.pop(tag, None)
        self._keys.pop(number, None)
        if number <= self.highest:
            return
        self.highest = number
        window = self.window + (number >> 2)
        if window > self._window_max:
            window = self._window_max
        end = number + 1 + window
        if end - self.next_number >= _EXTEND_STEP:
            self.extend(end)
        behind = number - window - self._trimmed
        if behind >= _EXTEND_STEP:
            self._trim(behind)

    def _trim(self, count: int) -> None:
        entries = self._table.entries
        start = self._trimmed
        for tag in self._tags[:count]:
            entries.pop(tag, None)
        del self._tags[:count]
        self._trimmed = start + count
        if self._keys:
            for number in range(start, start + count):
                self._keys.pop(number, None)

    def close(self) -> None:
        """Forget every tag and key; the tag set must not be used after."""
        entries = self._table.entries
        for tag in self._tags:
            entries.pop(tag, None)
        self._tags = []
        self._keys.clear()
        self.session = None  # breaks the cycle
        if self._slot >= 0:
            self._table.release_slot(self._slot)
            self._slot = -1
