"""Time limits, and things that are opened with ``await`` or ``async with``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from i2ptunnel.api.errors import RouterError, TimedOut, reason_of, translated

#: seconds to start or reach a router
OPEN_TIMEOUT_S = 30.0
#: seconds until a new destination has tunnels; the first of a new router take longest
SESSION_TIMEOUT_S = 180.0
#: seconds for a stream to a destination, the search for it included
CONNECT_TIMEOUT_S = 60.0
#: seconds to find who has a name
RESOLVE_TIMEOUT_S = 30.0


@contextlib.asynccontextmanager
async def limited(timeout: float | None, what: str) -> AsyncIterator[None]:
    """Like :func:`asyncio.timeout`, with the errors of this library. None: no limit."""
    try:
        async with asyncio.timeout(timeout) as limit:
            with translated():
                yield
    except TimedOut:  # of a limit within this one
        raise
    except TimeoutError as error:
        if limit.expired():
            raise TimedOut(what) from None
        # A socket's own, which is an OSError.
        raise RouterError(reason_of(error), "no_router") from error


class Closable(Protocol):
    """What can be left with ``async with``."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""


T = TypeVar("T", bound=Closable)


class Opening(Generic[T]):
    """Something that is being opened: ``await`` it and close it yourself, or ``async with`` it."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._made: T | None = None

    def __await__(self) -> Generator[object, None, T]:
        return self._make().__await__()

    async def __aenter__(self) -> T:
        self._made = await self._make()
        return self._made

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._made is not None:
            await self._made.__aexit__(kind, error, trace)
