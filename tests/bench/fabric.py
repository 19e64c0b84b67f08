"""One loopback network with routers of both kinds in fixed roles: the ground of the benches.

For each *kind* (``ours``, ``i2pd``) there are four hops and two ends; ends refuse transit, hops
carry for anyone. A *route* joins a client end and a server end through hops of one kind::

    client -- h0 -- h1 --> h2 -- h3 -- server        (each side owns two of the hops)

so in a download h3 is a participant, h2 the outbound endpoint, h1 the inbound gateway and h0 a
participant; in an upload h1 and h2 change places. Everything is on one network and alive at the
same time, so routes can be measured in turn within one run.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.io.system import SystemEntropy
from tests.bench.node import NodeFile, TunnelFile
from tests.support.fetch_i2pd import I2pdProgram
from tests.support.i2pd_net import I2pdRouter, install_router_info, wait_until

KINDS = ("ours", "i2pd")
TRANSPORTS = ("ntcp2", "ssu2")
HOPS = 4
TUNNEL_LENGTH = 2
TUNNEL_QUANTITY = 3
_ROUTER_PORT = 21000
_CLIENT_PORT = 6100


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads; to the nanosecond where the kernel tells it."""
    total = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    if total:
        return total / 1e9
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(stat[11]) + int(stat[12])) / 100.0


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory now, or with ``VmHWM`` the most there was."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field}")


class Place:
    """Where a router runs: an address, and how a thread gets to where it can be reached."""

    def __init__(
        self, address: str, enter: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.address = address
        self.enter = enter


def loopback(first_octet: int) -> Iterator[Place]:
    """127.N.0.1 and so on: i2pd wants every router to have an address of its own."""
    for octet in range(first_octet, 255):
        yield Place(f"127.{octet}.0.1")


def wake_ups(pid: int) -> int:
    """How often the threads of a process have waited and been woken so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def machine_cpu_seconds() -> float:
    """What all cores together have worked so far, for anyone."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _, _, irq, soft_irq, _ = (int(field) for field in fields)
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Route:
    """``client`` and ``server`` are kinds of the ends, ``hops`` of what is between them."""

    client: str
    server: str
    hops: str

    @property
    def name(self) -> str:
        ends = self.client if self.client == self.server else f"{self.client}>{self.server}"
        return f"{ends} over {self.hops}"

    @property
    def index(self) -> int:
        return KINDS.index(self.server) * 2 + KINDS.index(self.hops)


PLAIN_ROUTES = [Route(end, end, hops) for end in KINDS for hops in KINDS]
SAME_ROUTES = [Route(kind, kind, kind) for kind in KINDS]
ALL_ROUTES = [Route(c, s, hops) for c in KINDS for s in KINDS for hops in KINDS]


class OurNode:
    """A ``tests.bench.node`` process."""

    kind = "ours"

    def __init__(
        self, root: Path, place: Place, *, transport: str, floodfill: bool, transit: bool
    ) -> None:
        self.root = root
        self.place = place
        self.address = place.address
        self.file = NodeFile(
            str(root / "data"),
            place.address,
            _ROUTER_PORT,
            floodfill=floodfill,
            transit=transit,
            transport=transport,
            imports=str(root / "import"),
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.root / "import").mkdir(parents=True, exist_ok=True)
        self.file.write(self.root / "node.json")
        with (self.root / "log").open("wb") as log, self.place.enter():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.node", str(self.root / "node.json")],
                stdout=log,
                stderr=log,
            )

    def stop(self, *, kill: bool = False) -> None:
        process, self.process = self.process, None
        if process is not None:
            (process.kill if kill else process.terminate)()
            process.wait(20)

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def is_up(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"node {self.address} ended:\n{self.log[-3000:]}")
        return "up\n" in self.log

    def are_tunnels_ready(self, names: Iterable[str]) -> bool:
        return all(f"ready {name}\n" in self.log for name in names)

    @property
    def router_info(self) -> bytes:
        return (self.root / "data" / "router.info").read_bytes()

    def write_router_info_once(self) -> bytes:
        self.start()
        wait_until(f"node {self.address}", self.is_up, 30)
        self.stop()
        return self.router_info

    def learn(self, infos: Iterable[bytes]) -> None:
        for index, raw in enumerate(infos):
            (self.root / "import" / f"{index}.dat").write_bytes(raw)


