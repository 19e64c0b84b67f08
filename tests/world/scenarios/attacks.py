"""Attacks on single users: an eclipse of one site, and many routers of one owner.

An eclipse: the attacker's routers take the keys nearest to one lease set, acknowledge what is
stored there, keep nothing, and name each other to those who ask.

Many routers of one owner (Sybil) do all that is asked of them and watch. They learn something where
they are next to a user (predecessor attack), and most where they are at both ends of a tunnel. What
they get is compared with hops chosen at random among all routers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.netdb.routing_key import day_number, distance, routing_key
from core.router.identity import RouterKeys
from tests.support.world.hostile import Hostile
from tests.support.world.liars import forget_stores, name_accomplices
from tests.support.world.report import Table
from tests.support.world.watch import ClientPath
from tests.world.network import Network
from tests.world.scenarios.outcome import Outcome, Wish

SETTLE_S = 120.0
BEFORE_MINUTES = 3
NEAREST = 8
"""Of the attacker's routers: as many as one lookup asks."""
SYBILS_PER_HONEST = 0.5
RANDOM_ROUNDS = 20


def eclipse(wish: Wish) -> Outcome:
    """All floodfills nearest to the first site are the attacker's."""
    network = Network(f"eclipse {wish.seed}", wish.routers)
    table = Table(f"eclipse: {wish.routers} routers, {NEAREST} hostile ones around one site")
    network.join()
    network.run(SETTLE_S)
    site = network.sites[0]

    def again() -> None:
        visitors = network.visitors
        network.look_up(visitors[network.world.dice.randbelow(len(visitors))], site)
        network.world.schedule.after(1.0, again)

    again()
    network.watch.take()
    network.minutes(table, BEFORE_MINUTES)
    surround(network, site.opening.keys.hash)
    network.minutes(table, wish.minutes)
    return Outcome([table], {}, network.world.trace_hash)


def surround(network: Network, key: bytes) -> list[Hostile]:
    """Routers that are nearer to a key today than all honest floodfills."""
    world = network.world
    target = routing_key(key, day_number(world.true_time))
    nearest = min(distance(target, one.hash) for one in network.floodfills)
    found: list[RouterKeys] = []
    while len(found) < NEAREST:
        keys = RouterKeys.generate(world.dice)
        if distance(target, keys.hash) < nearest:
            found.append(keys)
    lies = (forget_stores, name_accomplices([keys.hash for keys in found]))
    hostile = [world.add(kind=Hostile, floodfill=True, lies=lies, keys=keys) for keys in found]
    world.introduce(hostile, network.known)
    return hostile


def sybil(wish: Wish) -> Outcome:
    """Half as many watching routers as honest ones join at once, and serve well."""
    network = Network(f"sybil {wish.seed}", wish.routers)
    network.join()
    network.run(SETTLE_S)
    world = network.world
    honest = list(network.machines)
    sybils = [world.add(kind=Hostile) for _ in range(round(SYBILS_PER_HONEST * len(honest)))]
    world.introduce(sybils, network.known)
    watching = frozenset(one.hash for one in sybils)
    everybody = [one.hash for one in network.machines]
    table = Table(f"sybil: {len(honest)} honest routers, {len(sybils)} watching ones")
    network.watch.paths.clear()
    seen = 0
    for _ in range(max(1, wish.minutes // 10)):
        network.run(600.0)
        paths, seen = network.watch.paths[seen:], len(network.watch.paths)
        table.add(**{"minute": round(world.now / 60), "who": "ours", **figures(paths, watching)})
    paths = network.watch.paths
    table.add(**{"minute": "all", "who": "ours", **figures(paths, watching)})
    drawn = [ClientPath(p.owner, p.is_inbound, at_random(network, everybody, len(p.hops)))
             for p in paths for _ in range(RANDOM_ROUNDS)]  # fmt: skip
    chance = figures(drawn, watching)
    chance["tunnels"] = len(paths)
    chance["neighbours"] = figures(drawn[::RANDOM_ROUNDS], watching)["neighbours"]
    table.add(**{"minute": "all", "who": "random", **chance})
    return Outcome([table], {}, world.trace_hash)


def at_random(network: Network, everybody: Sequence[bytes], count: int) -> tuple[bytes, ...]:
    """Different routers, drawn evenly."""
    hops: dict[bytes, None] = {}
    while len(hops) < count:
        hops[everybody[network.world.dice.randbelow(len(everybody))]] = None
    return tuple(hops)


def figures(
    paths: Sequence[ClientPath], watching: frozenset[bytes]
) -> dict[str, float | int | str]:
    """Of all tunnels: where watching routers are, and whom users have met as neighbours.

    ``told %``: of what watching routers see before them in tunnels of one user, over all places,
    the part that is the user; high where the user stands out.
    """
    if not paths:
        return dict.fromkeys(("tunnels", "next %", "far %", "both %", "neighbours", "told %"), 0)
    near = sum(path.hops[0] in watching for path in paths)
    far = sum(path.hops[-1] in watching for path in paths)
    both = sum(path.hops[0] in watching and path.hops[-1] in watching for path in paths)
    neighbours: dict[bytes, set[bytes]] = {}
    before: Counter[bool] = Counter()
    for path in paths:
        neighbours.setdefault(path.owner, set()).add(path.hops[0])
        for place, hop in enumerate(path.hops):
            if hop in watching:
                before[place == 0] += 1
    met = sum(map(len, neighbours.values())) / len(neighbours)
    return {
        "tunnels": len(paths),
        "next %": 100 * near / len(paths),
        "far %": 100 * far / len(paths),
        "both %": 100 * both / len(paths),
        "neighbours": met,
        "told %": 100 * before[True] / max(1, before.total()),
    }
