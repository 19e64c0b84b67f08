"""Hostile input against the running program: it stays up, quiet, small, and serves its owner.

One of four routers of ours is the victim: floodfill, transit, proxies, an eepsite and a UDP server.
After every attack the process is the same, its log has no traceback and few new lines, its memory
is about what it was, and a page loads about as fast as before.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.api import Router, RouterConfig, SessionConfig, TunnelShape
from core.crypto.x25519 import X25519Key
from core.data.payload import wrap
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.garlic.router import seal_to_router
from core.i2np.database import DatabaseLookup, DatabaseStore
from core.io.system import SystemWallClock
from core.router.ports import local_clove
from core.streaming import packet as p
from core.streaming.packet import build_packet
from core.transport.ntcp2 import blocks
from i2ptunnel.control import ask
from tests.fuzz.mutate import Mutator
from tests.fuzz.table import TARGETS
from tests.i2np.wires import WIRES
from tests.interop.conftest import own_tunnels, site_name
from tests.support import curl
from tests.support.appliance import Appliance
from tests.support.attacker import (
    ENTROPY,
    Caller,
    HostileRouter,
    Victim,
    build_request,
    fresh_address,
    router_info,
    short,
    with_routers,
)
from tests.support.machine import slowdown
from tests.support.origin import Origin

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(240)]

LOG_LINES_MAX = 20
GROWTH_MB_MAX = 15.0
#: eepsites nobody has visited yet
FRESH = 4
ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}


@dataclass
class Scene:
    """The network, and what was normal before the first attack."""

    routers: list[Appliance]
    victim_program: Appliance
    victim: Victim
    page: str
    baseline_s: float = 0.0
    fresh_baseline_s: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def proxy(self) -> str:
        return f"http://{self.victim_program.address}:4444"

    def load(self, timeout_s: float = 30) -> curl.Fetched:
        return curl.fetch(self.page, proxy=self.proxy, timeout_s=timeout_s)

    def visit_fresh(self, number: int) -> float:
        """Load a page of a destination the victim has to look up; the seconds it took."""
        page = f"http://{site_name(self.routers[3], f'fresh{number}.dat')}/"
        got = curl.fetch(page, proxy=self.proxy, timeout_s=60)
        print(f"a page nobody visited yet: {got.status} after {got.seconds:.2f} s")
        assert got.status == 200, got
        return got.seconds

    def received_bytes(self) -> int:
        """What came in over all links of the victim so far."""
        status = ask(self.victim_program.data_dir / "control.sock", "status")
        return int(status["router"]["bytes_received"])

    def endure(
        self,
        name: str,
        attack: Callable[[], Awaitable[None]],
        *,
        is_loading: bool = False,
        bytes_min: int = 0,
    ) -> None:
        """Run an attack and check what it did.

        ``is_loading``: fetch a page during it too. ``bytes_min``: what must have reached the
        victim's links, else the attack proves nothing.
        """
        program = self.victim_program
        assert program.process is not None
        log_before, memory_before = len(program.log), program.memory_mb()
        cpu_before = program.cpu_seconds()
        received_before = self.received_bytes()
        during: list[tuple[curl.Fetched, float]] = []

        async def run() -> None:
            async def load() -> None:
                await asyncio.sleep(0.5)
                got = await asyncio.to_thread(self.load)
                during.append((got, await asyncio.to_thread(slowdown)))

            async with asyncio.TaskGroup() as group:
                if is_loading:
                    group.create_task(load())
                async with asyncio.timeout(120):
                    await attack()

        asyncio.run(run())
        received = self.received_bytes() - received_before
        got = self.load()
        lines = program.log[log_before:].strip().splitlines()
        growth = program.memory_mb() - memory_before
        seen = (
            f"{name}: {received / 1000:.0f} KB in, {growth:+.1f} MB, {len(lines)} log lines, "
            f"{program.cpu_seconds() - cpu_before:.1f} s CPU, page {got.seconds:.2f} s"
        )
        if during:
            seen += f", during it {during[0][0].seconds:.2f} s"
        self.told.append(seen)
        print(seen)
        assert program.process.poll() is None, program.log[-3000:]
        assert "Traceback" not in program.log, program.log[-3000:]
        assert "internal error" not in program.log, program.log[-3000:]
        assert received >= bytes_min, seen
        assert len(lines) <= LOG_LINES_MAX, "\n".join(lines[:40])
        assert growth < GROWTH_MB_MAX, seen
        for fetched, busy in ((got, slowdown()), *during):
            assert fetched.status == 200, (seen, fetched)
            assert fetched.seconds <= (2 * self.baseline_s + 1.0) * busy, (seen, busy)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root: Path = tmp_path_factory.mktemp("junk")
    with Origin() as origin:
        routers = []
        for index in range(4):
            address = f"127.{111 + index}.0.1"
            tunnels = own_tunnels(address, origin.port) if index > 1 else {}
            for tunnel in tunnels.values():
                tunnel |= ONE_HOP
            if index == 3:
                for number in range(FRESH):
                    tunnels[f"fresh{number}"] = {**tunnels["site"], "keys": f"fresh{number}.dat"}
            if index == 2:
                tunnels["udp"] = {
                    "type": "udpserver",
                    "target": f"127.0.0.1:{origin.port}",
                    "keys": "udp.dat",
                    **ONE_HOP,
                }
            routers.append(
                Appliance(
                    root / f"r{index}",
                    address,
                    20111 + index,
                    tunnels,
                    floodfill=index < 3,
                    transit={"enabled": index < 3},
                    exploratory=ONE_HOP,
                )
            )
        try:
            infos = [router.write_router_info_once() for router in routers]
            for router in routers:
                router.import_router_infos(infos)
                router.start()
            routers[2].wait_ready("web", "socks", "site", "udp")
            routers[3].wait_ready("site", *(f"fresh{number}" for number in range(FRESH)))
            page = f"http://{site_name(routers[3])}/bytes/20000"
            proxy = f"http://{routers[2].address}:4444"
            assert curl.fetch_with_retry(page, proxy=proxy).status == 200
            made = Scene(
                routers, routers[2], Victim(RouterInfo.parse(routers[2].router_info)), page
            )
            made.fresh_baseline_s = made.visit_fresh(0)
            made.baseline_s = statistics.median(made.load().seconds for _ in range(3))
            yield made
        finally:
            for router in routers:
                router.stop(kill=True)


def junk(name: str, count: int) -> list[bytes]:
    """Inputs of the fuzz table for one of its parsers."""
    target = next(target for target in TARGETS if target.name == name)
    return mutated(name, target.seeds, count)


def mutated(name: str, seeds: Sequence[bytes], count: int) -> list[bytes]:
    """The seeds, and inputs made from them."""
    mutator = Mutator(name, seeds)
    return [*seeds, *(mutator.next() for _ in range(count))]


# The NTCP2 port


def test_random_bytes_at_the_router_port(scene: Scene) -> None:
    rng = random.Random(1)
    inputs = [(rng.randbytes(rng.choice((1, 63, 64, 65, 300, 70_000))),) for _ in range(300)]
    caller = Caller(scene.victim.endpoint)
    scene.endure("random bytes", lambda: caller.say_all(inputs), bytes_min=100_000)
    assert caller.answered == 0


def test_wrong_first_messages(scene: Scene) -> None:
    victim = scene.victim
    replayed = victim.request()
    bad = [
        *(victim.request(network_id=number) for number in (1, 2, 3, 255) * 5),
        *(victim.request(version=number) for number in (0, 1, 3)),
        *(victim.request(announced=number) for number in (1025, 65535)),
        *(victim.request(part2=number) for number in (0, 16, 6001, 65535)),
        *(victim.request(padding=40) + b"more" for _ in range(10)),
        *(replayed[:63] + bytes((replayed[63] ^ 1,)) for _ in range(10)),
    ]
    caller, genuine = Caller(victim.endpoint), Caller(victim.endpoint)

    async def attack() -> None:
        await genuine.say_all([(replayed,)])
        await caller.say_all([(message,) for message in bad] + [(replayed,)] * 30)
        # Skewed routers are answered, so that they learn the time.
        await genuine.say_all([(victim.request(clock_error_s=error),) for error in (-3600, 3600)])

    scene.endure("wrong first messages", attack)
    assert (genuine.answered, caller.answered) == (3, 0)


def test_half_open_connections_and_connection_floods(scene: Scene) -> None:
    caller = Caller(scene.victim.endpoint)
    request = scene.victim.request()
    left = 0

    async def attack() -> None:
        nonlocal left

        async def guests() -> None:
            await asyncio.sleep(1.0)
            await with_routers(scene.victim, 3, lambda _: asyncio.sleep(0))

        async with asyncio.TaskGroup() as group:
            group.create_task(guests())
            left = await caller.hold(500, (b"", request[:10], request[:63], request), 3.0)
        await caller.say_all([(b"",)] * 1000, at_once=100, wait_s=0.01)
        source = fresh_address()
        await caller.say_all([(b"x",)] * 300, at_once=100, wait_s=0.01, source=source)

    scene.endure("half-open and flood", attack, is_loading=True)
    assert left <= 300


def _forge(router: HostileRouter) -> None:
    raw = router.node.router_info.raw
    router.node.router_info = RouterInfo.parse(raw[:-1] + bytes((raw[-1] ^ 1,)))


def _foreign_key(router: HostileRouter) -> None:
    router.node.published_key = X25519Key.generate(ENTROPY).public
    router.node.publish()


def _other_network(router: HostileRouter) -> None:
    router.node.published_network_id = 2
    router.node.publish()


def test_routers_that_are_not_what_they_claim(scene: Scene) -> None:
    changes: list[Callable[[HostileRouter], object]] = [
        lambda router: router.node.publish(age_s=91 * 60),
        lambda router: router.node.publish(age_s=40 * 24 * 3600),
        lambda router: router.node.publish(age_s=-10 * 60),
        _forge,
        _foreign_key,
        _other_network,
    ]
    admitted: list[bool] = []

    async def attack() -> None:
        routers = [HostileRouter(scene.victim) for _ in range(30)]
        for index, router in enumerate(routers):
            changes[index % len(changes)](router)
        admitted.extend(await asyncio.gather(*(router.connect(1.0) for router in routers)))
        for router in routers:
            await router.stop()

    scene.endure("false routers", attack)
    assert not any(admitted)


def test_junk_in_the_data_phase(scene: Scene) -> None:
    frames = junk("ntcp2 blocks", 300)
    big = [
        blocks.write_block(254, bytes(65000)),
        blocks.write_block(2, bytes(65000)),
        blocks.write_block(3, bytes(8)),
        b"",
    ]
    lies = [
        router_info(age_s=age_s, network_id=network_id).raw
        for age_s in (0, 50 * 3600, -3600)
        for network_id in (77, 2)
    ]

    async def attack() -> None:
        async def frames_of(routers: list[HostileRouter]) -> None:
            for index, frame in enumerate([*big * 5, *frames]):
                routers[index % len(routers)].frame(frame[:65519])
                await asyncio.sleep(0.002)
            for router in routers:
                for raw in lies * 20:
                    router.frame(blocks.write_router_info(raw, flood=True))
            await asyncio.sleep(0.3)

        async def forged(routers: list[HostileRouter]) -> None:
            for index, router in enumerate(routers):
                if index % 3 == 0:
                    router.raw(lambda sealer: os.urandom(70_000))
                elif index % 3 == 1:
                    router.raw(lambda sealer: sealer.seal(b"")[:-1] + b"\0" + os.urandom(3000))
                else:
                    router.raw(lambda sealer: sealer.seal(bytes(60_000))[:30_000])
            await asyncio.sleep(0.5)

        await with_routers(scene.victim, 20, frames_of)
        await with_routers(scene.victim, 9, forged)

    scene.endure("junk frames", attack, bytes_min=500_000)


def test_junk_messages_of_every_type(scene: Scene) -> None:
    messages = [
        short(kind, body[:60_000])
        for kind in (*WIRES, 0, 4, 27, 255)
        for body in mutated(f"i2np {kind}", WIRES.get(kind, (b"",)), 80)
    ]
    messages += [short(1, body[:60_000]) for body in junk("stored entries", 200)]
    messages += [short(1, bytes(32) + b"\0" + bytes(4) + b"\xff\xff")] * 10
    key = scene.victim.info.encryption_key
    assert key is not None
    wall = SystemWallClock()
    for kind, bodies in WIRES.items():
        for body in mutated(f"i2np {kind}", bodies, 10):
            clove = local_clove(kind, 1, int(wall.now()) + 10, body[:1500])
            data = seal_to_router(key, [clove], ENTROPY, wall)
            messages.append(short(11, len(data).to_bytes(4, "big") + data))
    random.Random(2).shuffle(messages)

    async def attack() -> None:
        await with_routers(
            scene.victim,
            2,
            lambda routers: routers[0].flood(messages, 1000),  # type: ignore[arg-type,return-value]
        )

    scene.endure("junk messages", attack, bytes_min=sum(map(len, messages)))


# Floods over a link


def _flood(
    scene: Scene, name: str, messages: list[bytes], per_second: float, senders: int = 2
) -> None:
    async def attack() -> None:
        async def run(routers: list[HostileRouter]) -> None:
            share = len(messages) // len(routers)
            await asyncio.gather(
                *(
                    router.flood(messages[share * i : share * (i + 1)], per_second / len(routers))
                    for i, router in enumerate(routers)
                )
            )

        await with_routers(scene.victim, senders, run)

    size = sum(map(len, messages))
    scene.endure(name, attack, is_loading=True, bytes_min=size)


def test_build_request_flood(scene: Scene) -> None:
    hops = [router.router_info for router in scene.routers[:2]]
    known = [RouterInfo.parse(raw).hash for raw in hops]
    requests = [
        build_request(scene.victim, next_hash=known[index % 2] if index % 4 else os.urandom(32))
        for index in range(1500)
    ]
    _flood(scene, "500 build requests a second", requests, 500)


def test_lookup_flood(scene: Scene) -> None:
    asked = [os.urandom(32) for _ in range(3000)] + [scene.victim.hash] * 3000
    lookups = [
        short(2, DatabaseLookup(key, os.urandom(32), 1 + index % 3, 7).write())
        for index, key in enumerate(asked)
    ]
    _flood(scene, "2,000 lookups a second", lookups, 2000)


def test_store_flood(scene: Scene) -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"age_s": 50 * 3600.0},
        {"age_s": -3600.0},
        {"network_id": 2},
        {"caps": "XfR"},
    ]
    infos = [router_info(**kinds[index % len(kinds)]) for index in range(1500)]
    infos += [RouterInfo.parse(info.raw[:-1] + bytes((info.raw[-1] ^ 1,))) for info in infos[:300]]
    stores = [short(1, DatabaseStore.of_router_info(info).write()) for info in infos]
    again = [
        short(1, DatabaseStore(os.urandom(32), 3, os.urandom(500), 5, 0, os.urandom(32)).write())
        for _ in range(1200)
    ]
    random.Random(3).shuffle(stores)
    _flood(scene, "1,000 false stores a second", stores + again, 1000, senders=12)
    # Hundreds of invented floodfills are known now: what is published is found all the same.
    for number in (1, 2):
        assert scene.visit_fresh(number) <= (2 * scene.fresh_baseline_s + 2.0) * slowdown()


# What the local network can reach


def test_junk_at_the_http_proxy(scene: Scene) -> None:
    caller = Caller((scene.victim_program.address, 4444))
    inputs = [
        (data[: len(data) // 2], data[len(data) // 2 :]) for data in junk("http requests", 400)
    ]
    scene.endure("junk at the HTTP proxy", lambda: caller.say_all(inputs, wait_s=0.1))


def test_junk_at_the_socks_proxy(scene: Scene) -> None:
    caller = Caller((scene.victim_program.address, 4447))
    inputs = [(data,) for data in junk("socks", 400)]
    scene.endure("junk at the SOCKS proxy", lambda: caller.say_all(inputs, wait_s=0.1))


def test_junk_at_the_control_socket(scene: Scene) -> None:
    path = str(scene.victim_program.data_dir / "control.sock")
    caller = Caller(path)
    lines = [
        b"",
        b"\n\n\n",
        b"null\n[]\n1\n{}\n",
        b'{"command": []}\n{"command": {"a": 1}}\n{"command": "status", "x": 1}\n',
        b'{"command": "tunnel"}\n{"command": "tunnel", "name": [1], "action": {}}\n',
        b'{"command": "netdb-import", "routers": 7}\n',
        b'{"command": "netdb-import", "routers": [1, null, "AAAA", {}]}\n',
        b'{"command": "netdb-import", "routers": {"a": "b"}}\n',
        b"[" * 100_000 + b"\n",
        b'{"command": "' + b"x" * 200_000 + b'"}\n',
        b'{"command": "\\ud800"}\n',
        b"\xff\xfe\n",
        b"9" * 6000 + b"\n",
        *junk("mapping", 100),
    ]
    scene.endure(
        "junk at the control socket",
        lambda: caller.say_all([(line,) for line in lines], at_once=10, wait_s=0.1),
    )
    status = scene.victim_program.status()
    assert status is not None and status["state"] == "ready"


@pytest.mark.parametrize("where", [4444, 4447, "control.sock"])
def test_slowloris(scene: Scene, where: int | str) -> None:
    program = scene.victim_program
    is_port = isinstance(where, int)
    caller = Caller((program.address, where) if is_port else str(program.data_dir / str(where)))
    pieces = (b"G", b"GET http://x.i2p/ HTTP/1.1\r\n", b"\5", b"\5\1\0\5\1", b'{"command"')

    async def attack() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_discard(caller.hold(300, pieces, 2.0)))
            await asyncio.sleep(1.0)
            group.create_task(asyncio.to_thread(scene.received_bytes))

    scene.endure(f"slowloris at {where}", attack, is_loading=True)


async def _discard(running: Awaitable[object]) -> None:
    await running


# Through I2P


def test_syn_flood_and_datagram_junk_through_tunnels(scene: Scene, tmp_path: Path) -> None:
    """A hostile application with a router of its own, which knows the victim's destinations."""
    keys = {
        name: PrivateKeys.parse((scene.victim_program.data_dir / f"{name}.dat").read_bytes())
        for name in ("site", "udp")
    }
    infos = [RouterInfo.parse(router.router_info) for router in scene.routers]

    async def attack() -> None:
        router = Router(
            RouterConfig(
                tmp_path / "attacker",
                network_id=77,
                host="127.120.0.1",
                port=20120,
                bind="127.120.0.1",
                allow_private_addresses=True,
                transit=False,
                exploratory_inbound=TunnelShape(1, 2),
                exploratory_outbound=TunnelShape(1, 2),
            )
        )
        await router.start()
        try:
            router.import_routers(infos[:2])
            shape = TunnelShape(1, 2)
            own = PrivateKeys.generate_destination(ENTROPY)
            session = await router.open_session(SessionConfig("bad", own, shape, shape))
            await session.wait_ready(20)
            for name, target in keys.items():
                await session.lookup(target.hash, 10)
                await _send_junk(router, session, own, name, target.hash)
        finally:
            await router.stop()

    scene.endure("SYN flood and datagram junk", attack, is_loading=True, bytes_min=1_000_000)


