"""New session and new session reply: the Noise IK handshake of a ratchet session.

Spec: ECIES-X25519-AEAD-Ratchet, sections 1b to 1g; its PQ hybrid variant for the sections in
brackets, which the encryption types 6 and 7 have. The pattern is ``IK`` with Elligator2-encoded
ephemeral keys, and with the reply's tag mixed into its hash ("IKelg2+hs2", "IKhfselg2").

* New session, Alice to Bob: ``representative(32) [ML-KEM key(n+16)] static section(32+16)
  payload(n+16)``. A static section of zeros means that Alice stays anonymous; then there is no
  reply.
* New session reply, Bob to Alice: ``tag(8) representative(32) [ML-KEM ciphertext(n+16)] mac(16)
  payload(n+16)``. The tag comes from a tag set derived from the new session's chaining key.

Both sides then split the chaining key into one tag set for each direction. Alice may send several
new sessions, Bob several replies; every one has its own ephemeral key and encapsulation. i2pd
reuses the ephemeral key for further replies to one new session; as Alice we do not notice. i2pd
2.58 and 2.59 reuse the ciphertext too, and nobody can open those replies.

Always holds: a failed open leaves the handshake as it was, so a forged message costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.crypto.aead import ChaChaPoly
from core.crypto.elligator2 import decode as elligator2_decode
from core.crypto.elligator2 import generate_encodable
from core.crypto.hfs import read_e1, read_ekem1, write_e1, write_ekem1
from core.crypto.hkdf import hkdf
from core.crypto.mlkem import SEED_LENGTH, DecapsulationKey
from core.crypto.noise import SymmetricState
from core.crypto.x25519 import X25519Key
from core.garlic.suites import X25519, Suite
from core.garlic.tagset import SendTagSet

NEW_SESSION_BYTES_MIN = X25519.new_session_bytes_min
_NO_STATIC = bytes(32)


class SplitKeys(NamedTuple):
    """What both sides know after a reply: chaining key, Alice-to-Bob key, Bob-to-Alice key."""

    chain_key: bytes
    alice_to_bob: bytes
    bob_to_alice: bytes


def responder_state(static_public: bytes, suite: Suite = X25519) -> SymmetricState:
    """The Noise state before the first message, for the owner of ``static_public``."""
    state = SymmetricState(suite.protocol_name)
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

    __slots__ = ("_ephemeral", "_kem_seed", "_state", "_static", "_suite", "remote_static")

    def __init__(
        self,
        suite: Suite,
        static: X25519Key,
        remote_static: bytes,
        ephemeral: X25519Key,
        kem_seed: bytes,
        state: SymmetricState,
    ) -> None:
        """``kem_seed``: what the ML-KEM key is made of again; a key takes thirty times as much."""
        self.remote_static = remote_static
        self._suite = suite
        self._static = static
        self._ephemeral = ephemeral
        self._kem_seed = kem_seed
        self._state = state

    @property
    def is_hybrid(self) -> bool:
        """Whether ML-KEM is part of it."""
        return self._suite.kem is not None

    def reply_tag_keys(self) -> tuple[bytes, bytes]:
        """(root key, key) of the tag set whose tags the replies carry."""
        return _reply_tag_keys(self._state.ck)

    def open_reply(self, message: bytes) -> tuple[bytes, SplitKeys]:
        """(payload, keys) of a new session reply. DecodeError for anything else."""
        suite = self._suite
        if len(message) < suite.reply_bytes_min:
            raise DecodeError(f"new session reply of {len(message)} bytes")
        their_ephemeral = elligator2_decode(message[8:40])
        state = self._state.copy()
        state.mix_hash(message[:8])
        state.mix_hash(their_ephemeral)
        state.mix_key(self._ephemeral.exchange(their_ephemeral))
        end = 40 + suite.kem_ciphertext_bytes
        if suite.kem is not None:
            read_ekem1(state, DecapsulationKey(suite.kem, self._kem_seed), message[40:end])
        state.mix_key(self._static.exchange(their_ephemeral))
        state.decrypt_and_hash(message[end : end + 16])
        keys = _split(state)
        return _reply_payload_cipher(keys).open(0, message[end + 16 :], state.h), keys


def _begin(
    suite: Suite, remote_static: bytes, entropy: Entropy
) -> tuple[X25519Key, bytes, SymmetricState, bytes]:
    """Up to the static section: our ephemeral key, ML-KEM seed, state, and what was written."""
    ephemeral, message = generate_encodable(entropy)
    state = responder_state(remote_static, suite)
    state.mix_hash(ephemeral.public)
    state.mix_key(ephemeral.exchange(remote_static))
    kem_seed = b""
    if suite.kem is not None:
        kem_seed = entropy.random_bytes(SEED_LENGTH)
        message += write_e1(state, DecapsulationKey(suite.kem, kem_seed))
    return ephemeral, kem_seed, state, message


def seal_new_session(
    static: X25519Key,
    remote_static: bytes,
    payload: bytes,
    entropy: Entropy,
    suite: Suite = X25519,
) -> tuple[OutgoingHandshake, bytes]:
    """A new session message bound to our static key. DecodeError if ``remote_static`` is bad.

    Both static keys are of the encryption type of ``suite``.
    """
    ephemeral, kem_seed, state, message = _begin(suite, remote_static, entropy)
    message += state.encrypt_and_hash(static.public)
    state.mix_key(static.exchange(remote_static))
    message += state.encrypt_and_hash(payload)
    return OutgoingHandshake(suite, static, remote_static, ephemeral, kem_seed, state), message


def seal_unbound(
    remote_static: bytes, payload: bytes, entropy: Entropy, suite: Suite = X25519
) -> bytes:
    """An anonymous new session message: no session follows and nobody can answer it."""
    _, _, state, message = _begin(suite, remote_static, entropy)
    message += state.encrypt_and_hash(_NO_STATIC)
    return message + state.encrypt_and_hash(payload)


class IncomingHandshake:
    """Bob after a new session message: can seal several replies, each one a candidate session."""

    __slots__ = (
        "_reply_tags",
        "_state",
        "_suite",
        "_their_ephemeral",
        "_their_kem_key",
        "remote_static",
    )

    def __init__(
        self,
        suite: Suite,
        remote_static: bytes,
        their_ephemeral: bytes,
        their_kem_key: bytes,
        state: SymmetricState,
    ) -> None:
        self.remote_static = remote_static
        self._suite = suite
        self._their_ephemeral = their_ephemeral
        self._their_kem_key = their_kem_key
        self._state = state
        self._reply_tags: SendTagSet | None = None

    @property
    def replies_sent(self) -> int:
        """How many New Session Replies were made for it."""
        return 0 if self._reply_tags is None else self._reply_tags.next_number

    @property
    def overhead(self) -> int:
        """Bytes that a reply has besides its payload."""
        return self._suite.reply_bytes_min

    def seal_reply(self, payload: bytes, entropy: Entropy) -> tuple[bytes, SplitKeys]:
        """(new session reply, keys of the session that Alice may take up).

        DecodeError if she sent no good ML-KEM key.
        """
        suite = self._suite
        if self._reply_tags is None:
            self._reply_tags = SendTagSet(*_reply_tag_keys(self._state.ck))
        tag = self._reply_tags.take_tag()
        ephemeral, representative = generate_encodable(entropy)
        state = self._state.copy()
        state.mix_hash(tag)
        state.mix_hash(ephemeral.public)
        state.mix_key(ephemeral.exchange(self._their_ephemeral))
        sealed_kem = b""
        if suite.kem is not None:
            sealed_kem = write_ekem1(state, suite.kem, self._their_kem_key)
        state.mix_key(ephemeral.exchange(self.remote_static))
        mac = state.encrypt_and_hash(b"")
        keys = _split(state)
        sealed = _reply_payload_cipher(keys).seal(0, payload, state.h)
        return b"".join((tag, representative, sealed_kem, mac, sealed)), keys


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
    static: X25519Key,
    start: SymmetricState,
    message: bytes,
    ephemeral: bytes | None = None,
    suite: Suite = X25519,
) -> OpenedNewSession:
    """Open a new session message; ``start`` is ``responder_state(static.public, suite)``.

    ``ephemeral``: its :func:`ephemeral_of`, if that is known. DecodeError for anything that is not
    a new session message of that encryption type.
    """
    if ephemeral is None:
        ephemeral = ephemeral_of(message)
    if len(message) < suite.new_session_bytes_min:
        raise DecodeError(f"new session message of {len(message)} bytes")
    state = start.copy()
    state.mix_hash(ephemeral)
    state.mix_key(static.exchange(ephemeral))
    kem_key, at = b"", 32 + suite.kem_key_bytes
    if suite.kem is not None:
        kem_key = read_e1(state, message[32:at])
    remote_static = state.decrypt_and_hash(message[at : at + 48])
    is_anonymous = remote_static == _NO_STATIC
    if not is_anonymous:
        state.mix_key(static.exchange(remote_static))
    payload = state.decrypt_and_hash(message[at + 48 :])
    if is_anonymous:
        return OpenedNewSession(None, ephemeral, payload)
    handshake = IncomingHandshake(suite, remote_static, ephemeral, kem_key, state)
    return OpenedNewSession(handshake, ephemeral, payload)
