"""Our router among real ones, for each combination of transport, network and peer.

A :class:`Cell` is one combination. :func:`run_cell` makes a network for it in which everybody has
that transport in that network alone, and checks pages each way; beside i2pd, also links each way.

With IPv6, our router has nothing else, and the others IPv4 as well: i2pd and Java take nobody for
the end of a tunnel who has not.

In i2pd's networks it is known who dials whom: our router knows the floodfill only; the one with the
proxy cannot be dialled, knows ours, and begins its tunnels there.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from core.base.errors import LocalError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.support import curl
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, I2pdRouter, wait_until
from tests.support.java_net import ADDRESS as JAVA_ADDRESS
from tests.support.java_net import JavaRouter
from tests.support.namespace import add_outside_address
from tests.support.origin import Origin, digest_of

TRANSPORTS = {"ssu2": {"ssu2"}, "ntcp2": {"ntcp2"}, "both": {"ntcp2", "ssu2"}}
FAMILIES = ("ipv4", "ipv6")
JAVA = "java"
I2PD = {f"i2pd-{version[:4]}": release for release, version in RELEASES.items()}
PEERS = (*I2PD, JAVA)
SIZE = 300_000
_JAVA_PROXY_PORT = 4472
#: Java accepts no tunnels in its first half minute, and then slowly
_JAVA_READY_S = 240
LINK_TIMEOUT_S = 60.0
#: i2pd drops build requests that come in a burst, and tries again 15 s later
_ONE_HOP = "".join(
    f"{direction}.{key} = 1\n"
    for direction in ("inbound", "outbound")
    for key in ("length", "quantity")
)


@dataclass(frozen=True)
class Cell:
    """``transport``: a key of :data:`TRANSPORTS`; ``peer``: one of :data:`PEERS`."""

    transport: str
    family: str
    peer: str

    def __str__(self) -> str:
        return f"{self.transport}-{self.family}-{self.peer}"

    @property
    def number(self) -> int:
        """For addresses that no other cell has."""
        return CELLS.index(self)


CELLS = [Cell(*parts) for parts in product(TRANSPORTS, FAMILIES, PEERS)]
#: every two of a transport, a network and a release of i2pd meet in one of these
PAIRWISE = [
    Cell("ssu2", "ipv4", "i2pd-2.56"),
    Cell("ssu2", "ipv6", "i2pd-2.59"),
    Cell("ntcp2", "ipv4", "i2pd-2.59"),
    Cell("ntcp2", "ipv6", "i2pd-2.56"),
    Cell("both", "ipv4", "i2pd-2.56"),
    Cell("both", "ipv6", "i2pd-2.59"),
]


@dataclass
class Routers:
    """What runs: our router, with a site and a proxy, and real ones, which have both, too.

    ``clients``: proxy and site of each direction. ``transports``: those that all of them have.
    ``relay``: a second one of ours.
    """

    ours: Appliance
    clients: list[tuple[str, str]]
    transports: set[str]
    javas: list[JavaRouter] = field(default_factory=list)
    relay: Appliance | None = None

    def are_linked(self) -> bool:
        """Whether there are links with real routers.

        Beside i2pd, such that they dialled and such that we did. Over SSU2, Java dials nobody first
        whom it never heard from.
        """
        links = self.links()
        if self.relay is None:
            return bool(links["inbound"] and links["outbound"])
        return links["inbound"] + links["outbound"] > 1

    def links(self) -> dict[str, int]:
        """What our router says; zeros while it does not answer."""
        status = self.ours.status()
        return dict.fromkeys(("ntcp2", "ssu2", "inbound", "outbound"), 0) | (
            {} if status is None else status["router"]["links"]
        )


@dataclass
class Outcome:
    """``seconds``: how long each step took."""

    cell: Cell
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def run_cell(cell: Cell, root: Path) -> Outcome:
    """Everything that is to be shown; an exception if something fails."""
    outcome = Outcome(cell)
    with ExitStack() as stack:
        with outcome.step("start"):
            routers = stack.enter_context(network_of(cell, root))
        try:
            _check(routers, outcome)
        except Exception as error:
            error.add_note(f"{cell}: {outcome.seconds}, links {routers.links()}")
            error.add_note(routers.ours.log[-2000:])
            raise
    return outcome


def network_of(cell: Cell, root: Path) -> AbstractContextManager[Routers]:
    """Its network, as long as the block lasts."""
    return (_java_network if cell.peer == JAVA else _i2pd_network)(cell, root)


def _check(routers: Routers, outcome: Outcome) -> None:
    info = RouterInfo.parse(routers.ours.router_info)
    styles = {address.style.lower() for address in info.addresses}
    is_ipv6 = {":" in address.options["host"] for address in info.addresses}
    assert styles == routers.transports and is_ipv6 == {outcome.cell.family == "ipv6"}
    with outcome.step("links"):
        wait_until("links", routers.are_linked, LINK_TIMEOUT_S, 0.3)
    for name, (proxy, site) in zip(("to peer", "from peer"), routers.clients, strict=True):
        with outcome.step(name):
            fetch(proxy, site)
    links = routers.links()
    assert {name for name in TRANSPORTS["both"] if links[name]} <= routers.transports
    if outcome.cell.transport == "both" and outcome.cell.peer != JAVA:
        with outcome.step("restart"):
            routers.ours.stop()
            routers.ours.start()
            routers.ours.wait_ready("web", "site")
            # A client of i2pd's keeps our old lease set for a while.
            fetch(*routers.clients[0])


def fetch(proxy: str, site: str, within_s: float = 120) -> None:
    """A page and a file."""
    first = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=within_s)
    assert first.status == 200, first
    got = curl.fetch(f"http://{site}/bytes/{SIZE}", proxy=proxy)
    assert (got.exit_code, got.status) == (0, 200), got
    assert got.digest == digest_of(SIZE)


def add_ipv6(octet: int) -> str:
    """An IPv6 address of the machine's own, in a /64 that nobody else has.

    i2pd wants one that could be global; this one is for documentation (RFC 3849).
    """
    address = f"2001:db8:{octet:x}::1"
    done = subprocess.run(
        ["ip", "address", "replace", f"{address}/128", "dev", "lo"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"no IPv6 address: {done.stderr.decode()}")
    return address


def _call_from(source: str, target: str) -> None:
    """Who has a choice calls ``target``, an address of this machine, from ``source``: Java cannot
    be told from where to call over NTCP2."""
    route = ["ip", "-6", "route"]
    local = ["local", target, "dev", "lo", "table", "local"]
    subprocess.run([*route, "del", *local], check=True)
    subprocess.run([*route, "add", *local, "src", source], check=True)


def _shape(length: int) -> dict[str, Any]:
    direction = {"length": length, "quantity": 2}
    return {"inbound": direction, "outbound": direction}


def _own_tunnels(address: str, origin_port: int) -> dict[str, Any]:
    """One hop: what is to be shown is links, not tunnels."""
    web = {"type": "httpclient", "listen": f"{address}:4444", "allow": ["127.0.0.0/8"]}
    site = {"type": "httpserver", "target": f"127.0.0.1:{origin_port}", "keys": "site.dat"}
    return {"web": web | _shape(1), "site": site | _shape(1)}


def _ours(cell: Cell, root: Path, octet: int, origin_port: int, **router: Any) -> Appliance:
    address = f"127.{octet}.0.1"
    host = address if cell.family == "ipv4" else add_ipv6(octet)
    transports = TRANSPORTS[cell.transport]
    return Appliance(
        root / f"ours{octet}",
        address,
        20000 + octet,
        _own_tunnels(address, origin_port) if origin_port else {},
        **{name: {"enabled": name in transports} for name in ("ntcp2", "ssu2")},
        exploratory=_shape(1),
        **{"host": host, "bind": host, **FAST, **router},
    )


def _site_of(appliance: Appliance) -> str:
    done = run_command("keys", "show", str(appliance.data_dir / "site.dat"))
    return next(word for word in done.stdout.split() if word.endswith(".b32.i2p"))


def _configure(router: I2pdRouter, cell: Cell, octet: int) -> None:
    router.ipv6 = None if cell.family == "ipv4" else add_ipv6(octet)
    for name in ("ntcp2", "ssu2"):
        is_on = str(name in TRANSPORTS[cell.transport]).lower()
        router.options |= {f"{name}.enabled": is_on, f"{name}.published": is_on}
    for direction in ("inbound", "outbound"):
        router.options |= {f"exploratory.{direction}.{key}": "1" for key in ("length", "quantity")}


@contextmanager
def _i2pd_network(cell: Cell, root: Path) -> Iterator[Routers]:
    octet = 130 + 4 * cell.number
    program = installed(I2PD[cell.peer])
    net = I2pdNet(root, [program] * 3, first_octet=octet)
    with Origin() as origin, ExitStack() as stack:
        for index, router in enumerate(net.routers):
            _configure(router, cell, octet + index)
        floodfill, server, client = net.routers
        server.floodfill = client.floodfill = False
        client.options |= {f"{name}.published": "false" for name in ("ntcp2", "ssu2")}
        ours = _ours(cell, root, octet + 3, origin.port)
        stack.callback(net.stop)
        stack.callback(lambda: ours.stop(kill=True))
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda one: one.write_router_info_once(), (ours, *net.routers))
        own_info, *infos = made
        # Not before: it was killed, perhaps while it wrote the keys of its tunnels.
        server.tunnels = (
            f"[site]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\nkeys = site.dat\n"
            + _ONE_HOP
        )
        client.tunnels = (
            f"[web]\ntype = httpproxy\naddress = {client.address}\nport = 4444\nkeys = web.dat\n"
            f"explicitPeers = {b64encode(RouterInfo.parse(own_info).hash)}\n" + _ONE_HOP
        )
        server.know(infos[:1])
        client.know([own_info, infos[0]])
        ours.import_router_infos(infos[:1])
        # Two i2pd that dial each other over SSU2 at the same moment fail, and whom one has dialled
        # in vain it leaves alone for minutes: so the floodfill knows nobody.
        floodfill.start()
        ours.start()
        wait_until("the floodfill listens", floodfill.is_listening, 30)
        server.start()
        wait_until("our router listens", lambda: "is up" in ours.new_log, 30)
        client.start()
        ours.wait_ready("web", "site")
        site = server.local_b32("site")
        wait_until(
            "i2pd's site in the netDb",
            lambda: site[:52] in floodfill.page("?page=leasesets"),
            60,
        )
        proxies = (f"http://{one.address}:4444" for one in (ours, client))
        sites = (site, _site_of(ours))
        yield Routers(ours, list(zip(proxies, sites, strict=True)), TRANSPORTS[cell.transport])


@contextmanager
def _java_network(cell: Cell, root: Path) -> Iterator[Routers]:
    """Three Java routers, of which the first has a site and a proxy, and two of ours."""
    add_outside_address()
    transports = TRANSPORTS[cell.transport]
    octet = 130 + 4 * cell.number
    ipv6 = None if cell.family == "ipv4" else add_ipv6(octet)
    with Origin() as origin, ExitStack() as stack:
        javas = [
            JavaRouter(
                root / f"java{n}",
                20160 + n,
                # Over SSU2, Java dials no floodfill that it never heard from, and bans it instead:
                # without NTCP2, the only one is ours, which dials them.
                floodfill="ntcp2" in transports and n < 2,
                ntcp2="ntcp2" in transports,
                ssu2="ssu2" in transports,
                ipv6=ipv6,
                # Java publishes NTCP2 at one address.
                options={} if ipv6 is None else {"i2np.ntcp.hostname": ipv6},
            )
            for n in range(3)
        ]
        ours = _ours(cell, root, octet + 1, origin.port)
        relay = _ours(cell, root, octet + 2, 0, floodfill=True)
        if ipv6 is not None:
            ours_ipv6, relay_ipv6 = (add_ipv6(number) for number in (octet + 1, octet + 2))
            # Over SSU2 alone, Java has no hops but the relay.
            hosts = [relay.address, relay_ipv6]
            relay.config["router"] |= {"host": hosts, "bind": hosts}
            for host in (ours_ipv6, relay_ipv6):
                _call_from(ipv6, host)
        for appliance in (ours, relay):
            stack.callback(lambda one=appliance: one.stop(kill=True))
        for java in javas:
            stack.callback(java.stop)
        with ThreadPoolExecutor(len(javas)) as pool:
            starting = [pool.submit(java.start) for java in javas]
            infos = [one.write_router_info_once() for one in (ours, relay)]
            for one in starting:
                one.result()
        infos += [java.router_info for java in javas]
        for appliance in (ours, relay):
            appliance.import_router_infos(infos)
            appliance.start()
        # Java bans for minutes whom it cannot reach.
        for appliance in (ours, relay):
            appliance.wait_up()
        for java in javas:
            java.learn(infos if "ntcp2" in transports else [infos[0], *infos[2:]])
        javas[0].open_destinations(f"server:site:{origin.port}", f"proxy:web:{_JAVA_PROXY_PORT}")
        ours.wait_ready("web", "site", timeout_s=_JAVA_READY_S)
        java_site, _ = (javas[0].b32_of(name) for name in ("site", "web"))
        proxies = (f"http://{ours.address}:4444", f"http://{JAVA_ADDRESS}:{_JAVA_PROXY_PORT}")
        sites = (java_site, _site_of(ours))
        yield Routers(ours, list(zip(proxies, sites, strict=True)), transports, javas, relay)
