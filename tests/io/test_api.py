"""The door's queues: streams and datagrams by port, and what it exports."""

from __future__ import annotations

import asyncio

import pytest

import core.api
from core.base.errors import Unavailable
from core.data.private_keys import PrivateKeys
from core.datagram.manager import DatagramManager
from core.io.backlog import ACCEPT_BACKLOG_MAX, Backlog
from core.io.datagrams import DatagramInbox
from tests.support.deterministic import FakeWallClock, SeededEntropy


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
