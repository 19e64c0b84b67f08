"""The AES block of ElGamal/AES+SessionTags messages (elgamal-aes.md, "AES Block").

Before encryption: ``tag count(2) tags(32 each) payload size(4) SHA-256 of the payload(32) flag(1)
[new session key(32)] payload padding``; AES-256 in CBC mode. What the first 32 bytes of a message
are, tag or pre-IV, yields the IV.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.base.wire import Reader
from core.crypto.aes import BLOCK_LENGTH, cbc_decrypt, cbc_encrypt

TAG_BYTES = 32
TAGS_MAX = 200
"""In one message (spec)."""
BLOCK_BYTES_MIN = 48
_HEAD_BYTES = 2 + 4 + 32 + 1


class AesBlock(NamedTuple):
    """What was inside. ``new_key`` takes the place of the session key; nobody sends one."""

    tags: list[bytes]
    new_key: bytes | None
    payload: bytes


def iv_of(pre_iv: bytes) -> bytes:
    """The first 16 bytes of the hash of a session tag or of a pre-IV."""
    return sha256(pre_iv).digest()[:BLOCK_LENGTH]


def seal_block(
    key: bytes, iv: bytes, tags: Sequence[bytes], payload: bytes, entropy: Entropy
) -> bytes:
    """Encrypted, with random padding to whole AES blocks."""
    size = _HEAD_BYTES + TAG_BYTES * len(tags) + len(payload)
    return cbc_encrypt(
        key,
        iv,
        b"".join(
            (
                len(tags).to_bytes(2, "big"),
                *tags,
                len(payload).to_bytes(4, "big"),
                sha256(payload).digest(),
                b"\0",
                payload,
                entropy.random_bytes(-size % BLOCK_LENGTH),
            )
        ),
    )


def open_block(key: bytes, iv: bytes, data: bytes) -> AesBlock:
    """Decrypt and check; DecodeError if it is malformed or was made with another key."""
    if len(data) < BLOCK_BYTES_MIN or len(data) % BLOCK_LENGTH:
        raise DecodeError(f"AES block of {len(data)} bytes")
    reader = Reader(cbc_decrypt(key, iv, data))
    count = reader.u16()
    if count > TAGS_MAX:
        raise DecodeError(f"{count} session tags")
    tags = [reader.take(TAG_BYTES) for _ in range(count)]
    size = reader.u32()
    digest = reader.take(32)
    new_key = reader.take(32) if reader.u8() else None
    payload = reader.take(size)
    if sha256(payload).digest() != digest:
        raise DecodeError("AES block with a wrong hash")
    return AesBlock(tags, new_key, payload)
