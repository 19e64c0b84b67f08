"""One address on several machines: the meta lease set that lists those of them that are up.

Each machine serves under a destination of its own. All of them publish the meta lease set of the
common address (common-structures: "MetaLeaseSet"), signed with its key or with a transient one that
it authorised, so any of them may go: floodfills keep the newest. A machine lists itself while it is
ready, and the others while they publish: each looks for their lease sets, through its own tunnels.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.ports import Entropy, WallClock
from core.client.config import MetaOptions
from core.data.lease_set import LeaseSet2
from core.data.lease_set_variants import KIND_LEASE_SET2, KIND_META, MetaLease, MetaLeaseSet
from core.netdb.facade import NetDb

CHECK_S = 60.0
CHECK_SPREAD_S = 30.0
#: Machines publish every 40 to 80 s: who missed so many turns is down, although its leases last.
ALIVE_S = 240.0
PUBLISH_S = 480.0
"""Java: a floodfill refuses one that was published 10 minutes ago, whenever it ends."""
LIFE_S = 3600.0
_RETRY_S = 2.0


@dataclass(slots=True)
class _Machine:
    target: bytes
    cost: int
    kind: int = KIND_LEASE_SET2
    is_up: bool = False


class MetaPublisher:
    """``owner``: the destination of this machine, by which the netDb knows it. ``due_at``: when
    :meth:`run` should be called. ``current``: what was published last."""

    def __init__(
        self, options: MetaOptions, owner: bytes, netdb: NetDb, wall: WallClock, entropy: Entropy
    ) -> None:
        self._keys = options.keys
        self._owner = owner
        self._is_serving = True
        self._netdb = netdb
        self._wall = wall
        self._entropy = entropy
        self._machines = {
            target: _Machine(target, cost, is_up=target == owner)
            for target, cost in options.machines
        }
        self._requests: dict[int, _Machine] = {}
        self._published_at: float | None = None
        self.current: MetaLeaseSet | None = None
        self.due_at = 0.0

    @property
    def up(self) -> int:
        """How many of the machines were up when they were last looked at, this one included."""
        return sum(machine.is_up for machine in self._machines.values())

    def set_serving(self, is_serving: bool, now: float) -> None:
        """Whether the service of this machine answers; the others publish while it does not."""
        if is_serving != self._is_serving:
            self._is_serving = self._machines[self._owner].is_up = is_serving
            self.due_at = now
            self._requests.clear()  # an answer would publish once more
            if not is_serving and self.current is not None:
                self._netdb.withdraw_lease_set(self.current.hash)
                if self.up:
                    # Once more, so that nobody has to wait until the others find out.
                    self._publish(now)
                self.current = None

    def run(self, is_ready: bool, now: float) -> None:
        """Look at the others, if it is time; ``is_ready``: whether this machine serves."""
        if now < self.due_at:
            return
        if not (is_ready and self._is_serving):
            self.due_at = now + _RETRY_S
            return
        spread = self._entropy.randbelow(1000) / 1000 * CHECK_SPREAD_S
        self.due_at = now + CHECK_S + spread
        if self.current is None:
            # Not yet to wait for the others: this machine serves.
            self._publish(now)
        self._requests.clear()
        for machine in self._machines.values():
            if machine.target != self._owner:
                request = self._netdb.lookup_lease_set(machine.target, self._owner, now, fresh=True)
                self._requests[request] = machine

    def finished(self, request: int, result: object, now: float) -> bool:
        """The netDb's answer to a lookup; False if it was not one of ours."""
        machine = self._requests.pop(request, None)
        if machine is None:
            return False
        if isinstance(result, MetaLeaseSet):
            machine.is_up, machine.kind = True, KIND_META
        else:
            wall_ms = self._wall.now() * 1000
            machine.kind = KIND_LEASE_SET2
            machine.is_up = (
                isinstance(result, LeaseSet2) and result.published_ms > wall_ms - ALIVE_S * 1000
            )
        if not self._requests:
            is_old = self._published_at is None or now >= self._published_at + PUBLISH_S
            if is_old or self.current is None or set(self._up()) != self._listed():
                self._publish(now)
        return True

    def clock_changed(self, now: float) -> None:
        """The wall clock was set: what is dated is made anew."""
        self.due_at = now
        self.current = None

    def _up(self) -> list[tuple[bytes, int, int]]:
        return [(one.target, one.kind, one.cost) for one in self._machines.values() if one.is_up]

    def _listed(self) -> set[tuple[bytes, int, int]]:
        leases = () if self.current is None else self.current.leases
        return {(lease.target, lease.kind, lease.cost) for lease in leases}

    def _publish(self, now: float) -> None:
        before_s = 0 if self.current is None else self.current.published_ms // 1000
        published_s = max(int(self._wall.now()), before_s + 1)
        ends_s = published_s + int(LIFE_S)
        if self._keys.offline is not None:
            ends_s = max(published_s, min(ends_s, self._keys.offline.expires_s))
        expires_ms = ends_s * 1000
        leases = [MetaLease(target, kind, cost, expires_ms) for target, kind, cost in self._up()]
        self.current = MetaLeaseSet.build(self._keys, leases, published_s * 1000, expires_ms)
        self._published_at = now
        self._netdb.publish_lease_set(self.current, self._owner, now)
