"""Streams that are sealed with a passphrase: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.base.errors import DecodeError, LocalError
from core.crypto.aead import TAG_LENGTH
from core.crypto.passphrase import CHUNK_BYTES, TITLE, WrongPassphrase, open_stream, seal_stream
from tests.support.deterministic import SeededEntropy

_HEAD = len(TITLE) + 17
_COST = 4


def sealed(data: bytes, passphrase: str = "word") -> bytes:
    return b"".join(seal_stream(passphrase, [data], SeededEntropy(1), _COST))


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize(
    "length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_000]
)
@pytest.mark.parametrize("size", [97, 70_000, 1 << 20])
def test_what_goes_in_comes_out(length: int, size: int) -> None:
    data = bytes(i & 0xFF for i in range(length))
    made = b"".join(seal_stream("word", pieces(data, size), SeededEntropy(2), _COST))
    assert b"".join(open_stream("word", pieces(made, size))) == data


def test_the_passphrase_counts() -> None:
    made = sealed(b"secret")
    assert b"secret" not in made
    with pytest.raises(WrongPassphrase):
        list(open_stream("other", [made]))
    with pytest.raises(LocalError):
        list(seal_stream("", [b""], SeededEntropy(1)))


def test_every_cut_is_seen() -> None:
    data = bytes(2 * CHUNK_BYTES + 100)
    made = sealed(data)
    bounds = [_HEAD + n * (CHUNK_BYTES + TAG_LENGTH) for n in (0, 1, 2)]
    for end in [*bounds, *(b + 1 for b in bounds), *(b - 1 for b in bounds), len(made) - 1, 0, 5]:
        with pytest.raises(DecodeError):
            list(open_stream("word", [made[:end]]))
    with pytest.raises(DecodeError):
        list(open_stream("word", [made + b"x"]))


def test_every_change_is_seen_and_nothing_false_is_given_out() -> None:
    data = bytes(range(256)) * 600
    made = sealed(data)
    for at in range(0, len(made), 2999):
        changed = bytearray(made)
        changed[at] ^= 1
        if at == len(TITLE):
            continue  # the cost: another key
        given = bytearray()
        with pytest.raises(DecodeError):
            for part in open_stream("word", [bytes(changed)]):
                given += part
        assert data.startswith(given)


def test_chunks_cannot_be_moved() -> None:
    made = sealed(bytes(3 * CHUNK_BYTES + 1))
    size = CHUNK_BYTES + TAG_LENGTH
    head, one, two, rest = (
        *(made[:_HEAD], made[_HEAD : _HEAD + size]),
        *(made[_HEAD + size : _HEAD + 2 * size], made[_HEAD + 2 * size :]),
    )
    with pytest.raises(DecodeError):
        list(open_stream("word", [head + two + one + rest]))


def test_a_file_cannot_ask_for_all_memory() -> None:
    made = bytearray(sealed(b"x"))
    made[len(TITLE)] = 40
    with pytest.raises(DecodeError, match="memory"):
        list(open_stream("word", [bytes(made)]))
