"""Reloads of whole configurations with real tunnels: what goes on, changes, starts anew."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.api import SessionConfig
from core.data.private_keys import PrivateKeys
from i2ptunnel import key_watch, manager
from i2ptunnel.config.loader import load_text
from i2ptunnel.keyfiles import write_new_keys
from i2ptunnel.manager import Manager
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.table import TUNNEL_CLASSES
from tests.support.deterministic import SeededEntropy
from tests.support.loopback_session import LoopbackNetwork, LoopbackSession
from tests.support.tunnel_bench import TableResolver
from tests.support.waiting import until

TOTAL_BYTES = 3_000_000


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Appliance:
    """A manager on a loopback network, fed with YAML; a service that echoes slowly."""

    def __init__(self, data_dir: Path) -> None:
        self.network = LoopbackNetwork()
        self.resolver = TableResolver({})
        self.opened: list[str] = []
        self.manager = Manager(
            TUNNEL_CLASSES,
            SessionPool(self._open, data_dir, linger_s=0.2),
            self.resolver,
            data_dir,
            retry_first_s=0.05,
        )

    async def _open(self, config: SessionConfig) -> Any:
        self.opened.append(config.name)
        session = self.network.session(config.name)
        if config.keys is not None:
            del self.network.sessions[session.destination.hash]
            session = LoopbackSession(self.network, config.keys)
            self.network.sessions[config.keys.hash] = session
        self.resolver.hosts[f"{config.name.replace(' ', '-')}.i2p"] = session.destination.hash
        return session

    async def reload(self, text: str) -> None:
        await self.manager.apply(load_text(text).configuration.tunnels)

    def tunnel(self, name: str) -> dict[str, Any]:
        return next(one for one in self.manager.status() if one["name"] == name)

    async def until(self, name: str, state: str) -> None:
        await until(f"{name} {state}", lambda: self.tunnel(name)["state"] == state, 5)


@asynccontextmanager
async def appliance(data_dir: Path) -> AsyncIterator[Appliance]:
    made = Appliance(data_dir)
    async with made.manager:
        yield made


@asynccontextmanager
async def echo_service() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(16384):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_a_transfer_does_not_notice_reloads_of_other_tunnels(tmp_path: Path) -> None:
    async def main() -> None:
        ports = [free_port() for _ in range(4)]
        async with echo_service() as target, appliance(tmp_path) as app:

            def text(limit: int, listen: int, more: str = "") -> str:
                return f"""
