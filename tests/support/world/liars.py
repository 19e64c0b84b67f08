"""Routers that take part and do not do their share; given to :meth:`World.add` as ``lies``.

Each lie changes the engine of one machine after it has booted. They put doubles into it, so tests
with liars carry the mark of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.base.rates import WindowCounter
from core.router.engine import RouterEngine
from core.tunnel.transit import Refusal
from tests.support.world.schedule import Dice

Lie = Callable[[RouterEngine, Dice], None]
INVENTED_ROUTERS = 3
#: Java, RequestThrottler: requests of one neighbour while fewer than 400 tunnels pass
THROTTLED_ABOVE, THROTTLE_S = 7, 110.0
#: Java, ParticipatingThrottler: accepted tunnels from a neighbour or to it, beside that
BESIDE_ABOVE, BESIDE_S = 4, 220.0


def drop_builds(engine: RouterEngine, dice: Dice) -> None:
    """Never answer nor pass on a request to build a tunnel."""
    transit: Any = engine.transit
    transit.receive = lambda *ignored: None


def throttle_builds(engine: RouterEngine, dice: Dice) -> None:
    """Drop in silence what goes beyond the limits that Java I2P has for each neighbour."""
    transit: Any = engine.transit
    receive, decide = transit.receive, transit._decide
    asked, beside = WindowCounter(THROTTLE_S), WindowCounter(BESIDE_S)

    def receive_some(
        message_type: int, body: bytes, from_router: bytes | None, now: float, *more: Any
    ) -> bool:
        if from_router is not None and asked.count(from_router, now) > THROTTLED_ABOVE:
            return False
        accepted: bool = receive(message_type, body, from_router, now, *more)
        return accepted

    def decide_or_drop(request: Any, minimum: int, source: Any, now: float) -> Refusal | None:
        declined: Refusal | None = decide(request, minimum, source, now)
        if declined is not None:
            return declined
        neighbours = ([] if request.is_gateway else [source[0]]) + (
            [] if request.is_endpoint else [request.next_hash]
        )
        counts = [beside.count(one, now) for one in neighbours]
        return Refusal.FLOOD if max(counts) > BESIDE_ABOVE else None

    transit.receive, transit._decide = receive_some, decide_or_drop


def refuse_builds(share: float) -> Lie:
    """Decline this part of all requests to build a tunnel, as a busy router does."""

    def lie(engine: RouterEngine, dice: Dice) -> None:
        transit: Any = engine.transit
        decide = transit._decide

        def decide_or_decline(*arguments: Any) -> Refusal | None:
            declined: Refusal | None = decide(*arguments)
            return Refusal.BANDWIDTH if declined is None and dice.fraction() < share else declined

        transit._decide = decide_or_decline

    return lie


def drop_tunnel_data(engine: RouterEngine, dice: Dice) -> None:
    """Accept tunnels and carry nothing in them."""
    dispatcher: Any = engine.tunnels.dispatcher
    dispatcher.receive_tunnel_data = lambda *ignored: None
    dispatcher.receive_tunnel_gateways = lambda *ignored: None


def deny_lookups(engine: RouterEngine, dice: Dice) -> None:
    """Say that nothing is here, and that routers know more which do not exist."""
    responder: Any = engine.netdb._responder

    def answer(lookup: Any, sender: bytes | None, source: Any, now: float) -> None:
        invented = [dice.random_bytes(32) for _ in range(INVENTED_ROUTERS)]
        responder._search_reply(lookup, invented, source)

    responder.answer = answer


def forget_stores(engine: RouterEngine, dice: Dice) -> None:
    """Acknowledge what is to be stored, and neither keep it nor pass it on."""
    netdb: Any = engine.netdb
    receive = netdb.receive_store

    def filtered(store: Any, sender: bytes | None, now: float, **more: Any) -> None:
        if store.reply_token:
            netdb._responder.acknowledge(store, more.get("source") or (sender, 0))
        elif store.is_router_info:
            receive(store, sender, now, **more)

    netdb.receive_store = filtered


def decline_builds(engine: RouterEngine, dice: Dice) -> None:
    """Decline all requests, as a full router does, and say nothing of that in the RouterInfo."""
    engine.stop_transit()


def ignore_lookups(engine: RouterEngine, dice: Dice) -> None:
    """Never answer a lookup."""
    responder: Any = engine.netdb._responder
    responder.answer = lambda *ignored: None


def name_accomplices(hashes: Sequence[bytes]) -> Lie:
    """Say that nothing is here, and that these know more; they exist, and do the same."""

    def lie(engine: RouterEngine, dice: Dice) -> None:
        responder: Any = engine.netdb._responder

        def answer(lookup: Any, sender: bytes | None, source: Any, now: float) -> None:
            some = [hashes[dice.randbelow(len(hashes))] for _ in range(INVENTED_ROUTERS)]
            responder._search_reply(lookup, some, source)

        responder.answer = answer

    return lie
