"""Which of several destinations a connection goes to.

The one that worked last is used as long as it works. One that could not be reached is left for
last, for longer after each failure; when nothing else is left it is tried all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from core.base.errors import Unavailable
from i2ptunnel.config.network_kinds import DestinationName
from i2ptunnel.relay.channel import CountedChannel
from i2ptunnel.relay.client_keys import read_client_key
from i2ptunnel.tunnels.client_base import ClientTunnel

_REST_FIRST_S = 15.0
_REST_MAX_S = 600.0


class _Choice:
    __slots__ = ("client_key", "destination", "failures", "last_error", "rests_until")

    def __init__(self, destination: DestinationName) -> None:
        self.destination = destination
        self.client_key = destination.client_key
        self.failures = 0
        self.rests_until = float("-inf")
        self.last_error: str | None = None


class DestinationChoice:
    """The destinations of one tunnel and how they are."""

    def __init__(
        self,
        destinations: Sequence[DestinationName],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.destinations = tuple(destinations)
        self._choices = [_Choice(destination) for destination in destinations]
        self._monotonic = monotonic
        self._last: _Choice | None = None

    def prepare(self) -> None:
        """Read the key files; raises FileFault."""
        for choice in self._choices:
            path = choice.destination.client_key_file
            if path is not None:
                choice.client_key = read_client_key(path)

    def in_order(self) -> list[_Choice]:
        """The one to try first comes first."""
        now = self._monotonic()
        return sorted(
            self._choices,
            key=lambda choice: (choice.rests_until > now, choice is not self._last),
        )

    def note(self, choice: _Choice, error: Unavailable | None) -> None:
        """How an attempt ended."""
        if error is None:
            choice.failures, choice.last_error, choice.rests_until = 0, None, float("-inf")
            self._last = choice
            return
        choice.failures += 1
        choice.last_error = str(error)
        rest_s = min(_REST_FIRST_S * 2 ** min(choice.failures - 1, 10), _REST_MAX_S)
        choice.rests_until = self._monotonic() + rest_s

    async def connect(
        self, tunnel: ClientTunnel[Any], default_port: int = 0, initial: bytes = b""
    ) -> CountedChannel:
        """A stream of ``tunnel`` to one of them; raises the last one's Unavailable.

        ``initial`` travels with the first packets, to each that is tried.
        """
        last = Unavailable("no destination is set", "unknown_name")
        for choice in self.in_order():
            try:
                stream = await self._try(tunnel, choice, default_port, initial)
            except Unavailable as error:
                last = error
                if error.code in ("tunnels_not_ready", "closed"):
                    break  # our side: says nothing about this destination or another one
                self.note(choice, error)
            else:
                self.note(choice, None)
                return stream
        raise last

    async def _try(
        self, tunnel: ClientTunnel[Any], choice: _Choice, default_port: int, initial: bytes
    ) -> CountedChannel:
        destination = choice.destination
        try:
            address = await tunnel.context.resolver.resolve(destination.name)
        except Unavailable as error:
            tunnel.note_failure(error)
            raise
        return await tunnel.connect(
            address,
            destination.port or default_port,
            initial,
            secret=destination.secret,
            client_key=choice.client_key,
        )

    def status(self) -> list[dict[str, object]]:
        """For ``status``, when there are several."""
        if len(self._choices) < 2:
            return []
        now = self._monotonic()
        return [
            {
                "destination": choice.destination.name,
                "in_use": choice is self._last,
                "healthy": choice.rests_until <= now,
                "failures": choice.failures,
                "last_error": choice.last_error,
            }
            for choice in self._choices
        ]
