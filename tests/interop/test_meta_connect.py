"""Streams to an address that three machines have together, while two of them go."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from core.api import ClientSession, MetaOptions, Router, SessionConfig, TunnelShape
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from tests.support.deterministic import SeededEntropy
from tests.support.own_network import own_network
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(200)]

ENTROPY = SeededEntropy("meta connect")
COMMON = PrivateKeys.generate_destination(ENTROPY)
MACHINES = [PrivateKeys.generate_destination(ENTROPY) for _ in range(3)]
ONE_HOP = TunnelShape(1, 1)


async def open_machine(router: Router, number: int) -> ClientSession:
    session = await router.open_session(config(number))
    await session.wait_ready(60)
    return session


def config(number: int) -> SessionConfig:
    transient = COMMON.authorise_transient(ENTROPY, int(time.time()) + 90_000)
    return SessionConfig(
        f"machine {number}",
        keys=MACHINES[number],
        inbound=ONE_HOP,
        outbound=ONE_HOP,
        publish=True,
        meta=MetaOptions(transient, tuple((keys.hash, number) for keys in MACHINES)),
    )


async def serve(session: ClientSession) -> None:
    """Answer each stream with what it sends."""
    with suppress(Unavailable):
        while True:
            stream = await session.accept()
            await stream.write(await stream.read())
            await stream.close()


async def ask(client: ClientSession) -> bytes:
    """Which machine answers at the common address; the request must have arrived once."""
    stream = await client.connect(COMMON.hash, timeout_s=60, initial=b"hello")
    assert await stream.read() == b"hello"
    assert await stream.read() == b""
    return stream.remote.hash


async def first_datagram(machines: list[ClientSession]) -> tuple[bytes | None, bytes]:
    """Who sent the first one that comes to any of the machines, and what it says."""
    receiving = [asyncio.create_task(machine.receive_datagram()) for machine in machines]
    await asyncio.sleep(0)
    done, waiting = await asyncio.wait(receiving, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    datagram = done.pop().result()
    return datagram.source_hash, datagram.payload


def note_silent(client: ClientSession, monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Which machines have not answered it from now on."""
    silent: set[bytes] = set()
    engine = client._engine
    note = engine.note_unreachable

    def note_too(machine: bytes, now: float) -> None:
        silent.add(machine)
        note(machine, now)

    monkeypatch.setattr(engine, "note_unreachable", note_too)
    return silent


def test_any_two_of_three_machines_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end all three are gone, and one comes back while a client asks for it."""

    async def main() -> None:
        async with own_network(tmp_path, 4, ends=0) as network, asyncio.TaskGroup() as group:
            machines = [
                await open_machine(router, number)
                for number, router in enumerate(network.routers[:3])
            ]
            servers = [group.create_task(serve(machine)) for machine in machines]
            client = await network.routers[3].open_session(
                SessionConfig("client", inbound=ONE_HOP, outbound=ONE_HOP)
            )
            await client.wait_ready(60)
            assert {machine.common_address for machine in machines} == {COMMON.destination}
            await until(
                "a full list", lambda: any(one.machines_up == (3, 3) for one in machines), 120
            )
            client.send_datagram(COMMON.hash, b"signed for its target", version=2)
            assert await first_datagram(machines) == (
                client.destination.hash,
                b"signed for its target",
            )
            hashes = [keys.hash for keys in MACHINES]
            left = set(hashes)
            for _ in range(2):
                served = await ask(client)
                assert served in left
                assert await ask(client) == served
                left.discard(served)
                await machines[hashes.index(served)].close()
            assert {await ask(client)} == left
            last = hashes.index(left.pop())
            await machines[last].close()
            monkeypatch.setattr("core.io.session.MACHINE_TIMEOUT_S", 2.0)
            silent = note_silent(client, monkeypatch)
            asking = group.create_task(ask(client))
            await until("nobody answers", lambda: len(silent) == len(hashes), 30)
            machines[last] = await open_machine(network.routers[last], last)
            servers.append(group.create_task(serve(machines[last])))
            assert await asking == hashes[last]
            for session in (machines[last], client):
                await session.close()
            for server in servers:
                server.cancel()

    asyncio.run(main())
