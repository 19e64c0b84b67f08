"""Hostile inputs made from genuine ones, reproducible by target name and index."""

from __future__ import annotations

import random

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_LENGTHS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 32, 64, 200, 600, 1200)
_REPEATS = (*(1, 2, 5, 30) * 10, 100_000)
#: of a repetition: about what one read of a socket brings
_BYTES_MAX = 16_000


class Mutator:
    """One stream of inputs: one in eight is random bytes, the rest are damaged seeds."""

    def __init__(self, name: str, seeds: tuple[bytes, ...]) -> None:
        self._random = random.Random(name)
        self._seeds = seeds

    def next(self) -> bytes:
        """The next input."""
        rng = self._random
        if not self._seeds or rng.random() < 0.125:
            return rng.randbytes(rng.choice(_LENGTHS))
        data = bytearray(rng.choice(self._seeds))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            self._damage(data)
        return bytes(data)

    def _damage(self, data: bytearray) -> None:
        rng = self._random
        size = len(data)
        at = rng.randrange(size + 1)
        match rng.randrange(9):
            case 0 if at < size:
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < size:
                data[at] = rng.randrange(256)
            case 2:  # a number, as lengths and counts are written
                width = rng.choice((1, 2, 2, 4))
                number = rng.choice(_NUMBERS) & ((1 << 8 * width) - 1)
                data[at : at + width] = number.to_bytes(width, "big")
            case 3:
                del data[at:]
            case 4:
                del data[at : at + rng.choice(_LENGTHS)]
            case 5:
                data[at:at] = rng.randbytes(rng.choice(_LENGTHS))
            case 6:  # the same piece again
                piece = data[at : at + rng.choice(_LENGTHS)]
                times = _REPEATS[rng.randrange(len(_REPEATS))]
                data[at:at] = piece * min(times, _BYTES_MAX // max(len(piece), 1))
            case 7:  # a piece of another seed
                other = rng.choice(self._seeds)
                start = rng.randrange(len(other) + 1)
                data[at : at + rng.choice(_LENGTHS)] = other[start : start + rng.choice(_LENGTHS)]
            case _:  # bytes that mean something to text formats
                data[at:at] = rng.choice(
                    (b"\r\n", b"\n", b"\0", b" ", b":", b"=", b"#", b"\xff\xfe", b"\xc3\x28", b"{[")
                )
