"""What a client of I2CP asks of others' destinations: by hash, name or encrypted address.

A client with a session searches through its tunnels. One without, as Java's ``I2PSimpleSession``,
has none: none of the router's may tell who asks, so a session that the application lends does it,
and all such clients together search so often and not more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.base.errors import DecodeError, I2PError, Unavailable
from core.base.rates import TokenBucket
from core.client.events import LeaseSetFound
from core.crypto.blinding import BLINDABLE_TYPES
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.identity import Destination, b32_to_hash
from core.data.lease_set import LeaseSet, LeaseSet2
from core.i2cp.lookup_messages import BlindingInfo, LookupResult
from core.i2cp.requests import LookupWanted
from core.i2cp.server import ServerConnection
from core.io.hosted import HostedSession
from core.io.i2cp_ports import ResolveName, SearchNetwork

#: Searches of all clients without a session: so many at once, and so many a second after that.
SESSIONLESS_BURST = 32
SESSIONLESS_PER_S = 0.5
BLINDED_MAX = 256
_B32_SUFFIX = ".b32.i2p"
Target = bytes | BlindedTarget


@dataclass(slots=True)
class LookupService:
    """What lookups of all connections share. ``search``: through a session that is lent."""

    resolve: ResolveName
    search: SearchNetwork
    refused: int = 0
    """Lookups without a session that were too many."""
    _allowance: TokenBucket = field(
        default_factory=lambda: TokenBucket(SESSIONLESS_PER_S, SESSIONLESS_BURST)
    )

    def may_search(self, now: float) -> bool:
        """Whether a client without a session may search; counted if not."""
        if self._allowance.take(now):
            return True
        self.refused += 1
        return False


@dataclass(slots=True)
class _Lookup:
    wanted: LookupWanted
    destination: Destination | None = None


@dataclass(frozen=True, slots=True)
class _Blinding:
    secret: str = field(default="", repr=False)
    client_key: bytes | None = field(default=None, repr=False)


class Lookups:
    """Those of one connection. ``sessions``: its own, by number; ``changed``: there is output."""

    def __init__(
        self,
        service: LookupService,
        connection: ServerConnection,
        sessions: Mapping[int, HostedSession],
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._connection = connection
        self._sessions = sessions
        self._changed = changed
        self._waiting: dict[Target | str, list[_Lookup]] = {}
        self._blinded: dict[tuple[int, bytes], _Blinding] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Nobody waits for answers any more."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def look_up(self, wanted: LookupWanted) -> None:
        """Begin one; it is answered in any case."""
        target = wanted.target
        if isinstance(target, str):
            self._run(self._resolve(wanted, target))
        elif isinstance(target, Destination):
            self._search(_Lookup(wanted, target), target.hash)
        else:
            self._search(_Lookup(wanted), target)

    def found(self, event: LeaseSetFound) -> None:
        """A session of the client has found a lease set, or not."""
        lease_set = event.lease_set
        for lookup in self._waiting.pop(event.target, ()):
            if isinstance(lease_set, (LeaseSet, LeaseSet2)):
                lookup.destination = lease_set.destination
                self._answer(lookup, LookupResult.SUCCESS, lease_set.options)
            else:
                self._answer(lookup, _RESULT_OF.get(event.why, LookupResult.FAILURE))

    def learn_blinding(self, info: BlindingInfo) -> None:
        """Remember what opens a lease set, and find it: the client may send without a lookup."""
        key = self._key_of(info)
        if key is None or key[0] not in BLINDABLE_TYPES:
            return
        if len(self._blinded) >= BLINDED_MAX and key not in self._blinded:
            return
        known = self._blinded[key] = _Blinding(info.secret or "", info.client_key)
        session = self._session_of(info.session_id)
        if session is not None:
            address = BlindedAddress(*key, bool(known.secret), known.client_key is not None)
            session.lookup(BlindedTarget(address, known.secret, known.client_key))

    def _key_of(self, info: BlindingInfo) -> tuple[int, bytes] | None:
        """Signing type and key of the destination; None if only an address book could tell."""
        endpoint = info.endpoint
        if isinstance(endpoint, Destination):
            return endpoint.signing_type, endpoint.signing_key
        if isinstance(endpoint, tuple):
            return endpoint
        target = self._address_in(endpoint) if isinstance(endpoint, str) else None
        if isinstance(target, BlindedTarget):
            return target.address.signing_type, target.address.signing_key
        return None

    def _session_of(self, number: int | None) -> HostedSession | None:
        """The one that asks, or any of the client's: for the network they are one."""
        return self._sessions.get(number or 0) or next(iter(self._sessions.values()), None)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self, wanted: LookupWanted, name: str) -> None:
        try:
            found = self._address_in(name) or await self._service.resolve(name)
        except I2PError:
            found = None
        if found is None:
            self._answer(_Lookup(wanted), LookupResult.FAILURE)
        elif isinstance(found, Destination):
            lookup = _Lookup(wanted, found)
            if wanted.with_options:
                self._search(lookup, found.hash)
            else:
                self._answer(lookup, LookupResult.SUCCESS)
        else:
            self._search(_Lookup(wanted), found)
        self._changed()

    def _address_in(self, name: str) -> Target | None:
        """An address that needs no book: a b32 name, encrypted or not."""
        if not name.lower().endswith(_B32_SUFFIX):
            return None
        with contextlib.suppress(DecodeError):
            address = BlindedAddress.parse(name)
            known = self._blinded.get((address.signing_type, address.signing_key), _Blinding())
            return BlindedTarget(address, known.secret, known.client_key)
        with contextlib.suppress(DecodeError):
            return b32_to_hash(name)
        return None

    def _search(self, lookup: _Lookup, target: Target) -> None:
        if isinstance(target, BlindedTarget):
            address = target.address
            lacks_secret = address.needs_secret and not target.secret
            lacks_key = address.needs_client_key and target.client_key is None
            if lacks_secret or lacks_key:
                self._answer(lookup, _LACKING[lacks_secret, lacks_key])
                return
        session = self._session_of(lookup.wanted.session_id)
        if session is None:
            self._search_without(lookup, target)
            return
        self._waiting.setdefault(target, []).append(lookup)
        loop = asyncio.get_running_loop()
        self._timers[lookup.wanted.key] = loop.call_later(
            lookup.wanted.timeout_s, self._time_out, lookup, target
        )
        session.lookup(target)

    def _search_without(self, lookup: _Lookup, target: Target) -> None:
        if self._service.may_search(asyncio.get_running_loop().time()):
            self._run(self._borrow(lookup, target))
        else:
            self._answer(lookup, LookupResult.FAILURE)

    async def _borrow(self, lookup: _Lookup, target: Target) -> None:
        """Search through a session that is not the client's."""
        result, options = LookupResult.SUCCESS, None
        try:
            async with asyncio.timeout(lookup.wanted.timeout_s):
                found = await self._service.search(target, lookup.wanted.timeout_s)
            lookup.destination, options = found
        except TimeoutError:
            result = LookupResult.FAILURE
        except Unavailable as error:
            result = _RESULT_OF.get(error.code, LookupResult.FAILURE)
        except I2PError:
            result = LookupResult.FAILURE
        self._answer(lookup, result, options)
        self._changed()

    def _time_out(self, lookup: _Lookup, target: Target) -> None:
        waiting = self._waiting.get(target, [])
        if lookup in waiting:
            waiting.remove(lookup)
            if not waiting:
                del self._waiting[target]
            self._answer(lookup, LookupResult.FAILURE)
            self._changed()

    def _answer(
        self, lookup: _Lookup, result: LookupResult, options: Mapping[str, str] | None = None
    ) -> None:
        wanted = lookup.wanted
        timer = self._timers.pop(wanted.key, None)
        if timer is not None:
            timer.cancel()
        if result == LookupResult.FAILURE and wanted.with_options:
            result = LookupResult.LEASE_SET_FAILED
        is_told = result in (LookupResult.SUCCESS, LookupResult.LEASE_SET_FAILED)
        self._connection.answer_lookup(
            wanted.key,
            result,
            lookup.destination if is_told else None,
            (options or {}) if wanted.with_options and result == LookupResult.SUCCESS else None,
        )


_LACKING = {
    (True, False): LookupResult.SECRET_REQUIRED,
    (False, True): LookupResult.KEY_REQUIRED,
    (True, True): LookupResult.SECRET_AND_KEY_REQUIRED,
}
_RESULT_OF = {
    "secret_required": LookupResult.SECRET_REQUIRED,
    "client_key_required": LookupResult.KEY_REQUIRED,
    "client_key_refused": LookupResult.DECRYPTION_FAILED,
}
