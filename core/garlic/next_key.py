"""The DH ratchet: how a session gets a fresh tag set when the current one has been used enough.

Spec: ECIES-X25519-AEAD-Ratchet, section 4a (message flow, key and tag set ids). Each direction
ratchets by itself. The sender of a direction asks with a *forward* key block and repeats it in
every message until the *reverse* key block comes back; the receiver repeats that one until a
message arrives on the new tag set.

Who brings a new key alternates: both for tag set 1, the sender for every even set, the receiver for
every odd one. With T the new set's id the sender's key id is ``T // 2`` and the receiver's
``(T - 1) // 2``, so that T = 1 + both.

Always holds: a step is done only for the set that follows the current one; a repeated or foreign
block changes nothing.
"""

from __future__ import annotations

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.crypto.hkdf import hkdf
from core.crypto.x25519 import X25519Key
from core.garlic.cloves import NextKey, write_next_key


def _tag_set_key(shared_secret: bytes) -> bytes:
    return hkdf(shared_secret, b"", b"XDHRatchetTagSet", 32)


class SendRatchet:
    """The sender's half, for our outbound tag sets."""

    __slots__ = ("_key", "_target", "_their_public", "block")

    def __init__(self) -> None:
        self._key: X25519Key | None = None
        self._their_public: bytes | None = None
        self._target = 0
        self.block = b""
        """The forward block to put into every message, empty if no step is under way."""

    def start(self, target: int, entropy: Entropy) -> None:
        """Ask for tag set ``target``, the current id plus one."""
        is_new = target == 1 or target % 2 == 0
        if is_new or self._key is None:
            self._key = X25519Key.generate(entropy)
        self._target = target
        self.block = write_next_key(
            NextKey(
                key_id=target // 2,
                is_reverse=False,
                requests_reverse=target % 2 == 1,
                public=self._key.public if is_new else None,
            )
        )

    def on_reverse(self, next_key: NextKey) -> bytes | None:
        """The key for tag set ``target`` if this block answers our question, else None.

        DecodeError if the peer's public key is unusable.
        """
        target = self._target
        if not self.block or self._key is None or next_key.key_id != (target - 1) // 2:
            return None
        # The receiver's key is new in odd sets only; otherwise the block just confirms the old one.
        if target % 2 == 1:
            if next_key.public is None:
                return None
            their_public: bytes | None = next_key.public
        else:
            their_public = self._their_public
        if their_public is None:
            return None
        key = _tag_set_key(self._key.exchange(their_public))
        self._their_public = their_public
        self.block = b""
        return key


class ReceiveRatchet:
    """The receiver's half, for our inbound tag sets."""

    __slots__ = ("_key", "_their_public", "block")

    def __init__(self) -> None:
        self._key: X25519Key | None = None
        self._their_public: bytes | None = None
        self.block = b""
        """The reverse block to put into every message until the new tag set is in use."""

    @staticmethod
    def target_of(next_key: NextKey) -> int:
        """The id of the tag set that a forward block asks for."""
        if next_key.requests_reverse:
            return 2 * next_key.key_id + 1
        return 2 * next_key.key_id

    def on_forward(self, next_key: NextKey, target: int, entropy: Entropy) -> bytes:
        """The key for inbound tag set ``target``, which must be ``target_of(next_key)``.

        DecodeError if the block does not carry what this step needs.
        """
        is_theirs_new = target == 1 or target % 2 == 0
        their_public = next_key.public if is_theirs_new else self._their_public
        if their_public is None:
            raise DecodeError(f"next key block for tag set {target} without a key")
        is_ours_new = target % 2 == 1
        key = X25519Key.generate(entropy) if is_ours_new else self._key
        if key is None:
            raise DecodeError(f"next key block for tag set {target} out of order")
        tag_set_key = _tag_set_key(key.exchange(their_public))
        self._key = key
        self._their_public = their_public
        self.block = write_next_key(
            NextKey(
                key_id=(target - 1) // 2,
                is_reverse=True,
                requests_reverse=False,
                public=key.public if is_ours_new else None,
            )
        )
        return tag_set_key
