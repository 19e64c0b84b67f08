"""Encrypted lease sets between real i2pd routers and ours, both as owner and as client.

Every lease set here is stored by i2pd's floodfills under a blinded key, and every byte crosses
2-hop tunnels. i2pd owns one for everybody (signing type 7), one for pre-shared keys (11) and one
for Diffie-Hellman keys (7); our router owns the same three, one that also needs a secret, and one
whose signing key is offline.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from core.api import (
    ClientSession,
    EncryptedLeaseSetOptions,
    RouterConfig,
    SessionConfig,
    Stream,
    TunnelShape,
)
from core.base.calendar import DAY_S, day_number
from core.base.errors import I2PError, Unavailable
from core.crypto.x25519 import X25519Key
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.daily_keys import make_daily_keys
from core.data.encoding import b64encode
from core.data.lease_set_layers import AuthScheme, ClientAuthorisation
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.io.system import SystemEntropy
from tests.support import curl
from tests.support.echo import echo, echo_server
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import NETWORK_ID, I2pdNet, I2pdRouter, wait_until
from tests.support.origin import Origin, body_of, digest_of
from tests.support.router_thread import RouterThread

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

SPREAD_S = 90.0

ADDRESS = "127.60.1.1"
SHAPE = TunnelShape(length=2, quantity=2)
SIZE = 200_000
LONG_S = 780.0
ENTROPY = SystemEntropy()
I2PD_SHAPE = (
    "inbound.length = 2\noutbound.length = 2\ninbound.quantity = 2\noutbound.quantity = 2\n"
)


@dataclass
class Person:
    """A client with a key pair; the private half doubles as a pre-shared key."""

    key: X25519Key = field(default_factory=lambda: X25519Key.generate(ENTROPY))

    def public(self, scheme: AuthScheme) -> bytes:
        """What the owner is given."""
        return self.key.public if scheme is AuthScheme.DH else self.key.private


ALICE, BOB, EVE = Person(), Person(), Person()


def authorised(scheme: AuthScheme, *people: Person) -> ClientAuthorisation:
    return ClientAuthorisation(scheme, tuple(person.public(scheme) for person in people))


@dataclass
class OurSite:
    """A destination of ours that answers every HTTP request with the same bytes, or echoes."""

    name: str
    options: EncryptedLeaseSetOptions
    echoes: bool = False
    keys: PrivateKeys = field(
        default_factory=lambda: PrivateKeys.generate_destination(ENTROPY, signing_type=11)
    )
    session: ClientSession | None = None

    @property
    def address(self) -> BlindedAddress:
        return BlindedAddress.of(
            self.keys.destination,
            needs_secret=bool(self.options.secret),
            needs_client_key=self.options.authorisation is not None,
        )


async def answer(stream: Stream) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n"
    try:
        got = b""
        while b"\r\n\r\n" not in got:
            data = await stream.read()
            if not data:
                break
            got += data
        await stream.write(head.encode() + body_of(SIZE))
        await stream.close()
    except I2PError:
        stream.reset()


async def serve(ours: RouterThread, site: OurSite) -> None:
    site.session = await ours.router.open_session(
        SessionConfig(
            site.name,
            keys=site.keys,
            inbound=SHAPE,
            outbound=SHAPE,
            publish=True,
            encrypted=site.options,
        )
    )
    ours.serve(site.session, echo if site.echoes else answer)


@dataclass
class Network:
    """What runs: i2pd's sites by name, ours by name, and our client session."""

    net: I2pdNet
    ours: RouterThread
    client: ClientSession
    i2pd_sites: dict[str, BlindedAddress]
    our_sites: dict[str, OurSite]
    i2pd_client: I2pdRouter
    ports: dict[str, int]

    def fetch(
        self,
        address: BlindedAddress,
        person: Person | None = None,
        secret: str = "",
        spread_s: float = SPREAD_S,
    ) -> bytes:
        """GET from any site with our client; the body. Raises what connecting raises."""
        target = BlindedTarget(address, secret, None if person is None else person.key.private)
        deadline = time.monotonic() + spread_s
        while True:
            try:
                return self.ours.run(self._fetch(target))
            except Unavailable as error:
                # A site's owner publishes when its tunnels are ready, which nobody tells us.
                if error.code != "lease_set_not_found" or time.monotonic() > deadline:
                    raise

    async def _fetch(self, target: BlindedTarget) -> bytes:
        stream = await self.client.connect(target, timeout_s=30)
        request = f"GET /bytes/{SIZE} HTTP/1.1\r\nHost: site.i2p\r\nConnection: close\r\n\r\n"
        await stream.write(request.encode())
        parts = []
        while data := await stream.read():
            parts.append(data)
        await stream.close()
        return b"".join(parts).partition(b"\r\n\r\n")[2]

    def code_of_failure(self, address: BlindedAddress, person: Person | None = None) -> str:
        with pytest.raises(Unavailable) as caught:
            self.fetch(address, person)
        return caught.value.code

    def fetch_with_i2pd(self, tunnel: str, timeout_s: float = 40) -> curl.Fetched:
        """GET through one of i2pd's client tunnels."""
        url = f"http://{self.i2pd_client.address}:{self.ports[tunnel]}/"
        return curl.fetch(url, proxy="", timeout_s=timeout_s)


