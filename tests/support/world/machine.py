"""A machine with a router on it: its clocks, its disk, its life, and when it gets a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.client.config import LastingKeys, SessionConfig
from core.client.session import ClientEngine
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.router.config import RouterConfig
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.router.observer import Nobody, Observer
from core.router.transports import configured
from core.transport.ssu2.framing import SocketAddress
from core.tunnel.shape import TunnelShape
from tests.support.world.liars import Lie
from tests.support.world.schedule import START_S, Dice

if TYPE_CHECKING:
    from core.transport.ntcp2.endpoint import Ntcp2Endpoint
    from tests.support.world.nat import NatBox
    from tests.support.world.udp import Address, UdpSocket
    from tests.support.world.world import World

NETWORK_ID = 77
PORT = 4567
SIGNING_TYPE = 7
#: The state that a crash leaves is at most so old (core/io/router.py saves every 5 s).
SAVE_EVERY_S = 5.0
#: core/io/router.py waits so long for what is said at the end to leave
GOODBYE_S = 0.6


class Wall:
    """The true time plus what this machine's clock is wrong by."""

    def __init__(self, world: World, error_s: float, drift: float) -> None:
        self.error_s = error_s
        """Change it, and the clock jumps."""
        self.drift = drift
        """Seconds that it gains in each second."""
        self.correction_s = 0.0
        """What its router adds to it."""
        self._world = world

    def now(self) -> float:
        """Unix time in seconds."""
        world = self._world
        system = world.true_time + self.error_s + self.drift * (world.now - START_S)
        return system + self.correction_s


class Application(Protocol):
    """Who uses a client session."""

    def on_event(self, event: object, now: float) -> None:
        """Something of the session (core.client.events); what is done in answer is sent at once."""


@dataclass(slots=True)
class Opening:
    """A session that is opened again whenever the router starts."""

    config: SessionConfig
    keys: PrivateKeys
    application: Application
    engine: ClientEngine | None = None


@dataclass(slots=True)
class Disk:
    """What outlives the process."""

    keys: bytes = b""
    routers: dict[bytes, bytes] = field(default_factory=dict)
    proven: dict[bytes, None] = field(default_factory=dict)

    def save(self, engine: RouterEngine) -> None:
        """What the netDb has learned since the last time."""
        has_more = True
        while has_more:
            changes = engine.netdb.take_changes()
            self.routers.update((info.hash, info.raw) for info in changes.stored)
            self.proven.update(dict.fromkeys(changes.proven))
            for removed in changes.removed:
                self.routers.pop(removed, None)
                self.proven.pop(removed, None)
            has_more = changes.has_more


