"""Where other routers reach us, and which of it is to stand in our RouterInfo.

An address is published because the user set it, or because there is evidence for its own transport:
peer tests and connections (:mod:`core.transport.reachability_votes`), or, where no test exists
(NTCP2), a port mapping or an address of this machine itself, if other routers see us there. A
translator that lets UDP in may not let TCP in, so what is open for one transport says nothing of
another; but what keeps UDP out is taken to keep TCP out, until somebody connects. Over IPv6, where
an own address says nothing of a firewall, it counts only after UDP has come through.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.transport.addresses import source_key
from core.transport.reachability import Reachability
from core.transport.reachability_votes import (
    Address,
    ReachabilityState,
    ReachabilityStatus,
    ReachabilityVotes,
)

logger = logging.getLogger("core.transport.reachability")

#: The transport whose addresses are tested by other routers.
TESTED = "ssu2"
BY_USER = "router.host"
_CLOSED = (ReachabilityState.FIREWALLED, ReachabilityState.SYMMETRIC)

Slot = tuple[str, bool]
"""A transport, and whether the family is IPv6."""
Publish = Callable[[bool, Address | None, float], None]
"""See :meth:`core.transport.ports.Endpoint.publish`."""


@dataclass(frozen=True, slots=True)
class _Listening:
    port: int
    publish: Publish


class OwnAddresses:
    """See the module. ``configured``: the host that the user set, for each family (is IPv6).

    ``is_hidden``: we do not want to be reached.
    """

    def __init__(
        self,
        reachability: Reachability | None = None,
        configured: Mapping[bool, str] | None = None,
        *,
        is_hidden: bool = False,
    ) -> None:
        self._reachability = reachability or Reachability()
        self._configured = dict(configured or {})
        has = {False: self._reachability.ipv4, True: self._reachability.ipv6}
        self._families = [family for family, is_there in has.items() if is_there]
        self.votes = ReachabilityVotes((), ipv4=has[False], ipv6=has[True], is_hidden=is_hidden)
        self._listening: dict[str, _Listening] = {}
        self._mapped: dict[Slot, Address] = {}
        self._local: frozenset[str] = frozenset()
        self._published: dict[Slot, Address] = {}
        self._states: dict[Slot, ReachabilityState] = {}
        self.may_introduce = True
        """Whether we introduce others, as far as the settings go."""
        self.seen: frozenset[str] = frozenset()
        """The hosts under which most routers see us, since the last :meth:`refresh`."""

    # What is told

    def listen(self, transport: str, port: int, publish: Publish) -> None:
        """A transport takes connections at a port, and is told what to publish; 0: it only dials.

        What the user set it publishes by itself.
        """
        self.votes.add_transport(transport)
        if not port:
            return
        self._listening[transport] = _Listening(port, publish)
        for is_ipv6, host in self._configured.items():
            self._published[transport, is_ipv6] = host, port
            self.votes.claimed(transport, is_ipv6, BY_USER)

    def mapped(self, mapped: Mapping[Slot, tuple[Address, str]]) -> None:
        """All that home routers forward to us, they say; each with the protocol that says so."""
        for slot in [slot for slot in self._mapped if slot not in mapped]:
            del self._mapped[slot]
            self.votes.claimed(*slot, None)
        for slot, (address, by) in mapped.items():
            if slot[0] in self._listening and slot[1] not in self._configured:
                self._mapped[slot] = address
                self.votes.claimed(*slot, f"a port mapping ({by})")

    def hide(self, is_hidden: bool, now: float) -> None:
        """Whether we do not want to be reached, from now on."""
        if is_hidden != self.votes.is_hidden:
            self.votes.is_hidden = is_hidden
            self.refresh(now)

    def has_local(self, hosts: frozenset[str]) -> None:
        """The addresses of this machine's own interfaces."""
        self._local = hosts

    def connected(self, transport: str, host: str, now: float) -> bool:
        """A router at ``host``, whom we had not called, has a session; whether that tells more.

        A neighbour in a private network proves nothing.
        """
        if transport not in self._listening or not self._reachability.can_dial(host):
            return False
        return self.votes.connected(transport, source_key(host), now)

    # Answers

    def candidate(self, transport: str, is_ipv6: bool) -> Address | None:
        """The address that is to be tested; None: the one that other routers see."""
        listening = self._listening.get(transport)
        if listening is not None and is_ipv6 in self._configured:
            return self._configured[is_ipv6], listening.port
        return self._mapped.get((transport, is_ipv6))

    def is_configured(self, is_ipv6: bool) -> bool:
        """Whether the user set the host of a family."""
        return is_ipv6 in self._configured

    def status(self, now: float) -> ReachabilityStatus:
        """For people and programs."""
        return self.votes.status(now)

    def refresh(self, now: float) -> None:
        """Decide anew what is published, and have it published. Changes are logged."""
        seen = (self.votes.observed_host(is_ipv6, now) for is_ipv6 in self._families)
        self.seen = frozenset(host for host in seen if host is not None)
        for transport, listening in self._listening.items():
            for is_ipv6 in self._families:
                slot = transport, is_ipv6
                self._tell_state(slot, now)
                if is_ipv6 not in self._configured:
                    self._settle(slot, self._decide(slot, listening.port, now), now)

    # Decisions

    def _settle(self, slot: Slot, address: Address | None, now: float) -> None:
        before = self._published.pop(slot, None)
        if address is not None:
            self._published[slot] = address
        if before == address:
            return
        if address is None:
            logger.info("the address of %s is not published any more", slot_name(slot))
        elif before is None:
            logger.info("the address of %s is published", slot_name(slot))
        else:
            logger.info("%s has another address, which is published", slot_name(slot))
        self._listening[slot[0]].publish(slot[1], address, now)

    def _decide(self, slot: Slot, port: int, now: float) -> Address | None:
        transport, is_ipv6 = slot
        state = self.votes.verdict(transport, is_ipv6, now).state
        observed = self.votes.observed_host(is_ipv6, now)
        address = self._mapped.get(slot)
        if state is ReachabilityState.OK:
            address = self.votes.reached_at(transport, is_ipv6) or address
            if address is None and observed is not None:
                address = observed, port
        elif state is not ReachabilityState.UNKNOWN or not self._may_be_open(slot, now):
            return None
        elif address is None and observed is not None and observed in self._local:
            address = observed, port
        # i2pd and Java refuse who calls from another address than it publishes.
        is_seen = address is not None and observed in (None, address[0])
        return address if is_seen else None

    def _may_be_open(self, slot: Slot, now: float) -> bool:
        """Whether what is known of the tested transport leaves hope for one without tests."""
        transport, is_ipv6 = slot
        if transport == TESTED:
            return False
        if TESTED not in self._listening:
            return True
        if self.votes.observed_host(is_ipv6, now) is None:
            return False
        state = self.votes.verdict(TESTED, is_ipv6, now).state
        if slot in self._mapped:
            return (TESTED, is_ipv6) not in self._mapped or state not in _CLOSED
        # Over IPv6 every machine at home has an address of its own, behind whatever firewall.
        return state is ReachabilityState.OK if is_ipv6 else state not in _CLOSED

    def _tell_state(self, slot: Slot, now: float) -> None:
        verdict = self.votes.verdict(*slot, now)
        if self._states.get(slot, ReachabilityState.UNKNOWN) is not verdict.state:
            state = verdict.state.value
            logger.info("reachability of %s: %s (%s)", slot_name(slot), state, verdict.why)
        self._states[slot] = verdict.state


def slot_name(slot: Slot) -> str:
    """Such as ``ntcp2/ipv4``."""
    return f"{slot[0]}/{'ipv6' if slot[1] else 'ipv4'}"
