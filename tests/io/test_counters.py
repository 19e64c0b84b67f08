"""Whatever the router counts is shown: the sources are walked, and each counter is turned."""

from __future__ import annotations

import ast
import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from core.api import (
    ForeignRouter,
    I2cpAddress,
    Router,
    RouterConfig,
    SessionConfig,
    TunnelShape,
    counter_descriptions,
)
from core.client.i2cp_session import I2cpEngine
from core.crypto.signing import SigningType
from core.data.private_keys import PrivateKeys
from core.tunnel.endpoint import Endpoint
from core.tunnel.participant import TransitEndpoint, TransitGateway
from i2ptunnel.metrics import write_metrics
from tests.support.deterministic import SeededEntropy
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
#: what grows and is no statistic: it decides something, or it is how far something has got
STATE = {
    *(
        "_Share.due",
        "Reader.position",
        "sock.buffer",
        "Negotiation.skew_s",
        "Responder.skew_s",
        "OutQueue.bytes",
    ),
    *(
        "record.failures",
        "OwnTunnel.failures",
        "entry.failures",
        "entry.attempts",
        "entry.generation",
    ),
    *("entry.verify_failures", "lookup.asks", "lookup.fetches", "lookup.width"),
    *("lookup.stale_answers", "_Keeping.had", "_Keeping.lacked"),
    *("PeerRecord.accepted", "PeerRecord.declined", "PeerRecord.lost", "PeerRecord.loss_streak"),
    *("neighbour.answered", "neighbour.unanswered", "neighbour.run", "neighbour.waiting"),
    "Remote.questions",
    *("HalfClosed.questions", "Bbr.window", "Cubic.window", "Recovery.delivered"),
    *(
        "RttEstimator.smoothed",
        "RttEstimator.variance",
        "SendBuffer.unsent",
        "remotes.on_forget",
        "ReceiveBuffer.early_bytes",
    ),
    *("ReceiveBuffer.readable", "partial.held", "partial.size", "exchange.tries"),
    *("ReceivedPackets.count", "Outgoing.bytes", "PathMtu.black_holes", "PathValidation.asked"),
    *("test.asks", "probe.sent", "probe.replies", "wall.correction_s"),
    # of sessions over a foreign router: see the test below
    *("I2cpNetwork.sent", "I2cpNetwork.dropped"),
    # in the status of the I2CP interface: tests/i2ptunnel/test_i2cp_service.py
    "LookupService.refused",
}
NO_HOPS = TunnelShape(length=0, quantity=1)
#: objects that hold the counters of others
HOLDERS = ("Stats", "Counters")
TURNED_BY = 1_000_003


def counted() -> Iterator[tuple[str, str]]:
    """(owner, attribute) of everything public to which the sources of the router add.

    The owner is a class, the name of a variable, or "" for one of ``HOLDERS``.
    """
    for path in sorted((ROOT / "core").rglob("*.py")):
        for cls in ast.walk(ast.parse(path.read_text())):
            if not isinstance(cls, ast.ClassDef) or cls.name == "StreamTotals":
                continue
            for node in ast.walk(cls):
                if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add):
                    continue
                target: ast.expr = node.target
                while isinstance(target, ast.Subscript):
                    target = target.value
                if isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
                    yield owner_of(cls.name, target.value), target.attr


def owner_of(cls: str, value: ast.expr) -> str:
    if isinstance(value, ast.Name):
        return cls if value.id == "self" else value.id
    assert isinstance(value, ast.Attribute)
    return "" if value.attr.strip("_") in ("stats", "counters") else value.attr.strip("_")


def objects_of(root: object) -> list[Any]:
    """Every object of the router that can be reached."""
    seen: dict[int, Any] = {}
    waiting: deque[Any] = deque([root])
    while waiting:
        one = waiting.popleft()
        if id(one) in seen or isinstance(one, Enum | type | str | bytes | int):
            continue
        seen[id(one)] = one
        if isinstance(one, Mapping):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list | tuple | set | frozenset | deque):
            waiting.extend(one)
        elif type(one).__module__.startswith("core."):
            slots = [slot for base in type(one).__mro__ for slot in getattr(base, "__slots__", ())]
            names = {*slots, *getattr(one, "__dict__", ())}
            waiting.extend(getattr(one, name) for name in names if hasattr(one, name))
    return [one for one in seen.values() if type(one).__module__.startswith("core.")]


def turn(one: Any, attribute: str, by: int) -> None:
    """Add to a counter, or to one of several that it consists of."""
    value = getattr(one, attribute)
    if isinstance(value, int):
        setattr(one, attribute, value + by)
    else:
        key = next(iter(value), "some reason")
        value[key] = value.get(key, 0) + by


def figures(router: Router) -> str:
    status = asdict(router.status())
    for moving in ("uptime_s", "descriptors", "clock_skew_s", "bandwidth"):
        del status[moving]
    return repr((status, router.counters(), router.tunnel_paths()))


