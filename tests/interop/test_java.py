"""Java I2P beside i2pd and ours: links, hops, floodfills, streams and datagrams, both ways.

One network for all (``tests/support/java_network.py``); what takes something away comes last.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.data.encoding import b32decode, b32encode
from core.data.router_info import RouterInfo
from core.i2np.database import LOOKUP_LEASE_SET, DatabaseLookup, DatabaseStore
from core.i2np.message import MessageType
from core.transport.events import PeerConnected
from tests.support import curl
from tests.support.appliance import run_command
from tests.support.i2pd_net import wait_until
from tests.support.java_net import hash_in_java
from tests.support.java_network import (
    JAVA_PROXY,
    OURS,
    PROXY,
    UDP_CLIENT_PORT,
    JavaNetwork,
    java_network,
    start_tunnel,
)
from tests.support.live_node import listening, live_node
from tests.support.live_peer import LivePeer
from tests.support.machine import slowdown
from tests.support.origin import digest_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
#: what waits for minutes until Java dials, or notices that something has gone
slow = pytest.mark.slow

LARGE = 20_000_000
IDLE_S = 15 * 60
SLOW_SIZE = 8_000_000
PAUSES_AFTER = (100_000, 4_000_000)
PAUSE_S = 3.0
#: of its own: other routers check where a caller's address is
LIVE_HOST, LIVE_PORT = "127.47.0.1", 20157
#: after its first two minutes, in which it answers no lookups
JAVA_FLOODFILL_TIMEOUT_S = 150
#: Java: who asks 14 times in two minutes gets no answer any more
ASK_EVERY_S = 12
CASES = ["our client, Java's server", "Java's client, our server"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaNetwork]:
    with java_network(tmp_path_factory.mktemp("java")) as running:
        yield running


def proxy_and_site(network: JavaNetwork, case: str, name: str = "site") -> tuple[str, str]:
    """The two ways a site is reached."""
    return {
        "our client, Java's server": (PROXY, network.java_sites[name]),
        "Java's client, our server": (JAVA_PROXY, network.our_sites[name]),
    }[case]


def fetch_page(proxy: str, site: str, *, within_s: float = 60) -> float:
    """The seconds it took, tries in vain included."""
    began = time.monotonic()
    got = curl.fetch_with_retry(f"http://{site}/", proxy=proxy, within_s=within_s)
    assert got.status == 200, got
    return time.monotonic() - began


@pytest.mark.parametrize("case", CASES)
def test_download_of_20_mb(network: JavaNetwork, case: str) -> None:
    proxy, site = proxy_and_site(network, case)
    fetch_page(proxy, site)
    got = curl.fetch(f"http://{site}/bytes/{LARGE}", proxy=proxy, timeout_s=200)
    assert (got.exit_code, got.status, len(got.body)) == (0, 200, LARGE), got.error
    assert got.digest == digest_of(LARGE)


@pytest.mark.parametrize("case", CASES)
def test_30_concurrent_fetches(network: JavaNetwork, case: str) -> None:
    proxy, site = proxy_and_site(network, case)
    fetch_page(proxy, site)
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


@pytest.mark.parametrize("case", CASES)
def test_encrypted_lease_set(network: JavaNetwork, case: str) -> None:
    proxy, site = proxy_and_site(network, case, "secret-site")
    assert len(site.partition(".")[0]) == 56
    fetch_page(proxy, site)


@pytest.mark.parametrize("case", CASES)
def test_a_reader_that_pauses_gets_everything(network: JavaNetwork, case: str) -> None:
    proxy, site = proxy_and_site(network, case)
    fetch_page(proxy, site)
    host, _, port = proxy.removeprefix("http://").partition(":")
    pauses = list(PAUSES_AFTER)
    body = bytearray()
    with socket.socket() as browser:
        # What the kernel keeps for a browser would hide the pauses.
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        browser.settimeout(60)
        browser.connect((host, int(port)))
        request = f"GET http://{site}/bytes/{SLOW_SIZE} HTTP/1.1\r\nHost: {site}\r\n"
        browser.sendall(f"{request}Connection: close\r\n\r\n".encode())
        while part := browser.recv(1 << 16):
            body += part
            if pauses and len(body) >= pauses[0]:
                pauses.pop(0)
                time.sleep(PAUSE_S)
    _, _, content = bytes(body).partition(b"\r\n\r\n")
    assert len(content) == SLOW_SIZE
    assert hashlib.sha256(content).hexdigest() == digest_of(SLOW_SIZE)


def test_every_datagram_of_java_gets_a_reply(network: JavaNetwork) -> None:
    """A plain session of repliable datagrams understands every reply, also within one second."""
    java = network.javas[0]
    keys = str(network.ours.data_dir / "udp-site.dat")
    destination = max(run_command("keys", "show", "--destination", keys).stdout.split(), key=len)
    java.send_command(f"send 12 100 {destination}")
    wanted = [f"datagram echo {len(f'NUMBER {n}')} NUMBER {n}" for n in range(12)]

    def has_all() -> bool:
        lines = java.output.splitlines()
        return all(line in lines for line in wanted)

    wait_until("Java has all replies", has_all, 60)


def test_java_echoes_our_datagrams(network: JavaNetwork) -> None:
    web = network.ours.config["tunnels"]["web"]
    network.ours.config["tunnels"]["udp-client"] = {
        "type": "udpclient",
        "listen": f"127.0.0.1:{UDP_CLIENT_PORT}",
        "destination": network.java_sites["echo"],
        "inbound": web["inbound"],
        "outbound": web["outbound"],
    }
    network.ours.write_config()
    done = run_command("reload", "--wait", "-c", str(network.ours.config_file))
    assert done.returncode == 0, done.stdout + done.stderr
    network.ours.wait_ready("udp-client")
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as program:
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


def test_server_that_drops_a_half_closed_stream(network: JavaNetwork) -> None:
    """curl does not wait: a request's stream is not half-closed, whatever the client does."""
    site = network.java_sites["half"]
    began = time.monotonic()
    got = curl.fetch_with_retry(f"http://{site}/bytes/100000", proxy=PROXY)
    assert (got.status, got.digest) == (200, digest_of(100_000))
    assert time.monotonic() - began < 30 * slowdown()
    with contextlib.closing(socket.create_connection((OURS, 4444), timeout=30)) as program:
        program.sendall(f"GET http://{site}/bytes/5 HTTP/1.0\r\n\r\n".encode())
        program.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := program.recv(4096):
            answer += piece
    assert b" 200 " in answer.split(b"\r\n")[0]