def our_offline_site() -> OurSite:
    """With transient keys only, as a server has it whose master key is elsewhere."""
    master = PrivateKeys.generate_destination(ENTROPY, signing_type=11)
    today = day_number(time.time())
    daily = make_daily_keys(master, "", ENTROPY, today - 1, 4)
    online = master.authorise_transient(ENTROPY, (today + 3) * DAY_S)
    return OurSite("offline", EncryptedLeaseSetOptions(daily_keys=daily), keys=online)


def i2pd_server(name: str, port: int, signing_type: int, *lines: str, kind: str = "http") -> str:
    extra = "".join(f"{line}\n" for line in lines)
    return (
        f"[{name}]\ntype = {kind}\nhost = 127.0.0.1\nport = {port}\nkeys = {name}.dat\n"
        f"signaturetype = {signing_type}\ni2cp.leaseSetType = 5\n{I2PD_SHAPE}{extra}"
    )


def i2pd_client(
    name: str, address: str, port: int, site: OurSite, person: Person | None = None
) -> str:
    key = "" if person is None else f"i2cp.leaseSetPrivKey = {b64encode(person.key.private)}\n"
    return (
        f"[{name}]\ntype = client\naddress = {address}\nport = {port}\n"
        f"destination = {site.address.host}\nkeys = transient-{name}\n{I2PD_SHAPE}{key}"
    )


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    root: Path = tmp_path_factory.mktemp("els")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, old, new, new, old, new], first_octet=41)
    owner, client = net.routers[4], net.routers[5]
    sites = {
        "open": OurSite("open", EncryptedLeaseSetOptions()),
        "psk": OurSite(
            "psk",
            EncryptedLeaseSetOptions(authorisation=authorised(AuthScheme.PSK, ALICE, BOB)),
        ),
        "dh": OurSite(
            "dh", EncryptedLeaseSetOptions(authorisation=authorised(AuthScheme.DH, ALICE, BOB))
        ),
        "secret": OurSite("secret", EncryptedLeaseSetOptions(secret="open sesame")),
        "offline": our_offline_site(),
        "echo": OurSite(
            "echo",
            EncryptedLeaseSetOptions(authorisation=authorised(AuthScheme.PSK, ALICE)),
            echoes=True,
        ),
    }
    plan: dict[str, tuple[str, Person | None]] = {
        "open": ("open", None),
        "psk-alice": ("psk", ALICE),
        "psk-eve": ("psk", EVE),
        "dh-alice": ("dh", ALICE),
        "dh-bob": ("dh", BOB),
        "dh-bob-again": ("dh", BOB),
        "dh-eve": ("dh", EVE),
        "echo": ("echo", ALICE),
        "offline": ("offline", None),
    }
    ports = {name: 6001 + index for index, name in enumerate(plan)}
    client.tunnels = "".join(
        i2pd_client(name, client.address, ports[name], sites[site], person)
        for name, (site, person) in plan.items()
    )
    with Origin() as origin, echo_server() as echo_port:
        psk = b64encode(ALICE.public(AuthScheme.PSK))
        dh = [b64encode(person.public(AuthScheme.DH)) for person in (BOB, ALICE)]
        owner.tunnels = (
            i2pd_server("open", origin.port, 7)
            + i2pd_server(
                "psk",
                origin.port,
                11,
                "i2cp.leaseSetAuthType = 2",
                f"i2cp.leaseSetClient.psk.1 = alice:{psk}",
            )
            + i2pd_server(
                "echo",
                echo_port,
                7,
                "i2cp.leaseSetAuthType = 2",
                f"i2cp.leaseSetClient.psk.1 = alice:{psk}",
                kind="server",
            )
            + i2pd_server(
                "dh",
                origin.port,
                7,
                "i2cp.leaseSetAuthType = 1",
                f"i2cp.leaseSetClient.dh.1 = bob:{dh[0]}",
                f"i2cp.leaseSetClient.dh.2 = alice:{dh[1]}",
            )
        )
        config = RouterConfig(
            data_dir=root / "ours",
            network_id=NETWORK_ID,
            host=ADDRESS,
            port=21060,
            bind=ADDRESS,
            allow_private_addresses=True,
            transit=False,
        )
        ours = RouterThread(config)
        try:
            ours.run(ours.router.start())
            net.prepare(foreign=[ours.router.router_info.raw])
            net.start()
            wait_until(
                "i2pd's own tunnels",
                lambda: all(router.tunnel_success_percent() >= 50 for router in net.routers),
                90,
                0.5,
            )
            infos = [RouterInfo.parse(raw) for raw in net.router_infos()]

            async def open_sessions() -> ClientSession:
                ours.router.import_routers(infos)
                for site in sites.values():
                    await serve(ours, site)
                session = await ours.router.open_session(
                    SessionConfig("client", inbound=SHAPE, outbound=SHAPE)
                )
                for site in sites.values():
                    assert site.session is not None
                    await site.session.wait_ready(60)
                await session.wait_ready(60)
                return session

            session = ours.run(open_sessions(), 120)
            i2pd_sites = {
                name: BlindedAddress.of(
                    PrivateKeys.parse((owner.data_dir / f"{name}.dat").read_bytes()).destination
                )
                for name in ("open", "psk", "dh", "echo")
            }
            yield Network(net, ours, session, i2pd_sites, sites, client, ports)
        finally:
            ours.close()
            net.stop()


