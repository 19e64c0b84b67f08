"""Messages of ours that begin a session: new sessions, replies to those of others.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1b to 1g. Which of them is due, and what comes before and
after, is known to :mod:`core.garlic.sessions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy, WallClock
from core.crypto.x25519 import X25519Key
from core.garlic import handshake
from core.garlic.cloves import write_date_time
from core.garlic.handshake import SplitKeys
from core.garlic.padding import Padder
from core.garlic.remote import Incoming, Outgoing, Remote
from core.garlic.remotes import Remotes
from core.garlic.session import RatchetSession
from core.garlic.suites import SUITES, X25519
from core.garlic.tagset import ReceiveTagSet

REPLY_TAGS = 24
"""Reply tags we wait for after a new session message (spec: 12; i2pd may send more)."""

HANDSHAKE_BYTES_MAX = 2048
"""What a new session message or a reply may have besides its cloves."""

_CROWDED_WINDOW = 96


class Beginnings:
    """See the module. ``keys``: ours by encryption type; ``remotes``: where sessions are kept."""

    __slots__ = (
        "_entropy",
        "_keys",
        "_next_key_after",
        "_padder",
        "_receive_window",
        "_remotes",
        "_wall",
    )

    def __init__(
        self,
        keys: Mapping[int, X25519Key],
        remotes: Remotes,
        wall: WallClock,
        entropy: Entropy,
        padder: Padder,
        receive_window: int,
        next_key_after: int,
    ) -> None:
        self._keys = keys
        self._remotes = remotes
        self._wall = wall
        self._entropy = entropy
        self._padder = padder
        self._receive_window = receive_window
        self._next_key_after = next_key_after

    def seal_unbound(self, remote_static: bytes, blocks: bytes) -> bytes:
        """An anonymous one-time message with these payload blocks."""
        payload = self._payload(blocks, X25519.new_session_bytes_min, with_date=True)
        return handshake.seal_unbound(remote_static, payload, self._entropy)

    def _payload(self, blocks: bytes, overhead: int, *, with_date: bool) -> bytes:
        if with_date:
            blocks = write_date_time(int(self._wall.now())) + blocks
        return blocks + self._padder.block(len(blocks) + overhead)

    def seal_new_session(
        self,
        remote_static: bytes,
        blocks: bytes,
        now: float,
        ack_key: int | None,
        crypto_type: int,
    ) -> bytes:
        """A new session message for a key of that encryption type; its replies are waited for.

        DecodeError if the key is unusable, LocalError if we have none of that type.
        """
        suite, static = SUITES.get(crypto_type), self._keys.get(crypto_type)
        if suite is None or static is None:
            raise LocalError(f"no key of encryption type {crypto_type} to start a session with")
        payload = self._payload(blocks, suite.new_session_bytes_min, with_date=True)
        started, message = handshake.seal_new_session(
            static, remote_static, payload, self._entropy, suite
        )
        remotes = self._remotes
        remote = remotes.add(remote_static, now)
        outgoing = Outgoing(remote, started, now, ack_key)
        outgoing.tag_set = ReceiveTagSet(
            remotes.tags,
            outgoing,
            *started.reply_tag_keys(),
            window=REPLY_TAGS,
            window_max=REPLY_TAGS,
        )
        remote.add_outgoing(outgoing)
        remotes.owed.pop(remote_static, None)
        remotes.grew(remote, now)
        return message

    def seal_reply(
        self, remote: Remote, incoming: Incoming, blocks: bytes, now: float, ack_key: int | None
    ) -> bytes:
        """A reply, and with it a candidate session. DecodeError if no reply can be made."""
        answered = incoming.handshake
        payload = self._payload(blocks, answered.overhead, with_date=False)
        try:
            message, keys = answered.seal_reply(payload, self._entropy)
        except DecodeError:
            remote.incoming.remove(incoming)  # with an ML-KEM key that is none
            raise
        session = self.session(remote, keys, False, now)
        session.origin = incoming
        if ack_key is not None:
            incoming.ack_keys.append(ack_key)
        remote.candidates.append(session)
        self._remotes.grew(remote, now)
        return message

    def session(
        self, remote: Remote, keys: SplitKeys, is_alice: bool, now: float
    ) -> RatchetSession:
        """The session that comes of a handshake; with a small window where there are many."""
        window = self._receive_window
        if self._remotes.is_crowded:
            window = min(window, _CROWDED_WINDOW)
        session = RatchetSession(
            remote.static,
            keys,
            is_alice,
            self._remotes.tags,
            self._padder,
            self._entropy,
            now,
            receive_window=window,
            next_key_after=self._next_key_after,
        )
        if remote.peer_window is not None:
            session.on_peer_window(remote.peer_window)
        return session
