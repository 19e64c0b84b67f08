"""Routers that take part and do not do their share; given to :meth:`World.add` as ``lies``.

Each lie changes the engine of one machine after it has booted. They put doubles into it, so tests
with liars carry the mark of that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.router.engine import RouterEngine
from core.tunnel.transit import Refusal
from tests.support.world.schedule import Dice

Lie = Callable[[RouterEngine, Dice], None]
INVENTED_ROUTERS = 3


def drop_builds(engine: RouterEngine, dice: Dice) -> None:
    """Never answer nor pass on a request to build a tunnel."""
    transit: Any = engine.transit
    transit.receive = lambda *ignored: None


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
