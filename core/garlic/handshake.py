"""New session and new session reply: the Noise IK handshake of a ratchet session.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1b to 1g. The pattern is ``IK`` with Elligator2-encoded
ephemeral keys, and with the reply's tag mixed into its hash ("IKelg2+hs2").

* New session, Alice to Bob: ``representative(32) static section(32+16) payload(n+16)``. A static
  section of zeros means that Alice stays anonymous; then there is no reply.
* New session reply, Bob to Alice: ``tag(8) representative(32) mac(16) payload(n+16)``. The tag
  comes from a tag set derived from the new session's chaining key.

Both sides then split the chaining key into one tag set for each direction. Alice may send several
new sessions, Bob several replies; every one has its own ephemeral key. i2pd reuses the ephemeral
key for further replies to one new session; as Alice we do not notice.

Always holds: a failed open leaves the handshake as it was, so a forged message costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.crypto.aead import ChaChaPoly
from core.crypto.elligator2 import decode as elligator2_decode
from core.crypto.elligator2 import generate_encodable
from core.crypto.hkdf import hkdf
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.garlic.tagset import TAG_BYTES, SendTagSet

PROTOCOL_NAME = b"Noise_IKelg2+hs2_25519_ChaChaPoly_SHA256"

NEW_SESSION_BYTES_MIN = 32 + 48 + 16
REPLY_BYTES_MIN = TAG_BYTES + 32 + 16 + 16
_NO_STATIC = bytes(32)


class SplitKeys(NamedTuple):
    """What both sides know after a reply: chaining key, Alice-to-Bob key, Bob-to-Alice key."""

    chain_key: bytes
    alice_to_bob: bytes
    bob_to_alice: bytes


def responder_state(static_public: bytes) -> SymmetricState:
    """The Noise state before the first message, for the owner of ``static_public``."""
    state = SymmetricState(PROTOCOL_NAME)
    state.mix_hash(static_public)
    return state


def _reply_tag_keys(chain_key: bytes) -> tuple[bytes, bytes]:
    return chain_key, hkdf(chain_key, b"", b"SessionReplyTags", 32)


def _split(state: SymmetricState) -> SplitKeys:
    alice_to_bob, bob_to_alice = state.split()
    return SplitKeys(state.ck, alice_to_bob, bob_to_alice)


def _reply_payload_cipher(keys: SplitKeys) -> ChaChaPoly:
    return ChaChaPoly(hkdf(keys.bob_to_alice, b"", b"AttachPayloadKDF", 32))


class OutgoingHandshake:
    """Alice after a new session message: can open any number of replies to it."""

    __slots__ = ("_ephemeral", "_state", "_static", "remote_static")

    def __init__(
        self,
        static: X25519Key,
        remote_static: bytes,
        ephemeral: X25519Key,
        state: SymmetricState,
    ) -> None:
        self.remote_static = remote_static
        self._static = static
        self._ephemeral = ephemeral
        self._state = state

    def reply_tag_keys(self) -> tuple[bytes, bytes]:
        """(root key, key) of the tag set whose tags the replies carry."""
        return _reply_tag_keys(self._state.ck)

    def open_reply(self, message: bytes) -> tuple[bytes, SplitKeys]:
        """(payload, keys) of a new session reply. DecodeError for anything else."""
        if len(message) < REPLY_BYTES_MIN:
            raise DecodeError(f"new session reply of {len(message)} bytes")
        their_ephemeral = elligator2_decode(message[8:40])
        state = self._state.copy()
        state.mix_hash(message[:8])
        state.mix_hash(their_ephemeral)
        state.mix_key(self._ephemeral.exchange(their_ephemeral))
        state.mix_key(self._static.exchange(their_ephemeral))
        state.decrypt_and_hash(message[40:56])
        keys = _split(state)
        return _reply_payload_cipher(keys).open(0, message[56:], state.h), keys


def seal_new_session(
    static: X25519Key, remote_static: bytes, payload: bytes, entropy: Entropy
) -> tuple[OutgoingHandshake, bytes]:
    """A new session message bound to our static key. DecodeError if ``remote_static`` is bad."""
    ephemeral, representative = generate_encodable(entropy)
    state = responder_state(remote_static)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(remote_static))
    sealed_static = state.encrypt_and_hash(static.public)
    state.mix_key(static.exchange(remote_static))
    message = representative + sealed_static + state.encrypt_and_hash(payload)
    return OutgoingHandshake(static, remote_static, ephemeral, state), message


def seal_unbound(remote_static: bytes, payload: bytes, entropy: Entropy) -> bytes:
    """An anonymous new session message: no session follows and nobody can answer it."""
    ephemeral, representative = generate_encodable(entropy)
    state = responder_state(remote_static)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(remote_static))
    sealed_static = state.encrypt_and_hash(_NO_STATIC)
    return representative + sealed_static + state.encrypt_and_hash(payload)


class IncomingHandshake:
    """Bob after a new session message: can seal several replies, each one a candidate session."""

    __slots__ = ("_reply_tags", "_state", "_their_ephemeral", "remote_static")

    def __init__(self, remote_static: bytes, their_ephemeral: bytes, state: SymmetricState) -> None:
        self.remote_static = remote_static
        self._their_ephemeral = their_ephemeral
        self._state = state
        self._reply_tags: SendTagSet | None = None

    @property
    def replies_sent(self) -> int:
        """How many New Session Replies were made for it."""
        return 0 if self._reply_tags is None else self._reply_tags.next_number

    def seal_reply(self, payload: bytes, entropy: Entropy) -> tuple[bytes, SplitKeys]:
        """(new session reply, keys of the session that Alice may take up)."""
        if self._reply_tags is None:
            self._reply_tags = SendTagSet(*_reply_tag_keys(self._state.ck))
        tag = self._reply_tags.take_tag()
        ephemeral, representative = generate_encodable(entropy)
        state = self._state.copy()
        state.mix_hash(tag)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._their_ephemeral))
        state.mix_key(ephemeral.exchange(self.remote_static))
        mac = state.encrypt_and_hash(b"")
        keys = _split(state)
        sealed = _reply_payload_cipher(keys).seal(0, payload, state.h)
        return tag + representative + mac + sealed, keys


class OpenedNewSession(NamedTuple):
    """``handshake`` is None if the sender is anonymous; ``ephemeral`` is for replay checks.

    The decoded key and not its representative: the representative's two top bits are free, so the
    same message has several spellings.
    """

    handshake: IncomingHandshake | None
    ephemeral: bytes
    payload: bytes


def ephemeral_of(message: bytes) -> bytes:
    """The ephemeral key of what may be a new session message; DecodeError if it is too short."""
    if len(message) < NEW_SESSION_BYTES_MIN:
        raise DecodeError(f"new session message of {len(message)} bytes")
    return elligator2_decode(message[:32])


def open_new_session(
    static: X25519Key, start: SymmetricState, message: bytes, ephemeral: bytes | None = None
) -> OpenedNewSession:
    """Open a new session message; ``start`` is ``responder_state(static.public)``.

    ``ephemeral``: its :func:`ephemeral_of`, if that is known. DecodeError for anything that is not
    a new session message.
    """
    if ephemeral is None:
        ephemeral = ephemeral_of(message)
    state = start.copy()
    state.mix_hash(ephemeral)
    state.mix_key(static.exchange(ephemeral))
    remote_static = state.decrypt_and_hash(message[32:80])
    if remote_static == _NO_STATIC:
        return OpenedNewSession(None, ephemeral, state.decrypt_and_hash(message[80:]))
    state.mix_key(static.exchange(remote_static))
    payload = state.decrypt_and_hash(message[80:])
    return OpenedNewSession(IncomingHandshake(remote_static, ephemeral, state), ephemeral, payload)
