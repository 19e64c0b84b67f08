"""``RouterInfo``: what a client may ask about the router, each key with where its value comes from.

The keys are those of the specification, of i2pd and of Java's plugin. A key that is not here is an
error for the client: nothing is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.api import AnyRouter, Router
from core.data.encoding import b64encode
from i2ptunnel.health import CLOCK_SKEW_MAX_S
from i2ptunnel.i2pcontrol.rates import BuildHistory, RateHistory, success_rate
from i2ptunnel.i2pcontrol.rpc import INTERNAL_ERROR, RpcError

_PREFIX = "i2p.router."
BANNED_MAX = 10_000
#: NetworkStatus of the specification
_OK, _TESTING, _FIREWALLED, _HIDDEN, _CLOCK_SKEW, _SYMMETRIC_NAT, _NO_PEERS = 0, 1, 2, 3, 9, 11, 13
_UDP_OFF_AND_TCP_UNSET = 14
_NETWORK_STATUS = {
    "ok": _OK,
    "unknown": _TESTING,
    "firewalled": _FIREWALLED,
    "hidden": _HIDDEN,
    "symmetric nat": _SYMMETRIC_NAT,
    "disabled": _UDP_OFF_AND_TCP_UNSET,
}
#: RouterError of i2pd
_ERROR_NONE, _ERROR_CLOCK_SKEW, _ERROR_OFFLINE, _ERROR_SYMMETRIC_NAT = range(4)


@dataclass(frozen=True, slots=True)
class Facts:
    """``status``: as ``status --json`` shows it; ``carrier``: the router it is of."""

    status: Mapping[str, Any]
    rates: RateHistory
    builds: BuildHistory
    carrier: AnyRouter

    @property
    def own(self) -> Router:
        """The router, if it is ours; RpcError: only a foreign one would know."""
        if isinstance(self.carrier, Router):
            return self.carrier
        raise _no_router()

    @property
    def router(self) -> Mapping[str, Any]:
        """What the status says about the router."""
        router: Mapping[str, Any] = self.status["router"]
        return router

    @property
    def own_status(self) -> Mapping[str, Any]:
        """:attr:`router`, of figures that only a router of ours has; raises RpcError."""
        if self.router["i2cp"] is not None:
            raise _no_router()
        return self.router

    @property
    def is_clock_wrong(self) -> bool:
        """Whether other routers refuse ours because of its clock."""
        return bool(abs(self.router["clock_skew_s"]) > CLOCK_SKEW_MAX_S)

    def reachability(self, family: str) -> str:
        """``ok``, ``firewalled``, …; ``family``: ``ipv4`` or ``ipv6``."""
        word: str = self.router["reachability"][family]
        return word


def _no_router() -> RpcError:
    return RpcError(INTERNAL_ERROR, "this program runs no router of its own")


def _status_text(facts: Facts) -> str:
    reason = facts.status["reason"]
    return facts.status["state"] if reason is None else f"{facts.status['state']}: {reason}"


def _network_status(facts: Facts, family: str) -> int:
    if facts.is_clock_wrong:
        return _CLOCK_SKEW
    if not facts.router["links_inbound"] and not facts.router["links_outbound"]:
        return _NO_PEERS
    return _NETWORK_STATUS[facts.reachability(family)]


def _error(facts: Facts, family: str) -> int:
    if facts.is_clock_wrong:
        return _ERROR_CLOCK_SKEW
    if not facts.router["links_inbound"] and not facts.router["links_outbound"]:
        return _ERROR_OFFLINE
    is_symmetric = facts.reachability(family) == "symmetric nat"
    return _ERROR_SYMMETRIC_NAT if is_symmetric else _ERROR_NONE


def _total_success_rate(facts: Facts) -> float:
    router = facts.own_status
    return success_rate(router["builds_started"], router["builds_succeeded"])


def _success_rate(facts: Facts) -> float:
    router = facts.own_status
    return facts.builds.success_rate(router["builds_started"], router["builds_succeeded"])


def _active_peers(facts: Facts) -> list[dict[str, Any]]:
    """The fields that Java's plugin has and that are known here."""
    return [
        {
            "hash": b64encode(link.hash),
            "activeTransport": link.transport.upper(),
            "inbound": not link.is_outbound,
            "idleRx": int(link.quiet_s * 1000),
        }
        for link in facts.own.linked_routers()
    ]


