"""What would show our own files or listeners to visitors is refused while a tunnel runs, too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.base.errors import Unavailable
from i2ptunnel.config.client_models import HttpClientSection, StreamrClientSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import Door, OwnDoors
from i2ptunnel.config.own_files import OwnFiles
from i2ptunnel.config.server_models import HttpServerSection, ServerTunnelSection, UdpServerSection
from i2ptunnel.relay.backends import Backends
from i2ptunnel.tunnels.base import TunnelFault
from tests.support.loopback_session import LoopbackNetwork
from tests.support.tunnel_bench import TableResolver, running


def test_links_made_later_lead_nowhere(tmp_path: Path) -> None:
    root, data_dir = tmp_path / "www", tmp_path / "state"
    for directory in (root, data_dir):
        directory.mkdir()
    (root / "index.html").write_text("the page")
    (data_dir / "router.keys").write_text("the secret")

    async def main() -> None:
        network = LoopbackNetwork()
        visitor = network.session("visitor")
        model = HttpServerSection(docroot=root)
        own = OwnFiles(data_dir)
        async with running("s", model, network, TableResolver({}), own_files=own) as site:

            async def get(path: str) -> bytes:
                stream = await visitor.connect(site.session.destination.hash, port=80)
                await stream.write(
                    f"GET {path} HTTP/1.1\r\nHost: s.i2p\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b""
                while data := await stream.read():
                    answer += data
                return answer

            assert b"the page" in await get("/")
            (root / "keys").symlink_to(data_dir / "router.keys")
            (root / "dir").symlink_to(data_dir)
            (root / "hard").hardlink_to(data_dir / "router.keys")
            for path in ("/keys", "/dir/router.keys", "/hard"):
                answer = await get(path)
                assert answer.startswith(b"HTTP/1.1 404 ") and b"the secret" not in answer
            # the docroot itself becomes a link to the data directory
            root.rename(tmp_path / "old")
            root.symlink_to(data_dir)
            assert b"the secret" not in await get("/router.keys")
            root.unlink()
            root.symlink_to(tmp_path)
            assert b"the secret" not in await get("/state/router.keys")
            assert b"the page" in await get("/old/index.html")

    asyncio.run(main())


def test_a_docroot_that_became_the_data_directory_fails_at_the_start(tmp_path: Path) -> None:
    async def main() -> None:
        model, own = HttpServerSection(docroot=tmp_path), OwnFiles(tmp_path)
        with pytest.raises(TunnelFault, match="docroot is not offered: it is in the data"):
            async with running("s", model, LoopbackNetwork(), TableResolver({}), own_files=own):
                raise AssertionError

    asyncio.run(main())


def doors(endpoint: Endpoint, *, is_udp: bool = False) -> OwnDoors:
    return OwnDoors((Door(endpoint, is_udp, ("tunnels", "p", "listen"), "the listener"),))


@contextlib.contextmanager
def listening(address: str | tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[int]:
    """A listener of this process, and its port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind(address)
        sock.listen()
        yield 0 if isinstance(address, str) else sock.getsockname()[1]


def test_a_name_that_leads_to_our_own_listener_is_refused_when_it_is_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "own.sock")

    async def main(port: int) -> None:
        other = doors(Endpoint("127.0.0.9", port))
        (await Backends([Endpoint("127.0.0.1", port)], 5, own_doors=other).connect()).reset()
        own = OwnDoors(
            (*doors(Endpoint("127.0.0.1", port)).doors, *doors(Endpoint(path=path)).doors)
        )
        other_name = tmp_path / "other.sock"
        other_name.hardlink_to(path)
        for target in (
            Endpoint("somewhere.example", port),
            Endpoint("127.0.0.1", port),
            Endpoint(path=path),
            Endpoint(path=str(other_name)),
        ):
            with pytest.raises(Unavailable, match="is a listener of this program"):
                await Backends([target], 5, own_doors=own).connect()
        await asyncio.sleep(0)  # the transports end

    asked = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        return asked("127.0.0.1" if host == "somewhere.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with listening() as port, listening(path):
        asyncio.run(main(port))


def test_a_tunnel_that_was_off_is_ours_once_it_is_started() -> None:
    own = OwnDoors()
    proxy = HttpClientSection(listen=Endpoint("127.0.0.1", 4444), enabled=False)
    assert own.find(Endpoint("127.0.0.1", 4444)) is None
    for _ in range(2):
        own.add("p", proxy)
    own.add("s", ServerTunnelSection(target=Endpoint("127.0.0.1", 1)))
    assert len(own.doors) == 1 and own.find(Endpoint("localhost", 4444)) is not None


def test_packets_do_not_reach_our_own_listeners() -> None:
    async def main() -> None:
        own = doors(Endpoint("127.0.0.1", 5999), is_udp=True)
        target = Endpoint("127.0.0.1", 5999)
        for model in (
            UdpServerSection(target=target),
            StreamrClientSection(destination="x.b32.i2p", target=target),  # type: ignore[arg-type]
        ):
            with pytest.raises(Unavailable, match="is a listener of this program"):
                async with running("u", model, LoopbackNetwork(), TableResolver({}), own_doors=own):
                    raise AssertionError

    asyncio.run(main())


def test_a_server_tunnel_knows_what_is_ours() -> None:
    async def main(port: int) -> None:
        network = LoopbackNetwork()
        model = ServerTunnelSection(target=Endpoint("127.0.0.1", port))
        own = doors(Endpoint("0.0.0.0", port))
        async with running("s", model, network, TableResolver({}), own_doors=own) as site:
            stream = await network.session("v").connect(site.session.destination.hash, port=1)
            with pytest.raises(Unavailable):
                while await stream.read():
                    pass
            assert "is a listener of this program" in str(site.last_error)

    with listening() as port:
        asyncio.run(main(port))
