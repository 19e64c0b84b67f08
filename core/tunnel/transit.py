"""Build requests of others: whether we take part, and the answer (tunnel-creation-ecies.md).

Two different questions, in this order:

1. Is the request sound? If not it is dropped without an answer, as Java and i2pd do: it was not
   made for us, was tampered with, is a replay, is stale, or asks for something impossible.
2. Do we want the tunnel? If not the answer is 30 ("bandwidth"), whatever the reason: the reply must
   not tell a full router from a stopping or a suspicious one. ``refused`` counts the real reasons.

Limits: number of tunnels, transit bandwidth, CPU time, requests per peer (as previous or as next
hop). Above 70 % of a limit requests are declined with growing probability, and near the end only
links with fewer tunnels than others get more. What a link asks is charged to that link, before its
record is opened; so a flood over some links leaves the others what they need.

A tunnel that carried nothing in two minutes is dropped, as i2pd does: since API 0.9.68 who builds a
tunnel has to test it by then. One that carried something lives to its end, for routers before that
need not test, and a tunnel at rest costs next to nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum

from core.base.errors import DecodeError
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.base.rates import STRANGERS_SHARE, FairShares, Source, WindowCounter
from core.i2np.message import MessageType, expiration_from, make_short, short_to_standard
from core.tunnel.bandwidth_options import BandwidthRequest
from core.tunnel.build import random_id
from core.tunnel.constants import TRANSIT_LIFETIME_S, TRANSIT_UNUSED_S
from core.tunnel.dispatch import TunnelDispatcher
from core.tunnel.participant import Participant, TransitEndpoint, TransitGateway, TransitTunnel
from core.tunnel.ports import GarlicSealer
from core.tunnel.records import (
    FORMATS,
    SHORT,
    BuildRequest,
    HopIdentity,
    HopKeys,
    RecordFormat,
    parse_records,
    write_records,
)

ACCEPT = 0
REJECT_PROBABILISTIC = 10
REJECT_OVERLOAD = 20
REJECT_BANDWIDTH = 30
REJECT_CRITICAL = 50

_AGE_MAX_MINUTES = 8
_FUTURE_MAX_MINUTES = 5
_REPLAY_PERIOD_S = 840.0
"""Longer than the oldest request we take plus the furthest ahead."""
_REPLAY_MAX = 100_000
_CONGESTION_START = 0.7
_RESERVED_START = 0.9
"""From here on tunnels are for links that have fewer than others."""
OPEN_COST_S = 65e-6
ANSWER_COST_S = 60e-6
"""CPU time of opening a record and of the answer (measured in pure Python)."""
_PAIR_SHARE = 0.125
_TUNNEL_SHARE = 0.25
"""No tunnel is promised more than this part of the bandwidth."""
_PROMISED_SHARE = 2.0
"""All minimums together: most tunnels need theirs seldom (proposal 168, "over-allocation")."""


@dataclass(slots=True)
class TransitLimits:
    """What transit may use; handed over with :meth:`TransitHops.configure`."""

    accepts: bool = True
    """False: decline everything (hidden, stopping, or switched off)."""
    tunnels_max: int = 2500
    bytes_s: float | None = None
    """Bandwidth for transit in one direction; None: unlimited."""
    peer_requests_min: int = 120
    """Requests in ``peer_period_s`` that any one peer may cause, at least."""
    peer_share: float = 0.10
    """And beyond that as many as this part of the present tunnels."""
    peer_period_s: float = 220.0


class Refusal(Enum):
    """Why a request was not accepted (for statistics; never on the wire)."""

    MALFORMED = "malformed"
    NOT_FOR_US = "not_for_us"
    REPLAY = "replay"
    STALE = "stale"
    IMPOSSIBLE = "impossible"
    FLOOD = "flood"
    NOT_ACCEPTING = "not_accepting"
    TUNNELS = "tunnels"
    BANDWIDTH = "bandwidth"
    PEER = "peer"
    DUPLICATE_ID = "duplicate_id"
    CONGESTION = "congestion"
    MACHINE = "machine"
    UNREACHABLE = "unreachable"


class TransitHops:
    """Handles the build requests that arrive at us as a hop."""

    def __init__(
        self,
        identity: HopIdentity,
        dispatcher: TunnelDispatcher,
        sealer: GarlicSealer,
        wall: WallClock,
        entropy: Entropy,
        limits: TransitLimits | None = None,
        is_banned: Callable[[bytes], bool] | None = None,
        shares: FairShares | None = None,
        can_reach: Callable[[bytes, Source, float], bool] | None = None,
        is_network_small: Callable[[], bool] = lambda: False,
    ) -> None:
        self._identity = identity
        self._dispatcher = dispatcher
        self._sealer = sealer
        self._wall = wall
        self._entropy = entropy
        self._is_banned = is_banned
        self.configure(TransitLimits() if limits is None else limits)
        self._replays = DuplicateFilter(_REPLAY_PERIOD_S, _REPLAY_MAX)
        self._shares = FairShares(STRANGERS_SHARE) if shares is None else shares
        self._can_reach = can_reach
        self._is_network_small = is_network_small
        self._brought = WindowCounter(self.limits.peer_period_s, slides=True)
        self._led_to = WindowCounter(self.limits.peer_period_s, slides=True)
        self._pairs = WindowCounter(self.limits.peer_period_s, slides=True)
        #: in the order of their ends: who brought the request, and the bandwidth promised
        self._tunnels: dict[TransitTunnel, tuple[Hashable, int]] = {}
        #: those that were unused when last looked at
        self._fresh: deque[TransitTunnel] = deque()
        #: tunnels that are alive, by who brought the request
        self._held: Counter[Hashable] = Counter()
        self._promised = 0
        self.machine_load = 0.0
        """How busy the machine is, 1.0 if it must not get more work; set by the owner."""
        self.accepted = 0
        self.unused = 0
        self.refused: dict[Refusal, int] = dict.fromkeys(Refusal, 0)

    def configure(self, limits: TransitLimits) -> None:
        """Take new limits; tunnels that exist stay."""
        self.limits = limits
        self._dispatcher.meter.configure(limits.bytes_s)

    def __len__(self) -> int:
        """Transit tunnels that are alive."""
        return len(self._tunnels)

    def receive(
        self,
        message_type: int,
        body: bytes,
        from_router: bytes | None,
        now: float,
        source: Source | None = None,
    ) -> bool:
        """A build request (types 23 and 25). True if we accepted the tunnel.

        ``from_router`` is the peer whose link brought it, None if it came through a tunnel.
        ``source``: who is charged for it, from the outside in (link, tunnel), if that is not the
        link of ``from_router``. The answer, if any, is in the dispatcher's outgoing messages.
        """
        fmt = FORMATS.get(message_type)
        if fmt is None or message_type != fmt.request_type:
            return self._refuse(Refusal.MALFORMED)
        if source is None:
            source = (from_router, 0)
        try:
            records = parse_records(body, fmt)
            index = self._identity.find(records)
            if index is None:
                return self._refuse(Refusal.NOT_FOR_US)
            refusal = self._check_cheaply(records[index], source, now)
            if refusal is not None:
                return self._refuse(refusal)
            request, keys = fmt.open_request(self._identity, records[index])
        except DecodeError:
            return self._refuse(Refusal.MALFORMED)
        refusal = self._check(request, records[index], from_router, now)
        if refusal is not None:
            return self._refuse(refusal)
        bandwidth = BandwidthRequest.parse(request.options)
        declined = self._decide(request, bandwidth.minimum, source, now)
        if declined is Refusal.FLOOD or not self._shares.take(
            ("build", *source), ANSWER_COST_S, now
        ):
            return self._refuse(Refusal.FLOOD)
        if (
            not request.is_endpoint
            and self._can_reach is not None
            and not self._can_reach(request.next_hash, source, now)
        ):
            # Nor could the refusal be passed on.
            return self._refuse(Refusal.UNREACHABLE)
        if declined is not None:
            self._refuse(declined)
            code, options = REJECT_BANDWIDTH, {}
        else:
            self._accept(request, bandwidth, keys, from_router, source[0], now)
            code, options = ACCEPT, bandwidth.reply(self._free(now))
        answer = [
            fmt.seal_reply(keys, place, code, self._entropy, options)
            if place == index
            else fmt.mask(keys, place, record)
            for place, record in enumerate(records)
        ]
        self._send(fmt, request, keys, write_records(answer), now)
        return declined is None

    def load(self, now: float) -> float:
        """The most used of the limits, 1.0 if it is reached."""
        limits = self.limits
        used = len(self._tunnels) / limits.tunnels_max if limits.tunnels_max else 1.0
        if limits.bytes_s:
            used = max(used, self.rate(now) / limits.bytes_s)
        return max(used, self.machine_load)

    def rate(self, now: float) -> float:
        """Bytes per second over about the last 15 s."""
        return self._dispatcher.transit_rate(now)

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` has something to do, or None."""
        if not self._tunnels:
            return None
        ends_at = next(iter(self._tunnels)).expires_at
        return min(ends_at, _unused_at(self._fresh[0])) if self._fresh else ends_at

    def handle_timer(self, now: float) -> None:
        """Forget tunnels whose time is over, or that nobody uses."""
        fresh = self._fresh
        while fresh and _unused_at(fresh[0]) <= now:
            tunnel = fresh.popleft()
            if not tunnel.is_used and tunnel in self._tunnels:
                self.unused += 1
                self._remove(tunnel)
        while self._tunnels and (oldest := next(iter(self._tunnels))).expires_at <= now:
            self._remove(oldest)

    def _remove(self, tunnel: TransitTunnel) -> None:
        holder, promised = self._tunnels.pop(tunnel)
        self._dispatcher.remove_transit(tunnel)
        self._promised -= promised
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]

    def _free(self, now: float) -> float | None:
        """Bytes per second that one more tunnel may be told of; None: unlimited."""
        limit = self.limits.bytes_s
        return None if limit is None else min(limit - self.rate(now), limit * _TUNNEL_SHARE)

    def _refuse(self, refusal: Refusal) -> bool:
        self.refused[refusal] += 1
        return False

    def _peer_max(self) -> int:
        limits = self.limits
        return max(limits.peer_requests_min, int(len(self._tunnels) * limits.peer_share))

    def _check_cheaply(self, record: bytes, source: Source, now: float) -> Refusal | None:
        """What can be known before the record is opened, which costs the most."""
        if self._replays.is_known(_replay_key(record), now):
            return Refusal.REPLAY
        if self._brought.counted(source[0], now) >= 2 * self._peer_max():
            return Refusal.FLOOD
        if not self._shares.take(("build", *source), OPEN_COST_S, now):
            return Refusal.FLOOD
        return None

    def _check(
        self, request: BuildRequest, record: bytes, from_router: bytes | None, now: float
    ) -> Refusal | None:
        """Reasons to drop without an answer."""
        if self._replays.is_duplicate(_replay_key(record), now):
            return Refusal.REPLAY
        minutes = int(self._wall.now()) // 60
        if not -_FUTURE_MAX_MINUTES <= minutes - request.request_minutes <= _AGE_MAX_MINUTES:
            return Refusal.STALE
        if (
            not request.receive_tunnel_id
            or not request.next_tunnel_id
            or (request.is_gateway and request.is_endpoint)
            or (not request.is_endpoint and request.next_hash == self._identity.router_hash)
            or (from_router is None and not request.is_gateway)
            or (self._turns_back(request, from_router) and not self._is_network_small())
        ):
            return Refusal.IMPOSSIBLE
        return None

    @staticmethod
    def _turns_back(request: BuildRequest, from_router: bytes | None) -> bool:
        """Java: from the hop before us to that very hop leads only a loop; two routers could so be
        made to carry everything many times. (i2pd builds such tunnels where it knows few others.)
        """
        is_middle = not request.is_gateway and not request.is_endpoint
        return is_middle and request.next_hash == from_router

    def _decide(
        self, request: BuildRequest, minimum: int, source: Source, now: float
    ) -> Refusal | None:
        """Reasons to decline; FLOOD drops instead. ``minimum``: bytes per second."""
        limits = self.limits
        count = len(self._tunnels)
        peer_max = self._peer_max()
        holder, next_hash = source[0], request.next_hash
        brought = self._brought.count(holder, now)
        if brought > 2 * peer_max:
            return Refusal.FLOOD
        is_crowded = False
        if not request.is_endpoint and next_hash != holder:
            # Who makes us ask much of a router must not keep others from asking it something.
            led_to = self._led_to.count(next_hash, now)
            pair = self._pairs.count((holder, next_hash), now)
            is_crowded = led_to > peer_max and pair > peer_max * _PAIR_SHARE
            if is_crowded and pair > 2 * peer_max:
                return Refusal.FLOOD
        if not limits.accepts or (self._is_banned is not None and self._is_banned(next_hash)):
            return Refusal.NOT_ACCEPTING
        if count >= limits.tunnels_max:
            return Refusal.TUNNELS
        if brought > peer_max or is_crowded:
            return Refusal.PEER
        if self._dispatcher.is_taken(request.receive_tunnel_id):
            return Refusal.DUPLICATE_ID
        if self.machine_load >= 1.0:
            return Refusal.MACHINE
        used = count / limits.tunnels_max
        if used > _CONGESTION_START and len(self._held) > 1:
            if self._held[holder] * len(self._held) < count:
                used = 0.0
            elif used > _RESERVED_START:
                return Refusal.CONGESTION
        if limits.bytes_s is not None:
            rate = self.rate(now)
            if (
                rate + minimum >= limits.bytes_s
                or minimum > limits.bytes_s * _TUNNEL_SHARE
                or self._promised + minimum > limits.bytes_s * _PROMISED_SHARE
            ):
                return Refusal.BANDWIDTH
            used = max(used, rate / limits.bytes_s)
        used = max(used, self.machine_load)
        if used > _CONGESTION_START:
            excess = (used - _CONGESTION_START) / (1 - _CONGESTION_START)
            if self._entropy.randbelow(1000) < excess * 1000:
                return Refusal.CONGESTION
        return None

    def _accept(
        self,
        request: BuildRequest,
        bandwidth: BandwidthRequest,
        keys: HopKeys,
        from_router: bytes | None,
        holder: Hashable,
        now: float,
    ) -> None:
        kind: type[TransitTunnel] = (
            TransitGateway
            if request.is_gateway
            else TransitEndpoint
            if request.is_endpoint
            else Participant
        )
        tunnel = kind(
            request.receive_tunnel_id,
            None if request.is_gateway else from_router,
            request.next_hash,
            request.next_tunnel_id,
            keys.layer_key,
            keys.iv_key,
            now + TRANSIT_LIFETIME_S,
        )
        if isinstance(tunnel, TransitGateway) and bandwidth.limit:
            tunnel.limit(float(bandwidth.limit))
        self._dispatcher.add_transit(tunnel)
        self._tunnels[tunnel] = holder, bandwidth.minimum
        self._fresh.append(tunnel)
        self._promised += bandwidth.minimum
        self._held[holder] += 1
        self.accepted += 1

    def _send(
        self, fmt: RecordFormat, request: BuildRequest, keys: HopKeys, body: bytes, now: float
    ) -> None:
        expires_ms = expiration_from(self._wall.now())
        message_id = request.send_message_id
        if not request.is_endpoint:
            message = make_short(fmt.request_type, message_id, expires_ms, body)
            self._dispatcher.queue_build(request.next_hash, message, now)
            return
        message = make_short(fmt.reply_type, message_id, expires_ms, body)
        if fmt is SHORT and request.next_hash != self._identity.router_hash:
            # i2pd: a reply that enters its tunnel at this very router is not wrapped.
            garlic = self._sealer.seal_one_shot(keys.garlic_tag, keys.garlic_key, message)
            message = make_short(
                MessageType.GARLIC,
                random_id(self._entropy),
                expires_ms,
                len(garlic).to_bytes(4, "big") + garlic,
            )
        self._dispatcher.send_to_gateway(
            request.next_hash, request.next_tunnel_id, short_to_standard(message), now
        )


def _replay_key(record: bytes) -> int:
    """A part of its ephemeral key."""
    return int.from_bytes(record[16:24], "little")


def _unused_at(tunnel: TransitTunnel) -> float:
    return tunnel.expires_at - TRANSIT_LIFETIME_S + TRANSIT_UNUSED_S
