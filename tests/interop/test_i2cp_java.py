"""I2CP with Java I2P: our tunnels over its router, and its client library over ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress
from core.data.encoding import b64encode
from core.data.identity import Destination
from core.data.private_keys import PrivateKeys
from core.io.system import SystemEntropy
from i2ptunnel.demo import free_port
from tests.support.appliance import FAST, Appliance
from tests.support.curl import fetch
from tests.support.every_tunnel import CHECKS, Pair, Services, pairs_of
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import I2pdNet, wait_until
from tests.support.java_i2cp import JavaClient
from tests.support.java_net import JavaRouter
from tests.support.namespace import add_outside_address
from tests.support.origin import PAGE, body_of
from tests.support.over_i2cp import (
    I2PD_SHAPE,
    SHAPE,
    fetched,
    names_of,
    over_i2cp,
    proxy_at,
    site_of,
)

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(420)]

BULK_BYTES = 20_000_000
OURS = "127.81.0.1"
PROXY = f"http://{OURS}:4444"
HOST = "127.88.0.1"
HOST_PROXY = f"http://{HOST}:4444"
JAVA_I2CP_PORT = 7657
SECRET = "open sesame"
ENTROPY = SystemEntropy()
#: who may read what is encrypted for one client
READER = X25519Key.generate(ENTROPY)
#: proxies of the Java client on 127.0.0.1: one knows nothing, the others what opens a lease set
PROXIES = {
    "web": 4473,
    "web-secret": 4474,
    "web-psk": 4475,
    "web-dh": 4476,
    "web-elgamal": 4477,
}
#: our client tunnels into encrypted sites of the Java client
PORTS = {"open": 5001, "secret": 5002, "psk": 5003, "dh": 5004}
#: a site with an ElGamal key, of i2pd's and of ours
OLD_SITE = "old-site"
DAY_S = 24 * 3600
#: over whose router the server is, of those tunnels that are tried for each type
WAYS = ("Java's", "ours")


@dataclass
class Keys:
    """Of the Java client's encrypted sites, and of the one whose signing key is offline."""

    blinded: dict[str, PrivateKeys] = field(
        default_factory=lambda: {
            name: PrivateKeys.generate_destination(ENTROPY, signing_type=11) for name in PORTS
        }
    )
    offline: PrivateKeys = field(
        default_factory=lambda: PrivateKeys.generate_destination(ENTROPY).authorise_transient(
            ENTROPY, int(time.time()) + DAY_S
        )
    )

    def address(self, name: str) -> str:
        destination = self.blinded[name].destination
        return BlindedAddress.of(
            destination, needs_secret=name == "secret", needs_client_key=name in ("psk", "dh")
        ).host


@dataclass
class I2cpNetwork:
    """``ours`` has no router, but that of ``java``; ``host`` takes I2CP from ``client``."""

    net: I2pdNet
    java: JavaRouter
    ours: Appliance
    host: Appliance
    client: JavaClient
    keys: Keys
    i2pd_site: str
    sites: dict[str, str]
    pairs: dict[str, Pair]

    @property
    def i2pd_proxy(self) -> str:
        return f"http://{self.net.routers[4].address}:4444"

    @property
    def i2pd_stranger(self) -> str:
        """The proxy of another i2pd, that has visited nobody."""
        return f"http://{self.net.routers[2].address}:4444"


def client_tunnels(keys: Keys) -> dict[str, Any]:
    """Ours into the Java client's sites, each with what it needs."""
    more: dict[str, dict[str, str]] = {
        "open": {},
        "secret": {"secret": SECRET},
        "psk": {"client_key": b64encode(READER.private)},
        "dh": {"client_key": b64encode(READER.private)},
    }
    return {
        f"to-{name}": {
            "type": "client",
            "listen": f"{OURS}:{port}",
            "allow": ["127.0.0.0/8"],
            "destination": {"address": keys.address(name), **more[name]},
            **SHAPE,
        }
        for name, port in PORTS.items()
    }


def encrypted_sites(origin_port: int) -> dict[str, Any]:
    """Of ours, for the Java client's proxies."""
    dh = {"name": "reader", "public_key": b64encode(READER.public)}
    psk = {"name": "reader", "shared_key": b64encode(READER.private)}
    options: dict[str, dict[str, Any]] = {
        "our-secret": {"secret": SECRET},
        "our-psk": {"clients": [psk]},
        "our-dh": {"clients": [dh]},
    }
    return {
        name: site_of(origin_port, name, encrypted={"enabled": True, **one})
        for name, one in options.items()
    }


