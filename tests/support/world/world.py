"""Whole routers joined in virtual time. One seed decides everything; it is printed on failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.world.machine import Machine
from tests.support.world.models import LinkModel, Ways
from tests.support.world.schedule import START_S, Dice, Schedule
from tests.support.world.tcp import TcpHost, TcpNet
from tests.support.world.udp import UdpNet

ROUNDS_MAX = 50
"""Turns of one machine within one tick: more means that it never rests."""
STEP_S = 0.05


class World:
    """See the module. ``seed`` may be any value with a stable text."""

    def __init__(
        self,
        seed: object = 0,
        *,
        ways: LinkModel | None = None,
        start: float = 1_800_000_000.0,
    ) -> None:
        """``ways``: between all hosts without a rule of their own. ``start``: the true time."""
        self.seed = seed
        self.schedule = Schedule()
        self.dice = Dice(seed, "world")
        self.ways = Ways(ways or LinkModel())
        self.tcp = TcpNet(self.schedule, self.ways, Dice(seed, "tcp"), self._on_delivery)
        self.udp = UdpNet(self.schedule, self.ways, Dice(seed, "udp"))
        self.machines: list[Machine] = []
        self.touched: dict[Machine, None] = {}
        self._start = start
        self._trace = hashlib.sha256()

    # Time

    @property
    def now(self) -> float:
        """Virtual time, monotonic seconds."""
        return self.schedule.now

    @property
    def true_time(self) -> float:
        """What clocks that are right say: Unix time in seconds."""
        return self._start + self.schedule.now - START_S

    # Who is there

    def add(
        self, *, host: str | None = None, kind: type[Machine] = Machine, **more: Any
    ) -> Machine:
        """One more machine, not yet started; see :class:`Machine` for ``more``.

        Every machine has an address in a subnet of its own, as if it were anywhere.
        """
        number = len(self.machines) + 1
        if host is None:
            host = f"{20 + number // 200}.{number % 200}.{7 * number % 250}.1"
        machine = kind(self, number, host, **more)
        self.machines.append(machine)
        if machine.box is None:
            self.tcp.add(machine)
        return machine

    def introduce(
        self, newcomers: Iterable[Machine] | None = None, known: int | None = None
    ) -> None:
        """Newcomers (all, by default) learn of others, or of ``known`` random ones; they start."""
        newcomers = list(self.machines if newcomers is None else newcomers)
        for machine in newcomers:
            infos = [one.info for one in self.machines if one is not machine and not one.has_left]
            while known is not None and len(infos) > known:
                infos[self.dice.randbelow(len(infos))] = infos[-1]
                infos.pop()
            machine.engine.netdb.import_routers(infos)
        for machine in newcomers:
            machine.start()

    # Letting time pass

    def run(self, seconds: float) -> None:
        """Let time pass."""
        schedule = self.schedule
        end = schedule.tick_of(schedule.now + seconds)
        self._serve()
        while (tick := schedule.next_tick()) is not None and tick <= end:
            schedule.tick = tick
            self._serve()
        schedule.tick = end

    def run_until(self, done: Callable[[], object], limit_s: float) -> float:
        """Seconds that it took; AssertionError after ``limit_s``."""
        began = self.now
        while not done():
            assert self.now - began < limit_s, f"it did not happen (seed {self.seed!r})"
            self.run(STEP_S)
        return self.now - began

    def _serve(self) -> None:
        """All that is due at this tick, and the turns that come of it."""
        for _ in range(ROUNDS_MAX):
            self.schedule.run_due()
            if not self.touched:
                return
            touched, self.touched = self.touched, {}
            for machine in touched:
                machine.turn()
        raise AssertionError(f"a machine never rests: {list(self.touched)} (seed {self.seed!r})")

    def sleep(self, machine: Machine, seconds: float, *, is_counted: bool = True) -> None:
        """Suspend one machine for a while; the others go on."""
        machine.fall_asleep()
        self.run(seconds)
        machine.wake_up(is_counted=is_counted)

    # The trace

    def note(self, *what: object) -> None:
        """Add to the trace: two runs with the same hash did the same."""
        self._trace.update(f"{self.schedule.tick} {what}\n".encode())

    def _on_delivery(self, source: TcpHost, target: TcpHost, data: bytes) -> None:
        self._trace.update(f"{self.schedule.tick} {source.host} {target.host}\n".encode())
        self._trace.update(data)

    @property
    def trace_hash(self) -> str:
        """Over every byte that arrived, when and where."""
        return self._trace.hexdigest()


@contextmanager
def telling_seed(world: World) -> Iterator[World]:
    """Print what is needed to run a failure again."""
    try:
        yield world
    except BaseException:
        print(f"\nworld: seed {world.seed!r}, {world.now - START_S:.3f} s, {world.trace_hash}")
        raise