def test_the_console_of_i2pd_shows_the_same_address(network: Network) -> None:
    owner = network.net.routers[4]
    for name, address in network.i2pd_sites.items():
        keys = PrivateKeys.parse((owner.data_dir / f"{name}.dat").read_bytes())
        b32 = keys.destination.b32.removesuffix(".b32.i2p")
        shown = replace(address, needs_client_key=name != "open")
        assert shown.host in owner.page(f"?page=local_destination&b32={b32}")


# i2pd owns, we are the client


def test_i2pds_site_for_everybody(network: Network) -> None:
    assert network.fetch(network.i2pd_sites["open"]) == body_of(SIZE)


@pytest.mark.parametrize(("site", "person"), [("psk", ALICE), ("dh", ALICE), ("dh", BOB)])
def test_i2pds_site_with_the_right_key(network: Network, site: str, person: Person) -> None:
    assert network.fetch(network.i2pd_sites[site], person) == body_of(SIZE)


@pytest.mark.parametrize("site", ["psk", "dh"])
def test_i2pds_site_with_a_wrong_key_or_none(network: Network, site: str) -> None:
    address = network.i2pd_sites[site]
    assert network.code_of_failure(address, EVE) == "client_key_refused"
    assert network.code_of_failure(address) == "client_key_required"


# We own, i2pd is the client


