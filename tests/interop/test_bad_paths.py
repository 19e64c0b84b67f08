"""SSU2 over a path that loses, delays and copies packets, and lets others overtake them: every
message arrives once, as it was sent; and a path that stops taking large packets takes small ones.

Two machines with IP packets between them that a relay handles so.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from core.io.loop import new_event_loop
from core.transport.events import MessagesReceived
from core.transport.stats import LinkStats
from tests.bench.transports import Router
from tests.support.lossy_relay import Internet
from tests.support.machine import slowdown
from tests.support.ssu2_nodes import Ssu2Node

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(200),
]

MESSAGES = 800
#: messages under way when a path changes
IN_FLIGHT_MAX = 100
#: while it is dialled, a link has room for 256 KiB
QUEUE_BYTES = 100_000
LIMIT_S = 40


class End(Router):
    """Keeps what arrives."""

    def __init__(self, kind: str, name: str, host: str) -> None:
        super().__init__(kind, name, host)
        self.messages: list[bytes] = []
        assert isinstance(self.node, Ssu2Node)
        self.stats: LinkStats = self.node.stats

    def _on_wakeup(self) -> None:
        links = self.node.links
        links.handle_timer(self.loop.time())
        while (event := links.next_event()) is not None:
            if isinstance(event, MessagesReceived):
                self.messages += event.messages


@pytest.fixture
def internet() -> Iterator[Internet]:
    with Internet(2) as internet:
        yield internet


def drawn(count: int) -> list[bytes]:
    """Messages that differ in size and content."""
    sizes = [random.choice((60, 300, 1037, 1037, 1037, 2600)) for _ in range(count)]
    return [
        b"\x12" + number.to_bytes(4, "big") + b"\x70\0\0\0" + os.urandom(size)
        for number, size in enumerate(sizes)
    ]


async def carry(
    internet: Internet, messages: list[bytes], half_way: Callable[[], None]
) -> tuple[float, LinkStats]:
    """Seconds until all have arrived, and what the end counts that sent them."""
    hosts = [machine.address for machine in internet.machines]
    alice, bob = End("ssu2", "alice", hosts[0]), End("ssu2", "bob", hosts[1])
    alice.knows(bob)
    bob.knows(alice)
    for end, machine in zip((alice, bob), internet.machines, strict=True):
        with machine.enter():
            await end.start()
    target, loop = bob.node.hash, alice.loop
    began = time.monotonic()
    limit_s = LIMIT_S * slowdown()
    left = list(messages)
    is_half = False
    stats = alice.stats
    # What was cut into large packets, and not wholly sent when the path stopped taking them, is
    # lost.
    while len(bob.messages) + stats.dropped_path < len(messages):
        assert time.monotonic() - began < limit_s, len(bob.messages)
        if left and alice.node.links.queued_bytes(target) < QUEUE_BYTES:
            alice.node.links.send(target, left[:50], loop.time())
            alice.driver.schedule()
            del left[:50]
        if not is_half and len(bob.messages) >= len(messages) // 2:
            is_half = True
            half_way()
        await asyncio.sleep(0.005)
    took_s = time.monotonic() - began
    for end in (alice, bob):
        await end.driver.stop(0.1)
    assert len(set(bob.messages)) == len(bob.messages), "each once"
    assert set(bob.messages) <= set(messages), "and nothing else"
    return took_s, stats


def run(internet: Internet, half_way: Callable[[], None] = lambda: None) -> LinkStats:
    messages = drawn(MESSAGES)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        took_s, stats = runner.run(carry(internet, messages, half_way))
    rate = sum(map(len, messages)) / took_s / 1e6
    print(f"{rate:.2f} MB/s, {stats.packets_resent} of {stats.packets_sent} packets sent again")
    return stats


def test_all_arrives_once_over_a_bad_path(internet: Internet) -> None:
    internet.set_path((0.1, 0.1), 0.05, late=0.1, twice=0.05)
    assert not run(internet).dropped_path


def test_a_path_that_stops_taking_large_packets(internet: Internet) -> None:
    internet.set_path((0.01, 0.01), 0.0)

    def narrow() -> None:
        internet.set_path((0.01, 0.01), 0.0, bytes_max=1300)

    stats = run(internet, narrow)
    assert stats.path_fallbacks
    assert stats.dropped_path <= IN_FLIGHT_MAX


def test_a_path_that_never_took_large_packets(internet: Internet) -> None:
    internet.set_path((0.01, 0.01), 0.0, bytes_max=1300)
    assert not run(internet).dropped_path
