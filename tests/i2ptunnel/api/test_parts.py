"""Parts of the library that need no network."""

from __future__ import annotations

import asyncio
import errno
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from i2ptunnel import api
from i2ptunnel.api.interface import Stream
from i2ptunnel.api.opening import limited
from tests.support.deterministic import SeededEntropy
from tests.support.own_network import NETWORK_ID

LOOK = """
import asyncio, gc, json, logging, os, resource, signal, sys, threading

def state():
    return dict(
        threads=threading.active_count(),
        files=sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")[:-1]
                     if os.path.exists(f"/proc/self/fd/{n}")),
        handlers=[type(one).__name__ for one in logging.getLogger().handlers],
        levels=sorted(name for name, one in logging.Logger.manager.loggerDict.items()
                      if getattr(one, "level", 0) and name.startswith(("core", "i2ptunnel"))),
        root=logging.getLogger().level, raises=logging.raiseExceptions,
        policy=type(asyncio.get_event_loop_policy()).__name__,
        gc=[gc.get_threshold(), gc.get_freeze_count(), gc.isenabled()],
        limit=resource.getrlimit(resource.RLIMIT_NOFILE), umask=[os.umask(0o22), os.umask(0o22)][1],
        signals=[str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
        environment=dict(os.environ), directory=os.getcwd(), hook=str(sys.excepthook),
        switch=sys.getswitchinterval(), children=len(os.listdir("/proc/self/task")),
    )

before = state()
import i2ptunnel.api
print(json.dumps([before, state()]))
"""


def test_an_import_starts_and_changes_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60, check=True
    )
    before, after = json.loads(done.stdout)
    assert before == after and not done.stderr


def test_everything_public_is_documented_and_typed() -> None:
    assert (Path(api.__file__).parents[1] / "py.typed").exists()
    assert api.__all__ == sorted(api.__all__, key=_order)
    for name in api.__all__:
        assert name.isupper() or getattr(api, name).__doc__, name