def java_client(root: Path, keys: Keys, port: int) -> JavaClient:
    """Its destinations on our router; see ``java/Peer.java``."""
    named = b64encode(b"reader")
    secret = b64encode(SECRET.encode())
    psk = f"{named}:{b64encode(READER.private)}"
    dh = f"{named}:{b64encode(READER.public)}"
    client = JavaClient(
        root,
        f"{HOST}:7654",
        [
            f"server:site:{port}",
            f"server:offline:{port}",
            f"twin:twin:{port}",
            f"twin:both:{port}::i2cp.leaseSetEncType=4,0",
            f"server:unsaid:{port}::i2cp.leaseSetEncType=",
            f"server:elgamal:{port}::i2cp.leaseSetEncType=0",
            f"encrypted:open:{port}",
            f"encrypted:secret:{port}::i2cp.leaseSetSecret={secret}",
            f"encrypted:psk:{port}::i2cp.leaseSetAuthType=2;i2cp.leaseSetClient.psk.0={psk}",
            f"encrypted:dh:{port}::i2cp.leaseSetAuthType=1;i2cp.leaseSetClient.dh.0={dh}",
            f"proxy:web:{PROXIES['web']}",
            f"proxy:web-secret:{PROXIES['web-secret']}::blinding.secret={SECRET}",
            f"proxy:web-psk:{PROXIES['web-psk']}::blinding.psk={b64encode(READER.private)}",
            f"proxy:web-dh:{PROXIES['web-dh']}::blinding.dh={b64encode(READER.private)}",
            f"proxy:web-elgamal:{PROXIES['web-elgamal']}::i2cp.leaseSetEncType=0",
        ],
    )
    for name, one in keys.blinded.items():
        client.use_keys(name, one)
    client.use_keys("offline", keys.offline)
    return client


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[I2cpNetwork]:
    root = tmp_path_factory.mktemp("i2cp")
    add_outside_address()
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old, new, old, new], first_octet=82)
    options = {
        "i2cp.disableInterface": "false",
        "i2cp.hostname": "127.0.0.1",
        "i2cp.port": str(JAVA_I2CP_PORT),
    }
    java, keys = JavaRouter(root / "java", 20187, options=options), Keys()
    with ExitStack() as stack:
        services = stack.enter_context(Services(root / "services", free_port("127.0.0.1", 16667)))
        origin = services.origin
        net.routers[2].http_proxy = net.routers[4].http_proxy = True
        for name, options in (("site", ""), (OLD_SITE, "i2cp.leaseSetEncType = 4,0\n")):
            net.routers[4].tunnels += (
                f"[{name}]\ntype = http\nhost = 127.0.0.1\nport = {origin.port}\n"
                f"keys = {name}.dat\n{options}{I2PD_SHAPE}"
            )
        ours = over_i2cp(root / "ours", OURS, f"127.0.0.1:{JAVA_I2CP_PORT}", origin.port)
        ours.config["tunnels"] |= client_tunnels(keys) | encrypted_sites(origin.port)
        host = Appliance(root / "host", HOST, 20088, {"web": proxy_at(HOST)}, **FAST)
        host.config["interfaces"] = {"i2cp": {"listen": f"{HOST}:7654"}}
        host.config["tunnels"][OLD_SITE] = site_of(origin.port, OLD_SITE, encryption_types=[4, 0])
        pairs = dict(zip(WAYS, pairs_of(stack, services, ours, host), strict=True))
        client = java_client(root / "client", keys, origin.port)
        try:
            java.start()
            net.prepare([host.write_router_info_once(), java.router_info])
            infos = net.router_infos()
            host.import_router_infos([*infos, java.router_info])
            net.start()
            host.start()
            java.learn([*infos, host.router_info])
            ours.start()
            client.start()
            ours.wait_ready(*ours.config["tunnels"], timeout_s=150)
            host.wait_ready(*host.config["tunnels"])
            for name in ("site", "offline", "twin", "twin-twin", *PORTS, *PROXIES):
                client.b32_of(name, 120)
            i2pd_site = net.routers[4].local_b32("site")
            yield I2cpNetwork(net, java, ours, host, client, keys, i2pd_site, names_of(ours), pairs)
        finally:
            client.stop()
            for appliance in (ours, host):
                appliance.stop(kill=True)
            java.stop()
            net.stop()


def java_proxy(name: str = "web") -> str:
    return f"http://127.0.0.1:{PROXIES[name]}"


def test_our_tunnels_over_java_carry_20_mb_each_way(network: I2cpNetwork) -> None:
    path = f"bytes/{BULK_BYTES}"
    sites = network.i2pd_site, network.sites["site"]
    for proxy, site in zip((PROXY, network.i2pd_proxy), sites, strict=True):
        assert fetched(proxy, f"http://{site}/") == PAGE
        began = time.monotonic()
        assert fetched(proxy, f"http://{site}/{path}", 200) == body_of(BULK_BYTES)
        print(f"{BULK_BYTES / (time.monotonic() - began) / 1e6:.2f} MB/s")


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("way", WAYS)
def test_tunnels_of_each_type(network: I2cpNetwork, way: str, kind: str) -> None:
    """The server over one router, the client over the other one."""
    CHECKS[kind](network.pairs[way])


def test_java_publishes_our_encrypted_lease_set(network: I2cpNetwork) -> None:
    assert fetched(HOST_PROXY, f"http://{network.sites['secret-site']}/", within_s=120) == PAGE


