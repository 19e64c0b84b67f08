"""Several I2P addresses of one tunnel, so that what belongs apart leaves from different ones.

Each identity is a client session of its own with its own router tunnels, made for a key (a user, a
site) and given up when nothing has used it for a while. Some are kept ready in advance: a session
needs seconds for its tunnels. With as many in use as allowed nobody is let in under the address of
somebody else: that would undo what this is for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.base.errors import I2PError, Retry, Unavailable
from i2ptunnel.relay.channel import Channel, I2pSession, WrappedChannel
from i2ptunnel.tunnels.base import SessionRequest, end_task

#: how long an identity stays after its last use
IDLE_S = 600.0
_TIDY_EVERY_S = 30.0
_RETRY_S = 5.0


class Identity:
    """One address; ``users`` are the channels that are open or being opened on it."""

    def __init__(self, session: I2pSession, now: float) -> None:
        self.session = session
        self.users = 0
        self.used_at = now


class HeldChannel(WrappedChannel):
    """A channel that counts as a use of its identity until it is closed, reset or parked."""

    __slots__ = ("_identity", "_is_ended", "_is_parked", "_now")

    def __init__(self, inner: Channel, identity: Identity, now: Callable[[], float]) -> None:
        super().__init__(inner)
        self._identity = identity
        self._now = now
        self._is_parked = False
        self._is_ended = False

    def park(self) -> None:
        """It is kept for later, which does not keep its identity from being given up."""
        if not self._is_parked and not self._is_ended:
            self._is_parked = True
            self._let_go()

    def unpark(self) -> None:
        """It is in use again."""
        if self._is_parked:
            self._is_parked = False
            self._identity.users += 1

    async def close(self) -> None:
        """Ends the use before the stream has closed."""
        self._end()
        await super().close()

    def reset(self) -> None:
        """Ends the use."""
        self._end()
        super().reset()

    def _end(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            if not self._is_parked:
                self._let_go()

    def _let_go(self) -> None:
        self._identity.users -= 1
        self._identity.used_at = self._now()


class Identities:
    """The identities of one tunnel, by key."""

    def __init__(
        self,
        request: SessionRequest,
        open_session: Callable[[SessionRequest], Awaitable[I2pSession]],
        release_session: Callable[[I2pSession], Awaitable[None]],
        *,
        identities_max: int,
        spares: int,
    ) -> None:
        self._request = request
        self._open_session = open_session
        self._release_session = release_session
        self._max = identities_max
        self._spares_wanted = spares
        self._by_key: dict[str, Identity] = {}
        self._spares: deque[I2pSession] = deque()
        self._number = 0
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def spares(self) -> int:
        """Sessions that wait for their first use."""
        return len(self._spares)

    def start(self) -> None:
        """Begin to keep spares."""
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Close all sessions."""
        keeping, self._keeping = self._keeping, None
        await end_task(keeping)
        sessions = [identity.session for identity in self._by_key.values()]
        sessions += self._spares
        self._by_key.clear()
        self._spares.clear()
        for session in sessions:
            await self._release_session(session)

    async def obtain(self, key: str) -> Identity:
        """The identity of ``key``; raises ``too_many_identities`` and what opening raises.

        Its session may not be ready yet. It counts as used until :meth:`release`, or until the
        channel of :meth:`hold` ends.
        """
        async with self._lock:
            identity = self._by_key.get(key)
            if identity is None:
                await self._make_room()
                session = self._spares.popleft() if self._spares else await self._open()
                identity = self._by_key[key] = Identity(session, self._now())
                self._wake.set()
            identity.users += 1
            identity.used_at = self._now()
            return identity

    def release(self, identity: Identity) -> None:
        """Nothing came of it."""
        identity.users -= 1
        identity.used_at = self._now()

    def hold(self, identity: Identity, channel: Channel) -> HeldChannel:
        """The channel, as a use of its identity."""
        return HeldChannel(channel, identity, self._now)

    async def forget(self, identity: Identity) -> None:
        """Its session has ended: the next use gets another one."""
        for key, one in list(self._by_key.items()):
            if one is identity:
                del self._by_key[key]
                await self._release_session(identity.session)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _open(self) -> I2pSession:
        self._number += 1
        name = f"{self._request.name} {self._number}"
        return await self._open_session(replace(self._request, name=name))

    async def _make_room(self) -> None:
        if len(self._by_key) < self._max:
            return
        idle = [(one.used_at, key) for key, one in self._by_key.items() if not one.users]
        if not idle:
            raise Unavailable(
                "all I2P addresses of this proxy are in use", "too_many_identities", Retry.AFTER
            )
        await self._end(min(idle)[1])

    async def _end(self, key: str) -> None:
        await self._release_session(self._by_key.pop(key).session)

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            async with self._lock:
                before = self._now() - IDLE_S
                for key, identity in list(self._by_key.items()):
                    if not identity.users and identity.used_at < before:
                        await self._end(key)
            wait_s = _TIDY_EVERY_S
            if len(self._spares) < self._spares_wanted:
                try:
                    self._spares.append(await self._open())
                    continue
                except (I2PError, OSError):
                    wait_s = _RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
