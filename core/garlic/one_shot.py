"""Replies sealed with a tag and key that the asker handed out: netDb replies, build replies.

Spec: I2NP DatabaseLookup (reply key and tags of ECIES requesters); tunnel-creation-ecies (garlic
key and tag of the outbound endpoint's reply). The message looks like an existing session message,
``tag(8) payload(n+16)``, with nonce 0 and the tag as associated data.

The messages made and read here are garlic bodies without the 4-byte length field in front.

Always holds: a key opens one message, and only within ``LIFETIME_S`` of its registration.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.crypto.aead import ChaChaPoly
from core.garlic.cloves import Clove, parse_payload, write_cloves
from core.garlic.padding import Padder
from core.garlic.tagset import TAG_BYTES

LIFETIME_S = 180.0
KEYS_MAX = 4096
_MESSAGE_BYTES_MIN = TAG_BYTES + 16
_FITS = (980, 1936, 2932)
"""i2pd: a payload of 956 bytes, plus 24, fits one tunnel message with local delivery."""


def seal_one_shot(tag: bytes, key: bytes, cloves: Sequence[Clove], entropy: Entropy) -> bytes:
    """A reply under a tag (8 bytes) and key (32 bytes) that the receiver gave us.

    i2pd: the first block must be a clove with LOCAL or DESTINATION delivery; more are ignored.
    """
    if len(tag) != TAG_BYTES:
        raise LocalError(f"one-shot tag of {len(tag)} bytes")
    payload = write_cloves(cloves)
    payload += Padder(entropy).block(len(payload) + _MESSAGE_BYTES_MIN, _FITS)
    return tag + ChaChaPoly(key).seal(0, payload, tag)


class OneShotKeys:
    """The tags and keys we wait for. Bounded: the oldest registration goes first."""

    __slots__ = ("_keys", "dropped", "evicted")

    def __init__(self) -> None:
        self._keys: BoundedMap[bytes, tuple[bytes, float]] = BoundedMap(KEYS_MAX)
        self.dropped = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._keys)

    def register(self, tag: bytes, key: bytes, now: float) -> None:
        """Expect one message under ``tag`` (8 bytes) and ``key`` (32 bytes)."""
        if len(tag) != TAG_BYTES or len(key) != 32:
            raise LocalError("a one-shot reply needs a tag of 8 and a key of 32 bytes")
        self._expire(now)
        self.evicted += self._keys.put(tag, (key, now + LIFETIME_S)) is not None

    def forget(self, tag: bytes) -> None:
        """The reply is no longer wanted."""
        self._keys.pop(tag)

    def open(self, ciphertext: bytes, now: float) -> list[Clove] | None:
        """The cloves of a message under one of our tags, else None (then try a session).

        A message with our tag that does not authenticate is dropped and counted; the key stays, so
        that a forger who saw the tag pass cannot spend it.
        """
        tag = ciphertext[:TAG_BYTES]
        entry = self._keys.get(tag)
        if entry is None:
            return None
        key, expires_at = entry
        if now >= expires_at:
            self._keys.pop(tag)
            return None
        try:
            data = ChaChaPoly(key).open(0, ciphertext[TAG_BYTES:], tag)
            self._keys.pop(tag)
            return parse_payload(data).cloves
        except DecodeError:
            self.dropped += 1
            return None

    def _expire(self, now: float) -> None:
        """Lifetimes are all equal, so the oldest are in front."""
        self._keys.expire(lambda entry: entry[1] <= now)
