"""How we reach a router that cannot be dialled: Alice (specs/ssu2, "Relay Process").

The response comes through Bob, and the same in Charlie's HolePunch. Either is enough to begin the
handshake. The HolePunch also shows where Charlie really is: behind a symmetric translator not where
he and Bob believe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from core.base.bounded import BoundedMap
from core.data.router_info import RouterInfo
from core.data.transport_address import Introducer
from core.transport.ssu2.blocks import RelayRequest, RelayResponse
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.introductions import (
    RelayOffer,
    relay_request_prologue,
    relay_response_prologue,
)
from core.transport.ssu2.traversal import (
    SSU2_VERSION,
    Action,
    Contacts,
    Introduced,
    IntroductionFailed,
    PeerSession,
    SendBlock,
    Surroundings,
    connection_ids,
)

#: i2pd: 5 s; Bob may have to send again.
ANSWER_WAIT_S = 8.0
ATTEMPTS_MAX = 128
#: A tag that is about to expire is of no use any more.
EXPIRY_MARGIN_S = 10
_NEVER = float("inf")


@dataclass(slots=True)
class _Attempt:
    """``told``: the address that the owner was given, None so far."""

    charlie: RouterInfo
    bob: bytes
    is_ipv6: bool
    ends_at: float
    told: SocketAddress | None = None
    is_punched: bool = False


def introducers_of(
    router_info: RouterInfo, is_ipv6: bool, wall_s: float
) -> list[tuple[Introducer, str]]:
    """Who introduces to this router in a family and has not expired, each with the address's caps.

    A date of 0 is unknown and counts as good.
    """
    family = "6" if is_ipv6 else "4"
    return [
        (one, address.caps)
        for address in router_info.ssu2_addresses()
        if family in address.caps
        for one in address.introducers
        if not one.expires_s or one.expires_s > wall_s + EXPIRY_MARGIN_S
    ]


class RelayAlice:
    """Introductions that we asked for."""

    def __init__(
        self,
        here: Surroundings,
        contacts: Contacts,
        actions: list[Action],
        address_for: Callable[[PeerSession, bool, float], SocketAddress | None],
    ) -> None:
        self._here = here
        self._contacts = contacts
        self._actions = actions
        self._address_for = address_for
        self._attempts: BoundedMap[int, _Attempt] = BoundedMap(ATTEMPTS_MAX)

    def request(
        self, charlie: RouterInfo, is_ipv6: bool, not_by: Collection[bytes], now: float
    ) -> bytes | None:
        """Ask an introducer with which we have a session, and say which; None if there is none.

        Then dial one of :func:`introducers_of` and call again.
        """
        here = self._here
        for one, _ in introducers_of(charlie, is_ipv6, here.wall.now()):
            if one.router_hash in not_by:
                continue
            bob = here.host.session_with(one.router_hash)
            own = None if bob is None else self._address_for(bob, is_ipv6, now)
            if bob is None or own is None:
                continue
            nonce = here.random_u32()
            offer = RelayOffer(nonce, one.tag, int(here.wall.now()), SSU2_VERSION, own)
            signed = relay_request_prologue(one.router_hash, charlie.hash) + offer.write()
            block = RelayRequest(offer, here.sign(signed))
            attempt = _Attempt(charlie, one.router_hash, is_ipv6, now + ANSWER_WAIT_S)
            self._attempts.put(nonce, attempt)
            self._actions.append(SendBlock(bob, block.write()))
            here.stats.introductions["alice"] += 1
            return one.router_hash
        return None

    def on_response(self, session: PeerSession, block: RelayResponse, now: float) -> None:
        """From Bob."""
        attempt = self._attempts.get(block.nonce)
        if attempt is None or session.router_hash != attempt.bob:
            return
        if block.code:
            self._fail(block.nonce, attempt, f"refused with code {block.code}")
        elif not self._is_genuine(attempt, block):
            self._fail(block.nonce, attempt, "the agreement is not signed by whom we asked for")
        elif attempt.told is None and block.charlie is not None:
            self._tell(attempt, block, block.charlie, now)

    def on_packet(self, block: RelayResponse, source: SocketAddress, now: float) -> bool:
        """HolePunch, from ``source``; False if nobody asked for it or it is not genuine."""
        attempt = self._attempts.get(block.nonce)
        if attempt is None or block.code or not self._is_genuine(attempt, block):
            return False
        if source.is_ipv6 == attempt.is_ipv6 and not attempt.is_punched:
            attempt.is_punched = True
            if attempt.told != source:
                self._tell(attempt, block, source, now)
        return True

    def next_timer(self) -> float:
        """When the next attempt is over."""
        return min((one.ends_at for one in self._attempts.values()), default=_NEVER)

    def handle_timer(self, now: float) -> None:
        """Give up what took too long."""
        for nonce, attempt in list(self._attempts.items()):
            if now >= attempt.ends_at:
                self._fail(nonce, attempt, "nobody answered")

    def _is_genuine(self, attempt: _Attempt, block: RelayResponse) -> bool:
        here = self._here
        own = block.charlie
        if own is None or block.token is None or block.version != SSU2_VERSION:
            return False
        if not here.is_timely(block.time_s) or own.is_ipv6 != attempt.is_ipv6:
            return False
        if not here.may_send_to(own):
            return False
        signed = relay_response_prologue(attempt.bob) + block.signed_data
        return attempt.charlie.identity.verify(signed, block.signature)

    def _tell(
        self, attempt: _Attempt, block: RelayResponse, address: SocketAddress, now: float
    ) -> None:
        attempt.told = address
        source, destination = connection_ids(block.nonce)
        self._contacts.note(address.host, now)
        self._actions.append(
            Introduced(attempt.charlie.hash, address, block.token or 0, destination, source)
        )

    def _fail(self, nonce: int, attempt: _Attempt, reason: str) -> None:
        self._attempts.pop(nonce)
        if attempt.told is None:
            self._actions.append(IntroductionFailed(attempt.charlie.hash, reason))
