"""Floods over links that are genuine: build requests, stores, lookups; and of handshakes.

They come from a thread with a loop of its own while the test does something else.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import DatabaseLookup, DatabaseStore
from core.transport.inbound import HANDSHAKES_PER_SECOND
from core.tunnel.requests import PER_SECOND as BUILDS_PER_SECOND
from tests.support.attacker import (
    ENTROPY,
    Caller,
    HostileRouter,
    Victim,
    build_request,
    router_info,
    short,
)

LINKS = 4
ADDRESSES = 8
TENFOLD = 10
_TICK_S = 0.02
_KEYS = 64

#: all links together
RATES = {
    "builds": TENFOLD * BUILDS_PER_SECOND * LINKS,
    "stores": 4000.0,
    "lookups": 8000.0,
    "handshakes": TENFOLD * HANDSHAKES_PER_SECOND * ADDRESSES,
}


@dataclass
class Flood:
    """One that is under way."""

    kind: str
    stopping: threading.Event
    sent: int = 0
    seconds: float = 0.0

    def stop(self) -> float:
        """End it; how many a second there were."""
        self.stopping.set()
        return self.sent / max(self.seconds, 1e-9)


def _makers(victim: Victim) -> dict[str, Callable[[], bytes]]:
    """Each message is another one: the same again would cost next to nothing."""
    keys = [PrivateKeys.generate_router(ENTROPY) for _ in range(_KEYS)]
    numbers = itertools.count()

    def store() -> bytes:
        number = next(numbers)
        # Each is newer than the one before of the same router.
        info = router_info(keys=keys[number % _KEYS], age_s=60 - number / 1000)
        return short(1, DatabaseStore.of_router_info(info).write())

    return {
        "builds": lambda: build_request(victim),
        "stores": store,
        "lookups": lambda: short(2, DatabaseLookup(os.urandom(32), os.urandom(32), 1, 7).write()),
    }


async def _send_messages(victim: Victim, flood: Flood) -> None:
    loop = asyncio.get_running_loop()
    make, rate = _makers(victim)[flood.kind], RATES[flood.kind]
    routers = [HostileRouter(victim) for _ in range(LINKS)]
    try:
        assert all(await asyncio.gather(*(router.connect() for router in routers)))
        began = loop.time()
        while not flood.stopping.is_set():
            due = int((loop.time() - began) * rate) - flood.sent
            for router in routers:
                if not router.is_connected:
                    await router.connect()
                messages = [make() for _ in range(due // LINKS)]
                router.send(messages)
                flood.sent += len(messages)
            flood.seconds = loop.time() - began
            await asyncio.sleep(_TICK_S)
    finally:
        for router in routers:
            await router.stop()


async def _begin_handshakes(victim: Victim, flood: Flood) -> None:
    """Genuine first messages, and nothing after them."""
    loop = asyncio.get_running_loop()
    caller = Caller(victim.endpoint)
    running: set[asyncio.Task[bytes]] = set()
    began = loop.time()
    while not flood.stopping.is_set():
        due = int((loop.time() - began) * RATES["handshakes"]) - flood.sent
        for _ in range(due):
            source = f"127.68.{flood.sent % ADDRESSES}.1"
            task = asyncio.create_task(caller.say(victim.request(), source=source, wait_s=0.1))
            running.add(task)
            task.add_done_callback(running.discard)
            flood.sent += 1
        flood.seconds = loop.time() - began
        await asyncio.sleep(_TICK_S)
    await asyncio.gather(*running, return_exceptions=True)


@contextlib.contextmanager
def flooding_messages(kind: str, router_info: bytes, core: int | None) -> Iterator[Flood]:
    """Flood a router by :data:`RATES` until the block is left, from this core if there is one."""
    victim = Victim(RouterInfo.parse(router_info))
    flood = Flood(kind, threading.Event())
    failed: list[BaseException] = []
    send = _begin_handshakes if kind == "handshakes" else _send_messages

    def run() -> None:
        if core is not None:
            os.sched_setaffinity(threading.get_native_id(), {core})
        try:
            asyncio.run(send(victim, flood))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield flood
    finally:
        flood.stop()
        thread.join()
    assert not failed, failed
