"""Routers with tunnel managers in virtual time: latency, dead and declining routers."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from core.crypto.x25519 import X25519Key
from core.data.encoding import b64encode
from core.data.private_keys import PrivateKeys
from core.data.router_info import RouterInfo
from core.data.transport_address import RouterAddress
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.events import (
    BuildFinished,
    LeasesChanged,
    RegisterReplyKey,
    TunnelEvent,
    TunnelLost,
    TunnelReady,
)
from core.tunnel.manager import TunnelManager
from core.tunnel.records import SHORT, HopIdentity, RecordFormat
from core.tunnel.selection import HopSelector
from core.tunnel.transit import TransitHops, TransitLimits
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.tunnel.network import PlainSealer, Receiver, open_one_shot, open_to_router


def make_info(keys: PrivateKeys, host: str, caps: str = "OR", **options: str) -> RouterInfo:
    """A signed router info with one NTCP2 address."""
    address = RouterAddress(
        3,
        0,
        "NTCP2",
        {
            "host": host,
            "port": "4567",
            "s": b64encode(keys.identity.crypto_key),
            "i": b64encode(bytes(16)),
            "v": "2",
        },
    )
    everything = {"caps": caps, "netId": "2", "router.version": "0.9.66", **options}
    return RouterInfo.build(keys, 1_700_000_000_000, [address], everything)


def is_published(info: RouterInfo) -> bool:
    """Whether the router has an NTCP2 address that can be dialled."""
    return any(address.is_published for address in info.ntcp2_addresses())


class Opinions:
    """Peer opinions that a test sets by hand."""

    def __init__(self) -> None:
        self.connected: set[bytes] = set()
        self.unusable: set[bytes] = set()
        self.weights: dict[bytes, float] = {}
        self.proven: list[bytes] = []
        self.served: list[bytes] = []
        self.restarting: set[bytes] = set()
        self.strangers_rate = 1.0
        self.untried_rate = 1.0
        self.are_builds_lost = False
        self.heard: dict[bytes, float] = {}

    def is_restarting(self, router_hash: bytes, now: float) -> bool:
        return router_hash in self.restarting

    def is_proven(self, router_hash: bytes) -> bool:
        return router_hash in self.proven

    def has_served(self, router_hash: bytes) -> bool:
        return router_hash in self.served

    def is_connected(self, router_hash: bytes) -> bool:
        return router_hash in self.connected

    def was_heard(self, router_hash: bytes, since: float) -> bool:
        return since < self.heard.get(router_hash, float("-inf"))

    def is_usable(self, router_hash: bytes, now: float) -> bool:
        return router_hash not in self.unusable

    def weight(self, router_hash: bytes, now: float) -> float:
        return self.weights.get(router_hash, 1.0)


class Directory:
    def __init__(self, infos: Iterable[RouterInfo]) -> None:
        self.infos = {info.hash: info for info in infos}

    def get_router(self, router_hash: bytes) -> RouterInfo | None:
        return self.infos.get(router_hash)

    def routers(self) -> Iterable[RouterInfo]:
        return self.infos.values()


class Router(Receiver):
    """What the engine does around a tunnel manager, reduced to its core."""

    def __init__(self, name: str, host: str, wall: FakeWallClock, fmt: RecordFormat) -> None:
        self.entropy = SeededEntropy(name)
        keys = PrivateKeys.generate_router(self.entropy)
        self.key = X25519Key(keys.crypto_private)
        self.info = make_info(keys, host)
        self.hash = self.info.hash
        self.opinions = Opinions()
        self.directory = Directory([])
        self.dispatcher = TunnelDispatcher(self.hash, wall, self.entropy)
        sealer = PlainSealer(self.entropy)
        self.transit = TransitHops(
            HopIdentity(self.hash, self.key), self.dispatcher, sealer, wall, self.entropy
        )
        selector = HopSelector(
            self.hash,
            self.directory,
            self.opinions,
            self.entropy,
            is_published,
            allow_private=True,
        )
        self.manager = TunnelManager(
            self.dispatcher,
            self.transit,
            selector,
            sealer,
            wall,
            self.entropy,
            record_format=fmt,
        )
        self.keys: dict[bytes, bytes] = {}
        self.events: list[tuple[float, TunnelEvent]] = []
        self.inbox: list[tuple[object, bytes]] = []

    def decline(self) -> None:
        self.transit.configure(TransitLimits(accepts=False))

    def handle(self, message: bytes, sender: bytes | None, now: float) -> None:
        kind, message_id = message[0], int.from_bytes(message[1:5], "big")
        if kind == 11:
            inner = open_one_shot(self.keys, message[13:]) or open_to_router(self.key, message[13:])
            if inner is not None:
                self.handle(inner, None, now)
        elif kind == 10:
            self.manager.receive_delivery_status(int.from_bytes(message[9:13], "big"), now)
        else:
            self.manager.receive_build_message(kind, message_id, message[9:], sender, now)

    def drain(self, now: float) -> dict[bytes, list[bytes]]:
        for _ in range(4):
            self.manager.flush(now)
            delivered, self.dispatcher.delivered = self.dispatcher.delivered, []
            for owner, _, message in delivered:
                if message[0] == 20:
                    self.inbox.append((owner, message[16:]))
                else:
                    self.handle(message[:5] + message[9:13] + message[16:], None, now)
            while (event := self.manager.next_event()) is not None:
                self.events.append((now, event))
                if isinstance(event, RegisterReplyKey):
                    self.keys[event.tag] = event.key
        result: dict[bytes, list[bytes]] = {}
        for outgoing in (self.dispatcher.outgoing, self.dispatcher.transit_outgoing):
            for peer, messages in outgoing.items():
                result.setdefault(peer, []).extend(messages)
            outgoing.clear()
        return result

    def seen(self, kind: type, owner: object = None) -> list[tuple[float, TunnelEvent]]:
        return [
            (at, e)
            for at, e in self.events
            if isinstance(e, kind) and (owner is None or e.owner == owner)  # type: ignore[attr-defined]
        ]


class Mesh:
    """Runs routers until a moment of virtual time; one hop takes ``latency_s``."""

    def __init__(self, count: int, fmt: RecordFormat = SHORT, latency_s: float = 0.02) -> None:
        self.wall = FakeWallClock()
        self.start = self.wall.time
        self.now = 0.0
        self.latency_s = latency_s
        self.routers = [
            Router(f"router {i}", f"127.77.{i}.1", self.wall, fmt) for i in range(count)
        ]
        self.by_hash = {router.hash: router for router in self.routers}
        for router in self.routers:
            router.directory.infos.update((r.hash, r.info) for r in self.routers)
        self.down: set[bytes] = set()
        self.lost: Callable[[bytes, bytes, bytes], bool] = lambda sender, peer, message: False
        self._queue: list[tuple[float, int, bytes, bytes, list[bytes]]] = []
        self._serial = 0
        self.timer_calls = 0

    def run(self, until: float, stop: Callable[[], bool] | None = None) -> None:
        while True:
            for router in self.routers:
                self._flush(router)
            timers = [
                (at, i)
                for i, router in enumerate(self.routers)
                if router.hash not in self.down and (at := router.manager.next_timer()) is not None
            ]
            next_timer = min(timers, default=(until + 1, -1))
            next_message = self._queue[0][0] if self._queue else until + 1
            if stop is not None and stop():
                return
            at = min(next_timer[0], next_message)
            if at > until:
                self._set_now(until)
                return
            self._set_now(max(self.now, at))
            if next_message <= next_timer[0]:
                _, _, sender, peer, messages = heapq.heappop(self._queue)
                if peer not in self.down:
                    self.by_hash[peer].receive(sender, messages, self.now)
            else:
                self.timer_calls += 1
                self.routers[next_timer[1]].manager.handle_timer(self.now)

    def _set_now(self, now: float) -> None:
        self.now = now
        self.wall.time = self.start + now

    def _flush(self, router: Router) -> None:
        out = router.drain(self.now)
        if router.hash in self.down:
            return
        for new in [peer for peer in out if peer not in router.opinions.connected | self.down]:
            router.opinions.connected.add(new)
            router.manager.note_peer_connected(new, self.now)
        for peer, messages in router.drain(self.now).items():
            out.setdefault(peer, []).extend(messages)
        for peer, messages in out.items():
            messages = [m for m in messages if not self.lost(router.hash, peer, m)]
            if messages and peer in self.by_hash:
                self._serial += 1
                item = (self.now + self.latency_s, self._serial, router.hash, peer, messages)
                heapq.heappush(self._queue, item)


__all__ = ["BuildFinished", "LeasesChanged", "Mesh", "Router", "TunnelLost", "TunnelReady"]