tunnels:
  site: {{type: server, target: 127.0.0.1:{target}}}
  copy: {{type: client, listen: 127.0.0.1:{ports[0]}, destination: site.i2p}}
  other: {{type: client, listen: 127.0.0.1:{listen}, destination: site.i2p, idle_timeout: {limit}s}}
{more}"""

            await app.reload(text(10, ports[1]))
            for name in ("site", "copy", "other"):
                await app.until(name, "ready")
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", ports[1])
            other_writer.write(b"x")
            assert await other_reader.readexactly(1) == b"x"

            async def send() -> None:
                for start in range(0, TOTAL_BYTES, 10_000):
                    writer.write(bytes([start // 10_000 % 251]) * 10_000)
                    await writer.drain()
                writer.write_eof()

            async def receive() -> int:
                count = 0
                while data := await reader.read(65536):
                    assert data[0] == count // 10_000 % 251
                    count += len(data)
                return count

            sending, receiving = asyncio.create_task(send()), asyncio.create_task(receive())
            number = 0
            while not receiving.done():
                number += 1
                # an option that changes live, then one that needs a new start, then a new tunnel
                await app.reload(text(10 + number, ports[1]))
                if number <= 3:
                    other_writer.write(b"y")
                    assert await other_reader.readexactly(1) == b"y", "its connection goes on"
                    assert app.manager.can_update("other", app.manager._entries["other"].section)
                else:
                    more = f"  new{number}: {{type: sockstunnel, listen: 127.0.0.1:{ports[3]}}}"
                    await app.reload(text(10 + number, ports[1 + number % 2], more))
                await asyncio.sleep(0)
            await sending
            assert await receiving == TOTAL_BYTES
            assert number > 5
            assert app.tunnel("copy")["connections"] == 1
            assert app.tunnel("copy")["retries"] == app.tunnel("site")["retries"] == 0
            assert app.opened.count("shared clients") == 1, "the session outlives new starts"
            other_writer.close()
            writer.close()

    asyncio.run(main())


def test_keys_that_end_stop_the_tunnel_until_there_are_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_watch, "CHECK_EVERY_S", 0.02)
    entropy = SeededEntropy("reload")
    master = PrivateKeys.generate_destination(entropy)

    def put(left_s: float) -> None:
        (tmp_path / "site.dat").unlink(missing_ok=True)
        keys = master.authorise_transient(entropy, int(time.time() + left_s))
        write_new_keys(tmp_path / "site.dat", keys)

    async def main() -> None:
        async with appliance(tmp_path) as app:
            put(11 * 60 + 1.5)
            await app.reload("tunnels: {site: {type: server, target: 127.0.0.1:1}}")
            await app.until("site", "ready")
            await app.until("site", "failed")
            assert app.tunnel("site")["keys_expire"] > time.time()
            assert "ends in 11 minutes" in app.tunnel("site")["last_error"]
            put(5 * 60)
            await app.manager.start_one("site")
            await app.until("site", "failed")
            assert "ends in 5 minutes" in app.tunnel("site")["last_error"]
            put(100 * 86400)
            await app.until("site", "ready")
            put(200 * 86400)
            later = time.time() + 150 * 86400
            await until("the new key", lambda: app.tunnel("site").get("keys_expire", 0) >= later, 5)
            await app.until("site", "ready")

    asyncio.run(main())


def test_a_taken_port_stops_one_tunnel_only_and_only_as_long(tmp_path: Path) -> None:
    async def main() -> None:
        async with echo_service() as target, appliance(tmp_path) as app:
            good, taken = free_port(), socket.socket()
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            text = f"""
tunnels:
  bad: {{type: httpclient, listen: 127.0.0.1:{taken.getsockname()[1]}}}
  unix: {{type: client, listen: "unix:/nonexistent/x.sock", destination: site.i2p}}
  filter: {{type: server, target: 127.0.0.1:{target}, access: {{filter: {tmp_path}/none.txt}}}}
  site: {{type: server, target: 127.0.0.1:{target}}}
  good: {{type: client, listen: 127.0.0.1:{good}, destination: site.i2p}}
"""
            await app.reload(text)
            for name in ("site", "good"):
                await app.until(name, "ready")
            for name in ("bad", "unix", "filter"):
                await app.until(name, "failed")
            assert "address already in use" in app.tunnel("bad")["last_error"]
            assert "no such file" in app.tunnel("filter")["last_error"]
            reader, writer = await asyncio.open_connection("127.0.0.1", good)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            taken.close()
            (tmp_path / "none.txt").write_text("allow default\n")
            await app.until("bad", "ready")
            await app.until("filter", "ready")
            assert app.tunnel("bad")["last_error"] is None
            writer.close()

    asyncio.run(main())


def test_a_docroot_that_is_missing_or_goes_makes_its_tunnel_fail_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "_WATCH_S", 0.02)

    async def main() -> None:
        root, data_dir = tmp_path / "site", tmp_path / "data"
        data_dir.mkdir()
        async with appliance(data_dir) as app:
            await app.reload(f"tunnels: {{site: {{type: httpserver, docroot: {root}}}}}")
            for is_last in (False, True):
                await app.until("site", "failed")
                assert not app.manager.is_ready
                fault = f"docroot {root}: there is no such directory"
                assert app.manager.failed == {"site": fault}
                root.mkdir()
                await app.until("site", "ready")
                assert app.tunnel("site")["last_error"] is None
                if not is_last:
                    root.rmdir()
            assert len(app.opened) == 1  # the session went on
        told = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
        assert told == [f"tunnel site failed: {fault}; it is tried again"] * 2

    asyncio.run(main())


def test_a_unix_listener_that_a_cleaner_removes_is_bound_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "_WATCH_S", 0.02)

    async def main() -> None:
        path = tmp_path / "proxy.sock"
        async with appliance(tmp_path) as app:
            await app.reload(f"tunnels: {{web: {{type: httpclient, listen: 'unix:{path}'}}}}")
            await app.until("web", "ready")
            path.unlink()
            await until("the socket", path.exists, 5)
            await app.until("web", "ready")
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.close()
            assert len(app.opened) == 1

    asyncio.run(main())
