"""A stream of bytes, encrypted and authenticated with a passphrase.

File: a title, the parameters of scrypt and a salt; then chunks of 64 KiB sealed with
ChaCha20-Poly1305, the STREAM construction: a chunk's nonce is its number and whether it is the
last. So nothing can be cut off, moved, repeated or changed unseen, and a chunk is only given out
when it is genuine. The first lines are authenticated with every chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from core.base.errors import DecodeError, LocalError
from core.base.ports import Entropy
from core.crypto.aead import TAG_LENGTH, AuthenticationError, ChaChaPoly

CHUNK_BYTES = 65536
TITLE = b"i2ptunnel encrypted 1\n"
_SALT_BYTES = 16
#: log2 of the cost: 64 MiB and a fifth of a second
COST_BITS = 16
#: what a file may ask for: 256 MiB
COST_BITS_MAX = 18
_BLOCK = 8
_HEAD_BYTES = len(TITLE) + 1 + _SALT_BYTES
_LAST = 1 << 63


class WrongPassphrase(DecodeError):
    """The first chunk is not genuine: another passphrase, or a damaged file."""


def _context(passphrase: str, salt: bytes, cost_bits: int) -> ChaChaPoly:
    if not passphrase:
        raise LocalError("the passphrase is empty")
    cost = 1 << cost_bits
    memory = 128 * _BLOCK * cost + (1 << 20)
    key = hashlib.scrypt(
        passphrase.encode(), salt=salt, n=cost, r=_BLOCK, p=1, maxmem=memory, dklen=32
    )
    return ChaChaPoly(key)


def seal_stream(
    passphrase: str, parts: Iterable[bytes], entropy: Entropy, cost_bits: int = COST_BITS
) -> Iterator[bytes]:
    """The file, piece by piece; LocalError if the passphrase is empty."""
    salt = entropy.random_bytes(_SALT_BYTES)
    head = TITLE + bytes([cost_bits]) + salt
    context = _context(passphrase, salt, cost_bits)
    yield head
    number, waiting = 0, bytearray()
    for part in parts:
        waiting += part
        while len(waiting) > CHUNK_BYTES:
            yield context.seal(number, bytes(waiting[:CHUNK_BYTES]), head)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield context.seal(number | _LAST, bytes(waiting), head)


def open_stream(passphrase: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """What was sealed, piece by piece, each of them genuine.

    DecodeError if the file is not of this kind, truncated or changed; WrongPassphrase if not even
    its beginning is genuine. What has been given out before is no whole then.
    """
    source, waiting = iter(parts), bytearray()

    def fill(count: int) -> None:
        while len(waiting) < count and (part := next(source, None)) is not None:
            waiting.extend(part)

    fill(_HEAD_BYTES)
    head = bytes(waiting[:_HEAD_BYTES])
    if not head.startswith(TITLE) or len(head) < _HEAD_BYTES:
        raise DecodeError("this is no encrypted file of i2ptunnel")
    cost_bits = head[len(TITLE)]
    if not 1 <= cost_bits <= COST_BITS_MAX:
        raise DecodeError("the file asks for more memory than any such file")
    context = _context(passphrase, head[-_SALT_BYTES:], cost_bits)
    del waiting[:_HEAD_BYTES]
    number, size = 0, CHUNK_BYTES + TAG_LENGTH
    while True:
        fill(size + 1)
        is_last = len(waiting) <= size
        chunk = bytes(waiting[:size])
        del waiting[:size]
        try:
            plain = context.open(number | _LAST if is_last else number, chunk, head)
        except AuthenticationError:
            if number == 0:
                raise WrongPassphrase("wrong passphrase, or the file is damaged") from None
            raise DecodeError("the file is damaged, or its end is missing") from None
        yield plain
        if is_last:
            return
        number += 1
