"""Options of client tunnels: failover, credentials, TLS for local programs, bandwidth."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.api import FileFault
from core.base.errors import Unavailable
from core.data.blinded_address import BlindedAddress, BlindedTarget
from core.data.encoding import b64encode
from i2ptunnel.config.client_models import ClientTunnelSection
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import ServerTunnelSection
from i2ptunnel.config.tunnel_parts import ListenTlsSection, TunnelBandwidthSection
from i2ptunnel.relay.tls import client_context
from i2ptunnel.tunnels.base import Tunnel
from i2ptunnel.tunnels.client import PlainClient
from i2ptunnel.tunnels.failover import DestinationChoice
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import ANY_PORT, TableResolver, context, port_of, running
from tests.support.waiting import until

ONE, TWO, THREE = (DestinationName(f"{name}.i2p", 7) for name in ("one", "two", "three"))


class Bench:
    """Destinations that say their names, and a client tunnel to them."""

    def __init__(self, data_dir: Path = Path("/nonexistent")) -> None:
        self.network = LoopbackNetwork()
        self.resolver = TableResolver({})
        self.data_dir = data_dir
        for name in ("one", "two", "three"):
            self.resolver.hosts[f"{name}.i2p"] = self.network.session(name).destination.hash
        self._answering = [
            asyncio.create_task(self._answer(name)) for name in ("one", "two", "three")
        ]

    async def _answer(self, name: str) -> None:
        session = self.network.sessions[self.resolver.hosts[f"{name}.i2p"]]
        while True:
            stream = await session.accept()
            await stream.write(name.encode())
            while data := await stream.read():
                await stream.write(data)
            await stream.close()

    def break_down(self, name: str, code: str = "lease_set_not_found") -> None:
        self.network.failures[self.resolver.hosts[f"{name}.i2p"]] = code

    def repair(self, name: str) -> None:
        del self.network.failures[self.resolver.hosts[f"{name}.i2p"]]

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[PlainClient]:
        model = ClientTunnelSection(**{"listen": ANY_PORT, **options})
        made = replace(context("near", self.network, self.resolver), data_dir=self.data_dir)
        tunnel = PlainClient(model, made)
        await tunnel.start()
        try:
            yield tunnel
        finally:
            await tunnel.stop()
            for task in self._answering:
                task.cancel()

    async def talk(self, tunnel: Tunnel[Any], data: bytes = b"", **options: Any) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel), **options)
        try:
            writer.write(data)
            if "ssl" in options:
                async with asyncio.timeout(5):
                    return await reader.readexactly(len(data) + 3)
            writer.write_eof()
            async with asyncio.timeout(5):
                return await reader.read()
        except (ConnectionResetError, asyncio.IncompleteReadError):
            return b""
        finally:
            writer.close()


def test_the_destination_that_works_is_kept() -> None:
    async def main() -> None:
        bench = Bench()
        async with bench.running(destination=(ONE, TWO, THREE)) as tunnel:
            assert [await bench.talk(tunnel) for _ in range(2)] == [b"one", b"one"]
            bench.break_down("one")
            assert [await bench.talk(tunnel) for _ in range(2)] == [b"two", b"two"]
            attempts = len(tunnel.session.connects)  # type: ignore[union-attr]
            bench.repair("one")
            assert await bench.talk(tunnel) == b"two", "it works: no reason to go elsewhere"
            assert len(tunnel.session.connects) == attempts + 1  # type: ignore[union-attr]
            bench.break_down("two")
            assert await bench.talk(tunnel) == b"three", "one rests after its failure"
            bench.break_down("three")
            assert await bench.talk(tunnel) == b"one", "better than nothing"
            bench.break_down("one")
            assert await bench.talk(tunnel) == b""
            shown = tunnel.status()["destinations"]
            assert [one["healthy"] for one in shown] == [False] * 3
            assert shown[0]["in_use"]
            assert shown[0]["failures"] == 1

    asyncio.run(main())


def test_failures_on_our_side_are_not_the_destination_s() -> None:
    async def main() -> None:
        bench = Bench()
        async with bench.running(destination=(ONE, TWO)) as tunnel:
            bench.break_down("one", "tunnels_not_ready")
            assert await bench.talk(tunnel) == b""
            shown = tunnel.status()["destinations"]
            assert [one["failures"] for one in shown] == [0, 0]

    asyncio.run(main())


def test_rests_grow_and_end() -> None:
    now = [0.0]
    choice = DestinationChoice((ONE, TWO), lambda: now[0])
    first, second = choice.in_order()
    error = Unavailable("down", "connect_timeout")
    for rest_s in (15, 30, 60, 120, 240, 480, 600, 600):
        choice.note(first, error)
        assert choice.in_order() == [second, first]
        now[0] += rest_s - 1
        assert choice.in_order() == [second, first]
        now[0] += 1
        assert choice.in_order() == [first, second]
    choice.note(second, None)
    assert choice.in_order() == [second, first]


def test_names_that_are_unknown_count_as_failures() -> None:
    async def main() -> None:
        bench = Bench()
        unknown = DestinationName("unknown.i2p")
        async with bench.running(destination=(unknown, TWO)) as tunnel:
            assert await bench.talk(tunnel) == b"two"
            assert tunnel.status()["destinations"][0]["failures"] == 1

    asyncio.run(main())


@pytest.mark.parametrize("from_file", [False, True])
def test_encrypted_destinations_are_opened_with_credentials(
    from_file: bool, tmp_path: Path
) -> None:
    async def main() -> None:
        bench = Bench()
        key = bytes(range(32))
        session = bench.network.sessions[bench.resolver.hosts["one.i2p"]]
        address = BlindedAddress.of(session.destination, needs_secret=True, needs_client_key=True)
        target = BlindedTarget(address, "word", key)
        bench.network.blinded[session.destination.hash] = target
        file = tmp_path / "client.key"
        file.write_text(b64encode(key) + "\n")
        how: dict[str, Any] = {"client_key_file": file} if from_file else {"client_key": key}
        right = DestinationName(address.host, 7, "word", **how)
        async with bench.running(destination=(right,)) as tunnel:
            assert await bench.talk(tunnel) == b"one"
        bench = Bench()
        bench.network.blinded[session.destination.hash] = target
        wrong = DestinationName(address.host, 7, "other", **how)
        async with bench.running(destination=(wrong,)) as tunnel:
            assert await bench.talk(tunnel) == b""
            assert "credentials" in str(tunnel.last_error)
        assert "word" not in repr(right)
        assert repr(key) not in repr(right)

    asyncio.run(main())


def test_a_key_file_that_is_wrong_is_told_at_the_start(tmp_path: Path) -> None:
    async def main(file: Path) -> None:
        destination = DestinationName("one.i2p", client_key_file=file)
        async with Bench().running(destination=(destination,)):
            pass

    file = tmp_path / "client.key"
    with pytest.raises(FileFault, match="cannot read: No such file"):
        asyncio.run(main(file))
    os.mkfifo(file)
    with pytest.raises(FileFault, match="is not a regular file"):
        asyncio.run(main(file))
    file.unlink()
    for junk in (b"", b"short", b"\xff" * 44, b64encode(bytes(31)).encode()):
        file.write_bytes(junk)
        with pytest.raises(FileFault, match="no client key of 32 bytes"):
            asyncio.run(main(file))


def test_local_programs_may_speak_tls(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(tmp_path)
        async with bench.running(destination=(ONE,), tls=ListenTlsSection()) as tunnel:
            certificate = tmp_path / "near.pem"
            assert certificate.stat().st_mode & 0o777 == 0o600
            tls = client_context(certificate)
            answer = await bench.talk(tunnel, b"x" * 100_000, ssl=tls, server_hostname="127.0.0.1")
            assert answer == b"one" + b"x" * 100_000
            assert await bench.talk(tunnel, b"not TLS") == b""
            assert len(tunnel.session.connects) == 1, "nothing but TLS reaches I2P"  # type: ignore[union-attr]
        first = certificate.read_bytes()
        bench = Bench(tmp_path)
        async with bench.running(destination=(ONE,), tls=ListenTlsSection()):
            assert certificate.read_bytes() == first
        bench = Bench(tmp_path)
        own = ListenTlsSection(certificate=tmp_path / "missing.pem")
        with pytest.raises(Unavailable, match="cannot be used"):
            async with bench.running(destination=(ONE,), tls=own):
                pass

    asyncio.run(main())


def test_a_tunnel_keeps_to_its_bandwidth() -> None:
    async def main() -> None:
        bench = Bench()
        limit = TunnelBandwidthSection(inbound=400_000, outbound=400_000)
        async with bench.running(destination=(ONE,), bandwidth=limit) as tunnel:
            data = bytes(200_000)
            began = time.monotonic()
            await asyncio.gather(bench.talk(tunnel, data), bench.talk(tunnel, b"small"))
            took = time.monotonic() - began
            assert 0.2 < took < 2, "half a second of data, a quarter at once"
            assert tunnel.update(replace(tunnel.model, bandwidth=TunnelBandwidthSection()))
            assert tunnel.traffic.inbound is tunnel.traffic.outbound is None
            assert await bench.talk(tunnel, data) == b"one" + data

    asyncio.run(main())


def test_what_changes_while_it_runs_and_what_does_not() -> None:
    async def main() -> None:
        bench = Bench()
        async with bench.running(destination=(ONE,)) as tunnel:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(tunnel))
            assert await reader.readexactly(3) == b"one"
            changed = replace(tunnel.model, destination=(TWO,), max_connections=1, idle_timeout=9)
            assert tunnel.update(changed)
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
            assert await bench.talk(tunnel) == b"", "one is the limit now"
            writer.close()
            await until("nobody is connected", lambda: not tunnel.connections_open)
            assert await bench.talk(tunnel) == b"two"
            for other in ({"listen": Endpoint("127.0.0.1", 1)}, {"keys": "x.dat"}, {"tls": 1}):
                assert not tunnel.update(replace(changed, **other))
            assert tunnel.model is changed

    asyncio.run(main())


def test_limits_of_a_server_change_while_it_runs() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        model = ServerTunnelSection(target=Endpoint("127.0.0.1", 1))
        async with running("site", model, network, TableResolver({})) as tunnel:
            assert tunnel.update(replace(model, max_connections=3, idle_timeout=1.0))
            assert not tunnel.update(replace(model, target=Endpoint("127.0.0.1", 2)))
            assert tunnel.model.max_connections == 3

    asyncio.run(main())
