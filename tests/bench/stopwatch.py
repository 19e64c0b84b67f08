"""CPU time of parts of a run, for each message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time_ns


class Stopwatch:
    """CPU time of this process, summed over the blocks it was held around."""

    def __init__(self) -> None:
        self._ns = 0
        self._messages = 0

    @contextmanager
    def around(self, messages: int) -> Iterator[None]:
        began = process_time_ns()
        yield
        self._ns += process_time_ns() - began
        self._messages += messages

    def count(self, messages: int) -> None:
        """Messages that turned out to belong to the time measured."""
        self._messages += messages

    @property
    def us(self) -> float:
        """Microseconds for each message."""
        return self._ns / self._messages / 1000.0