@slow
def test_i2pd_visits_i2pd_through_java_and_ours(network: JavaNetwork) -> None:
    """Each of its four paths has our relay and a Java router, in either order."""
    proxy = f"http://{network.i2pd.routers[1].address}:4445"

    def carried() -> int:
        status = network.relay.status()
        assert status is not None
        return int(status["router"]["bytes_received"])

    before = carried()
    fetch_page(proxy, network.i2pd_site, within_s=120)
    size = 2_000_000
    got = curl.fetch(f"http://{network.i2pd_site}/bytes/{size}", proxy=proxy)
    assert (got.exit_code, got.status, got.digest) == (0, 200, digest_of(size)), got.error
    assert carried() - before > size


def test_our_routers_have_every_role_in_tunnels_of_java(network: JavaNetwork) -> None:
    """Gateway, participant and end point."""
    ours = {hash_in_java(one.router_info) for one in (network.ours, network.relay)}

    def roles() -> set[str]:
        found = set()
        for line in network.java_output():
            if line.startswith("tunnel "):
                _, way, *hops = line.split()
                edge = 0 if way == "in" else len(hops) - 1
                found |= {
                    (way if index == edge else "middle")
                    for index, hop in enumerate(hops)
                    if hop in ours
                }
        return found

    wait_until("every role", lambda: roles() == {"in", "out", "middle"}, 120, 1)


def test_java_has_every_role_in_tunnels_of_ours(network: JavaNetwork) -> None:
    def roles() -> set[str]:
        javas = network.java_hashes()
        found = set()
        for appliance in (network.ours, network.relay):
            status = appliance.status()
            assert status is not None
            for path in status["paths"]:
                edge = 0 if path["inbound"] else len(path["hops"]) - 1
                found |= {
                    ("middle" if index != edge else "in" if path["inbound"] else "out")
                    for index, hop in enumerate(path["hops"])
                    if hop in javas
                }
        return found

    wait_until("every role", lambda: roles() == {"in", "out", "middle"}, 120, 1)


@slow
def test_links_are_dialled_by_both_sides(network: JavaNetwork) -> None:
    ours = {hash_in_java(one.router_info) for one in (network.ours, network.relay)}

    def ways() -> set[str]:
        links = (line.split() for line in network.java_output() if line.startswith("link "))
        return {way for _, way, remote in links if remote in ours}

    wait_until("both ways", lambda: ways() == {"in", "out"}, 60, 1)