@pytest.mark.parametrize("name", list(PORTS))
def test_encrypted_sites_of_a_java_client_over_our_router(network: I2cpNetwork, name: str) -> None:
    """Visited by ours over Java's router, which is told what opens the lease set."""
    assert network.client.b32_of(name) == network.keys.address(name)
    assert fetched("", f"http://{OURS}:{PORTS[name]}/", within_s=120) == PAGE


@pytest.mark.parametrize("name", ["secret", "psk", "dh"])
def test_a_java_client_tells_our_router_what_opens_a_lease_set(
    network: I2cpNetwork, name: str
) -> None:
    site = f"http://{network.sites[f'our-{name}']}/"
    # First: what one session has looked up, all sessions of a Java program know.
    assert fetch(site, proxy=java_proxy(), timeout_s=60).status == 504
    assert fetched(java_proxy(f"web-{name}"), site, within_s=120) == PAGE


def test_offline_keys_of_a_java_client(network: I2cpNetwork) -> None:
    b32 = network.client.b32_of("offline")
    assert b32 == network.keys.offline.destination.b32
    assert fetched(network.i2pd_proxy, f"http://{b32}/") == PAGE
    assert fetched(HOST_PROXY, f"http://{b32}/") == PAGE


def test_a_subsession_of_a_java_client_does_no_harm(network: I2cpNetwork) -> None:
    """Over a socket its library signs a lease set of type 1 for it, whose key is too short."""
    network.client.b32_of("twin-twin")
    assert fetched(HOST_PROXY, f"http://{network.client.b32_of('twin')}/") == PAGE
    assert "a subsession of an I2CP client cannot be reached" in network.host.log


@pytest.mark.parametrize("name", ["unsaid", "elgamal", "both"])
def test_java_clients_with_an_elgamal_key_are_reached(network: I2cpNetwork, name: str) -> None:
    """An empty option, ElGamal alone (a lease set of type 1), and ElGamal besides X25519."""
    site = f"http://{network.client.b32_of(name)}/"
    assert fetched(HOST_PROXY, site) == PAGE
    assert fetched(network.i2pd_proxy, site) == PAGE


def test_a_java_client_with_elgamal_alone_reaches_sites_that_have_it(network: I2cpNetwork) -> None:
    """Others it is told that it cannot reach: i2pd's servers have none by themselves, nor ours."""
    proxy = java_proxy("web-elgamal")
    for name in (network.net.routers[4].local_b32(OLD_SITE), names_of(network.host)[OLD_SITE]):
        assert fetched(proxy, f"http://{name}/") == PAGE
    for name in (network.i2pd_site, names_of(network.host)["site"]):
        assert fetch(f"http://{name}/", proxy=proxy, timeout_s=60).status == 504


def test_a_java_client_looks_up_without_a_session(network: I2cpNetwork) -> None:
    address = network.sites["site"]
    assert fetched(network.i2pd_proxy, f"http://{address}/") == PAGE  # it is published
    found = network.client.look_up(address)
    assert found is not None
    assert Destination.from_base64(found).b32 == address
    assert network.client.look_up(f"{'a' * 52}.b32.i2p") is None


def test_a_java_client_over_our_router_carries_20_mb_each_way(network: I2cpNetwork) -> None:
    path = f"bytes/{BULK_BYTES}"
    site = network.client.b32_of("site")
    for proxy, one in ((java_proxy(), network.i2pd_site), (network.i2pd_proxy, site)):
        assert fetched(proxy, f"http://{one}/") == PAGE
        assert fetched(proxy, f"http://{one}/{path}", 200) == body_of(BULK_BYTES)


def test_java_comes_back_after_a_restart(network: I2cpNetwork) -> None:
    """Addresses, listeners and the program stay; last, for it takes a router away.

    i2pd: a site that it has visited it sees again when its lease set of before has ended.
    """
    ours, java = network.ours, network.java
    site = f"http://{network.sites['site']}/"
    assert fetched(PROXY, f"http://{network.i2pd_site}/") == PAGE
    assert fetched(HOST_PROXY, site) == PAGE
    assert ours.process is not None
    process = ours.process.pid
    java.stop()

    def is_told() -> bool:
        status = ours.status()
        return status is not None and bool(status["router"]["i2cp"]["last_error"])

    wait_until("the loss is told", is_told, 30)
    assert fetch(f"http://{network.i2pd_site}/", proxy=PROXY, timeout_s=30).status == 503
    java.start()
    java.learn([*network.net.router_infos(), network.host.router_info])

    def is_back() -> bool:
        status = ours.status()
        assert status is not None
        i2cp = status["router"]["i2cp"]
        return bool(i2cp["ready"] == i2cp["sessions"])

    wait_until("all sessions are ready again", is_back, 200, 0.5)
    began = time.monotonic()
    for proxy, page in (
        (PROXY, f"http://{network.i2pd_site}/"),
        (HOST_PROXY, site),
        (network.i2pd_stranger, site),
    ):
        # Streams that other tests left open keep the key: two minutes after the visit then.
        assert fetched(proxy, page, timeout_s=25, within_s=150) == PAGE
        print(f"{time.monotonic() - began:.1f} s after the sessions were ready")
    assert (names_of(ours), ours.process.pid) == (network.sites, process)
