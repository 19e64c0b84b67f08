"""ElGamal/AES+SessionTags between destinations (encryption type 0), for those that are old.

Spec: elgamal-aes.md. A session has one direction. Its first message carries the AES key in an
ElGamal block, and session tags; each later one begins with one of those tags. Whether tags have
arrived is asked with a DeliveryStatus message that goes along and comes back through a tunnel of
ours; until then, and when they are used up, there is another ElGamal block. i2pd and Java wrap
that message for its sender, under a tag of its own; so do we.

Nothing in a message says who has sent it: a remote is known by what it acknowledges only.

The bytes made and read here are the garlic body without its 4-byte length field.

Always holds: a tag is used once; tags and sessions are bounded, and the oldest go first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, LocalError
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source
from core.crypto import elgamal
from core.crypto.elgamal import ElGamalKey
from core.garlic.aes_block import BLOCK_BYTES_MIN, TAG_BYTES, iv_of, open_block, seal_block
from core.garlic.clove_set import parse_clove_set, write_clove_set
from core.garlic.cloves import PAYLOAD_BYTES_MAX, Clove, Delivery
from core.garlic.opened import RatchetCounters
from core.i2np.database import DeliveryStatus
from core.i2np.message import LIFETIME_S, MessageType, expiration_from

TAGS_KEPT = 40
TAGS_KEPT_MAX = 640
"""i2pd, Java: 40. A session that uses them up faster than acknowledgements come gets more."""
TAGS_LOW_SHARE = 2 / 3
"""i2pd: new tags are sent when so many are left; Java at 30 of 40."""
TAGS_SENT_MAX = 160
OFFER_TIMEOUT_S = 10.0
"""i2pd: after this time tags that nobody acknowledged are given up."""
TAG_LIFE_OUT_S = 720.0
TAG_LIFE_IN_S = 960.0
"""Java: 12 and 15 minutes; i2pd: 12 and 16."""
SESSIONS_MAX = 1024
OFFERS_MAX = 4096
TAGS_IN_MAX = 16_384
_NEW_BYTES_MIN = elgamal.BLOCK_LENGTH + BLOCK_BYTES_MIN
_LATE_MAX_S = 120
_AHEAD_MAX_S = 240
_REPLAY_PERIOD_S = float(_LATE_MAX_S + _AHEAD_MAX_S)
_REPLAY_MAX = 50_000
#: So long an acknowledgement may be under way.
_STATUS_TAG_LIFE_S = 120.0


class ReplyPath(NamedTuple):
    """An inbound tunnel of ours: its gateway's hash and its tunnel id there."""

    gateway: bytes
    tunnel_id: int


class _Outgoing:
    """Our session towards one key."""

    __slots__ = ("asked_at", "is_heard", "is_short", "key", "tags", "under_way", "wanted")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.tags: deque[tuple[bytes, float]] = deque()
        """Those that have arrived, with the time at which they end."""
        self.under_way: dict[int, tuple[int, float]] = {}
        """How many tags went along with which message that is not acknowledged, and when."""
        self.wanted = TAGS_KEPT
        self.is_heard = False
        """It has acknowledged something."""
        self.is_short = False
        """Tags were used up before others had arrived."""
        self.asked_at: float | None = None
        """When the first question since the last answer went out."""


class _Offer(NamedTuple):
    """Tags under way, and what the owner wants to know has arrived."""

    public: bytes
    tags: tuple[bytes, ...]
    ack_key: int | None
    at: float


class Delivered(NamedTuple):
    """The holder of ``public`` has acknowledged a message; ``ack_key`` as it was given."""

    public: bytes
    ack_key: int | None