def test_floodfills_of_either_side_have_the_lease_sets_of_both(network: JavaNetwork) -> None:
    floodfills = [network.relay.router_info, *(java.router_info for java in network.javas[1:])]
    sites = [names["site"] for names in (network.java_sites, network.our_sites)]
    asyncio.run(until_known(network, floodfills, sites))


async def until_known(network: JavaNetwork, floodfills: list[bytes], sites: list[str]) -> None:
    """Wait until each floodfill has each lease set, asked by a router that nobody has met.

    A Java floodfill takes its time to answer.
    """
    hashes = [RouterInfo.parse(raw).hash for raw in floodfills]
    keys = [b32decode(site.partition(".")[0]) for site in sites]
    peer = LivePeer(live_node(network, LIVE_HOST, LIVE_PORT))

    def missing() -> list[tuple[bytes, bytes]]:
        return [
            (floodfill, key)
            for floodfill in hashes
            for key in keys
            if not any(
                DatabaseStore.parse(answer).key == key
                for answer in peer.got(floodfill, MessageType.DATABASE_STORE)
            )
        ]

    async with listening(peer.tcp, LIVE_HOST, LIVE_PORT):
        deadline = time.monotonic() + JAVA_FLOODFILL_TIMEOUT_S
        while (left := missing()) and time.monotonic() < deadline:
            for floodfill, key in left:
                lookup = DatabaseLookup(key, peer.node.hash, LOOKUP_LEASE_SET).write()
                peer.send(floodfill, MessageType.DATABASE_LOOKUP, lookup)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_EVERY_S):
                    while missing():
                        await asyncio.sleep(0.05)
        assert not missing(), [(b32encode(a)[:8], b32encode(b)[:8]) for a, b in missing()]
        assert len(peer.of(PeerConnected)) == len(hashes)


@slow
@pytest.mark.timeout(1500)
def test_first_pages_after_15_idle_minutes(network: JavaNetwork) -> None:
    """Longer than any tunnel or lease lives."""
    for case in CASES:
        fetch_page(*proxy_and_site(network, case))
    time.sleep(IDLE_S)
    took_s = {case: fetch_page(*proxy_and_site(network, case)) for case in CASES}
    print(f"after {IDLE_S} s: {took_s}")
    assert max(took_s.values()) < 10, took_s


# From here on something is taken away


@slow
def test_restart_is_no_reason_for_a_ban(network: JavaNetwork) -> None:
    """Java takes our router back at once: it is never refused while it redials.

    Tunnels of Java that led through ours end with the restart, and Java takes a minute or two to
    notice; a Java client keeps our old lease set until its leases end. Neither is asked here.
    """
    ours = network.ours
    own_hash = hash_in_java(ours.router_info)
    for _ in range(2):
        ours.stop()
        ours.start()
        ours.wait_ready("web", "site", timeout_s=20)
    fetch_page(PROXY, network.java_sites["site"], within_s=150)
    for java in network.javas:
        bans = [line for line in java.router_log.splitlines() if f"Banlist {own_hash}" in line]
        assert not bans, bans


@slow
def test_a_killed_hop(network: JavaNetwork) -> None:
    """One of the two Java routers that all of our tunnels lead through."""
    javas = network.java_hashes()
    used = network.hops_of("web", "site")
    victim = next(java for name, java in javas.items() if name in used)
    victim.stop()
    network.dead.append(victim)
    took_s = fetch_page(PROXY, network.java_sites["site"], within_s=90)
    print(f"a page {took_s:.1f} s after the end of a hop")
    assert took_s < 30 * slowdown()


@slow
def test_new_lease_sets_through_the_only_floodfill(network: JavaNetwork) -> None:
    """That of Java, once ours is gone: what is new is published there, and found there.

    Java is not asked for ours: it passes over a floodfill with the address of one that is gone, and
    all Java routers have one address.
    """
    network.relay.stop(kill=True)
    (last,) = (java for java in network.javas[1:] if java not in network.dead)
    print(f"left: {last.data_dir.name}")
    site = start_tunnel(network.ours, "late-site")
    start_tunnel(network.ours, "late-web")
    asyncio.run(until_known(network, [last.router_info], [site]))
    late_proxy = f"http://{OURS}:4445"
    took_s = fetch_page(late_proxy, network.java_sites["site"], within_s=120)
    print(f"ours finds Java's after {took_s:.1f} s")
