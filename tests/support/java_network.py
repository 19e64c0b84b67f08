"""One network of Java I2P, i2pd and our routers, each the hop, floodfill and visitor of others.

``javas[0]`` has the destinations of Java (``java/Peer.java``). The other two are floodfills and the
only hops of ours, so that all of our traffic crosses Java. ``relay`` is our floodfill: a Java
floodfill answers no lookups in its first two minutes. i2pd's tunnels lead through ``relay`` and one
Java router.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from core.data.encoding import b32encode, b64encode
from core.data.router_info import RouterInfo
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet
from tests.support.java_net import ADDRESS, JavaRouter, hash_in_java
from tests.support.namespace import add_outside_address
from tests.support.origin import Origin

JAVA_PROXY_PORT = 4471
UDP_CLIENT_PORT = 4501
OURS = "127.41.0.1"
PROXY = f"http://{OURS}:4444"
JAVA_PROXY = f"http://{ADDRESS}:{JAVA_PROXY_PORT}"
READY_TIMEOUT_S = 120

_RELAY = "127.42.0.1"
_LISTEN_BACKLOG = 256


class UdpEcho:
    """A UDP service on loopback that answers in upper case."""

    def __enter__(self) -> UdpEcho:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(65535)
                self._socket.sendto(data.upper(), source)
            except OSError:
                return


@dataclass
class JavaNetwork:
    """What runs. ``java_sites`` and ``our_sites``: b32 names by the destination's name."""

    javas: list[JavaRouter]
    i2pd: I2pdNet
    ours: Appliance
    relay: Appliance
    java_sites: dict[str, str]
    our_sites: dict[str, str]
    i2pd_site: str = ""
    dead: list[JavaRouter] = field(default_factory=list)

    def router_infos(self) -> list[bytes]:
        """Of the Java routers and of our floodfill, as they are now."""
        return [one.router_info for one in (*self.javas, self.relay)]

    def java_output(self) -> list[str]:
        """Every line that the Java routers have printed."""
        return [line for java in self.javas for line in java.output.splitlines()]

    def java_hashes(self) -> dict[str, JavaRouter]:
        """By the hash as our status shows it."""
        return {b32encode(_hash(java.router_info)): java for java in self.javas}

    def hops_of(self, *sessions: str) -> set[str]:
        """The hops of all tunnels that sessions of ours have now."""
        status = self.ours.status()
        assert status is not None
        paths = (path for path in status["paths"] if path["session"] in sessions)
        return {hop for path in paths for hop in path["hops"]}


def _hash(raw: bytes) -> bytes:
    return RouterInfo.parse(raw).hash


def _shape(length: int, peers: list[bytes]) -> dict[str, Any]:
    direction = {
        "length": length,
        "quantity": 2,
        "explicit_peers": [b64encode(_hash(raw)) for raw in peers],
    }
    return {"inbound": direction, "outbound": direction}


def _our_tunnels(web_port: int, udp_port: int, hops: list[bytes]) -> dict[str, Any]:
    """Those named ``late-…`` are started by a test."""
    target = f"127.0.0.1:{web_port}"
    web = {"type": "httpclient", "listen": f"{OURS}:4444", "allow": ["127.0.0.0/8"]}
    site = {"type": "httpserver", "target": target}
    tunnels: dict[str, dict[str, Any]] = {
        "web": web,
        "site": site | {"keys": "site.dat"},
        "secret-site": site | {"keys": "secret-site.dat", "encrypted": {"enabled": True}},
        "udp-site": {
            "type": "udpserver",
            "target": f"127.0.0.1:{udp_port}",
            "keys": "udp-site.dat",
        },
        "late-web": web | {"listen": f"{OURS}:4445", "enabled": False},
        "late-site": site | {"keys": "late-site.dat", "enabled": False},
    }
    # One has two hops, so that Java has every role.
    lengths = {"secret-site": 2}
    return {name: tunnel | _shape(lengths.get(name, 1), hops) for name, tunnel in tunnels.items()}


def _i2pd_tunnels(net: I2pdNet, web_port: int, hops: list[bytes]) -> None:
    """A site of the first and a proxy of the second; each path begins or ends at either hop."""
    names = [hash_in_java(raw) for raw in hops]
    shape = "inbound.length = 2\noutbound.length = 2\n"
    server, client = net.routers
    server.tunnels = (
        f"[site]\ntype = http\nhost = 127.0.0.1\nport = {web_port}\nkeys = site.dat\n"
        f"{shape}explicitPeers = {','.join(names)}\n"
    )
    client.tunnels = (
        f"[web]\ntype = httpproxy\naddress = {client.address}\nport = 4445\nkeys = transient\n"
        f"{shape}explicitPeers = {','.join(reversed(names))}\n"
    )