@pytest.mark.parametrize("tunnel", ["open", "psk-alice", "dh-alice", "dh-bob", "offline"])
def test_our_site_through_i2pd(network: Network, tunnel: str) -> None:
    def fetched() -> curl.Fetched | None:
        got = network.fetch_with_i2pd(tunnel)
        return got if got.status == 200 else None

    got = wait_until(f"our site through {tunnel}", fetched, 90, 0.5)
    assert isinstance(got, curl.Fetched)
    assert (len(got.body), got.digest) == (SIZE, digest_of(SIZE))


@pytest.mark.parametrize("tunnel", ["psk-eve", "dh-eve"])
def test_our_site_stays_closed_for_i2pd_with_a_wrong_key(network: Network, tunnel: str) -> None:
    told = f"Client cookie {tunnel.partition('-')[0].upper()} not found"
    log = network.i2pd_client.data_dir / "i2pd.log"
    # It may take i2pd several lookups to find the lease set at all.
    for attempt in range(6):
        assert network.fetch_with_i2pd(tunnel, 12).status != 200
        if attempt and told in log.read_text(errors="replace"):
            return
    pytest.fail(f"i2pd never said: {told}")


# Both ends are ours; the floodfills are i2pd's


@pytest.mark.parametrize(
    ("site", "person"), [("open", None), ("psk", BOB), ("dh", ALICE), ("offline", None)]
)
def test_our_client_and_our_site(network: Network, site: str, person: Person | None) -> None:
    assert network.fetch(network.our_sites[site].address, person) == body_of(SIZE)


def test_a_secret(network: Network) -> None:
    address = network.our_sites["secret"].address
    assert network.fetch(address, secret="open sesame") == body_of(SIZE)
    assert network.code_of_failure(address) == "secret_required"
    with pytest.raises(Unavailable) as caught:
        network.fetch(address, secret="open barley", spread_s=0)
    assert caught.value.code == "lease_set_not_found"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_streams_outlive_the_leases_they_began_with(network: Network) -> None:
    """One stream each way, used now and then for longer than any tunnel or lease set lives."""
    ours = BlindedTarget(network.i2pd_sites["echo"], "", ALICE.key.private)
    stream = network.ours.run(network.client.connect(ours))

    async def ask(words: bytes) -> bytes:
        await stream.write(words)
        got = b""
        while len(got) < len(words):
            data = await stream.read()
            assert data, "the stream ended"
            got += data
        return got

    address = (network.i2pd_client.address, network.ports["echo"])
    with socket.create_connection(address, 30) as theirs, theirs.makefile("rb") as lines:
        theirs.settimeout(40)
        end = time.monotonic() + LONG_S
        number = 0
        while time.monotonic() < end:
            words = b"line %d\n" % number
            assert network.ours.run(ask(words), 40) == words
            theirs.sendall(words)
            assert lines.readline() == words
            number += 1
            time.sleep(15)
    network.ours.run(stream.close())


# Revocation comes last: it changes a site


def test_revoking_a_client(network: Network) -> None:
    """Bob got in before; a fresh client with his key does not, Alice still does."""
    site = network.our_sites["dh"]
    session = site.session
    assert session is not None
    before = network.ours.run(_store_date(session))

    async def revoke() -> None:
        session.authorise(authorised(AuthScheme.DH, ALICE))

    network.ours.run(revoke())
    wait_until(
        "the new lease set", lambda: network.ours.run(_store_date(session)) > before, 30, 0.25
    )
    target = BlindedTarget(site.address, "", BOB.key.private)

    async def code() -> str:
        fresh = await network.ours.router.open_session(
            SessionConfig("bob", inbound=SHAPE, outbound=SHAPE)
        )
        try:
            await fresh.wait_ready(60)
            while True:
                try:
                    await fresh.lookup(target)
                except Unavailable as error:
                    if error.code == "client_key_refused":
                        return error.code
                await asyncio.sleep(0.5)
        finally:
            await fresh.close()

    assert network.ours.run(code(), 60) == "client_key_refused"
    assert network.fetch_with_i2pd("dh-bob-again", 15).status != 200
    assert network.fetch(site.address, ALICE) == body_of(SIZE)
    assert network.fetch_with_i2pd("dh-alice").status == 200


async def _store_date(session: ClientSession) -> int:
    return session._engine.own.published_s