@dataclass
class I2pdNode(I2pdRouter):
    """i2pd without bandwidth limit and chatty log."""

    kind = "i2pd"
    place: Place = field(default_factory=lambda: Place(""))

    def start(self) -> None:
        with self.place.enter():
            super().start()

    def is_listening(self) -> bool:
        with self.place.enter():
            return super().is_listening()

    def page(self, query: str = "") -> str:
        with self.place.enter():
            return super().page(query)

    def _config(self) -> str:
        text = super()._config().replace("bandwidth = X", "bandwidth = 1000000")
        return text.replace("loglevel = info", "loglevel = error")

    def is_up(self) -> bool:
        return self.is_listening()

    def are_tunnels_ready(self, names: Iterable[str]) -> bool:
        """Every destination has a tunnel in each direction that is not being built."""
        try:
            names_b32 = re.findall(
                r"([a-z2-7]{52})\.b32\.i2p", self.page("?page=local_destinations")
            )
            pages = [self.page(f"?page=local_destination&b32={name}") for name in names_b32]
        except (OSError, urllib.error.URLError):
            return False
        return len(pages) >= len(list(names)) and all(map(_has_both_ways, pages))

    def learn(self, infos: Iterable[bytes]) -> None:
        for raw in infos:
            install_router_info(self.data_dir / "netDb", raw)


def _has_both_ways(page: str) -> bool:
    """i2pd lists tunnels under two headings, each with its state."""
    _, _, inbound = page.partition("Inbound tunnels")
    inbound, _, outbound = inbound.partition("Outbound tunnels")
    return "established" in inbound and "established" in outbound


Node = OurNode | I2pdNode