async def _send_junk(
    router: Router, session: Any, own: PrivateKeys, name: str, target: bytes
) -> None:
    engine = session._engine
    now = router.now()
    remote = engine._remotes.get(target, now)
    # Others' streams do not belong to this session; its own do.
    senders = [own, own, PrivateKeys.generate_destination(ENTROPY)]
    payloads = []
    for number in range(1, 1500 if name == "site" else 300):
        sender = senders[number % len(senders)]
        syn = build_packet(
            0,
            number,
            0,
            0,
            recipient_hash=target,
            flags=p.SYNCHRONIZE | p.NO_ACK,
            sender=sender.destination,
            payload_max=1812,
            signer=sender,
            payload=b"GET / HTTP/1.1\r\n",
        )
        payloads.append(wrap(6, 0, 0, syn, compress=True))
    payloads += [wrap(6, 1, 2, data[:1500]) for data in junk("streaming packet", 200)]
    for protocol in (17, 18, 19, 20, 0, 255):
        parser = f"datagram {protocol}" if 17 <= protocol <= 20 else "mapping"
        payloads += [wrap(protocol, 1, 2, data[:1500]) for data in junk(parser, 100)]
    payloads += [data[:1500] for data in junk("payload", 100)]
    began = asyncio.get_running_loop().time()
    for start in range(0, len(payloads), 50):
        assert engine._sending.is_reachable(remote, router.now())
        engine._sending._outlet.send(remote, payloads[start : start + 50], router.now())
        router.touch(engine)
        due = began + start / 1000
        await asyncio.sleep(max(0.01, due - asyncio.get_running_loop().time()))
    await asyncio.sleep(0.5)
