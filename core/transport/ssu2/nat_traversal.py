"""Peer tests and introductions in one place: what an SSU2 endpoint has of both.

The endpoint tells of blocks in sessions, of packets outside them, of sessions that began, and of
time. It drains :meth:`NatTraversal.take_actions` after each call, and carries out what is there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.base.bounded import BoundedMap
from core.base.errors import DecodeError
from core.data.router_info import RouterInfo
from core.data.transport_address import Introducer
from core.transport.addresses import source_key
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability_votes import Address, PeerTestResult, ReachabilityState
from core.transport.ssu2.blocks import (
    AddressBlock,
    Block,
    DateTime,
    PeerTest,
    RelayIntro,
    RelayRequest,
    RelayResponse,
    RelayTag,
    RelayTagRequest,
)
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import LongHeader, PacketType
from core.transport.ssu2.introducers import Introducers, can_introduce
from core.transport.ssu2.peer_test import PeerTestBob, PeerTestCharlie
from core.transport.ssu2.peer_test_alice import PeerTestAlice, can_test, tests_peers
from core.transport.ssu2.relay import RelayBob, RelayCharlie
from core.transport.ssu2.relay_alice import RelayAlice, introducers_of
from core.transport.ssu2.traversal import (
    Action,
    AwaitedRouters,
    Contacts,
    HostChanged,
    PeerSession,
    ReachabilityChanged,
    Surroundings,
    connection_ids,
)

TRANSPORT = "ssu2"
SEEN_MAX = 1024
SWEEP_S = 5.0
#: One Bob alone could choose who says what; with all of a small network nobody is a stranger.
BOBS_WANTED = 2
LACKING_S = 0.5
FIRST_TEST_S = 5.0
#: How long after a test the next one begins: while the state is unknown or contested, and else.
CONTESTED_TEST_S = 10.0
#: When most tests say nothing there is no hurry: few Charlies are strangers.
UNDECIDED_TEST_S = 45.0
UNDECIDED_TESTS_MAX = 12
SETTLED_TEST_S = 50 * 60.0
SETTLED_TEST_VARIANCE_S = 20 * 60
FAMILIES = (False, True)


class NatTraversal:
    """See the module. ``own``: what is tested and published; evidence goes to its vote."""

    def __init__(self, here: Surroundings, own: OwnAddresses) -> None:
        self.own = own
        self.votes = own.votes
        self.contacts = Contacts()
        self._here = here
        self._actions: list[Action] = []
        awaited = self._awaited = AwaitedRouters(here.host.find_router)
        actions, contacts = self._actions, self.contacts
        self._alice = PeerTestAlice(here, contacts, awaited, actions)
        self._bob = PeerTestBob(here, actions)
        self._charlie = PeerTestCharlie(here, contacts, awaited, actions)
        self._introducers = {family: Introducers(here, actions, family) for family in FAMILIES}
        self._relay_alice = RelayAlice(here, contacts, actions, self.address_for)
        self._relay_bob = RelayBob(here, actions)
        self._relay_charlie = RelayCharlie(
            here, contacts, awaited, actions, self._owns, self.address_for
        )
        #: how the router at the other end of a session sees us
        self._seen: BoundedMap[bytes, SocketAddress] = BoundedMap(SEEN_MAX)
        has = {False: here.reachability.ipv4, True: here.reachability.ipv6}
        self._families = [family for family in FAMILIES if has[family]]
        self._test_at: dict[bool, float] = {}
        self._undecided = dict.fromkeys(FAMILIES, 0)
        self._shown: dict[bool, tuple[ReachabilityState, Address | None, str | None]] = {}
        self._sweep_at = 0.0
        #: families in which Bobs are missing, and until when that counts
        self._lacking: list[bool] = []
        self._lacking_until = 0.0

    # What the endpoint tells

    def block_received(self, session: PeerSession, block: Block, now: float) -> None:
        """A block of relay or peer test, a relay tag, or the request for one, in a session."""
        if isinstance(block, PeerTest):
            self._on_peer_test(session, block, now)
        elif isinstance(block, RelayRequest):
            self._relay_bob.on_request(session, block, now)
        elif isinstance(block, RelayIntro):
            self._relay_charlie.on_intro(session, block, now)
        elif isinstance(block, RelayResponse):
            self._relay_bob.on_response(session, block, now)
            self._relay_alice.on_response(session, block, now)
        elif isinstance(block, RelayTagRequest):
            self._relay_bob.on_tag_request(session, now)
        elif isinstance(block, RelayTag):
            self._introducers[session.remote.is_ipv6].on_tag(session, block.tag, now)
        self._settle(now)

    def packet_received(
        self, header: LongHeader, blocks: Sequence[Block], source: SocketAddress, now: float
    ) -> None:
        """A PeerTest or HolePunch packet that was sealed with our introduction key.

        DecodeError if it is out of date, or if header and blocks do not fit together.
        """
        clock = next((one.time_s for one in blocks if isinstance(one, DateTime)), None)
        if clock is None or not self._here.is_timely(clock):
            raise DecodeError("a packet outside a session without the right time")
        seen = next((one.address for one in blocks if isinstance(one, AddressBlock)), None)
        for block in blocks:
            if isinstance(block, PeerTest) and header.packet_type == PacketType.PEER_TEST:
                self._on_peer_test_packet(header, block, seen, source, now)
                break
            if isinstance(block, RelayResponse) and header.packet_type == PacketType.HOLE_PUNCH:
                _check_ids(header, connection_ids(block.nonce))
                if not self._relay_alice.on_packet(block, source, now):
                    raise DecodeError("a HolePunch that nobody asked for")
                break
        else:
            raise DecodeError("no block of a peer test or an introduction")
        self._settle(now)

    def seen_as(self, session: PeerSession, address: SocketAddress, now: float) -> None:
        """The peer says from which address our packets come."""
        router_hash = session.router_hash
        if router_hash is None or address.is_ipv6 != session.remote.is_ipv6:
            return
        if not self._here.may_send_to(address):
            return
        self._seen.put(router_hash, address)
        if self.votes.observed(source_key(session.remote.host), address, now):
            self._moved(address.is_ipv6, now)
        self._settle(now)

    def session_began(self, session: PeerSession, now: float) -> None:
        """A session is established; one from a stranger shows that we can be reached."""
        host = session.remote.host
        if not session.is_outbound and not self.contacts.is_recent(host, now):
            self.own.connected(TRANSPORT, host, now)
        self.contacts.note(host, now)
        self._settle(now)

    def contacted(self, host: str, now: float) -> None:
        """Something was sent there: a dial, or a session that has ended."""
        self.contacts.note(host, now)

    def network_changed(self, is_ipv6: bool, now: float) -> None:
        """Our gateway or interface is another one: find out anew."""
        self._moved(is_ipv6, now)
        self._settle(now)

    # What the endpoint asks

    def take_actions(self) -> list[Action]:
        """What is to be done now, in this order; clears it."""
        actions = self._actions[:]
        self._actions.clear()
        return actions

    def introducers(self, is_ipv6: bool) -> list[Introducer]:
        """For our RouterInfo; at most three."""
        return self._introducers[is_ipv6].published()

    def wants_tag(self, router_info: RouterInfo, is_ipv6: bool) -> bool:
        """Whether a SessionRequest to this router should have a RelayTagRequest."""
        return self._introducers[is_ipv6].wants_tag(router_info)

    def lacks_bobs(self, now: float) -> bool:
        """Whether sessions with more routers are needed that test or introduce."""
        return bool(self._lacking_bobs(now))

    def wants_as_bob(self, router_info: RouterInfo, is_ipv6: bool, now: float) -> bool:
        """Whether a session with this router in this family is what :meth:`lacks_bobs` lacks."""
        if is_ipv6 not in self._lacking_bobs(now):
            return False
        if self._introducers[is_ipv6].lacks_some:
            return can_introduce(router_info, is_ipv6)
        return can_test(router_info, is_ipv6)

    def _lacking_bobs(self, now: float) -> list[bool]:
        """The families; it is asked for every router that may be dialled, so it is kept a while."""
        if now >= self._lacking_until:
            self._lacking_until = now + LACKING_S
            self._lacking = [family for family in self._families if self._lacks_bobs(family, now)]
        return self._lacking

    def _lacks_bobs(self, is_ipv6: bool, now: float) -> bool:
        # On a private network there is nothing to find out about an address that the user gave, and
        # each router called over SSU2 for a test is not called over NTCP2, which is cheaper.
        is_settled = self._here.reachability.private and self.own.is_configured(is_ipv6)
        if self.votes.is_hidden or is_settled:
            return False
        if self._introducers[is_ipv6].lacks_some:
            return True
        is_contested = self.votes.is_contested(TRANSPORT, is_ipv6)
        due = self._test_at.get(is_ipv6, now)
        if not is_contested and now < due:
            return False
        bobs = sum(
            one.is_outbound and one.remote.is_ipv6 == is_ipv6 and tests_peers(one, is_ipv6)
            for one in self._here.host.established()
        )
        return bobs < (BOBS_WANTED if is_contested else 1)

    def give_tag(self, session: PeerSession, now: float) -> int:
        """For who asked in its handshake: a tag or 0."""
        return self._relay_bob.give_tag(session, now)

    def introduce(self, charlie: RouterInfo, not_by: Collection[bytes], now: float) -> bytes | None:
        """Have us introduced; the introducer that is asked, None if we have a session with none."""
        for family in self._families:
            bob = self._relay_alice.request(charlie, family, not_by, now)
            if bob is not None:
                self._settle(now)
                return bob
        return None

    def introducers_to_dial(self, charlie: RouterInfo) -> list[bytes]:
        """Routers that introduce to this one, those first whose RouterInfo we have."""
        here = self._here
        found = {
            one.router_hash: here.host.find_router(one.router_hash) is None
            for family in self._families
            for one, _ in introducers_of(charlie, family, here.wall.now())
        }
        return sorted(found, key=lambda router_hash: found[router_hash])

    def address_for(self, session: PeerSession, is_ipv6: bool, now: float) -> SocketAddress | None:
        """Ours: what is configured or mapped, what this peer sees, or what most peers see."""
        candidate = self.own.candidate(TRANSPORT, is_ipv6)
        if candidate is not None:
            return SocketAddress(*candidate)
        seen = self._seen.get(session.router_hash or b"")
        if seen is not None and seen.is_ipv6 == is_ipv6:
            return seen
        observed = self.votes.observed_address(is_ipv6, now)
        return None if observed is None else SocketAddress(*observed)

    # Time

    def next_timer(self) -> float:
        """When to call :meth:`handle_timer`; there is always something to look at."""
        times = [self._sweep_at, *self._test_at.values()]
        times += [machine.next_timer() for machine in self._introducers.values()]
        times += (self._alice.next_timer(), self._charlie.next_timer())
        times.append(self._relay_alice.next_timer())
        earliest = min(times)
        if len(self._awaited):
            earliest = min(earliest, self._awaited.poll_at)
        return earliest

    def handle_timer(self, now: float) -> None:
        """Do what is due; early calls do nothing."""
        if len(self._awaited) and now >= self._awaited.poll_at:
            self._awaited.poll(now)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_S
            for session in self._here.host.established():
                self.contacts.note(session.remote.host, now)
        for machine in (self._alice, self._charlie, self._relay_alice):
            machine.handle_timer(now)
        for introducers in self._introducers.values():
            introducers.handle_timer(now)
        for family in self._families:
            self._test(family, now)
        self._settle(now)

    # Parts

    def _moved(self, is_ipv6: bool, now: float) -> None:
        """Our host is another one: what was found out about the old one is void."""
        for router_hash, seen in list(self._seen.items()):
            if seen.is_ipv6 == is_ipv6:
                self._seen.pop(router_hash)
        self._test_at[is_ipv6] = now + FIRST_TEST_S
        self._undecided[is_ipv6] = 0
        self._actions.append(HostChanged(is_ipv6))

    def _owns(self, session: PeerSession, tag: int) -> bool:
        return any(one.owns(session, tag) for one in self._introducers.values())

    def _on_peer_test(self, session: PeerSession, block: PeerTest, now: float) -> None:
        if block.message == 1:
            self._bob.on_request(session, block, now)
        elif block.message == 2:
            self._charlie.on_request(session, block, now)
        elif block.message == 3:
            self._bob.on_answer(session, block, now)
        elif block.message == 4:
            self._alice.on_answer(session, block, now)

    def _on_peer_test_packet(
        self,
        header: LongHeader,
        block: PeerTest,
        seen: SocketAddress | None,
        source: SocketAddress,
        now: float,
    ) -> None:
        to_alice = connection_ids(block.nonce)
        if block.message == 6:
            _check_ids(header, (to_alice[1], to_alice[0]))
            self._charlie.on_packet(block, source, now)
        elif block.message in (5, 7):
            _check_ids(header, to_alice)
            self._alice.on_packet(block, seen, source, now)
        else:
            raise DecodeError(f"PeerTest message {block.message} outside a session")

    def _test(self, is_ipv6: bool, now: float) -> None:
        """Begin a test of one family if it is time and somebody can be asked."""
        due = self._test_at.setdefault(is_ipv6, now + FIRST_TEST_S)
        if now < due:
            return
        self._test_at[is_ipv6] = now + SWEEP_S
        if self._alice.is_running(is_ipv6) or self.votes.is_hidden:
            return
        able: dict[PeerSession, SocketAddress] = {}
        for session in self._here.host.established():
            if session.is_outbound and session.remote.is_ipv6 == is_ipv6:
                address = self.address_for(session, is_ipv6, now)
                if address is not None:
                    able[session] = address
        bob = self._alice.choose_bob(able, now)
        if bob is not None:
            self._alice.start(bob, able[bob], now)

    def _settle(self, now: float) -> None:
        """What follows from what has just happened."""
        results, self._alice.results = self._alice.results, []
        for result in results:
            self._on_result(result, now)
        for family in self._families:
            state = self.votes.verdict(TRANSPORT, family, now).state
            reached_at = self.votes.reached_at(TRANSPORT, family)
            shown = state, reached_at, self.votes.observed_host(family, now)
            if self._shown.get(family) != shown:
                is_first = family not in self._shown
                self._shown[family] = shown
                is_closed = state in (ReachabilityState.FIREWALLED, ReachabilityState.SYMMETRIC)
                self._introducers[family].is_wanted = is_closed and not self.own.is_configured(
                    family
                )
                self._introducers[family].sweep(now)
                if not is_first:
                    self._actions.append(ReachabilityChanged(family))

    def _on_result(self, result: PeerTestResult, now: float) -> None:
        family = result.is_ipv6
        if result.charlie_host is not None:
            self.votes.tested(TRANSPORT, result, now)
        if not self.votes.is_contested(TRANSPORT, family):
            self._undecided[family] = 0
            pause = SETTLED_TEST_S + self._here.entropy.randbelow(SETTLED_TEST_VARIANCE_S)
        else:
            self._undecided[family] += 1
            is_slow = self._undecided[family] > UNDECIDED_TESTS_MAX
            pause = UNDECIDED_TEST_S if is_slow else CONTESTED_TEST_S
        self._test_at[family] = now + pause


def _check_ids(header: LongHeader, expected: tuple[int, int]) -> None:
    if (header.destination_id, header.source_id) != expected:
        raise DecodeError("connection IDs do not fit the nonce")
