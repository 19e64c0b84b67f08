"""Java I2P routers beside ours: links, hops, floodfills, streams and datagrams, both ways.

Three Java routers, two of them floodfills, and two of ours on loopback; tunnels of one hop. The
first Java router has destinations of its own (``tests/support/java/Peer.java``).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from tests.interop.conftest import site_name
from tests.support import curl
from tests.support.appliance import FAST, Appliance, run_command
from tests.support.i2pd_net import wait_until
from tests.support.java_net import ADDRESS, JavaRouter
from tests.support.namespace import add_outside_address
from tests.support.origin import Origin, digest_of

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

ONE_HOP: dict[str, Any] = {
    "inbound": {"length": 1, "quantity": 2},
    "outbound": {"length": 1, "quantity": 2},
}
OURS = "127.41.0.1"
JAVA_PROXY_PORT = 4471
UDP_CLIENT_PORT = 4501
LARGE = 20_000_000
#: Java accepts no tunnels in its first half minute, and then slowly
READY_TIMEOUT_S = 180


@dataclass
class UdpEcho:
    """A UDP service on loopback that answers in upper case."""

    received: list[bytes] = field(default_factory=list)

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
                self.received.append(data)
                self._socket.sendto(data.upper(), source)
            except OSError:
                return


@dataclass
class JavaNetwork:
    javas: list[JavaRouter]
    ours: Appliance
    relay: Appliance
    java_site: str
    half_closing_site: str
    our_site: str
    udp_service: UdpEcho
    our_udp_destination: str

    def case(self, name: str) -> tuple[str, str]:
        """(proxy, site) of the two ways a site is reached."""
        return {
            "our client, Java's server": (f"http://{OURS}:4444", self.java_site),
            "Java's client, our server": (f"http://{ADDRESS}:{JAVA_PROXY_PORT}", self.our_site),
        }[name]


CASES = ["our client, Java's server", "Java's client, our server"]


@pytest.fixture(scope="module")
def java_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaNetwork]:
    add_outside_address()
    root = tmp_path_factory.mktemp("java")
    with ExitStack() as stack:
        origin, udp_service = stack.enter_context(Origin()), stack.enter_context(UdpEcho())
        javas = [JavaRouter(root / f"java{n}", 20140 + n, floodfill=n < 2) for n in range(3)]
        tunnels = {
            "web": {"type": "httpclient", "listen": f"{OURS}:4444", "allow": ["127.0.0.0/8"]},
            "site": {"type": "httpserver", "target": f"127.0.0.1:{origin.port}"},
            "udp-site": {"type": "udpserver", "target": f"127.0.0.1:{udp_service.port}"},
        }
        for name, tunnel in tunnels.items():
            tunnel.update(ONE_HOP)
            if name.endswith("site"):
                tunnel["keys"] = f"{name}.dat"
        ours = Appliance(root / "ours", OURS, 20151, tunnels)
        # As systemd keeps it over restarts: who calls meanwhile waits.
        kept = stack.enter_context(socket.create_server((OURS, 20151), backlog=256))
        ours.listener = kept.fileno()
        relay = Appliance(root / "relay", "127.42.0.1", 20152, floodfill=True, **FAST)
        appliances = [ours, relay]
        infos = [one.write_router_info_once() for one in [*appliances, *javas]]
        javas[0].destinations = [
            f"server:site:{origin.port}",
            f"halfclose:half:{origin.port}",
            f"proxy:web:{JAVA_PROXY_PORT}",
            "echo:echo",
        ]
        for java in javas:
            java.know([raw for raw in infos if raw != java.router_info])
        for appliance in appliances:
            appliance.import_router_infos(infos)
        try:
            # Java bans for minutes whom it cannot reach when it starts.
            for appliance in appliances:
                appliance.start()
            for java in javas:
                java.start()
            ours.wait_ready("web", "site", "udp-site", timeout_s=READY_TIMEOUT_S)
            java_site, half, _, echo_site = (
                javas[0].b32_of(name) for name in ("site", "half", "web", "echo")
            )
            _add_udp_client(ours, echo_site)
            yield JavaNetwork(
                javas,
                ours,
                relay,
                java_site,
                half,
                site_name(ours),
                udp_service,
                _base64_destination(ours, "udp-site.dat"),
            )
        finally:
            for java in javas:
                java.stop()
            for appliance in appliances:
                appliance.stop(kill=True)


def _add_udp_client(ours: Appliance, destination: str) -> None:
    ours.config["tunnels"]["udp-client"] = {
        "type": "udpclient",
        "listen": f"127.0.0.1:{UDP_CLIENT_PORT}",
        "destination": destination,
        **ONE_HOP,
    }
    ours.write_config()
    done = run_command("reload", "--wait", "-c", str(ours.config_file))
    assert done.returncode == 0, done.stdout + done.stderr
    ours.wait_ready("udp-client")


def _base64_destination(appliance: Appliance, keys: str) -> str:
    shown = run_command("keys", "show", "--destination", str(appliance.data_dir / keys)).stdout
    return max(shown.split(), key=len)


@pytest.mark.parametrize("case", CASES)
def test_download_of_20_mb(java_network: JavaNetwork, case: str) -> None:
    proxy, site = java_network.case(case)
    first = curl.fetch_with_retry(f"http://{site}/", proxy=proxy)
    assert first.status == 200, first
    got = curl.fetch(f"http://{site}/bytes/{LARGE}", proxy=proxy, timeout_s=200)
    assert (got.exit_code, got.status, len(got.body)) == (0, 200, LARGE), got.error
    assert got.digest == digest_of(LARGE)


@pytest.mark.parametrize("case", CASES)
def test_30_concurrent_fetches(java_network: JavaNetwork, case: str) -> None:
    proxy, site = java_network.case(case)
    assert curl.fetch_with_retry(f"http://{site}/", proxy=proxy).status == 200
    sizes = [1_000 + index * 10_000 for index in range(30)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        got = list(
            pool.map(
                lambda size: curl.fetch(f"http://{site}/bytes/{size}", proxy=proxy, timeout_s=120),
                sizes,
            )
        )
    assert [(one.exit_code, one.status) for one in got] == [(0, 200)] * len(sizes)
    assert [one.digest for one in got] == [digest_of(size) for size in sizes]


def test_every_datagram_of_java_gets_a_reply(java_network: JavaNetwork) -> None:
    """A plain session of repliable datagrams understands every reply, also within one second."""
    java = java_network.javas[0]
    java.send_command(f"send 12 100 {java_network.our_udp_destination}")
    wanted = [f"datagram echo {len(f'NUMBER {n}')} NUMBER {n}" for n in range(12)]

    def has_all() -> bool:
        lines = java.output.splitlines()
        return all(line in lines for line in wanted)

    wait_until("Java has all replies", has_all, 60)


def test_java_echoes_our_datagrams(java_network: JavaNetwork) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as program:
        program.connect(("127.0.0.1", UDP_CLIENT_PORT))
        program.settimeout(5)
        came: set[bytes] = set()

        def converse() -> bool:
            for number in range(12):
                program.send(b"packet %d" % number)
            try:
                while len(came) < 12:
                    came.add(program.recv(2048))
            except TimeoutError:
                return False
            return True

        wait_until("every packet echoed", converse, 60)


def test_server_that_drops_a_half_closed_stream(java_network: JavaNetwork) -> None:
    """curl does not wait: a request's stream is not half-closed, whatever the client does."""
    began = time.monotonic()
    url = f"http://{java_network.half_closing_site}/bytes/100000"
    got = curl.fetch_with_retry(url, proxy=f"http://{OURS}:4444")
    assert (got.status, got.digest) == (200, digest_of(100_000))
    assert time.monotonic() - began < 30
    with closing(socket.create_connection((OURS, 4444), timeout=30)) as program:
        host = java_network.half_closing_site
        program.sendall(f"GET http://{host}/bytes/5 HTTP/1.0\r\n\r\n".encode())
        program.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := program.recv(4096):
            answer += piece
    assert b" 200 " in answer.split(b"\r\n")[0]


def test_restart_is_no_reason_for_a_ban(java_network: JavaNetwork) -> None:
    """Java takes our router back at once: it is never refused while it redials.

    Tunnels of Java that led through ours end with the restart, and Java takes a minute or two to
    notice; a Java client keeps our old lease set until its leases end. Neither is asked here.
    """
    ours = java_network.ours
    own_hash = b64encode(RouterInfo.parse(ours.router_info).hash)
    for _ in range(3):
        ours.stop()
        ours.start()
        ours.wait_ready("web", "site", timeout_s=20)
    proxy, site = java_network.case("our client, Java's server")
    got = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=150)
    assert got.status == 200, got
    for java in java_network.javas:
        bans = [line for line in java.router_log.splitlines() if f"Banlist {own_hash}" in line]
        assert not bans, bans