async def started(path: Path) -> tuple[Router, list[Any]]:
    """A router with one of everything that counts."""
    config = RouterConfig(
        data_dir=path, network_id=78, host="127.78.9.1", bind="127.78.9.1", port=17801,
        allow_private_addresses=True,
    )  # fmt: skip
    router = Router(config)
    await router.start()
    session = await router.open_session(SessionConfig("session", inbound=NO_HOPS, outbound=NO_HOPS))
    engine = router._engine
    peer = PrivateKeys.generate_destination(SeededEntropy(1), SigningType.ED25519).destination
    session._engine.streams.connect(peer, now=router.now())
    for tunnel_id, kind in ((7, TransitEndpoint), (8, TransitGateway)):
        tunnel = kind(tunnel_id, b"p" * 32, b"n" * 32, 9, bytes(32), bytes(32), router.now() + 600)
        if isinstance(tunnel, TransitEndpoint):
            tunnel._endpoint = Endpoint()
        engine.tunnels.dispatcher.add_transit(tunnel)
    await until(
        "the tunnels of the session",
        lambda: sum(path.session is not None for path in router.tunnel_paths()) == 2,
    )
    return router, objects_of(router)


@pytest.mark.doubles  # compiled classes cannot be looked into
def test_every_counter_is_shown(tmp_path: Path) -> None:
    async def main() -> None:
        router, objects = await started(tmp_path)
        try:
            forgotten = set()
            for owner, attribute in sorted(set(counted())):
                name = f"{owner}.{attribute}"
                if name in STATE or owner == "memory":
                    continue
                found = [one for one in objects if is_owner(one, owner, attribute)]
                if not found:
                    forgotten.add(f"{name} (no such object)")
                shown = []
                for one in found:
                    before = figures(router)
                    turn(one, attribute, TURNED_BY)
                    shown.append(figures(router) != before)
                    turn(one, attribute, -TURNED_BY)
                # Of our own tunnels only those in use are shown.
                if not (any(shown) if attribute == "messages" else all(shown)):
                    forgotten.add(name)
            assert forgotten == set(), "show it in a room's counters.py, or delete it"
        finally:
            await router.stop()

    asyncio.run(main())


def is_owner(one: Any, owner: str, attribute: str) -> bool:
    names = [base.__name__ for base in type(one).__mro__]
    if owner:
        return owner in names and hasattr(one, attribute)
    return names[0].endswith(HOLDERS) and hasattr(one, attribute) and names[0] != "StreamStats"


def test_the_tree_the_descriptions_and_the_metrics_agree(tmp_path: Path) -> None:
    async def main() -> None:
        router, _ = await started(tmp_path)
        try:
            tree = router.counters()
        finally:
            await router.stop()
        described = list(counter_descriptions())
        names = [(room, name) for room, name, _, _ in described]
        assert len(names) == len(set(names)) > 40
        assert set(names) == {(room, name) for room, known in tree.items() for name in known}
        for room, name, label, text in described:
            value = tree[room][name]
            assert isinstance(value, dict) is bool(label), (room, name)
            assert text[0].isupper() and not text.endswith("."), text
        status = {"state": "ready", "ready": True, "router": {"counters": tree}, "tunnels": []}
        page = (await write_metrics(status))[0].decode()
        for room, name, label, text in described:
            if label and not tree[room][name]:
                continue
            metric = f"i2ptunnel_router_{room}_{name}_total"
            assert f"# HELP {metric} {text}\n# TYPE {metric} counter\n{metric}" in page

    asyncio.run(main())


def test_what_a_session_counted_stays_when_it_is_closed(tmp_path: Path) -> None:
    async def main() -> None:
        router, _ = await started(tmp_path)
        try:
            session = next(iter(router._engine.clients))
            session.stats.messages_in += 5
            session.streams.counters["early"] = 3
            (stream,) = session.streams.streams
            stream._sender.buffer.taken += 1000
            owner = next(iter(router._sessions.values()))
            await owner.close()
            assert len(router._engine.clients) == 0
            tree = router.counters()
            assert tree["client"]["messages_received"] == 5
            assert tree["streaming"]["packets_dropped"] == {"early": 3}
            assert tree["streaming"]["sent_bytes"] == 1000
        finally:
            await router.stop()

    asyncio.run(main())


def test_counters_of_sessions_over_a_foreign_router_are_shown(tmp_path: Path) -> None:
    async def main() -> None:
        router = ForeignRouter(RouterConfig(data_dir=tmp_path), I2cpAddress("127.78.9.2", 1))
        await router.start()
        session = await router.open_session(SessionConfig("session"))
        engine = session._engine
        assert isinstance(engine, I2cpEngine)
        engine.network.sent, engine.network.dropped = 3, 4
        engine.datagrams.counters["invalid"] = 5
        wanted = {"payloads_sent": 3, "payloads_dropped": 4}
        assert router.counters()["i2cp"] == wanted
        await session.close()
        assert router.counters()["i2cp"] == wanted
        assert router.counters()["datagram"]["datagrams_dropped"] == {"invalid": 5}
        await router.stop()

    asyncio.run(main())
