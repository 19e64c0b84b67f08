"""Build messages keep the pauses that i2pd 2.59 asks for without saying so."""

from __future__ import annotations

from core.tunnel.pacing import PAUSE_S, RUN_MAX, WAITING_MAX, BuildPacer
from tests.tunnel.network import SeededEntropy

HERE, THERE = b"h" * 32, b"t" * 32


class Link:
    """i2pd's end of a link: takes six build messages until there was none for half a second."""

    def __init__(self) -> None:
        self.run = 0
        self.last_at = float("-inf")
        self.taken = 0
        self.dropped = 0

    def send(self, now: float) -> None:
        self.run = 1 if now >= self.last_at + 0.5 else self.run + 1
        self.last_at = now
        if self.run > 6:
            self.dropped += 1
        else:
            self.taken += 1


def run_until(pacer: BuildPacer, end: float) -> None:
    while (at := pacer.next_timer()) is not None and at <= end:
        pacer.handle_timer(at)


def test_a_few_at_a_time_are_not_held() -> None:
    pacer, link = BuildPacer(), Link()
    for start in (10.0, 10.6, 11.2):
        for _ in range(RUN_MAX):
            pacer.submit(HERE, link.send, start)
        assert pacer.next_timer() is None
    assert (link.taken, link.dropped) == (3 * RUN_MAX, 0)


def test_all_of_many_get_through() -> None:
    pacer, link = BuildPacer(), Link()
    for _ in range(40):
        pacer.submit(HERE, link.send, 10.0)
    run_until(pacer, 20.0)
    assert (link.taken, link.dropped) == (40, 0)
    assert link.last_at <= 10.0 + 6 * PAUSE_S + 0.001


def test_a_trickle_pauses_too() -> None:
    pacer, link, entropy = BuildPacer(), Link(), SeededEntropy("pacing")
    now = 10.0
    for _ in range(500):
        now += 0.05 + entropy.randbelow(100) / 1000
        run_until(pacer, now)
        pacer.submit(HERE, link.send, now)
    run_until(pacer, now + 60)
    assert (link.taken, link.dropped) == (500, 0)


def test_routers_do_not_wait_for_each_other() -> None:
    pacer, here, there = BuildPacer(), Link(), Link()
    for _ in range(RUN_MAX + 1):
        pacer.submit(HERE, here.send, 10.0)
    pacer.submit(THERE, there.send, 10.0)
    assert (here.taken, there.taken) == (RUN_MAX, 1)


def test_what_waits_is_bounded() -> None:
    pacer, link = BuildPacer(), Link()
    for _ in range(10 * WAITING_MAX):
        pacer.submit(HERE, link.send, 10.0)
    run_until(pacer, 60.0)
    assert link.taken == RUN_MAX + WAITING_MAX
    many = SeededEntropy("routers")
    for number in range(5000):
        pacer.submit(many.random_bytes(32), link.send, 100.0 + number * 0.01)
    assert len(pacer._runs) <= 1100
