"""A flood of build requests: some routers ask one for ten times what it allows them."""

from __future__ import annotations

from core.i2np.message import LIFETIME_S, make_short
from core.tunnel.build import BuildHop, TunnelBuild, random_id
from core.tunnel.records import SHORT
from core.tunnel.transit import TransitLimits
from tests.support.world import Machine
from tests.support.world.hostile import Hostile
from tests.support.world.report import Table
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

SETTLE_S = 120.0
BEFORE_MINUTES = 3
ATTACKERS = 10
TIMES_ALLOWED = 10


def run(wish: Wish) -> Outcome:
    """``taken``, ``refused``, ``held``: transit of the attacked router, which is a visitor's."""
    network = Network(f"builds {wish.seed}", wish.routers)
    network.join()
    network.run(SETTLE_S)
    network.probe()
    victim = network.hosts_of_visitors[0]
    table = Table(f"build flood: {ATTACKERS} attackers, {TIMES_ALLOWED} times the allowed rate")
    limits = TransitLimits()
    allowed_s = limits.peer_requests_min / limits.peer_period_s
    attackers = [network.world.add(kind=Hostile) for _ in range(ATTACKERS)]
    network.world.introduce(attackers, network.known)
    network.watch.take()
    for minute in range(BEFORE_MINUTES + wish.minutes):
        if minute == BEFORE_MINUTES:
            for attacker in attackers:
                ask_for_ever(network, attacker, victim, 1 / (TIMES_ALLOWED * allowed_s))
        transit = victim.engine.transit
        accepted, refused = transit.accepted, sum(transit.refused.values())
        network.run(60.0)
        row = network.row(network.watch.take())
        table.add(
            **row,
            taken=transit.accepted - accepted,
            refused=sum(transit.refused.values()) - refused,
            held=len(transit),
        )
    return Outcome([table], {}, network.world.trace_hash)


def ask_for_ever(network: Network, attacker: Machine, victim: Machine, every_s: float) -> None:
    """One request after the other for a tunnel over the victim and a random router."""
    world = network.world

    def ask() -> None:
        end = network.machines[world.dice.randbelow(len(network.up))]
        if end is not victim:
            message = request(attacker, victim, end)
            attacker.engine.pending_sends.send(victim.hash, [message], world.now)
            attacker.touch()
        world.schedule.after(every_s, ask)

    world.schedule.after(every_s * world.dice.fraction(), ask)


def request(attacker: Machine, victim: Machine, end: Machine) -> bytes:
    """A proper build request of an outbound tunnel, as it goes over a link."""
    dice = attacker.entropy
    hops = [BuildHop(one.hash, one.engine.keys.crypto.public) for one in (victim, end)]
    build = TunnelBuild(
        hops,
        is_inbound=False,
        end_hash=attacker.hash,
        end_tunnel_id=random_id(dice),
        fmt=SHORT,
        reply_message_id=random_id(dice),
        wall_now_s=attacker.wall.now(),
        entropy=dice,
        own_hash=attacker.hash,
    )
    expires_ms = int((attacker.wall.now() + LIFETIME_S) * 1000)
    return make_short(build.message_type, random_id(dice), expires_ms, build.body)
