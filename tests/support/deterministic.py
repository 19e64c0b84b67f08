"""Time and entropy under the test's control."""

from __future__ import annotations

import hashlib


class FakeWallClock:
    """A wall clock that stands still until the test moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.time = start
        self.correction_s = 0.0

    def now(self) -> float:
        return self.time + self.correction_s

    def advance(self, seconds: float) -> None:
        self.time += seconds


class SeededEntropy:
    """A reproducible stream of bytes: SHA-256 of seed and counter."""

    def __init__(self, seed: int | str = 0) -> None:
        self._seed = str(seed).encode()
        self._counter = 0
        self._buffer = b""

    def random_bytes(self, count: int) -> bytes:
        parts = [self._buffer]
        have = len(self._buffer)
        while have < count:
            block = hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
            parts.append(block)
            have += 32
        data = b"".join(parts)
        self._buffer = data[count:]
        return data[:count]

    def randbelow(self, bound: int) -> int:
        return int.from_bytes(self.random_bytes(16), "big") % bound
