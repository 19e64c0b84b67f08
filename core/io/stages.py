"""How long each step of reaching a destination took, for who has to explain why it did not work.

Whoever wants to know opens a :func:`noting_stages` context; every ``ClientSession.connect`` in it,
also in tasks that are started there, notes its steps. Nobody else pays more than a look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[Stages | None] = ContextVar("stages", default=None)


class Stages:
    """The steps in their order; the last one may be under way. Times are seconds."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}
        self._name = ""
        self._began = 0.0

    def begin(self, name: str) -> None:
        """A step begins, and so the one before it has succeeded. One that comes again goes on."""
        self.end()
        self._name, self._began = name, time.monotonic()
        self._taken.setdefault(name, 0.0)

    def end(self) -> None:
        """The step that is under way has succeeded."""
        if self._name:
            self._taken[self._name] += time.monotonic() - self._began
        self._name = ""

    @property
    def under_way(self) -> str:
        """The step that has not ended: after an error, the one that failed; else empty."""
        return self._name

    def rows(self) -> list[tuple[str, float, bool]]:
        """(step, seconds, whether it has succeeded), in their order."""
        now = time.monotonic()
        return [
            (name, taken + (now - self._began if name == self._name else 0.0), name != self._name)
            for name, taken in self._taken.items()
        ]


@contextmanager
def noting_stages() -> Iterator[Stages]:
    """Note the steps of what is done in the context."""
    stages = Stages()
    token = _current.set(stages)
    try:
        yield stages
    finally:
        _current.reset(token)


def begin_stage(name: str) -> None:
    """A step begins, if somebody wants to know."""
    stages = _current.get()
    if stages is not None:
        stages.begin(name)


def end_stage() -> None:
    """The step that is under way has succeeded, if somebody wants to know."""
    stages = _current.get()
    if stages is not None:
        stages.end()