class Fabric:
    """All routers. ``prepare`` writes identities and files; the owner starts and stops.

    ``transport``: the only one that they have.
    """

    def __init__(
        self,
        root: Path,
        program: I2pdProgram,
        *,
        routes: list[Route],
        places: Iterator[Place],
        transport: str = "ntcp2",
    ) -> None:
        self._root = root
        self._program = program
        self._places = places
        self._transport = transport
        self.routes = routes
        self.hops = {
            kind: [self._make(kind, f"hop{i}", floodfill=i in (1, 2)) for i in range(HOPS)]
            for kind in _used(route.hops for route in routes)
        }
        self.clients = {
            kind: self._make(kind, "client", transit=False)
            for kind in _used(route.client for route in routes)
        }
        self.servers = {
            kind: self._make(kind, "server", transit=False)
            for kind in _used(route.server for route in routes)
        }

    def _make(self, kind: str, name: str, *, floodfill: bool = False, transit: bool = True) -> Node:
        place = next(self._places)
        root = self._root / f"{kind}-{name}"
        if kind == "ours":
            return OurNode(
                root, place, transport=self._transport, floodfill=floodfill, transit=transit
            )
        other = next(one for one in TRANSPORTS if one != self._transport)
        return I2pdNode(
            self._program,
            root,
            place.address,
            _ROUTER_PORT,
            place=place,
            floodfill=floodfill,
            transit=transit,
            options={f"{other}.enabled": "false", f"{other}.published": "false"},
        )

    @property
    def ends(self) -> list[Node]:
        return [*self.clients.values(), *self.servers.values()]

    @property
    def nodes(self) -> list[Node]:
        return [*(node for hops in self.hops.values() for node in hops), *self.ends]

    def prepare(self, origin_ports: Mapping[str, int]) -> None:
        """Identities, RouterInfos everywhere, and the tunnels of the ends.

        ``origin_ports``: for each kind, where its server end finds the origin on 127.0.0.1.
        """
        nodes = self.nodes
        with ThreadPoolExecutor(len(nodes)) as pool:
            infos = list(pool.map(lambda node: node.write_router_info_once(), nodes))
        hashes = {
            id(node): RouterInfo.parse(raw).hash for node, raw in zip(nodes, infos, strict=True)
        }
        for index, node in enumerate(nodes):
            node.learn(infos[other] for other in self._known_to(index, nodes))
        entropy = SystemEntropy()
        for kind, nodes in self.hops.items():
            hops = [hashes[id(node)] for node in nodes]
            for end in self.servers:
                served = [r for r in self.routes if r.server == end and r.hops == kind]
                if not served:
                    continue
                keys = PrivateKeys.generate_destination(entropy)
                self._add_server(self.servers[end], kind, keys, hops[:1:-1], origin_ports[end])
                for route in served:
                    self._add_client(route, keys, hops[:2], entropy)

    def _known_to(self, index: int, nodes: list[Node]) -> list[int]:
        """Whom a node knows from the start.

        i2pd: two routers that dial each other over SSU2 at once both take the other's packet for
        an answer, drop it, and give each other up for minutes. So each knows those before it.
        """
        kind = nodes[index].kind
        is_in_order = self._transport == "ssu2" and kind == "i2pd"
        return [
            other
            for other, node in enumerate(nodes)
            if (self._transport == "ntcp2" or node.kind == kind)
            and (other < index if is_in_order else other != index)
        ]

    def _add_server(
        self, node: Node, hops_kind: str, keys: PrivateKeys, hops: list[bytes], target: int
    ) -> None:
        name = f"site-{hops_kind}"
        if isinstance(node, OurNode):
            node.file.tunnels.append(
                TunnelFile(
                    name,
                    self._write_keys(node.root, name, keys),
                    [h.hex() for h in hops],
                    target=target,
                    length=TUNNEL_LENGTH,
                    quantity=TUNNEL_QUANTITY,
                )
            )
            return
        self._write_keys(node.data_dir, name, keys)
        node.tunnels += (
            f"[{name}]\ntype = server\nhost = 127.0.0.1\nport = {target}\nkeys = {name}.dat\n"
            f"maxconns = 0\n{_i2pd_pool(hops)}"
        )

    def _add_client(
        self, route: Route, remote: PrivateKeys, hops: list[bytes], entropy: SystemEntropy
    ) -> None:
        node, port = self.clients[route.client], _CLIENT_PORT + route.index
        name = f"to-{route.server}-{route.hops}"
        keys = PrivateKeys.generate_destination(entropy)
        if isinstance(node, OurNode):
            node.file.tunnels.append(
                TunnelFile(
                    name,
                    self._write_keys(node.root, name, keys),
                    [h.hex() for h in hops],
                    listen=port,
                    remote=remote.hash.hex(),
                    length=TUNNEL_LENGTH,
                    quantity=TUNNEL_QUANTITY,
                )
            )
            return
        self._write_keys(node.data_dir, name, keys)
        node.tunnels += (
            f"[{name}]\ntype = client\naddress = {node.address}\nport = {port}\n"
            f"destination = {remote.destination.b32}\nkeys = {name}.dat\n{_i2pd_pool(hops)}"
        )

    @staticmethod
    def _write_keys(folder: Path, name: str, keys: PrivateKeys) -> str:
        path = folder / f"{name}.dat"
        path.write_bytes(keys.write())
        return str(path)

    def start(self) -> None:
        """Hops first, then ends; returns when all answer."""
        for group in ([n for n in self.nodes if n not in self.ends], self.ends):
            for node in group:
                node.start()
                if self._transport == "ssu2":
                    wait_until(f"{node.kind} {node.address} up", node.is_up, 60)
                    time.sleep(0.5)
            for node in group:
                wait_until(f"{node.kind} {node.address} up", node.is_up, 60)
            time.sleep(2.0)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop(kill=True)

    def address_of(self, route: Route) -> tuple[str, int]:
        """Where a route's client tunnel listens."""
        return self.clients[route.client].address, _CLIENT_PORT + route.index

    def roles(self, route: Route, *, upload: bool) -> dict[str, Node]:
        """Who does what while a route carries data."""
        client, server = self.clients[route.client], self.servers[route.server]
        near, second, third, far = self.hops[route.hops]
        if upload:
            return {
                "sender": client,
                "participant out": near,
                "outbound endpoint": second,
                "inbound gateway": third,
                "participant in": far,
                "receiver": server,
            }
        return {
            "sender": server,
            "participant out": far,
            "outbound endpoint": third,
            "inbound gateway": second,
            "participant in": near,
            "receiver": client,
        }


def _used(kinds: Iterable[str]) -> list[str]:
    named = set(kinds)
    return [kind for kind in KINDS if kind in named]


def _i2pd_pool(hops: list[bytes]) -> str:
    lines = [f"explicitPeers = {','.join(b64encode(h) for h in hops)}"]
    for direction in ("inbound", "outbound"):
        lines.append(f"{direction}.length = {TUNNEL_LENGTH}")
        lines.append(f"{direction}.quantity = {TUNNEL_QUANTITY}")
    return "\n".join(lines) + "\n"


def pid_of(node: Node) -> int:
    """The process id of a running node."""
    assert node.process is not None
    return node.process.pid


class CpuMeter:
    """CPU seconds of nodes since it was made."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._begin = [(node, cpu_seconds(pid_of(node))) for node in nodes]

    def read(self) -> list[float]:
        return [cpu_seconds(pid_of(node)) - before for node, before in self._begin]


@contextlib.contextmanager
def running(fabric: Fabric, origin_ports: Mapping[str, int]) -> Iterator[Fabric]:
    """A prepared and started fabric, stopped at the end."""
    fabric.prepare(origin_ports)
    try:
        fabric.start()
        yield fabric
    finally:
        fabric.stop()