def _make_i2pd(root: Path) -> I2pdNet:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old], first_octet=43)
    for router in net.routers:
        router.floodfill = False
    return net


@contextmanager
def java_network(root: Path, *, limits: bool = False) -> Iterator[JavaNetwork]:
    """The network, once the tunnels of ours and of Java are ready.

    ``limits``: see :class:`JavaRouter`.
    """
    add_outside_address()
    with ExitStack() as stack:
        origin, udp = stack.enter_context(Origin()), stack.enter_context(UdpEcho())
        javas = [
            JavaRouter(root / f"java{n}", 20140 + n, floodfill=n > 0, limits=limits)
            for n in range(3)
        ]
        net = _make_i2pd(root)
        ours = Appliance(root / "ours", OURS, 20151)
        relay = Appliance(root / "relay", _RELAY, 20152, floodfill=True, **FAST)
        stack.callback(_stop, javas, net, [ours, relay])
        with ThreadPoolExecutor(len(javas)) as pool:
            starting = [pool.submit(java.start) for java in javas]
            infos = [one.write_router_info_once() for one in (ours, relay)]
            for one in starting:
                one.result()
        infos += [java.router_info for java in javas]
        for dials, is_dialled in combinations(javas[1:], 2):
            dials.dial(is_dialled)
        # As systemd keeps it over restarts: who calls meanwhile waits.
        kept = stack.enter_context(socket.create_server((OURS, 20151), backlog=_LISTEN_BACKLOG))
        ours.handed_over = [("ntcp2", kept.fileno())]
        relay_info, hops = infos[1], infos[3:]
        net.prepare(infos)
        infos += net.router_infos()
        ours.config["tunnels"] = _our_tunnels(origin.port, udp.port, hops)
        _i2pd_tunnels(net, origin.port, [relay_info, hops[0]])
        ours.import_router_infos(infos)
        # The first Java router dials the relay, which learns of it then; ours dials the others.
        relay.import_router_infos([raw for raw in infos if raw != javas[0].router_info])
        for appliance in (ours, relay):
            appliance.start()
        net.start()
        # Java bans for minutes whom it cannot reach.
        for appliance in (ours, relay):
            appliance.wait_up()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda java: java.learn(infos), javas))
        # Java takes minutes to see that its own tunnels ended with a hop: these two keep theirs.
        steady = ",".join(hash_in_java(raw) for raw in net.router_infos())
        own = ",".join(hash_in_java(one.router_info) for one in (ours, relay))
        javas[0].open_destinations(
            f"server:site:{origin.port}:{steady}",
            f"encrypted:secret-site:{origin.port}",
            f"halfclose:half:{origin.port}",
            f"proxy:web:{JAVA_PROXY_PORT}:{steady}",
            # Java's own choice may take minutes to give ours every role.
            f"echo:echo:0:{own}:inbound.length=2;outbound.length=2",
        )
        ours.wait_ready("web", "site", "secret-site", "udp-site", timeout_s=READY_TIMEOUT_S)
        names = ("site", "secret-site", "half", "web", "echo")
        java_sites = {name: javas[0].b32_of(name) for name in names}
        yield JavaNetwork(
            javas, net, ours, relay, java_sites, _our_names(ours), net.routers[0].local_b32("site")
        )


def _stop(javas: list[JavaRouter], net: I2pdNet, appliances: list[Appliance]) -> None:
    for java in javas:
        java.stop()
    net.stop()
    for appliance in appliances:
        appliance.stop(kill=True)


def _our_names(ours: Appliance) -> dict[str, str]:
    """The b32 names of our tunnels that run."""
    status = ours.status()
    assert status is not None
    return {tunnel["name"]: tunnel["b32"] for tunnel in status["tunnels"] if tunnel.get("b32")}


def start_tunnel(appliance: Appliance, name: str) -> str:
    """Start a tunnel that waited; its b32 name."""
    done = run_command("tunnels", "start", name, "-c", str(appliance.config_file))
    assert done.returncode == 0, done.stdout + done.stderr
    appliance.wait_ready(name)
    return _our_names(appliance)[name]
