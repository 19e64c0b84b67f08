"""All counters of a router in one table, and their values as one tree.

Sessions count for themselves; what a session that is closed had counted stays in the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.base.counters import Counter, MachineT, Value, total
from core.client.counters import COUNTERS as CLIENT_COUNTERS
from core.client.counters import I2CP_COUNTERS, STREAM_COUNTERS
from core.client.i2cp_session import I2cpEngine
from core.client.local_destination import LocalDestination
from core.client.session import ClientEngine
from core.garlic.one_shot import OneShotKeys
from core.netdb.counters import COUNTERS as NETDB_COUNTERS
from core.router.engine import RouterEngine
from core.transport.counters import COUNTERS as TRANSPORT_COUNTERS
from core.tunnel.counters import COUNTERS as TUNNEL_COUNTERS
from core.tunnel.counters import TRANSIT_COUNTERS

#: room -> name of the counter -> value
Tree = dict[str, dict[str, Value]]

ENGINE_COUNTERS: tuple[Counter[RouterEngine], ...] = (
    Counter("router", "messages_dropped", "Messages for this router that were dropped",
            lambda e: {
                "malformed": e.stats.malformed,
                "expired": e.stats.expired,
                "unknown_type": e.stats.unknown_type,
                "forbidden": e.stats.forbidden,
            }, "reason"),
    Counter("router", "messages_unsent", "Messages to other routers that found no way",
            lambda e: {
                "no_router_info": e.pending_sends.lost,
                "no_tunnel": e.netdb_sender.lost,
            }, "reason"),
    Counter("router", "lookups_refused", "Routers not looked up or dialled: too many at once",
            lambda e: e.pending_sends.unasked),
    Counter("router", "clock_changes", "Jumps of the system clock", lambda e: e.clock.changes),
    Counter("router", "clock_corrections", "Corrections of the router's clock",
            lambda e: e.clock.corrections),
    Counter("router", "garlic_dropped", "Garlic messages for this router that were dropped",
            lambda e: {
                "unreadable": e.inbox.garlic.dropped,
                "over_rate": e.inbox.garlic.over_rate,
            }, "reason"),
)  # fmt: skip

ANSWER_COUNTERS: tuple[Counter[OneShotKeys], ...] = (
    Counter("router", "answers_dropped", "Sealed answers that could not be opened",
            lambda k: k.dropped),
    Counter("router", "answer_keys_evicted", "Keys of expected answers dropped for want of room",
            lambda k: k.evicted),
)  # fmt: skip


def described() -> Iterator[tuple[str, str, str, str]]:
    """(room, name, label, help) of every counter, in the order of :meth:`CounterTree.read`."""
    for counters in (
        TRANSPORT_COUNTERS,
        ENGINE_COUNTERS,
        ANSWER_COUNTERS,
        NETDB_COUNTERS,
        TUNNEL_COUNTERS,
        TRANSIT_COUNTERS,
        CLIENT_COUNTERS,
        STREAM_COUNTERS,
        I2CP_COUNTERS,
    ):
        for one in counters:
            yield one.room, one.name, one.label, one.help


class _Kept:
    """What closed sessions had counted, and how it is summed up."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[Value]] = {}

    def _keep(self, counters: Iterable[Counter[MachineT]], machine: MachineT) -> None:
        for one in counters:
            kept = self._kept.setdefault((one.room, one.name), [])
            kept[:] = [total((*kept, one.read(machine)), one.label)]

    def _read(
        self, tree: Tree, counters: Iterable[Counter[MachineT]], machines: Iterable[MachineT]
    ) -> None:
        several = list(machines)
        for one in counters:
            values = [one.read(machine) for machine in several]
            values += self._kept.get((one.room, one.name), ())
            tree.setdefault(one.room, {})[one.name] = total(values, one.label)


class CounterTree(_Kept):
    """Reads all counters of a router; tell it of sessions that close."""

    def __init__(self, engine: RouterEngine) -> None:
        super().__init__()
        self._engine = engine

    def keep(self, session: LocalDestination) -> None:
        """What a session has counted, before it is gone."""
        answers = self._engine.inbox.one_shots.get(session.owner)
        self._keep(CLIENT_COUNTERS, session)
        if isinstance(session, ClientEngine):
            self._keep(STREAM_COUNTERS, session)
        if answers is not None:
            self._keep(ANSWER_COUNTERS, answers)

    def read(self) -> Tree:
        """The present values."""
        engine, tree = self._engine, Tree()
        self._read(tree, TRANSPORT_COUNTERS, (engine.links.stats,))
        self._read(tree, ENGINE_COUNTERS, (engine,))
        self._read(tree, ANSWER_COUNTERS, engine.inbox.one_shots.values())
        self._read(tree, NETDB_COUNTERS, (engine.netdb,))
        self._read(tree, TUNNEL_COUNTERS, (engine.tunnels,))
        self._read(tree, TRANSIT_COUNTERS, (engine.transit,))
        self._read(tree, CLIENT_COUNTERS, engine.clients)
        streams = [client for client in engine.clients if isinstance(client, ClientEngine)]
        self._read(tree, STREAM_COUNTERS, streams)
        self._read(tree, I2CP_COUNTERS, ())
        return tree


class ForeignCounterTree(_Kept):
    """Reads all counters of sessions over a foreign router; tell it of those that close."""

    def keep(self, session: I2cpEngine) -> None:
        """What a session has counted, before it is gone."""
        self._keep(STREAM_COUNTERS, session)
        self._keep(I2CP_COUNTERS, session.network)

    def read(self, sessions: Iterable[I2cpEngine]) -> Tree:
        """The present values."""
        tree, several = Tree(), list(sessions)
        self._read(tree, STREAM_COUNTERS, several)
        self._read(tree, I2CP_COUNTERS, [session.network for session in several])
        return tree