class Machine:
    """See the module. Made by :meth:`World.add`; ``config`` holds what differs from the usual.

    ``host``: its address, and with ``also_at`` one of the other family.
    ``has_udp``: it has SSU2, too. ``box``: the translator it is behind; then ``host`` is the one
    of the outermost box, from which its connections seem to come, and nothing is published.
    ``keys``: who it is, if that matters.
    """

    def __init__(
        self,
        world: World,
        number: int,
        host: str,
        *,
        error_s: float = 0.0,
        drift: float = 0.0,
        lies: Sequence[Lie] = (),
        also_at: str | None = None,
        has_udp: bool = False,
        box: NatBox | None = None,
        keys: RouterKeys | None = None,
        **config: Any,
    ) -> None:
        self.world = world
        self.number = number
        self.host = host
        self.hosts = (host,) if also_at is None else (host, also_at)
        self.wall = Wall(world, error_s, drift)
        self.entropy = Dice(world.seed, "machine", number)
        self.disk = Disk()
        self.lies = lies
        self.engine: RouterEngine
        self.is_running = False
        self.is_asleep = False
        self.has_left = False
        self.starts = 0
        self.turns = 0
        self.uncounted_s = 0.0
        """Sleep that its monotonic clock did not count."""
        self._slept_at = 0.0
        self._openings: list[Opening] = []
        self._save_at = 0.0
        self._wake_tick = -1
        self._observer: Observer = Nobody()
        self.has_udp = has_udp or box is not None
        self.box = box
        self.udp: UdpSocket
        if self.has_udp:
            self.attach(box)
        config.setdefault("published", None if box is not None else self.hosts)
        config["host"] = config.pop("published")
        config.setdefault("network_id", NETWORK_ID)
        config.setdefault("exploratory_inbound", TunnelShape(2, 2))
        config.setdefault("exploratory_outbound", TunnelShape(2, 2))
        self.config = RouterConfig(data_dir=Path("/nonexistent"), **config)
        self.disk.keys = (keys or RouterKeys.generate(self.entropy)).write()
        self._boot()

    def __repr__(self) -> str:
        return f"Machine({self.number}, {self.host})"

    # Clocks

    @property
    def now(self) -> float:
        """Its monotonic clock."""
        return (self._slept_at if self.is_asleep else self.world.now) - self.uncounted_s

    @property
    def skew_s(self) -> float:
        """What its status says: the clocks of others minus its own."""
        return self.engine.clock.skew_s(self.now, self.engine.netdb.dated_ahead_s)

    @property
    def age_s(self) -> float:
        """How old its RouterInfo is, by the true time."""
        return self.world.true_time - self.engine.router_info.published_ms / 1000

    # What others ask

    @property
    def ntcp2(self) -> Ntcp2Endpoint | None:
        """None while no router runs here."""
        return self.engine.ntcp2 if self.is_running else None

    @property
    def info(self) -> RouterInfo:
        """What it publishes at present."""
        return self.engine.router_info

    @property
    def hash(self) -> bytes:
        """Its router hash."""
        return self.engine.keys.hash

    @property
    def is_up(self) -> bool:
        """Whether its router can do anything."""
        return self.is_running and not self.is_asleep

    def observe(self, observer: Observer) -> None:
        """Tell it what happens in the router, whenever that starts."""
        self._observer = self.engine.observer = observer

    # Life

    def _boot(self) -> None:
        """A new process: an engine with nothing but what the disk has."""
        self.wall.correction_s = 0.0
        keys = RouterKeys.parse(self.disk.keys)
        self.engine = RouterEngine(
            self.config,
            keys,
            PORT,
            self.wall,
            self.entropy,
            self.now,
            make_endpoints=configured(self.config, keys, PORT) if self.has_udp else None,
        )
        self.engine.observer = self._observer
        infos = [RouterInfo.parse(raw) for raw in self.disk.routers.values()]
        self.engine.load_routers(infos, self.disk.proven.keys())
        for lie in self.lies:
            lie(self.engine, self.entropy)

    def start(self) -> None:
        """Begin to build tunnels and to publish; sessions are opened anew."""
        if self.starts:
            self._boot()
        self.starts += 1
        self.is_running = True
        self.world.ways.set_silent(self.host, False)
        self._begin()
        for opening in self._openings:
            self._open(opening)
        self.touch()

    def _begin(self) -> None:
        self.engine.start(self.now)

    def stop(self) -> None:
        """End in order: peers are told, everything learned is kept."""
        engine = self.engine
        engine.stop_transit()
        engine.links.shutdown(self.now)
        engine.run(self.now)
        self._flush(self.now)
        self._end(is_silent=False)

    def crash(self, *, is_silent: bool = False) -> None:
        """The process is killed; ``is_silent``: the machine lost its power, and nobody is told."""
        self._end(is_silent=is_silent)

    def leave(self) -> None:
        """Stop for good."""
        self.stop()
        self.has_left = True

    def _end(self, *, is_silent: bool) -> None:
        if not is_silent:
            self.disk.save(self.engine)
        self.is_running = False
        if is_silent:
            self.world.ways.set_silent(self.host, True)
        self.world.tcp.drop_host(self.host, is_silent=is_silent)
        for opening in self._openings:
            opening.engine = None

    def fall_asleep(self) -> None:
        """Nothing runs any more, and nobody hears of it."""
        self._slept_at = self.world.now
        self.is_asleep = True
        self.world.ways.set_silent(self.host, True)

    def wake_up(self, *, is_counted: bool = True) -> None:
        """``is_counted``: its monotonic clock counted meanwhile, as CLOCK_BOOTTIME does."""
        self.is_asleep = False
        if not is_counted:
            self.uncounted_s += self.world.now - self._slept_at
        self.world.ways.set_silent(self.host, False)
        self.touch()

    # Sessions

    def open(
        self,
        config: SessionConfig,
        application: Application,
        keys: PrivateKeys | None = None,
    ) -> Opening:
        """A destination of this machine, opened again after each start."""
        if keys is None:
            keys = PrivateKeys.generate_destination(self.entropy, SIGNING_TYPE)
        opening = Opening(config, keys, application)
        self._openings.append(opening)
        if self.is_running:
            self._open(opening)
            self.touch()
        return opening

    def _open(self, opening: Opening) -> None:
        opening.engine = self.engine.open_client(opening.config, opening.keys, self.now)

    def lasting_keys(self) -> LastingKeys:
        """For destinations that outlive the process."""
        return LastingKeys.generate(self.entropy)

    # Datagrams

    def attach(self, box: NatBox | None) -> None:
        """Have a socket, behind a translator or with the address of its own."""
        world = self.world
        self.box = box
        if box is None:
            self.udp = world.udp.host(self.host).bind(PORT)
        else:
            self.udp = box.bind(f"192.168.0.{self.number}", PORT)
        socket = self.udp
        socket.on_datagram = lambda data, source: self._on_datagram(socket, data, source)

    def move(self, box: NatBox) -> None:
        """Go behind another translator, with another address outside."""
        self.world.tcp.move_host(self)
        self.host = box.host
        self.hosts = (box.host,)
        self.attach(box)

    def _on_datagram(self, socket: UdpSocket, data: bytes, source: Address) -> None:
        if socket is self.udp and self.is_up and self.engine.ssu2 is not None:
            self.engine.ssu2.receive(data, SocketAddress(*source), self.now)
            self.touch()

    def _send_datagrams(self, now: float) -> None:
        ssu2 = self.engine.ssu2
        while ssu2 is not None and (output := ssu2.take_output(now)):
            for data, target in output:
                self.udp.send(data, target)

    # Turns

    def touch(self) -> None:
        """Give the router a turn at this moment."""
        self.world.touched[self] = None

    def turn(self) -> None:
        """What core/io/router.py does when sockets or the clock say so."""
        if not self.is_up:
            return
        self.turns += 1
        engine, now = self.engine, self.now
        for endpoint in engine.endpoints:
            endpoint.handle_timer(now)
        engine.run(now)
        while self._tell_applications(now):
            engine.run(now)
        self._flush(now)
        if now >= self._save_at:
            self._save_at = now + SAVE_EVERY_S
            self.disk.save(engine)
        self._schedule()

    def _flush(self, now: float) -> None:
        if self.engine.ntcp2 is not None:
            self.world.tcp.serve(self, self.engine.ntcp2)
        self._send_datagrams(now)

    def _tell_applications(self, now: float) -> bool:
        is_busy = False
        for opening in self._openings:
            client = opening.engine
            while client is not None and (event := client.next_event()) is not None:
                is_busy = True
                opening.application.on_event(event, now)
        return is_busy

    def _next_timer(self) -> float:
        return self.engine.next_timer()

    def _schedule(self) -> None:
        schedule = self.world.schedule
        due = self._next_timer()
        for endpoint in self.engine.endpoints:
            of_sockets = endpoint.next_timer()
            if of_sockets is not None and of_sockets < due:
                due = of_sockets
        tick = max(schedule.tick + 1, schedule.tick_of(due + self.uncounted_s))
        if tick == self._wake_tick and tick > schedule.tick:
            return
        self._wake_tick = tick

        def wake() -> None:
            if self._wake_tick == tick:
                self.touch()

        schedule.at_tick(tick, wake)
