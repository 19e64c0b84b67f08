"""Encryption types between i2pd and our router, both ways: hybrid with ML-KEM, X25519, ElGamal.

Our site offers 6, 4 and 0, our client 6 and 4. i2pd 2.59 has servers and clients that prefer 6, or
4, or have ElGamal alone; 2.56 has 4 and 0. Which type is used is seen at our end.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.api import ClientSession, Router, RouterConfig, SessionConfig, Stream, TunnelShape
from core.base.errors import I2PError, Unavailable
from core.data.identity import b32_to_hash
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.io.system import SystemEntropy
from tests.support.echo import echo, echo_server
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import NETWORK_ID, I2pdNet, I2pdRouter, wait_until
from tests.support.router_thread import RouterThread

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

ADDRESS = "127.90.1.1"
SHAPE = TunnelShape(length=2, quantity=2)
I2PD_SHAPE = (
    "inbound.length = 2\noutbound.length = 2\ninbound.quantity = 2\noutbound.quantity = 2\n"
)
SIZE = 300_000
BULK_BYTES = 20_000_000
ELGAMAL, X25519, MLKEM768 = 0, 4, 6
#: i2pd's tunnels: name -> which release, i2cp.leaseSetEncType
I2PD_TUNNELS = {
    "hybrid": ("new", "6,4"),
    "plain": ("new", "4"),
    "usual": ("new", ""),
    "old": ("old", ""),
    "elgamal": ("new", "0"),
    "old-elgamal": ("old", "0"),
}
USED = {
    "hybrid": MLKEM768,
    "plain": X25519,
    "usual": MLKEM768,
    "old": X25519,
    "elgamal": ELGAMAL,
    "old-elgamal": ELGAMAL,
}


#: make slow: all of them
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in ("hybrid", "old-elgamal") else [])
    for name in I2PD_TUNNELS
]


class OurRouter(RouterThread):
    """A client, and a site that echoes."""

    def __init__(self, root: Path, keys: PrivateKeys) -> None:
        self._config = RouterConfig(
            data_dir=root,
            network_id=NETWORK_ID,
            host=ADDRESS,
            port=21090,
            bind=ADDRESS,
            allow_private_addresses=True,
            transit=False,
        )
        super().__init__(self._config)
        self.keys = keys
        self.client: ClientSession
        self.site: ClientSession

    async def open(self) -> None:
        self.client = await self.router.open_session(SessionConfig("client", None, SHAPE, SHAPE))
        self.site = await self.router.open_session(
            SessionConfig("site", self.keys, SHAPE, SHAPE, publish=True, encryption_types=(6, 4, 0))
        )
        self.serve(self.site, echo)
        for session in (self.client, self.site):
            await session.wait_ready(90)

    async def restart(self) -> None:
        await self.router.stop()
        self.router = Router(self._config)
        await self.router.start()
        await self.open()

    async def _connect(self, target: bytes) -> Stream:
        """i2pd publishes a while after its tunnels are there, which nobody tells."""
        deadline = time.monotonic() + 90
        while True:
            try:
                return await self.client.connect(target, timeout_s=60)
            except Unavailable as error:
                if error.code != "lease_set_not_found" or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    async def echoed(self, target: bytes, data: bytes) -> bytes:
        """What a site sends back."""
        stream = await self._connect(target)
        parts = []

        async def receive() -> None:
            got = 0
            while got < len(data) and (part := await stream.read()):
                parts.append(part)
                got += len(part)

        receiving = asyncio.ensure_future(receive())
        await stream.write(data)
        await receiving
        await stream.close()
        return b"".join(parts)

    def type_used(self, session: ClientSession, remote: bytes) -> int:
        """The encryption type by which a destination is written to."""
        engine: Any = session._engine
        found = engine._remotes.by_hash[remote]
        assert _is_written_to(engine, found)
        return int(found.crypto_type)

    def callers(self) -> dict[bytes, int]:
        """Who has a session with our site, and the type."""
        engine: Any = self.site._engine
        return {
            remote.hash: int(remote.crypto_type)
            for remote in engine._remotes.by_hash.values()
            if _is_written_to(engine, remote)
        }


def _is_written_to(engine: Any, remote: Any) -> bool:
    """Whether something went to it, under the key that is known of it."""
    if remote.static is None:
        return False
    if remote.is_elgamal:
        # It is established by its tags, and they may all be used for a moment.
        return not engine.elgamal.is_new(remote.static)
    return bool(engine.ratchet.has_session(remote.static))


@dataclass
class Network:
    net: I2pdNet
    ours: OurRouter
    sites: dict[str, bytes]
    clients: dict[str, tuple[str, int]]
    i2pd: dict[str, I2pdRouter]


def _tunnels(names: list[str], address: str, port: int, echo_port: int, site: str) -> str:
    text = ""
    for number, name in enumerate(names):
        types = I2PD_TUNNELS[name][1]
        option = f"i2cp.leaseSetEncType = {types}\n" if types else ""
        text += (
            f"[{name}]\ntype = server\nhost = 127.0.0.1\nport = {echo_port}\nkeys = {name}.dat\n"
            f"{I2PD_SHAPE}{option}"
            f"[to-us-{name}]\ntype = client\naddress = {address}\nport = {port + number}\n"
            f"destination = {site}\nkeys = transient-{name}\n{I2PD_SHAPE}{option}"
        )
    return text


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    root: Path = tmp_path_factory.mktemp("types")
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(root, [new, new, new, old, new], first_octet=91)
    i2pd = {"old": net.routers[3], "new": net.routers[4]}
    keys = PrivateKeys.generate_destination(SystemEntropy())
    with echo_server() as echo_port:
        clients = {}
        for release, router in i2pd.items():
            names = [name for name, (where, _) in I2PD_TUNNELS.items() if where == release]
            router.tunnels = _tunnels(names, router.address, 6001, echo_port, keys.destination.b32)
            clients |= {name: (router.address, 6001 + at) for at, name in enumerate(names)}
        ours = OurRouter(root / "ours", keys)
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
            ours.run(_import(ours.router, infos))
            ours.run(ours.open())
            sites = {
                name: b32_to_hash(i2pd[where].local_b32(name))
                for name, (where, _) in I2PD_TUNNELS.items()
            }
            yield Network(net, ours, sites, clients, i2pd)
        finally:
            ours.close()
            net.stop()


async def _import(router: Router, infos: list[RouterInfo]) -> None:
    router.import_routers(infos)


def _data(seed: str, size: int = SIZE) -> bytes:
    return Random(seed).randbytes(size)


def _send_all(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def _echoed_by_us(address: tuple[str, int], data: bytes, timeout_s: float = 90) -> bytes:
    """What comes back through one of i2pd's client tunnels."""
    got = []

    def try_once() -> bool:
        got.clear()
        size = 0
        # i2pd closes it while it finds nobody
        with (
            contextlib.suppress(OSError),
            socket.create_connection(address, 10) as connection,
        ):
            connection.settimeout(timeout_s)
            sending = threading.Thread(target=_send_all, args=(connection, data), daemon=True)
            sending.start()
            while size < len(data) and (part := connection.recv(65536)):
                got.append(part)
                size += len(part)
            sending.join(10)
        return size == len(data)

    wait_until(f"echo through {address}", try_once, 90, 1.0)
    return b"".join(got)