def _order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize(
    "config",
    [
        {"router": {"prot": 1}},
        {"router": {"i2cp": "127.0.0.1:7654"}},
        {"tunnels": {"web": {"type": "httpclient", "listen": "127.0.0.1:4444"}}},
        {"interfaces": {"sam": {}}},
        "no-such-file.yaml",
    ],
)
def test_wrong_configurations(config: object, tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(api.UsageError) as caught:
            await api.open_router(config, data_dir=tmp_path / "own")  # type: ignore[arg-type]
        assert caught.value.code == "bad_configuration"
        assert not (tmp_path / "own").exists()
        with pytest.raises(api.UsageError, match="data_dir"):
            await api.open_router()

    asyncio.run(main())


def test_one_data_directory_has_one_router(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(
        f"router: {{data_dir: {tmp_path / 'own'}, network_id: {NETWORK_ID}, bind: 127.78.31.1, "
        "time: {ntp: false}}"
    )

    async def main() -> None:
        async with api.open_router(config) as router:
            with pytest.raises(api.UsageError) as caught:
                await api.open_router(config)
            assert caught.value.code == "bad_file"
            opening = asyncio.create_task(_await(router.open_session(timeout=None)))
            await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            with pytest.raises(api.TimedOut, match="building tunnels took too long: "):
                await router.open_session(timeout=0.05)
        async with api.open_router(config):
            pass

    asyncio.run(main())


async def _await(opening: api.Opening[api.Session]) -> api.Session:
    return await opening


async def _serve(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    use: Callable[[int], Awaitable[None]],
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        await use(server.sockets[0].getsockname()[1])
        await over.wait()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"HELLO REPLY RESULT=NOVERSION\n",
        b'HELLO REPLY RESULT=I2P_ERROR MESSAGE="no password"\n',
        b"HELLO REPLY =\n",
        b"x" * 70_000,
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_sam_bridge(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)

    async def use(port: int) -> None:
        with pytest.raises((api.RouterError, api.Closed)):
            await api.attach_sam(port=port)

    asyncio.run(_serve(answer, use))


def test_a_bridge_that_says_nothing() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def use(port: int) -> None:
        with pytest.raises(api.TimedOut):
            await api.attach_sam(port=port, timeout=0.05)

    asyncio.run(_serve(answer, use))


def test_nobody_is_there() -> None:
    async def main() -> None:
        for attach in (api.attach_sam, api.attach_i2cp):
            with pytest.raises(api.RouterError, match="connection refused"):
                await attach(port=9)

    asyncio.run(main())


class Pipe(Stream):
    """A stream whose peer is the test."""

    def __init__(self) -> None:
        self.remote = api.Address("peer.b32.i2p")
        self.incoming: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.sent = b""
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.ends: list[str] = []

    async def read(self, limit: int = 65536, *, timeout: float | None = None) -> bytes:
        data = await self.incoming.get()
        if isinstance(data, Exception):
            raise data
        return data

    async def write(self, data: bytes, *, timeout: float | None = None) -> None:
        await self.may_write.wait()
        self.sent += data

    async def close_write(self) -> None:
        self.ends.append("write")

    async def close(self) -> None:
        self.ends.append("both")

    def reset(self) -> None:
        self.ends.append("reset")


def test_asyncio_streams_over_a_stream() -> None:
    async def main() -> None:
        pipe, reader = Pipe(), asyncio.StreamReader(limit=1000)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = api.StreamTransport(pipe, protocol)
        loop = asyncio.get_running_loop()
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        for _ in range(10):
            pipe.incoming.put_nowait(b"x" * 1000)
        assert await reader.readexactly(5000) == b"x" * 5000
        assert len(reader._buffer) <= 3000  # type: ignore[attr-defined]
        assert await reader.readexactly(5000) == b"x" * 5000
        pipe.may_write.clear()
        writer.write(b"y" * 200_000)
        draining = asyncio.create_task(writer.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        pipe.may_write.set()
        await draining
        writer.write_eof()
        pipe.incoming.put_nowait(b"")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert pipe.sent == b"y" * 200_000 and pipe.ends[-1] == "both"

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_stream_that_breaks_off_below_asyncio() -> None:
    async def main() -> None:
        pipe, reader = Pipe(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        api.StreamTransport(pipe, protocol)
        pipe.incoming.put_nowait(api.StreamReset("gone"))
        with pytest.raises(ConnectionResetError):
            await reader.read()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_limits_within_limits_and_sockets_that_time_out() -> None:
    async def main() -> None:
        with pytest.raises(api.TimedOut, match="inner took too long"):
            async with limited(10, "outer"), limited(0, "inner"):
                await asyncio.sleep(1)
        with pytest.raises(api.TimedOut, match="outer took too long"):
            async with limited(0, "outer"), limited(10, "inner"):
                await asyncio.sleep(1)
        with pytest.raises(api.RouterError, match="connection timed out"):
            async with limited(10, "outer"):
                raise TimeoutError(errno.ETIMEDOUT, "x")
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0), limited(None, "reading"):
                await asyncio.sleep(1)
        assert not isinstance(caught.value, api.Error), "the caller's own limit"

    asyncio.run(main())


def test_a_bridge_that_tells_no_ports_leads_to_the_only_listener() -> None:
    peer = PrivateKeys.generate_destination(SeededEntropy("peer")).destination
    own = PrivateKeys.generate_destination(SeededEntropy("own")).destination
    answers = {
        "HELLO VERSION": "HELLO REPLY RESULT=OK VERSION=3.1\n",
        "SESSION CREATE": "SESSION STATUS RESULT=OK DESTINATION=x\n",
        "NAMING LOOKUP": f"NAMING REPLY RESULT=OK NAME=ME VALUE={own.b64}\n",
        "STREAM ACCEPT": f"STREAM STATUS RESULT=OK\n{peer.b64}\nhello",
    }
    commands: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode():
            commands.append(line)
            writer.write(answers[" ".join(line.split()[:2])].encode())
            if line.startswith("STREAM"):
                break
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            api.attach_sam(port=port) as router,
            router.open_session(publish=True) as session,
            session.listen(7) as listener,
        ):
            assert session.address.host == own.b32
            answers["NAMING LOOKUP"] = "NAMING REPLY RESULT=INVALID_KEY NAME=x.i2p\n"  # i2pd
            with pytest.raises(api.NotFound):
                await router.resolve("x.i2p")
            async with await listener.accept(timeout=5) as stream:
                assert (await stream.read(), stream.local_port) == (b"hello", 7)
                assert stream.remote.base64 == peer.b64

    asyncio.run(asyncio.wait_for(main(), 20))
    (created,) = [line for line in commands if line.startswith("SESSION CREATE")]
    assert "SIGNATURE_TYPE=7" in created and "dontPublishLeaseSet" not in created
