"""The door as other programs use it: the examples of the documentation, and ports."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import core.api
from core.api import RouterConfig, SessionConfig, StreamReset, TunnelShape
from core.base.errors import Unavailable
from core.data.identity import b32_to_hash
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.io.backlog import ACCEPT_BACKLOG_MAX, Backlog
from core.io.datagrams import DatagramInbox
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.own_network import NETWORK_ID, own_network

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def examples() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield {path.stem: importlib.import_module(path.stem) for path in EXAMPLES.glob("*.py")}
    finally:
        sys.path.remove(str(EXAMPLES))


def config(root: Path, name: str, number: int) -> RouterConfig:
    address = f"127.78.{number}.1"
    return RouterConfig(
        data_dir=root / name,
        network_id=NETWORK_ID,
        host=address,
        port=20078,
        bind=address,
        allow_private_addresses=True,
        exploratory_inbound=TunnelShape(1, 2),
        exploratory_outbound=TunnelShape(1, 2),
    )


def test_the_examples(tmp_path: Path, examples: dict[str, ModuleType]) -> None:
    starting = examples["starting"]

    async def main() -> None:
        async with own_network(tmp_path / "net", 4, ends=0) as network:
            known = tmp_path / "known"
            known.mkdir()
            for number, router in enumerate(network.routers):
                info = router.router_info.raw
                (known / f"routerInfo-{number}.dat").write_bytes(info)
            server, client, clock = (
                starting.Start(config(tmp_path, name, number), known, hops=1)
                for name, number in (("server", 11), ("client", 12), ("clock", 13))
            )
            address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(examples["echo_server"].main(server, address.set_result))
            try:
                done, _ = await asyncio.wait(
                    {serving, address}, timeout=60, return_when=asyncio.FIRST_COMPLETED
                )
                assert address in done, serving
                shape = server.shape
                visitor = await network.routers[3].open_session(
                    SessionConfig("visitor", None, shape, shape)
                )
                with pytest.raises(StreamReset):  # nobody listens at that port
                    stream = await visitor.connect(b32_to_hash(await address), port=8)
                    await stream.read()
                answer = await examples["echo_client"].main(client, await address, b"x" * 100_000)
                assert answer == b"x" * 100_000
                assert (await examples["datagrams"].main(clock)).startswith(b"time? ")
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            keys = examples["echo_server"].load_keys(tmp_path / "server" / "echo.dat")
            assert keys.destination.b32 == await address, "the address stays"

    asyncio.run(asyncio.wait_for(main(), 110))


@pytest.mark.parametrize("name", ["echo_server", "echo_client", "datagrams"])
def test_examples_start_from_the_command_line(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), "--help"],
        capture_output=True, text=True, timeout=60, check=False, cwd=EXAMPLES.parents[1],
        env={"PYTHONPATH": str(EXAMPLES.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0 and "DATA_DIR" in done.stdout, done.stderr


def test_queues_by_port() -> None:
    async def main() -> None:
        backlog: Backlog[str] = Backlog()

        def closed() -> None:
            raise Unavailable("closed", "closed")

        assert not backlog.put(1, "nobody listens")
        backlog.listen(7)
        assert backlog.put(7, "seven") and not backlog.put(8, "eight")
        general = asyncio.create_task(backlog.take(None, lambda: None))
        special = asyncio.create_task(backlog.take(9, lambda: None))
        await asyncio.sleep(0)
        assert backlog.put(8, "eight") and backlog.put(9, "nine") and backlog.put(7, "again")
        assert (await general, await special) == ("eight", "nine")
        assert [await backlog.take(7, closed) for _ in range(2)] == ["seven", "again"]
        waiting = [asyncio.create_task(backlog.take(port, lambda: None)) for port in (7, None)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert backlog.put(7, "kept")
        assert await backlog.take(7, closed) == "kept", "a waiter that is gone takes nothing"
        with pytest.raises(Unavailable):
            await backlog.take(7, closed)
        taken = [backlog.put(number % 3, "x") for number in range(ACCEPT_BACKLOG_MAX + 9)]
        assert sum(taken) == ACCEPT_BACKLOG_MAX

    asyncio.run(main())


def test_a_port_that_nobody_listens_to_any_more() -> None:
    async def main() -> None:
        backlog: Backlog[str] = Backlog()
        waiting = asyncio.create_task(backlog.take(7, lambda: None))
        backlog.listen(None)
        await asyncio.sleep(0)
        assert backlog.stop(7) == [] and backlog.stop(8) == []
        with pytest.raises(Unavailable):
            await waiting
        assert backlog.put(7, "general") and backlog.put(9, "more")
        assert backlog.stop(None) == ["general", "more"]
        assert not backlog.put(7, "nobody")
        again = asyncio.create_task(backlog.take(7, lambda: None))
        await asyncio.sleep(0)
        assert backlog.put(7, "again") and await again == "again"

    asyncio.run(main())


def test_receivers_of_datagrams_by_protocol_and_port() -> None:
    keys = PrivateKeys.generate_destination(SeededEntropy("inbox"))

    def arrive(inbox: DatagramInbox, manager: DatagramManager, protocol: int, port: int) -> None:
        batch = [(keys.hash, protocol, 5, port, b"%d %d" % (protocol, port))]
        for mailbox in manager.receive_datagrams(batch):
            inbox.wake(mailbox)

    async def main() -> None:
        manager = DatagramManager(keys, FakeWallClock(1.7e9))
        inbox = DatagramInbox(manager)
        exact, general = inbox.bind(18, 7, is_raw=True), inbox.bind(0, 0, is_raw=True)
        with pytest.raises(Unavailable) as caught:
            inbox.bind(18, 7, is_raw=True)
        assert caught.value.code == "in_use"
        inbox.listen()  # what was bound one by one stays alone
        reading = asyncio.create_task(exact.receive())
        await asyncio.sleep(0)
        arrive(inbox, manager, 18, 7)
        arrive(inbox, manager, 99, 7)
        one, other = await reading, await general.receive()
        assert (one.payload, one.protocol, one.from_port, one.to_port) == (b"18 7", 18, 5, 7)
        assert (other.payload, other.protocol) == (b"99 7", 99)
        reading = asyncio.create_task(exact.receive())
        await asyncio.sleep(0)
        exact.close()
        with pytest.raises(Unavailable):
            await reading
        arrive(inbox, manager, 18, 7)
        assert (await general.receive()).payload == b"18 7"
        for protocol in (6, 17, 19, 20, 256, -1):
            with pytest.raises(Unavailable):
                inbox.send(keys.hash, b"x", 0, 0, 0, None, protocol)
        assert inbox.send(keys.hash, b"x", 0, 1, 2, None, 200)
        (sent,) = manager.datagrams_to_send()
        assert (sent.protocol, sent.from_port, sent.to_port) == (200, 1, 2)
        inbox.close()
        with pytest.raises(Unavailable):
            await general.receive()

    asyncio.run(main())


@pytest.mark.doubles  # compiled classes have no docstrings
def test_the_door_is_documented() -> None:
    names = core.api.__all__
    assert names == sorted(names, key=lambda name: (name[0].islower(), not name.isupper(), name))
    for name in names:
        one = getattr(core.api, name)
        if not callable(one):
            continue
        assert one.__doc__, name
        if isinstance(one, type) and one.__module__.startswith("core."):
            undocumented = [
                member
                for member, value in vars(one).items()
                if not member.startswith("_")
                and (callable(value) or isinstance(value, property))
                and not getattr(value, "__doc__", None)
            ]
            assert undocumented == [], (name, undocumented)
