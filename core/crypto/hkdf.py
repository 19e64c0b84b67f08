"""HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869): every key of I2P comes out of these.

The ratchet derives two keys for each message, so this is a hot path. HMAC is written out on plain
SHA-256 with the pads made by ``bytes.translate``: about half the cost of ``hmac.digest`` or of
cryptography's HKDF, which pay for set-up and for parameter objects.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from core.base.errors import LocalError
from core.base.native import accelerated

HASH_LENGTH = 32
_BLOCK_LENGTH = 64
_OUTPUT_MAX = 255 * HASH_LENGTH
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_INNER_TAIL = b"\x36" * (_BLOCK_LENGTH - HASH_LENGTH)
_OUTER_TAIL = b"\x5c" * (_BLOCK_LENGTH - HASH_LENGTH)


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 of ``data``, 32 bytes; ``key`` of any length."""
    if len(key) > _BLOCK_LENGTH:
        key = sha256(key).digest()
    key = key.ljust(_BLOCK_LENGTH, b"\0")
    inner = sha256(key.translate(_INNER) + data).digest()
    return sha256(key.translate(_OUTER) + inner).digest()


def hkdf(salt: bytes, ikm: bytes, info: bytes, length: int) -> bytes:
    """HKDF extract and expand: ``length`` bytes, 1 .. 8160, else LocalError.

    In I2P's notation HKDF(salt, ikm, info, n); ``salt`` is the chaining key, ``ikm`` may be empty
    (ZEROLEN).
    """
    prk = hmac_sha256(salt, ikm)
    inner = prk.translate(_INNER) + _INNER_TAIL
    outer = prk.translate(_OUTER) + _OUTER_TAIL
    block = sha256(outer + sha256(inner + info + b"\x01").digest()).digest()
    if length == 32:
        return block
    if length == 64:
        return block + sha256(outer + sha256(inner + block + info + b"\x02").digest()).digest()
    if not 0 < length <= _OUTPUT_MAX:
        raise LocalError(f"HKDF output of {length} bytes")
    output = block
    for counter in range(2, -(-length // HASH_LENGTH) + 1):
        inner_digest = sha256(inner + block + info + bytes((counter,))).digest()
        block = sha256(outer + inner_digest).digest()
        output += block
    return output[:length]


@accelerated
def chain_step(ikm: bytes, info: bytes) -> Callable[[bytes], tuple[bytes, bytes]]:
    """One step of a hash chain: ``step(key)`` is ``hkdf(key, ikm, info, 64)`` in two halves.

    ``key`` is 32 bytes, which nobody checks. Flat, and without joining and cutting the halves,
    because the ratchet takes two steps for each message.
    """
    hashed, inner_pad, outer_pad = sha256, _INNER, _OUTER
    inner_tail, outer_tail = _INNER_TAIL, _OUTER_TAIL
    first_tail = _INNER_TAIL + ikm
    info_1, info_2 = info + b"\x01", info + b"\x02"

    def step(key: bytes) -> tuple[bytes, bytes]:
        prk = hashed(
            key.translate(outer_pad)
            + outer_tail
            + hashed(key.translate(inner_pad) + first_tail).digest()
        ).digest()
        inner = prk.translate(inner_pad) + inner_tail
        outer = prk.translate(outer_pad) + outer_tail
        first = hashed(outer + hashed(inner + info_1).digest()).digest()
        return first, hashed(outer + hashed(inner + first + info_2).digest()).digest()

    return step
