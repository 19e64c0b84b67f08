"""The network database against two real i2pd floodfills, over NTCP2 links and without tunnels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.client.meta_publisher import LIFE_S
from core.data.lease_set_variants import AnyLeaseSet, MetaLease, MetaLeaseSet
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.i2np.database import (
    LOOKUP_LEASE_SET,
    DatabaseLookup,
    DatabaseSearchReply,
    DatabaseStore,
    DeliveryStatus,
)
from core.i2np.message import Message, MessageType, make_short
from core.io.tcp import TcpTransport
from core.io.wakeup import Wakeup
from core.netdb.events import (
    Event,
    LookupFinished,
    Owner,
    PublishConfirmed,
    PublishFailed,
    SendDirect,
)
from core.netdb.facade import NetDb
from core.netdb.ports import NetDbConfig
from core.transport.events import MessagesReceived, PeerConnected, PeerFailed, RouterInfoReceived
from tests.support.fetch_i2pd import RELEASES, installed
from tests.support.i2pd_net import NETWORK_ID, I2pdNet
from tests.support.link_nodes import Node
from tests.support.live_node import listening, live_node
from tests.support.machine import slowdown
from tests.support.netdb_network import build_lease_set, receive
from tests.support.waiting import until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

HOST = "127.66.0.1"
PORT = 20066


class Router:
    """Links, a socket and a network database: a router that has no tunnels."""

    def __init__(self, node: Node, *, is_floodfill: bool = False) -> None:
        self.node = node
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self.connected: set[bytes] = set()
        self.tcp = TcpTransport(node.ntcp2, Wakeup(self.wake), source_hosts=(HOST,))
        config = NetDbConfig(NETWORK_ID, is_floodfill)
        self.netdb = NetDb(node.hash, config, node.wall, node.entropy, self, self)
        self.netdb.set_own_router_info(node.router_info)
        self.netdb.import_routers(node.known.values())
        self.netdb.start(time.monotonic())

    def can_dial(self, info: RouterInfo) -> bool:
        return self.node.links.can_dial(info, time.monotonic())

    def is_connected(self, router_hash: bytes) -> bool:
        return router_hash in self.connected

    def is_banned(self, router_hash: bytes) -> bool:
        return False

    def is_resting(self, router_hash: bytes) -> bool:
        return False

    def inbound(self, owner: Owner) -> tuple[bytes, int] | None:
        return None

    def has_outbound(self, owner: Owner) -> bool:
        return False

    def wake(self) -> None:
        now = time.monotonic()
        self.node.links.handle_timer(time.monotonic())
        while (link_event := self.node.links.next_event()) is not None:
            match link_event:
                case PeerConnected(router_hash):
                    self.connected.add(router_hash)
                    self.netdb.prove_router(router_hash)
                case PeerFailed(router_hash):
                    self.netdb.router_failed(router_hash, now)
                case RouterInfoReceived(sender, info, flood):
                    self.netdb.receive_router_info(info, sender, now, flood=flood)
                case MessagesReceived(router_hash, messages):
                    for raw in messages:
                        message = Message.parse_short(raw)
                        self.messages.append(message)
                        if message.type in (1, 2, 3, 10):
                            receive(self.netdb, message.type, message.body, router_hash, now)
        while (event := self.netdb.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, SendDirect):
                self.send(event.router, event.message_type, event.body)

    def send(self, router_hash: bytes, message_type: int, body: bytes) -> None:
        message_id = int.from_bytes(self.node.entropy.random_bytes(4), "big")
        expiration_ms = int((time.time() + 20) * 1000)
        message = make_short(message_type, message_id, expiration_ms, body)
        self.node.links.send(router_hash, [message], time.monotonic())
        self.tcp.schedule()

    async def until(
        self,
        what: str,
        check: Callable[[], object],
        timeout_s: float = 20,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve until ``check()``; ``meanwhile`` is called at once and then every second."""
        again_at = 0.0

        def serve() -> None:
            nonlocal again_at
            now = time.monotonic()
            if now >= again_at:
                again_at = now + 1
                meanwhile()
            self.netdb.handle_timer(now)
            self.wake()

        await until(what, check, timeout_s, serve=serve)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def net(tmp_path: Path) -> Iterator[I2pdNet]:
    new, old = (installed(release) for release in reversed(list(RELEASES)))
    net = I2pdNet(tmp_path, [new, old], first_octet=54)
    try:
        yield net
    finally:
        net.stop()