class ElGamalSessions:
    """See the module. ``spare``: makes a key when the first one is needed and there is none.

    ``shares``: what ElGamal may cost, charged to the source of a message.
    """

    def __init__(
        self,
        wall: WallClock,
        entropy: Entropy,
        counters: RatchetCounters,
        shares: FairShares | None = None,
        spare: Callable[[], ElGamalKey] | None = None,
    ) -> None:
        self.keys: tuple[ElGamalKey, ...] = ()
        self._spare = spare
        self.refuse_before_s = 0
        self._wall = wall
        self._entropy = entropy
        self._counters = counters
        self._shares = FairShares(STRANGERS_SHARE) if shares is None else shares
        self._outgoing: BoundedMap[bytes, _Outgoing] = BoundedMap(SESSIONS_MAX)
        self._offers: BoundedMap[int, _Offer] = BoundedMap(OFFERS_MAX)
        self._tags: BoundedMap[bytes, tuple[bytes, float]] = BoundedMap(TAGS_IN_MAX)
        self._replays = DuplicateFilter(_REPLAY_PERIOD_S, _REPLAY_MAX)

    def use(self, keys: Sequence[ElGamalKey]) -> None:
        """Receive with these keys from now on."""
        self.keys = tuple(keys)

    @property
    def is_in_use(self) -> bool:
        """Whether anything could arrive: there is a key, or a tag that is waited for."""
        return bool(self.keys) or len(self._tags) > 0

    @property
    def can_be_answered(self) -> bool:
        """Whether there is a key of ours, or one could be made."""
        return bool(self.keys) or self._spare is not None

    @property
    def public(self) -> bytes | None:
        """Our public key; made now if need be."""
        if not self.keys and self._spare is not None:
            self.keys = (self._spare(),)
        return self.keys[0].public if self.keys else None

    # ---- sending

    def is_established(self, public: bytes) -> bool:
        """Whether the holder of ``public`` has acknowledged something lately."""
        session = self._outgoing.get(public)
        return session is not None and bool(session.tags)

    def is_new(self, public: bytes) -> bool:
        """Whether nothing has been sent to it yet."""
        return public not in self._outgoing

    def seal(
        self,
        public: bytes,
        cloves: Sequence[Clove],
        now: float,
        *,
        reply_path: ReplyPath | None,
        ack_key: int | None = None,
    ) -> bytes:
        """A garlic body for the holder of ``public`` (256 bytes).

        ``ack_key`` asks for an acknowledgement, which comes through ``reply_path``. DecodeError if
        the key is unusable, LocalError if the cloves do not fit one message.
        """
        session = self._outgoing.get(public)
        if session is None:
            session = _Outgoing(self._entropy.random_bytes(32))
            self._outgoing.put(public, session)
        self._note_time(session, now)
        tag = session.tags.popleft()[0] if session.tags else None
        session.is_short |= tag is None and session.is_heard
        tags = self._new_tags(session) if reply_path else ()
        message_id = self._random_id()
        if reply_path is not None and (tags or ack_key is not None):
            self._offers.put(message_id, _Offer(public, tags, ack_key, now))
            session.under_way[message_id] = len(tags), now
            if session.asked_at is None:
                session.asked_at = now
            cloves = [self._status_clove(message_id, reply_path, now), *cloves]
        ends_ms = expiration_from(self._wall.now())
        payload = write_clove_set(cloves, message_id, ends_ms)
        if len(payload) > PAYLOAD_BYTES_MAX - TAGS_SENT_MAX * TAG_BYTES:
            raise LocalError(f"{len(payload)} bytes of cloves do not fit one garlic message")
        if tag is not None:
            return tag + seal_block(session.key, iv_of(tag), tags, payload, self._entropy)
        head = session.key + self._entropy.random_bytes(elgamal.DATA_LENGTH - 32)
        block = elgamal.encrypt(public, head, self._entropy)
        return block + seal_block(session.key, iv_of(head[32:64]), tags, payload, self._entropy)

    def _new_tags(self, session: _Outgoing) -> tuple[bytes, ...]:
        there = len(session.tags) + sum(count for count, _ in session.under_way.values())
        if there > session.wanted * TAGS_LOW_SHARE:
            return ()
        count = min(session.wanted - there, TAGS_SENT_MAX)
        data = self._entropy.random_bytes(TAG_BYTES * count)
        return tuple(data[at : at + TAG_BYTES] for at in range(0, len(data), TAG_BYTES))

    def _note_time(self, session: _Outgoing, now: float) -> None:
        """Tags end; and a remote that gives no sign any more may have lost them."""
        while session.tags and session.tags[0][1] <= now:
            session.tags.popleft()
        under_way = session.under_way
        while under_way and now - next(iter(under_way.values()))[1] >= OFFER_TIMEOUT_S:
            del under_way[next(iter(under_way))]
        if session.asked_at is not None and now - session.asked_at >= OFFER_TIMEOUT_S:
            session.tags.clear()
            session.asked_at = None
        self._offers.expire(lambda offer: now - offer.at >= TAG_LIFE_OUT_S)

    def _status_clove(self, message_id: int, path: ReplyPath, now: float) -> Clove:
        wall_s = self._wall.now()
        ends_s = int(wall_s) + LIFETIME_S
        key, tag = self._entropy.random_bytes(32), self._entropy.random_bytes(TAG_BYTES)
        self._tags.put(tag, (key, now + _STATUS_TAG_LIFE_S))
        status = DeliveryStatus(message_id, int(wall_s * 1000)).write()
        inner = Clove(
            Delivery.LOCAL, None, None, MessageType.DELIVERY_STATUS, message_id, ends_s, status
        )
        payload = write_clove_set([inner], self._random_id(), ends_s * 1000)
        sealed = tag + seal_block(key, iv_of(tag), (), payload, self._entropy)
        return Clove(
            Delivery.TUNNEL,
            path.gateway,
            path.tunnel_id,
            MessageType.GARLIC,
            self._random_id(),
            ends_s,
            len(sealed).to_bytes(4, "big") + sealed,
        )

    def _random_id(self) -> int:
        return int.from_bytes(self._entropy.random_bytes(4), "big")

    def doubt(self, public: bytes) -> None:
        """The remote may have lost its tags: the next message has an ElGamal block again."""
        session = self._outgoing.get(public)
        if session is not None:
            session.tags.clear()
            session.under_way.clear()
            session.asked_at = None

    # ---- receiving

    def is_ours(self, ciphertext: bytes) -> bool:
        """Whether a message begins with a session tag that we wait for."""
        return len(ciphertext) % 16 == 0 and ciphertext[:TAG_BYTES] in self._tags

    def open_existing(self, ciphertext: bytes, now: float) -> list[Clove] | None:
        """The cloves of a message that :meth:`is_ours`; None if it must be dropped."""
        tag = ciphertext[:TAG_BYTES]
        entry = self._tags.get(tag)
        if entry is None or entry[1] <= now:
            self._tags.pop(tag)
            return None
        try:
            cloves = self._read(entry[0], iv_of(tag), ciphertext[TAG_BYTES:], now)
        except DecodeError:
            self._counters.forged += 1
            return None
        self._tags.pop(tag)
        self._counters.opened += 1
        return cloves

    def open_new(self, ciphertext: bytes, now: float, source: Source) -> list[Clove] | None:
        """The cloves of a message with an ElGamal block for one of our keys; else None."""
        if len(ciphertext) < _NEW_BYTES_MIN or len(ciphertext) % 16 != elgamal.BLOCK_LENGTH % 16:
            return None
        block = ciphertext[: elgamal.BLOCK_LENGTH]
        if block[0] or block[257]:
            return None
        replay_key = int.from_bytes(sha256(block).digest()[:8], "little")
        if self._replays.is_known(replay_key, now):
            self._counters.replayed += 1
            return None
        for key in self.keys:
            if not self._shares.take(("session", *source), key.cost_s, now):
                self._counters.over_rate += 1
                return None
            try:
                head = key.decrypt(block)
            except DecodeError:
                continue
            try:
                cloves = self._read(head[:32], iv_of(head[32:64]), ciphertext[len(block) :], now)
            except DecodeError:
                self._counters.broken += 1
                return None
            # Only now: what others make up must not fill the filter.
            self._replays.is_duplicate(replay_key, now)
            self._counters.opened += 1
            self._counters.new_sessions += 1
            return cloves
        return None

    def _read(self, key: bytes, iv: bytes, data: bytes, now: float) -> list[Clove]:
        block = open_block(key, iv, data)
        cloves, _, expiration_ms = parse_clove_set(block.payload)
        late_s = self._wall.now() - expiration_ms / 1000
        if (
            not -_AHEAD_MAX_S <= late_s <= _LATE_MAX_S
            or expiration_ms / 1000 < self.refuse_before_s
        ):
            raise DecodeError(f"garlic message that ended {late_s:.0f} s ago")
        session_key = block.new_key or key
        for tag in block.tags:
            self._counters.evicted += (
                self._tags.put(tag, (session_key, now + TAG_LIFE_IN_S)) is not None
            )
        return cloves

    def acknowledged(self, message_id: int, now: float) -> Delivered | None:
        """A DeliveryStatus came: who has what we sent; None if it answers nothing of ours."""
        offer = self._offers.pop(message_id)
        if offer is None:
            return None
        session = self._outgoing.get(offer.public)
        if session is not None:
            session.asked_at = None
            session.is_heard = True
            session.under_way.pop(message_id, None)
            if session.is_short:
                session.is_short = False
                session.wanted = min(2 * session.wanted, TAGS_KEPT_MAX)
            ends_at = offer.at + TAG_LIFE_OUT_S
            session.tags.extend((tag, ends_at) for tag in offer.tags)
        return Delivered(offer.public, offer.ack_key)