def _banned_peers(facts: Facts) -> dict[str, dict[str, Any]]:
    """By hash, address or network; ``expires``: milliseconds from now, None: the user's own."""
    config, bans = facts.own.config, facts.own.bans()
    blocked = [*map(b64encode, config.blocked_routers), *map(str, config.blocked_addresses)]
    if len(bans) + len(blocked) > BANNED_MAX:
        raise RpcError(INTERNAL_ERROR, f"more than {BANNED_MAX} are banned: see router.blocklist")
    banned: dict[str, dict[str, Any]] = {
        ban.key if isinstance(ban.key, str) else b64encode(ban.key): {
            "cause": ban.reason,
            "expires": int(ban.left_s * 1000),
        }
        for ban in bans
    }
    return banned | {one: {"cause": "blocked by the user", "expires": None} for one in blocked}


def _paths(facts: Facts, *, is_inbound: bool, is_exploratory: bool) -> int:
    return sum(
        path["inbound"] == is_inbound and (path["session"] is None) == is_exploratory
        for path in facts.status["paths"]
    )


_SHORT_KEYS: dict[str, Callable[[Facts], Any]] = {
    "status": _status_text,
    "version": lambda facts: facts.status["version"],
    "uptime": lambda facts: int(facts.status["uptime_s"] * 1000),
    "id": lambda facts: b64encode(facts.carrier.router_info.hash),
    "info": lambda facts: b64encode(facts.carrier.router_info.raw),
    "clockskew": lambda facts: int(facts.router["clock_skew_s"] * 1000),
    "net.status": lambda facts: _network_status(facts, "ipv4"),
    "net.status.v6": lambda facts: _network_status(facts, "ipv6"),
    "net.error": lambda facts: _error(facts, "ipv4"),
    "net.error.v6": lambda facts: _error(facts, "ipv6"),
    "net.testing": lambda facts: int(facts.reachability("ipv4") == "unknown"),
    "net.testing.v6": lambda facts: int(facts.reachability("ipv6") == "unknown"),
    "net.bw.inbound.1s": lambda facts: facts.rates.rates(1.0)[0],
    "net.bw.inbound.15s": lambda facts: facts.rates.rates(15.0)[0],
    "net.bw.outbound.1s": lambda facts: facts.rates.rates(1.0)[1],
    "net.bw.outbound.15s": lambda facts: facts.rates.rates(15.0)[1],
    "net.bw.transit.15s": lambda facts: facts.rates.rates(15.0)[2],
    "net.total.received.bytes": lambda facts: facts.router["bytes_received"],
    "net.total.sent.bytes": lambda facts: facts.router["bytes_sent"],
    "net.total.transit.bytes": lambda facts: facts.router["counters"]["tunnel"]["transit_bytes"],
    "net.tunnels.participating": lambda facts: facts.router["transit_tunnels"],
    "net.tunnels.successrate": _success_rate,
    "net.tunnels.totalsuccessrate": _total_success_rate,
    "net.tunnels.tbmqueue": lambda facts: facts.own_status["build_requests_waiting"],
    "net.tunnels.exploratory.inbound": lambda facts: _paths(
        facts, is_inbound=True, is_exploratory=True
    ),
    "net.tunnels.exploratory.outbound": lambda facts: _paths(
        facts, is_inbound=False, is_exploratory=True
    ),
    "net.tunnels.client.inbound": lambda facts: _paths(
        facts, is_inbound=True, is_exploratory=False
    ),
    "net.tunnels.client.outbound": lambda facts: _paths(
        facts, is_inbound=False, is_exploratory=False
    ),
    "netdb.knownpeers": lambda facts: facts.router["routers"],
    "netdb.activepeers": lambda facts: (
        facts.router["links"]["inbound"] + facts.router["links"]["outbound"]
    ),
    "netdb.activepeers.list": lambda facts: [one["hash"] for one in _active_peers(facts)],
    "netdb.activepeers.stats": _active_peers,
    "netdb.bannedpeers": _banned_peers,
    "netdb.isreseeding": lambda facts: facts.status["reseed"]["state"] == "fetching",
}
KEYS = {_PREFIX + key: read for key, read in _SHORT_KEYS.items()}
