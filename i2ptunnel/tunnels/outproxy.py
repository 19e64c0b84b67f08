"""Outproxies: which one a host outside I2P goes to, and how it is asked."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Outproxy:
    """``authorization``: the value of ``Proxy-Authorization``, if the URL has a user."""

    host: str
    port: int
    authorization: str | None

    def __repr__(self) -> str:
        return f"Outproxy({self.host}:{self.port})"


def read_outproxy(url: str) -> Outproxy:
    """An outproxy from a URL that the configuration has checked."""
    parts = urlsplit(url)
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode()
    return Outproxy(parts.hostname or "", parts.port or DEFAULT_PORT, authorization)


class OutproxyChoice:
    """A host keeps its outproxy as long as that one answers; the others follow in turn."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._outproxies = [read_outproxy(url) for url in urls]
        self._failures: dict[Outproxy, int] = {}

    def __bool__(self) -> bool:
        return bool(self._outproxies)

    def in_order(self, host: str) -> list[Outproxy]:
        """All of them, the one to try first in front: those that failed last stand behind."""
        digest = hashlib.sha256(host.encode()).digest()
        first = int.from_bytes(digest[:4], "big") % len(self._outproxies)
        rotated = self._outproxies[first:] + self._outproxies[:first]
        return sorted(rotated, key=lambda outproxy: self._failures.get(outproxy, 0) > 0)

    def note(self, outproxy: Outproxy, *, works: bool) -> None:
        """What came of a connection to it."""
        if works:
            self._failures.pop(outproxy, None)
        else:
            self._failures[outproxy] = self._failures.get(outproxy, 0) + 1
