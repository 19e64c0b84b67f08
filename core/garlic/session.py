"""One established ratchet session: existing session messages in both directions.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1h, 4 and 5. A message is ``tag(8) payload(n+16)``; the
tag selects key and message number, which is the nonce, and is the associated data.

Besides cloves a session carries its own upkeep in blocks: acknowledgements, ack requests and the
DH ratchet. They ride on whatever is sent next; ``owes_reply`` says that something should be.

The peer finds our messages only within its look-ahead window, which moves when a message arrives.
``can_send`` is a cautious model of that window; the evidence that moves it is acknowledgements of
this layer, which the session asks for by itself when much is in flight, and the owner's
:meth:`RatchetSession.note_delivered`.

i2pd: loses the key of message 0 of a tag set when a later message of the set arrives first. Nothing
to be done here; what carried the message is retransmitted above.

Always holds: a message number is used once; a message that fails to authenticate changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.crypto.aead import open_once, seal_once
from core.garlic.cloves import (
    ACK_REQUEST_BLOCK,
    PAYLOAD_BYTES_MAX,
    NextKey,
    Payload,
    parse_payload,
    write_acks,
)
from core.garlic.handshake import SplitKeys
from core.garlic.next_key import ReceiveRatchet, SendRatchet
from core.garlic.padding import Padder
from core.garlic.tagset import MESSAGES_MAX, ReceiveTagSet, SendTagSet, TagTable

EXISTING_BYTES_OVERHEAD = 24
"""Tag and MAC: what an existing session message adds to its payload."""

NEXT_KEY_AFTER = 4096
"""Messages of a tag set after which we ask for the next (spec; Java the same, i2pd 8192)."""

RECEIVE_WINDOW = 512
RECEIVE_WINDOW_MAX = 2048
CANDIDATE_WINDOW = 96
"""Tags a session starts with on the side that answered, until the first message arrives."""

SEND_WINDOW = 24
SEND_WINDOW_LATER = 160
SEND_WINDOW_MAX = 320
"""Java and i2pd: a look-ahead of 24 + N/2 at first; Java stops at 320, i2pd at 800."""
UNDER_WAY_MAX = 1024
"""Messages under way once the look-ahead has reached its most; see :meth:`RatchetSession.can_send`.
Java looks 320 ahead by then, i2pd 800, we 2048.
"""
_SEND_RESERVE = 4

IDLE_SEND_S = 480.0
IDLE_RECEIVE_S = 600.0
OLD_TAG_SET_S = 180.0
SUSPECT_S = 60.0
SUSPECT_TRIES_S = 5.0
SUSPECT_FULL_S = 20.0
SUSPECT_RUN_S = 3.0
"""Silence of the peer after which what is under way beyond its look-ahead may all be lost."""

ACKS_PER_MESSAGE_MAX = 16
ACKS_OWED_MAX = 128
_WAITING_MAX = 256
_OLD_SETS_MAX = 2


class RatchetSession:
    """An established session with the holder of ``remote_static``; one of possibly several.

    ``is_confirmed`` turns true for the answering side (Bob) with the first message received; before
    that it must not send. Times are monotonic seconds.
    """

    __slots__ = (
        "_ack_request_at",
        "_acks_owed",
        "_delivered",
        "_entropy",
        "_has_upkeep",
        "_known",
        "_next_key_after",
        "_old_in_flight",
        "_older",
        "_padder",
        "_receive",
        "_receive_ratchet",
        "_send",
        "_send_ratchet",
        "_table",
        "_unanswered_since",
        "_under_way_before",
        "_waiting",
        "acked",
        "created_at",
        "is_confirmed",
        "last_received",
        "last_sent",
        "origin",
        "owes_reply",
        "remote_static",
        "send_window_max",
        "sure_until",
    )

    def __init__(
        self,
        remote_static: bytes,
        keys: SplitKeys,
        is_alice: bool,
        table: TagTable,
        padder: Padder,
        entropy: Entropy,
        now: float,
        *,
        receive_window: int = RECEIVE_WINDOW,
        next_key_after: int = NEXT_KEY_AFTER,
    ) -> None:
        self.remote_static = remote_static
        self.origin: object = None
        """For a candidate: the handshake it came from, so that the owner can drop both."""
        self._table = table
        self._padder = padder
        self._entropy = entropy
        self._next_key_after = next_key_after
        ours, theirs = keys.alice_to_bob, keys.bob_to_alice
        if not is_alice:
            ours, theirs = theirs, ours
        self._send = SendTagSet(keys.chain_key, ours)
        self._receive = ReceiveTagSet(
            table,
            self,
            keys.chain_key,
            theirs,
            window=receive_window,
            window_max=RECEIVE_WINDOW_MAX,
            initial=None if is_alice else min(receive_window, CANDIDATE_WINDOW),
        )
        self._older: list[ReceiveTagSet] = []
        self._send_ratchet = SendRatchet()
        self._receive_ratchet = ReceiveRatchet()
        self.is_confirmed = is_alice
        self.owes_reply = is_alice
        self.created_at = now
        self.last_received = now
        self.last_sent = now
        self.sure_until = now + SUSPECT_RUN_S
        """Until then the session is neither dead nor suspect; saves the hot path the question."""
        self._unanswered_since: float | None = None
        self._has_upkeep = False
        self._acks_owed: list[tuple[int, int]] = []
        self._waiting: BoundedMap[int, int | None] = BoundedMap(_WAITING_MAX)
        self.acked: list[int] = []
        """Keys of acknowledged messages since the owner last emptied this list."""
        self._known = -1
        self._delivered = 0
        self._old_in_flight = 0
        self.send_window_max = SEND_WINDOW_MAX
        #: what could be under way with the last tag set
        self._under_way_before = 0
        self._ack_request_at = 0
        self._plan_ack_request()

    # ---- sending

    def seal(self, blocks: bytes, now: float, ack_key: int | None = None) -> bytes:
        """The next existing session message with these payload blocks.

        ``ack_key`` asks the peer for an acknowledgement; the key appears in ``acked`` when it came.
        LocalError if the tag set is used up (see :meth:`is_dead`) or the payload is too big.
        """
        return self.seal_bodies(((blocks, b""),), now, ack_key)[0][4:]

    def seal_bodies(
        self, batch: Sequence[tuple[bytes, bytes]], now: float, ack_key: int | None = None
    ) -> list[bytes]:
        """Bodies of Garlic messages, the length field in front; as ``seal`` for each of ``batch``.

        The blocks of a message come in two parts, so that a large one is copied once only.
        """
        send = self._send
        take, padding = send.take, self._padder.block
        self.last_sent = now
        if self._unanswered_since is None:
            self._unanswered_since = now
        bodies = []
        for head, data in batch:
            size = len(head) + len(data) + EXISTING_BYTES_OVERHEAD
            number = send.next_number
            if self._has_upkeep or ack_key is not None or number >= self._ack_request_at:
                upkeep = self._upkeep_blocks(number, ack_key)
                size += len(upkeep)
                payload = b"".join((head, data, upkeep, padding(size)))
            else:
                payload = b"".join((head, data, padding(size)))
            size = len(payload)
            if size > PAYLOAD_BYTES_MAX:
                raise LocalError(f"a garlic payload of {size} bytes is too big")
            tag, number, key = take()
            if number >= self._next_key_after and not self._send_ratchet.block:
                self._send_ratchet.start(send.set_id + 1, self._entropy)
                self._has_upkeep = True
            sealed = seal_once(key, number, payload, tag)
            size += EXISTING_BYTES_OVERHEAD
            bodies.append(b"".join((size.to_bytes(4, "big"), tag, sealed)))
        self.owes_reply = bool(self._acks_owed)  # more than one message has room for
        if send.next_number >= MESSAGES_MAX:
            self.sure_until = 0.0
        return bodies

    def _upkeep_blocks(self, number: int, ack_key: int | None) -> bytes:
        blocks = b""
        if ack_key is not None or number >= self._ack_request_at:
            self._waiting.put(self._send.set_id << 16 | number, ack_key)
            step = max(3, self._look_ahead() >> 3)
            self._ack_request_at = max(self._ack_request_at, number + step)
            blocks += ACK_REQUEST_BLOCK
        if self._acks_owed:
            blocks += write_acks(self._acks_owed[:ACKS_PER_MESSAGE_MAX])
            del self._acks_owed[:ACKS_PER_MESSAGE_MAX]
        blocks += self._receive_ratchet.block + self._send_ratchet.block
        self._refresh_upkeep()
        return blocks

    def _refresh_upkeep(self) -> None:
        self._has_upkeep = bool(
            self._acks_owed or self._receive_ratchet.block or self._send_ratchet.block
        )

    # ---- the peer's window

    def _grown_window(self) -> int:
        first = SEND_WINDOW if self._send.set_id == 0 else SEND_WINDOW_LATER
        return first + (max(self._known, 0) >> 1)

    def _look_ahead(self) -> int:
        return min(self.send_window_max, self._grown_window())

    def _plan_ack_request(self) -> None:
        planned = max(self._known, 0) + (self._look_ahead() >> 2)
        if planned > self._ack_request_at:
            self._ack_request_at = planned

    def can_send(self) -> int:
        """How many more messages the peer's look-ahead window takes.

        Each message that arrives moves the window, so what has to stay below the look-ahead is a
        run of messages that are lost, not what is under way. While the window grows the two are
        taken for the same; once it has reached its most, only a long and fast path has more under
        way, and losing all of that in a row is the end of a tunnel: :meth:`is_suspect` sees it.
        So what was under way in one tag set may be in the next, whose window is small again.
        """
        number = self._send.next_number
        limit = max(self._known, 0) + self._under_way_max() - _SEND_RESERVE
        if number >= limit:
            self._ack_request_at = number  # whatever goes out next must bring evidence
        return max(0, min(limit, MESSAGES_MAX) - number)

    def _under_way_max(self) -> int:
        most = max(self.send_window_max, UNDER_WAY_MAX)
        return max(min(most, self._grown_window()), self._under_way_before)

    def note_delivered(self, count: int) -> None:
        """Evidence from above: ``count`` more of our messages are known to have arrived."""
        old = min(count, self._old_in_flight)
        self._old_in_flight -= old
        self._delivered += count - old
        self._note_known(min(self._delivered, self._send.next_number) - 1)

    def _note_known(self, number: int) -> None:
        if number > self._known:
            self._known = number
            self._plan_ack_request()

    # ---- receiving

    def open(self, tag_set: ReceiveTagSet, number: int, message: bytes, now: float) -> Payload:
        """Open a message whose tag led to ``tag_set`` and ``number``.

        AuthenticationError if it is forged (the tag stays good), DecodeError if its payload is
        malformed (the tag is spent).
        """
        return self.read(self.decrypt(tag_set, number, message, now), tag_set, number)

    def decrypt(self, tag_set: ReceiveTagSet, number: int, message: bytes, now: float) -> bytes:
        """The first half of :meth:`open`: the payload, to be read if there is more than cloves."""
        key = tag_set.key(number)
        if key is None:
            raise DecodeError("message number used before")
        tag = message[:8]
        data = open_once(key, number, message, 8, tag)
        tag_set.consumed(tag, number)
        self.last_received = now
        self._unanswered_since = None
        self.sure_until = now + SUSPECT_RUN_S if self._send.next_number < MESSAGES_MAX else 0.0
        if self._older and tag_set is self._receive:
            self._on_new_set_used(now)
        return data

    def read(self, data: bytes, tag_set: ReceiveTagSet, number: int) -> Payload:
        """The second half of :meth:`open`: parse, and heed what concerns the session."""
        payload = parse_payload(data)
        if payload.ack_requested:
            self._owe_ack(tag_set.set_id, number)
        if payload.acks:
            self._on_acks(payload)
        if payload.next_keys is not None:
            for next_key in payload.next_keys:
                self._on_next_key(next_key, tag_set)
        if payload.receive_window is not None:
            self.on_peer_window(payload.receive_window)
        return payload

    def on_peer_window(self, window: int) -> None:
        """The peer declared its inbound tag window (options block)."""
        self.send_window_max = max(SEND_WINDOW, min(window, RECEIVE_WINDOW_MAX))

    def _owe_ack(self, set_id: int, number: int) -> None:
        if len(self._acks_owed) < ACKS_OWED_MAX:
            self._acks_owed.append((set_id, number))
        self.owes_reply = True
        self._has_upkeep = True

    def _on_acks(self, payload: Payload) -> None:
        set_id = self._send.set_id
        for acked_set, number in payload.acks:
            position = acked_set << 16 | number
            if position not in self._waiting:
                continue
            ack_key = self._waiting.pop(position)
            if ack_key is not None:
                self.acked.append(ack_key)
            if acked_set == set_id:
                self._note_known(number)

    def _on_next_key(self, next_key: NextKey, tag_set: ReceiveTagSet) -> None:
        try:
            if next_key.is_reverse:
                key = self._send_ratchet.on_reverse(next_key)
                if key is not None:
                    self._start_send_set(key)
            else:
                self._on_forward_key(next_key, tag_set)
        except DecodeError:
            return  # an unusable key: no step, but the cloves beside it are as good as ever
        self._refresh_upkeep()

    def _start_send_set(self, key: bytes) -> None:
        old = self._send
        self._under_way_before = self._under_way_max()
        self._old_in_flight = max(0, old.next_number - self._delivered)
        self._send = SendTagSet(old.next_root, key, old.set_id + 1)
        self._known = -1
        self._delivered = 0
        self._ack_request_at = 0
        self._plan_ack_request()

    def _on_forward_key(self, next_key: NextKey, tag_set: ReceiveTagSet) -> None:
        target = ReceiveRatchet.target_of(next_key)
        current = self._receive
        if target == current.set_id and self._receive_ratchet.block:
            self.owes_reply = True  # repeated: our answer has not arrived yet
            return
        # A step may only follow the newest set, and only once that set is in use.
        if target != current.set_id + 1 or tag_set is not current:
            return
        key = self._receive_ratchet.on_forward(next_key, target, self._entropy)
        self._older.append(current)
        while len(self._older) > _OLD_SETS_MAX:
            self._older.pop(0).close()
        self._receive = ReceiveTagSet(
            self._table,
            self,
            current.next_root,
            key,
            set_id=target,
            window=max(RECEIVE_WINDOW, current.window),
            window_max=RECEIVE_WINDOW_MAX,
        )
        self.owes_reply = True

    def _on_new_set_used(self, now: float) -> None:
        self._receive_ratchet.block = b""
        for older in self._older:
            if older.expires_at is None:
                older.expires_at = now + OLD_TAG_SET_S
        self._refresh_upkeep()

    # ---- life

    @property
    def messages_left(self) -> int:
        """Messages until the tag set is used up."""
        return MESSAGES_MAX - self._send.next_number

    def is_dead(self, now: float) -> bool:
        """Nothing can be sent any more: idle for too long, or the tag set is used up."""
        return (
            now - max(self.last_received, self.last_sent) > IDLE_SEND_S
            or self._send.next_number >= MESSAGES_MAX
        )

    def is_suspect(self, now: float) -> bool:
        """We have been sending for a while without any answer: the peer may have lost us.

        One unanswered message before a long silence is nothing strange; it takes a second try.
        """
        since = self._unanswered_since
        if since is None or now - since < SUSPECT_RUN_S:
            return False
        if self._send.next_number - max(self._known, 0) > self._look_ahead():
            return True
        if now - since < SUSPECT_FULL_S:
            return False
        if now - since >= SUSPECT_S and self.last_sent - since >= SUSPECT_TRIES_S:
            return True
        return self.can_send() == 0

    def doubt(self, now: float) -> None:
        """Suspect it from now on, until something arrives."""
        self._unanswered_since = now - SUSPECT_S
        self.sure_until = 0.0

    def expire(self, now: float) -> bool:
        """Drop tag sets that are due; True if the whole session is to be dropped."""
        older = self._older
        while older and older[0].expires_at is not None and older[0].expires_at <= now:
            older.pop(0).close()
        return now - max(self.last_received, self.last_sent) > IDLE_RECEIVE_S

    def close(self) -> None:
        """Forget all tags."""
        self._receive.close()
        for older in self._older:
            older.close()
        self._older = []