def test_publish_look_up_and_learn(net: I2pdNet) -> None:
    net.prepare()
    net.start()

    async def body() -> None:
        first, second = (RouterInfo.parse(raw) for raw in net.router_infos())
        node = live_node(net, HOST, PORT, caps="XR")
        router = Router(node)
        async with listening(router.tcp, HOST, PORT):
            router.netdb.publish_router_info(node.router_info, time.monotonic())
            await router.until("two confirmations", lambda: len(router.of(PublishConfirmed)) == 2)
            assert not router.of(PublishFailed)

        # A third router that knows only the first i2pd finds the second one through it.
        node = live_node(net, HOST, PORT, caps="XR")
        del node.known[second.hash]
        router = Router(node)
        async with listening(router.tcp, HOST, PORT):
            router.netdb.lookup_router(second.hash, time.monotonic())
            await router.until("second i2pd", lambda: router.of(LookupFinished))
            (finished,) = router.of(LookupFinished)
            assert isinstance(finished, LookupFinished)
            assert isinstance(finished.result, RouterInfo)
            assert finished.result.hash == second.hash
            assert router.netdb.get_router(first.hash) is not None

            # What nobody has: both are asked, both deny it, the lookup ends long before its limit.
            start = time.monotonic()
            router.netdb.lookup_router(b"n" * 32, start)
            await router.until("denial", lambda: len(router.of(LookupFinished)) == 2)
            assert time.monotonic() - start < 6 * slowdown()

    asyncio.run(body())


@pytest.mark.parametrize("is_meta", [False, True], ids=["usual", "meta"])
def test_i2pd_serves_a_lease_set_of_ours(net: I2pdNet, is_meta: bool) -> None:
    """Stores and lookups of lease sets normally travel in tunnels; i2pd takes them directly too."""
    net.prepare()
    net.start()

    async def body() -> None:
        node = live_node(net, HOST, PORT, caps="XR")
        router = Router(node)
        async with listening(router.tcp, HOST, PORT):
            keys = PrivateKeys.generate_destination(node.entropy)
            lease_set: AnyLeaseSet = build_lease_set(keys, time.time(), gateway=node.hash)
            if is_meta:
                keys = keys.authorise_transient(node.entropy, int(time.time()) + 90_000)
                ends_ms = int(time.time() + LIFE_S) * 1000
                leases = [MetaLease(b"m" * 32, 3, 0, ends_ms), MetaLease(b"n" * 32, 5, 9, ends_ms)]
                lease_set = MetaLeaseSet.build(keys, leases, int(time.time() * 1000), ends_ms)
            store = DatabaseStore.of_lease_set(lease_set, 4712, 0, node.hash).write()
            first, second = (RouterInfo.parse(raw).hash for raw in net.router_infos())
            router.send(first, MessageType.DATABASE_STORE, store)

            def bodies(kind: int) -> list[bytes]:
                return [m.body for m in router.messages if m.type == kind]

            await router.until("DeliveryStatus", lambda: bodies(MessageType.DELIVERY_STATUS))
            status = DeliveryStatus.parse(bodies(MessageType.DELIVERY_STATUS)[0])
            assert status.message_id == 4712
            # Flooded: the other one has it as well.
            lookup = DatabaseLookup(keys.hash, node.hash, LOOKUP_LEASE_SET).write()

            def answers() -> list[DatabaseStore]:
                stores = map(DatabaseStore.parse, bodies(MessageType.DATABASE_STORE))
                return [answer for answer in stores if answer.key == keys.hash]

            for router_hash in (first, second):
                router.messages.clear()

                def ask(router_hash: bytes = router_hash) -> None:
                    router.send(router_hash, MessageType.DATABASE_LOOKUP, lookup)

                # Asked again each second: flooding takes what it takes.
                await router.until("lease set", answers, meanwhile=ask)
                assert answers()[0].lease_set() == lease_set
                assert type(answers()[0].lease_set()) is type(lease_set)
            router.send(
                first,
                MessageType.DATABASE_LOOKUP,
                DatabaseLookup(b"m" * 32, node.hash, LOOKUP_LEASE_SET).write(),
            )

            def denials() -> list[DatabaseSearchReply]:
                # The other one may have denied the lease set until it was flooded.
                replies = map(DatabaseSearchReply.parse, bodies(MessageType.DATABASE_SEARCH_REPLY))
                return [reply for reply in replies if reply.key == b"m" * 32]

            await router.until("search reply", denials)
            assert denials()[0].from_hash == first

    asyncio.run(body())


def test_i2pd_publishes_to_our_floodfill(net: I2pdNet) -> None:
    for router in net.routers:
        router.floodfill = False
    for router in net.routers:
        router.write_router_info_once()
    node = live_node(net, HOST, PORT, caps="XfR")
    net.prepare(foreign=[node.router_info.raw])

    async def body() -> None:
        router = Router(node, is_floodfill=True)
        async with listening(router.tcp, HOST, PORT):
            await asyncio.to_thread(net.start)

            def is_confirmed() -> bool:
                logs = [(i2pd.data_dir / "i2pd.log").read_text() for i2pd in net.routers]
                return all("Publishing confirmed" in log for log in logs)

            await router.until("i2pd's confirmation", is_confirmed, 120)
            infos = [RouterInfo.parse(raw).hash for raw in net.router_infos()]
            assert all(router.netdb.get_router(router_hash) is not None for router_hash in infos)

    asyncio.run(body())