def _same(one: bytes, two: bytes) -> bool:
    return hashlib.sha256(one).digest() == hashlib.sha256(two).digest()


@pytest.mark.parametrize("name", NAMES)
def test_we_reach_an_i2pd_server(network: Network, name: str) -> None:
    data = _data(name)
    echoed = network.ours.run(network.ours.echoed(network.sites[name], data))
    assert _same(echoed, data)
    ours = network.ours
    assert ours.type_used(ours.client, network.sites[name]) == USED[name]


@pytest.mark.parametrize("name", NAMES)
def test_an_i2pd_client_reaches_us(network: Network, name: str) -> None:
    before = network.ours.callers()
    data = _data(name)
    assert _same(_echoed_by_us(network.clients[name], data), data)
    callers = network.ours.callers()
    assert {kind for who, kind in callers.items() if who not in before} == {USED[name]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hybrid", "plain", "elgamal"])
def test_20_mb_come_back_both_ways(network: Network, name: str) -> None:
    data = _data(name, BULK_BYTES)
    echoed = network.ours.run(network.ours.echoed(network.sites[name], data), 300)
    assert _same(echoed, data)
    assert _same(_echoed_by_us(network.clients[name], data), data)


@pytest.mark.slow
def test_sites_are_found_again_after_restarts_of_both_sides(network: Network) -> None:
    """Last, for everything begins anew."""
    ours, router = network.ours, network.i2pd["new"]
    for _ in range(2):
        router.stop(kill=True)
        router.start()
        router.wait_listening()
        for name in ("hybrid", "elgamal"):

            def answers(name: str = name) -> bool:
                with contextlib.suppress(Unavailable, I2PError):
                    return ours.run(ours.echoed(network.sites[name], b"hello")) == b"hello"
                return False

            wait_until(f"an answer of {name}", answers, 120, 1.0)
        ours.run(ours.restart())
        for name in ("hybrid", "elgamal"):
            assert _echoed_by_us(network.clients[name], b"hello") == b"hello"
