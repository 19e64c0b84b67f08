"""All ratchet sessions of one local destination: choosing, starting, finding and forgetting them.

Spec: ECIES-X25519-AEAD-Ratchet, sections 4a, 5 and "Implementation considerations".

``seal`` picks the message kind by itself:

* a *new session* if there is nothing else, each time with a new ephemeral key, until a reply comes;
* a *new session reply* if the remote asked for a session and has not used it yet;
* an *existing session* message otherwise.

``open`` finds the session by the first 8 bytes, or takes the message for a new session. A remote
can have several sessions at once: both may start one at the same time, or one side restarts. We
receive on all of them and send on one, the one that the remote was last seen to use.

The bytes made and read here are the garlic body *without* its 4-byte length field. Remotes are
known by their X25519 static key only; which destination that is, and how to route to it, is the
owner's business. So is the encryption type of that key, which a new session needs, and the lease
set of the first message: ask :meth:`RatchetSessions.next_kind` and put it in front as a LOCAL
DatabaseStore clove. i2pd and Java: without it the other side cannot answer.

Always holds: a new session message is taken once (replay filter on its ephemeral key) and only with
a fresh date; sessions, handshakes and tags are bounded, and what is oldest and unused goes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.base.rates import FairShares, Source
from core.crypto.x25519 import X25519Key
from core.garlic.beginnings import HANDSHAKE_BYTES_MAX, Beginnings
from core.garlic.cloves import (
    PAYLOAD_BYTES_MAX,
    Clove,
    Payload,
    find_data,
    parse_payload,
    write_cloves,
)
from core.garlic.new_sessions import NewSessions
from core.garlic.opened import MessageKind, Opened, RatchetCounters
from core.garlic.padding import Padder
from core.garlic.remote import REPLIES_PER_HANDSHAKE_MAX, Incoming, Outgoing, Remote
from core.garlic.remotes import Remotes
from core.garlic.session import NEXT_KEY_AFTER, RECEIVE_WINDOW, RatchetSession
from core.garlic.suites import X25519
from core.garlic.tagset import ReceiveTagSet

NEW_SESSION_INTERVAL_S = 0.25
"""i2pd: drops a new session message within 200 ms of the previous one."""

SUSPECT_INTERVAL_S = 5.0
"""While a session gives no answer, a new session message is tried this often beside it."""

_new_tuple = tuple.__new__  # half the time of the constructor of a named tuple


class RatchetSessions:
    """See the module. ``keys``: those that the local lease set publishes, by encryption type.

    ``refuse_before_s``: new session messages dated before this wall time are not taken; for a key
    that is older than this object, whose replay filter knows nothing of what came before.
    ``shares``: what new sessions may cost, charged to the source that ``open`` is told. Existing
    sessions are never limited: a tag is found at once.
    """

    def __init__(
        self,
        keys: Mapping[int, X25519Key],
        wall: WallClock,
        entropy: Entropy,
        *,
        next_key_after: int = NEXT_KEY_AFTER,
        receive_window: int = RECEIVE_WINDOW,
        refuse_before_s: int = 0,
        shares: FairShares | None = None,
    ) -> None:
        self.refuse_before_s = refuse_before_s
        self.counters = RatchetCounters()
        self._wall = wall
        self._entropy = entropy
        self._next_key_after = next_key_after
        self._receive_window = receive_window
        self._padder = Padder(entropy)
        self._shares = shares
        self.rekey(keys)

    def rekey(self, keys: Mapping[int, X25519Key]) -> None:
        """Use other key pairs: sessions under those before are forgotten."""
        self.keys = dict(keys)
        self._new_sessions = NewSessions(self.keys, self._wall, self.counters, self._shares)
        self._all = Remotes(self.counters)
        self._beginnings = Beginnings(
            self.keys,
            self._all,
            self._wall,
            self._entropy,
            self._padder,
            self._receive_window,
            self._next_key_after,
        )
        # Parts of it that every message needs.
        self._table = self._all.tags
        self._remotes = self._all.by_static
        self._owed = self._all.owed

    def __len__(self) -> int:
        """Remotes with a session or a handshake."""
        return len(self._remotes)

    # ---- sending

    def next_kind(self, remote_static: bytes, now: float) -> MessageKind:
        """What :meth:`seal` would make for this remote right now."""
        remote = self._remotes.get(remote_static)
        chosen = None if remote is None else remote.choose(now, SUSPECT_INTERVAL_S)
        if chosen is None:
            return MessageKind.NEW_SESSION
        return MessageKind.EXISTING if isinstance(chosen, RatchetSession) else MessageKind.REPLY

    def seal(
        self,
        remote_static: bytes,
        cloves: Sequence[Clove],
        now: float,
        *,
        ack_key: int | None = None,
        crypto_type: int = X25519.crypto_type,
    ) -> bytes:
        """A garlic body for the holder of ``remote_static`` (32 bytes); ``cloves`` may be empty.

        ``crypto_type``: the encryption type of ``remote_static``, one of which we have a key.

        ``ack_key`` asks for an acknowledgement and is what ``Opened.acks`` will hold. For a new
        session the reply counts as one, for a reply the first message of the session. DecodeError
        if the key is unusable, LocalError if the cloves do not fit one message.
        """
        return self._seal_blocks(remote_static, write_cloves(cloves), now, ack_key, crypto_type)

    def seal_body(
        self,
        remote_static: bytes,
        blocks: bytes,
        now: float,
        ack_key: int | None = None,
        crypto_type: int = X25519.crypto_type,
    ) -> bytes:
        """As :meth:`seal`, for cloves written already; with the length field in front."""
        message = self._seal_blocks(remote_static, blocks, now, ack_key, crypto_type)
        return len(message).to_bytes(4, "big") + message

    def _seal_blocks(
        self,
        remote_static: bytes,
        blocks: bytes,
        now: float,
        ack_key: int | None,
        crypto_type: int,
    ) -> bytes:
        if len(blocks) > PAYLOAD_BYTES_MAX - HANDSHAKE_BYTES_MAX:
            raise LocalError(f"{len(blocks)} bytes of cloves do not fit one garlic message")
        remote = self._remotes.get(remote_static)
        chosen = None if remote is None else remote.choose(now, SUSPECT_INTERVAL_S)
        if remote is None or chosen is None:
            return self._beginnings.seal_new_session(
                remote_static, blocks, now, ack_key, crypto_type
            )
        if isinstance(chosen, RatchetSession):
            message = chosen.seal(blocks, now, ack_key)
        else:
            message = self._beginnings.seal_reply(remote, chosen, blocks, now, ack_key)
        if self._owed:
            self._all.settle(remote_static, chosen, now)
        return message

    def seal_bodies(
        self,
        remote_static: bytes,
        batch: Sequence[tuple[bytes, bytes]],
        now: float,
        crypto_type: int = X25519.crypto_type,
    ) -> list[bytes]:
        """As :meth:`seal_body` for each of ``batch``: the hot path.

        The cloves of each message come as blocks in two parts (``write_data_head`` and its
        payload). The owner keeps the batch within :meth:`can_send`.
        """
        remote = self._remotes.get(remote_static)
        chosen = None if remote is None else remote.choose(now, SUSPECT_INTERVAL_S)
        if not isinstance(chosen, RatchetSession) or chosen.messages_left < len(batch):
            return [
                self.seal_body(remote_static, head + data, now, None, crypto_type)
                for head, data in batch
            ]
        bodies = chosen.seal_bodies(batch, now)
        if self._owed:
            self._all.settle(remote_static, chosen, now)
        return bodies

    def seal_unbound(self, remote_static: bytes, cloves: Sequence[Clove]) -> bytes:
        """An anonymous one-time message, for raw datagrams: no session, no reply."""
        return self._beginnings.seal_unbound(remote_static, write_cloves(cloves))

    # ---- the peer's window

    def can_send(self, remote_static: bytes, now: float) -> int:
        """How many messages the remote surely takes now without an answer in between.

        Without a session: 1 if a new session message is due, else 0 (see
        :meth:`new_session_wait`). Advice for whoever keeps a window; ``seal`` does not enforce it.
        """
        remote = self._remotes.get(remote_static)
        chosen = None if remote is None else remote.choose(now, SUSPECT_INTERVAL_S)
        if isinstance(chosen, RatchetSession):
            return chosen.can_send()
        if chosen is not None:
            return REPLIES_PER_HANDSHAKE_MAX - chosen.handshake.replies_sent
        return 1 if self.new_session_wait(remote_static, now) <= 0 else 0

    def can_send_existing(self, remote_static: bytes, now: float) -> int | None:
        """:meth:`can_send` if the next message is one of a session, else None."""
        remote = self._remotes.get(remote_static)
        chosen = None if remote is None else remote.choose(now, SUSPECT_INTERVAL_S)
        return chosen.can_send() if isinstance(chosen, RatchetSession) else None

    def new_session_wait(self, remote_static: bytes, now: float) -> float:
        """Seconds until another new session message to this remote makes sense."""
        remote = self._remotes.get(remote_static)
        if remote is None or remote.last_new_session is None:
            return 0.0
        return max(0.0, remote.last_new_session + NEW_SESSION_INTERVAL_S - now)

    def note_delivered(self, remote_static: bytes, count: int) -> None:
        """A layer above learned that ``count`` more of our messages arrived."""
        remote = self._remotes.get(remote_static)
        if remote is not None and remote.current is not None:
            remote.current.note_delivered(count)

    # ---- receiving

    def open(self, ciphertext: bytes, now: float, source: Source = (None,)) -> Opened | None:
        """Open a garlic body; None if it is not for us or must be dropped (counted).

        ``source``: who is charged for a new session, from the outside in.
        """
        found = self._table.find(ciphertext[:8])
        try:
            if found is None:
                return self._open_new_session(ciphertext, now, source)
            tag_set, number = found
            session = tag_set.session
            if type(session) is RatchetSession:
                return self._open_existing(session, tag_set, number, ciphertext, now)
            if isinstance(session, Outgoing):
                return self._open_reply(session, tag_set, number, ciphertext, now)
            raise LocalError("a tag without a session")
        except DecodeError:
            if found is None:
                self.counters.not_ours += 1
            else:
                self.counters.forged += 1
            return None

    def open_data(
        self, ciphertext: bytes, now: float, source: Source = (None,)
    ) -> tuple[bytes, bytes, bytes, int, int] | Opened | None:
        """As :meth:`open`, in short for what is most frequent by far.

        ``(remote_static, destination hash, bytes, start, end)`` if the message holds nothing but
        a Data message for a destination, and nothing else is to be told; what was sent stands
        between start and end of the bytes. One flat path.
        """
        table = self._table
        entry = table.entries.get(ciphertext[:8])
        tag_set = None if entry is None else table.sets[entry >> 16]
        if entry is None or tag_set is None:
            return self.open(ciphertext, now, source)
        session = tag_set.session
        if type(session) is not RatchetSession:
            return self.open(ciphertext, now)
        static = session.remote_static
        remote = self._remotes[static]
        if session is not remote.current or remote.prefers_reply:
            return self.open(ciphertext, now)
        number = entry & 0xFFFF
        try:
            data = session.decrypt(tag_set, number, ciphertext, now)
            found = find_data(data)
            if found is None or session.acked:
                return self._read_existing(session, data, tag_set, number, now)
        except DecodeError:
            self.counters.forged += 1
            return None
        if session.owes_reply:
            self._all.owe(static, now)
        self.counters.opened += 1
        to_hash, start, end = found
        return static, to_hash, data, start, end

    def _open_existing(
        self,
        session: RatchetSession,
        tag_set: ReceiveTagSet,
        number: int,
        ciphertext: bytes,
        now: float,
    ) -> Opened:
        data = session.decrypt(tag_set, number, ciphertext, now)
        return self._read_existing(session, data, tag_set, number, now)

    def _read_existing(
        self,
        session: RatchetSession,
        data: bytes,
        tag_set: ReceiveTagSet,
        number: int,
        now: float,
    ) -> Opened:
        payload = session.read(data, tag_set, number)
        remote = self._remotes[session.remote_static]
        acks: Sequence[int] = ()
        if session is not remote.current or remote.prefers_reply:
            acks = remote.on_session_used(session, now)
        if session.acked:
            acks = [*acks, *session.acked]
            session.acked = []
        if session.owes_reply:
            self._all.owe(remote.static, now)
        self.counters.opened += 1
        if payload.termination_reason is not None:
            self._all.drop_session(remote, session)
            return Opened(remote.static, payload.cloves, acks, False, True)
        return _new_tuple(Opened, (remote.static, payload.cloves, acks, False, False))

    def _open_reply(
        self,
        outgoing: Outgoing,
        tag_set: ReceiveTagSet,
        number: int,
        ciphertext: bytes,
        now: float,
    ) -> Opened:
        data, keys = outgoing.handshake.open_reply(ciphertext)
        tag_set.consumed(ciphertext[:8], number)
        remote = outgoing.remote
        payload = parse_payload(data)
        self._note_window(remote, payload)
        if remote.wants_session_from(outgoing):
            session = self._beginnings.session(remote, keys, True, now)
            remote.adopt(session, now)
            if outgoing.handshake.is_hybrid:
                self._all.owe_at_once(remote.static, now)
            else:
                self._all.owe(remote.static, now)
            self._all.grew(remote, now)
        acks: Sequence[int] = ()
        if outgoing.ack_key is not None:
            acks = (outgoing.ack_key,)
            outgoing.ack_key = None
        self.counters.opened += 1
        return Opened(remote.static, payload.cloves, acks, False)

    def _open_new_session(self, ciphertext: bytes, now: float, source: Source) -> Opened | None:
        opened = self._new_sessions.open(ciphertext, now, source, self.refuse_before_s)
        if opened is None:
            return None
        incoming, payload = opened
        if incoming is None:
            return Opened(None, payload.cloves, (), True)
        remote = self._all.add(incoming.remote_static, now)
        remote.add_incoming(Incoming(incoming, now))
        self._note_window(remote, payload)
        self._all.owe(remote.static, now)
        self._all.grew(remote, now)
        return Opened(remote.static, payload.cloves, (), True)

    def _note_window(self, remote: Remote, payload: Payload) -> None:
        if payload.receive_window is not None:
            remote.peer_window = payload.receive_window

    # ---- upkeep

    def replies_due(self, now: float) -> list[bytes]:
        """Remotes that we have owed an answer for a second: ``seal`` them a message, even empty.

        Each is named again a second later as long as nothing was sealed for it. An owner that
        cannot route to a remote just ignores it.
        """
        return self._all.replies_due(now)

    def next_timer(self) -> float | None:
        """When :meth:`replies_due` or :meth:`handle_timer` has something to do."""
        return self._all.next_timer()

    def handle_timer(self, now: float) -> None:
        """Forget what has expired; early and spurious calls do nothing."""
        self._all.handle_timer(now)

    def has_session(self, remote_static: bytes) -> bool:
        """Whether a session with the holder of that key is established."""
        remote = self._remotes.get(remote_static)
        return remote is not None and remote.current is not None

    def doubt(self, remote_static: bytes, now: float, *, at_once: bool = False) -> None:
        """The remote may have lost its sessions: new ones are tried beside, ``at_once`` or soon."""
        remote = self._remotes.get(remote_static)
        if remote is not None and remote.current is not None:
            remote.current.doubt(now)
            if at_once:
                remote.last_new_session = None


__all__ = ["MessageKind", "Opened", "RatchetSessions"]
