"""What the network database counts."""

from __future__ import annotations

from core.base.counters import Counter, by_value
from core.netdb.facade import NetDb

COUNTERS: tuple[Counter[NetDb], ...] = (
    Counter("netdb", "messages_dropped", "Messages for the network database that were dropped",
            lambda n: {
                "malformed": n.stats.malformed,
                "unsolicited": n.stats.unsolicited,
                "refused": n.stats.refused,
            }, "reason"),
    Counter("netdb", "router_infos", "Router infos that were offered, by what became of them",
            lambda n: by_value(n._store.counts), "result"),
    Counter("netdb", "router_infos_evicted", "Router infos dropped for want of room",
            lambda n: n._store.evicted),
    Counter("netdb", "lease_sets", "Lease sets that were offered, by what became of them",
            lambda n: by_value(n._lease_sets.counts), "result"),
    Counter("netdb", "lookups", "Lookups that ended, by result",
            lambda n: {
                "found": n._lookups.found,
                "failed": n._lookups.failed,
                "refused": n._lookups.refused,
            }, "result"),
    Counter("netdb", "routers_explored", "Routers learned by exploring",
            lambda n: n._explorer.learned),
    Counter("netdb", "requests", "Requests of others to this router as floodfill, by answer",
            lambda n: {
                "found": n._responder.stats.found,
                "not_found": n._responder.stats.not_found,
                "acknowledged": n._responder.stats.acknowledged,
                "throttled": n._responder.stats.throttled,
                "refused": n._responder.stats.refused,
            }, "answer"),
    Counter("netdb", "entries_flooded", "Entries passed on to other floodfills",
            lambda n: n._responder.stats.flooded),
)  # fmt: skip
