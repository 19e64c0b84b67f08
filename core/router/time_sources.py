"""What others say about the time, and whom of them to believe.

An *epoch* is the Unix time at which the engine's ``now`` was 0. One router counts once and the
median decides: a few wrong or lying ones change nothing. Only those that we chose to call are
asked, for anybody can call us under as many names as they like.

Time servers are more exact, but their answers are not signed, and a network can forge them; a
router's clock is proven by its handshake. So many routers that agree outvote time servers.

When the system's clock leaps ahead of ``now``, either it was set, or the machine stood still and
``now`` with it, as a virtual one does that is frozen. Then nothing that was said before counts, at
first. A long stop breaks all links, so it shows by new handshakes; without those it was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from statistics import median

from core.base.bounded import BoundedMap
from core.transport.context import CLOCK_SKEW_MAX_S

PEERS_MAX = 15
#: A clock that drifts, or a pause that nobody noticed: what is older says less than what is new.
PEERS_AGE_MAX_S = 3600.0
#: Routers that must have been measured before they count.
PEERS_MIN = 3
#: So many of them outvote time servers.
PEERS_OUTVOTE_MIN = 5
#: Routers agree if they are so near to their median: peers bear a minute.
AGREEMENT_S = 15.0
#: A machine that stood still for so long has lost its links, and makes new ones in this time.
STOP_MIN_S, STOP_SHOWS_S = 300.0, 30.0


class ClockSource(StrEnum):
    """The words of the status."""

    NTP = "ntp"
    PEERS = "peers"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The epoch to believe, and who says so."""

    epoch_s: float
    source: ClockSource


class TimeSources:
    """See the module."""

    def __init__(self, now: float) -> None:
        #: router -> (its epoch, when that was measured)
        self._peers: BoundedMap[bytes, tuple[float, float]] = BoundedMap(PEERS_MAX)
        self._servers: tuple[float, float] | None = None
        self._doubted_at = now
        self._trusted_at = now
        """What was said before the doubt counts again from then on."""

    def note_peer(self, peer: bytes, epoch_s: float, now: float) -> None:
        """A handshake with a router that we called tells its clock."""
        self._peers.put(peer, (epoch_s, now))
        self._peers.expire(lambda measured: measured[1] < now - PEERS_AGE_MAX_S)

    def note_servers(self, epoch_s: float, now: float) -> None:
        """Time servers agree."""
        self._servers = epoch_s, now

    def clock_leapt(self, jump_s: float, now: float) -> None:
        """The system's clock jumped against ``now``; negative: back."""
        self._doubted_at = now
        if jump_s < 0:
            self._trusted_at = now
        else:
            self._trusted_at = now + STOP_SHOWS_S if jump_s > STOP_MIN_S else inf

    def median_of_peers(self) -> float | None:
        """What routers say, those before the last jump only if there is nothing newer."""
        known = self._since(self._doubted_at) or self._since(-inf)
        return median(known) if known else None

    def verdict(self, now: float) -> Verdict | None:
        """Whom to believe; None: nothing is known, or not by enough."""
        verdict = self._believe(self._doubted_at)
        if verdict is None and now >= self._trusted_at:
            return self._believe(-inf)
        return verdict

    def _believe(self, since: float) -> Verdict | None:
        """The verdict on what was said since then."""
        known = self._since(since)
        peers = agreement(known)
        if self._servers is None or self._servers[1] < since:
            return None if peers is None else Verdict(peers, ClockSource.PEERS)
        servers, _ = self._servers
        is_outvoted = len(known) >= PEERS_OUTVOTE_MIN
        if peers is not None and is_outvoted and abs(servers - peers) > CLOCK_SKEW_MAX_S:
            return Verdict(peers, ClockSource.PEERS)
        return Verdict(servers, ClockSource.NTP)

    def _since(self, since: float) -> list[float]:
        return [epoch_s for epoch_s, at in self._peers.values() if at >= since]


def agreement(epochs: Sequence[float]) -> float | None:
    """The median of at least :data:`PEERS_MIN`, if more than half of them are near to it."""
    if len(epochs) < PEERS_MIN:
        return None
    middle = median(epochs)
    near = sum(abs(epoch_s - middle) <= AGREEMENT_S for epoch_s in epochs)
    return middle if 2 * near > len(epochs) else None
