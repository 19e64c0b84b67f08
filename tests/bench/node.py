"""One of our routers as a process for the benches: core.api, plain TCP tunnels, pinned hops.

``python -m tests.bench.node FILE`` reads a JSON file (see :class:`NodeFile`). It measures the
router: between it and the TCP sockets there is only a plain copy loop. Each session's
tunnels go through the hops it names, nearest first, which is what i2pd's ``explicitPeers`` does: so
every router of a bench network has one role.

Prints ``up`` when the router listens and ``ready NAME`` when a session has tunnels. SIGTERM ends
it; SIGUSR1 prints ``status`` and a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.api import (
    ClientSession,
    Router,
    RouterConfig,
    SessionConfig,
    Stream,
    StreamingOptions,
    TunnelShape,
    new_event_loop,
)
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.tunnel.build import BuildHop
from tests.support.i2pd_net import NETWORK_ID

UNLIMITED = 1_000_000_000
_CONNECT_TIMEOUT_S = 60.0
_READ_BYTES = 65536


@dataclass(frozen=True)
class TunnelFile:
    """A client tunnel (``listen`` and ``remote``) or a server tunnel (``target``)."""

    name: str
    keys: str
    hops: list[str]
    """Router hashes in hex, nearest first; empty: the router chooses."""
    listen: int = 0
    remote: str = ""
    target: int = 0
    length: int = 2
    quantity: int = 3


@dataclass(frozen=True)
class NodeFile:
    """What the process is told. ``imports`` is a folder with RouterInfos.

    ``transport``: ``ntcp2`` or ``ssu2``.
    """

    data_dir: str
    address: str
    port: int
    transport: str = "ntcp2"
    floodfill: bool = False
    transit: bool = True
    imports: str = ""
    tunnels: list[TunnelFile] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> NodeFile:
        loaded = json.loads(path.read_text())
        tunnels = [TunnelFile(**tunnel) for tunnel in loaded.pop("tunnels")]
        return cls(**loaded, tunnels=tunnels)


class _Pins:
    """Answers the tunnel builder's question for hops; unpinned pools get the router's choice."""

    def __init__(self, router: Router) -> None:
        engine = router._engine
        self._netdb = engine.netdb
        self._choose = engine.tunnels.selector.select
        self._pinned: dict[bytes, list[bytes]] = {}
        engine.tunnels.selector.select = self._select  # type: ignore[method-assign]

    def pin(self, session: ClientSession, hops: list[bytes]) -> None:
        self._pinned[session._engine.pool.order_key] = hops

    def _select(
        self, length: int, now: float, *, is_inbound: bool, order_key: bytes = b"", **more: Any
    ) -> list[BuildHop] | None:
        pinned = self._pinned.get(order_key)
        if pinned is None:
            return self._choose(length, now, is_inbound=is_inbound, order_key=order_key, **more)
        path: list[BuildHop] = []
        for router_hash in pinned[:length]:
            info = self._netdb.get_router(router_hash)
            if info is None or info.encryption_key is None:
                return None
            path.append(BuildHop(router_hash, info.encryption_key))
        if is_inbound:
            path.reverse()
        return path


class Node:
    """The router with its tunnels, until :meth:`stop`."""

    def __init__(self, file: NodeFile) -> None:
        self._file = file
        self.router = Router(
            RouterConfig(
                Path(file.data_dir),
                network_id=NETWORK_ID,
                host=file.address,
                port=file.port,
                ntcp2=file.transport == "ntcp2",
                ssu2=file.transport == "ssu2",
                bind=file.address,
                allow_private_addresses=True,
                inbound_bytes_s=UNLIMITED,
                outbound_bytes_s=UNLIMITED,
                transit=file.transit,
                floodfill=file.floodfill,
            )
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await self.router.start()
        _say("up")
        if self._file.imports:
            folder = Path(self._file.imports)
            self.router.import_routers(
                RouterInfo.parse(path.read_bytes()) for path in sorted(folder.glob("*.dat"))
            )
        pins = _Pins(self.router)
        try:
            async with asyncio.TaskGroup() as group:
                for tunnel in self._file.tunnels:
                    group.create_task(self._run_tunnel(tunnel, pins))
                await asyncio.get_running_loop().create_future()
        finally:
            await self.router.stop()

    async def _run_tunnel(self, tunnel: TunnelFile, pins: _Pins) -> None:
        shape = TunnelShape(tunnel.length, tunnel.quantity)
        session = await self.router.open_session(
            SessionConfig(
                tunnel.name,
                keys=PrivateKeys.parse(Path(tunnel.keys).read_bytes()),
                inbound=shape,
                outbound=shape,
                publish=bool(tunnel.target),
                # i2pd limits neither; the bench is about the router, not about its limits.
                streaming=StreamingOptions(new_streams_per_second=10_000.0),
            )
        )
        if tunnel.hops:
            pins.pin(session, [bytes.fromhex(text) for text in tunnel.hops])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce(session, tunnel.name))
            if tunnel.target:
                group.create_task(self._serve(session, tunnel))
            else:
                group.create_task(self._listen(session, tunnel))

    async def _announce(self, session: ClientSession, name: str) -> None:
        await session.wait_ready()
        _say(f"ready {name}")

    async def _serve(self, session: ClientSession, tunnel: TunnelFile) -> None:
        while True:
            self._spawn(self._carry_to(tunnel.target, await session.accept()))

    async def _carry_to(self, port: int, stream: Stream) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            stream.reset()
            return
        await _pump(reader, writer, stream)

    async def _listen(self, session: ClientSession, tunnel: TunnelFile) -> None:
        remote = bytes.fromhex(tunnel.remote)

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                stream = await session.connect(remote, timeout_s=_CONNECT_TIMEOUT_S)
            except Unavailable as error:
                _say(f"connect failed: {error}")
                writer.transport.abort()
                return
            await _pump(reader, writer, stream)

        server = await asyncio.start_server(carry, self._file.address, tunnel.listen, backlog=1024)
        async with server:
            await server.serve_forever()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def status(self) -> Mapping[str, Any]:
        """For the log."""
        status = asdict(self.router.status())
        status["router_hash"] = status["router_hash"].hex()
        status["counters"] = self.router.counters()
        return status


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: Stream) -> None:
    """Carry both ways, each direction until its own end."""

    async def outwards() -> None:
        while data := await reader.read(_READ_BYTES):
            await stream.write(data)
        await stream.close_write()

    async def inwards() -> None:
        while data := await stream.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(outwards())
            group.create_task(inwards())
    except* (OSError, Unavailable):
        stream.reset()
        writer.transport.abort()
    else:
        await stream.close()
        writer.close()


def _say(text: str) -> None:
    print(text, flush=True)


async def _main(file: NodeFile) -> None:
    node = Node(file)
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(node.run())
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    loop.add_signal_handler(signal.SIGUSR1, lambda: _say(f"status {json.dumps(node.status())}"))
    try:
        await running
    except asyncio.CancelledError:
        pass


def _main_profiled(file: NodeFile, into: str) -> None:
    """With cProfile, for machines where no sampling profiler may be used."""
    import cProfile

    profile = cProfile.Profile()
    try:
        profile.runcall(asyncio.run, _main(file))
    finally:
        profile.dump_stats(into)


if __name__ == "__main__":
    node_file = NodeFile.read(Path(sys.argv[1]))
    if into := os.environ.get("BENCH_CPROFILE"):
        _main_profiled(node_file, str(Path(into) / f"{node_file.address}.pstats"))
    else:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_main(node_file))
