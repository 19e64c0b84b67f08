"""The symmetric state of a Noise handshake (Noise section 5.2, SHA-256 and ChaCha20-Poly1305).

I2P runs XK (NTCP2, SSU2), IK (ratchet) and N (router garlic, tunnel build records), and changes
each a little: padding mixed in between messages, Elligator2 representatives in the place of keys,
extra keys from the chaining key. The patterns are therefore written out by their users, token by
token; what they share is here.

The caller mixes what the pattern says before the first message, e.g. the responder's static key,
with :meth:`SymmetricState.mix_hash`; the empty prologue is already mixed in. For XK
:func:`begin_xk` does that.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from core.base.errors import LocalError
from core.crypto.aead import ChaChaPoly
from core.crypto.hkdf import HASH_LENGTH, hkdf


class SymmetricState:
    """Chaining key ``ck``, handshake hash ``h``, and after :meth:`mix_key` a cipher key."""

    __slots__ = ("_cipher", "_key", "_nonce", "ck", "h")

    ck: bytes
    """Chaining key, 32 bytes."""
    h: bytes
    """Handshake hash, 32 bytes: the associated data of every handshake AEAD."""

    def __init__(self, protocol_name: bytes) -> None:
        if len(protocol_name) <= HASH_LENGTH:
            self.ck = protocol_name.ljust(HASH_LENGTH, b"\0")
        else:
            self.ck = sha256(protocol_name).digest()
        self.h = sha256(self.ck).digest()
        self._key: bytes | None = None
        self._cipher: ChaChaPoly | None = None
        self._nonce = 0

    @property
    def k(self) -> bytes:
        """The cipher key that the last :meth:`mix_key` made; LocalError before the first."""
        if self._key is None:
            raise LocalError("Noise state has no cipher key yet")
        return self._key

    def mix_hash(self, data: bytes) -> None:
        """h = SHA256(h || data)."""
        self.h = sha256(self.h + data).digest()

    def mix_key(self, ikm: bytes) -> None:
        """New ``ck`` and cipher key from a Diffie-Hellman result; the nonce starts at 0 again."""
        output = hkdf(self.ck, ikm, b"", 64)
        self.ck = output[:32]
        self._key = output[32:]
        self._cipher = None
        self._nonce = 0

    def _ready_cipher(self) -> ChaChaPoly:
        if self._cipher is None:
            self._cipher = ChaChaPoly(self.k)
        return self._cipher

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Seal under the current key with ``h`` as associated data, then mix the ciphertext in.

        LocalError before the first :meth:`mix_key`: no I2P pattern sends a payload in clear.
        """
        ciphertext = self._ready_cipher().seal(self._nonce, plaintext, self.h)
        self._nonce += 1
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """The inverse; raises AuthenticationError and then leaves the state as it was."""
        plaintext = self._ready_cipher().open(self._nonce, ciphertext, self.h)
        self._nonce += 1
        self.mix_hash(ciphertext)
        return plaintext

    def split(self, info: bytes = b"") -> tuple[bytes, bytes]:
        """Two 32-byte keys HKDF(ck, ZEROLEN, info): initiator to responder first."""
        output = hkdf(self.ck, b"", info, 64)
        return output[:32], output[32:]

    def copy(self) -> SymmetricState:
        """An independent state that goes on from here, e.g. from a precomputed beginning."""
        twin = object.__new__(SymmetricState)
        twin.ck = self.ck
        twin.h = self.h
        twin._key = self._key
        twin._cipher = self._cipher
        twin._nonce = self._nonce
        return twin


@cache
def _prologue(protocol_name: bytes) -> SymmetricState:
    return SymmetricState(protocol_name)


def begin_xk(protocol_name: bytes, responder_static: bytes) -> SymmetricState:
    """The state before the first message of XK: the initiator knows the responder's static key."""
    state = _prologue(protocol_name).copy()
    state.mix_hash(responder_static)
    return state
