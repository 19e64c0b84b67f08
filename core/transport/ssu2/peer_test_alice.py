"""Peer tests of our own address: Alice (specs/ssu2, "Peer Test Process", "Results State Machine").

Alice asks Bob, with whom she has a session. Bob's Charlie, a stranger, then tries to reach her
(message 5). Only after that she sends something to Charlie (message 6), and he says from where that
came (message 7).

What makes a test worthless is a Charlie who is no stranger: a translator lets in whom we have
called lately. Then the outcome is unknown, whatever came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.base.bounded import BoundedMap
from core.data.router_info import RouterInfo
from core.transport.reachability_votes import PeerTestOutcome, PeerTestResult
from core.transport.ssu2.blocks import AddressBlock, DateTime, PeerTest
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.introductions import peer_test_prologue
from core.transport.ssu2.traversal import (
    SSU2_VERSION,
    VERSION_MIN,
    Action,
    AwaitedRouters,
    Contacts,
    PeerSession,
    SendBlock,
    SendPacket,
    Surroundings,
    connection_ids,
    is_same_host,
    published_address,
)

#: i2pd's Charlie repeats message 5 after 3 to 5 s; that must come before message 6 opens the way.
REACHED_WAIT_S = 6.5
ASK_AGAIN_S = 2.0
ASKS_MAX = 3
#: Java: Bob forgets a test after 10 s, Charlie after 15 s.
ANSWER_WAIT_S = 12.0
#: A Bob rests so long before he is asked again, unless there is no other.
BOB_RESTS_S = 600.0
BOBS_MAX = 64
SOURCES_MAX = 4
_NEVER = float("inf")
_REFUSALS = {
    2: "Bob knows no Charlie",
    3: "Bob has too many tests",
    4: "Bob finds the signature wrong",
    5: "Bob does not test this address",
    65: "Charlie does not test this address",
    66: "Charlie has too many tests",
    67: "Charlie finds the signature wrong",
    68: "Charlie is already connected to us",
    70: "Charlie does not know us",
}


@dataclass(slots=True)
class _Test:
    """``ends_at``: when to give up waiting; ``asks``: messages 6 that were sent."""

    nonce: int
    bob: bytes
    request: PeerTest
    ends_at: float
    charlie: bytes | None = None
    charlie_at: SocketAddress | None = None
    charlie_key: bytes = b""
    is_stranger: bool = False
    reached_from: list[SocketAddress] = field(default_factory=list)
    is_reached: bool = False
    ask_at: float = _NEVER
    asks: int = 0
    seen: SocketAddress | None = None

    @property
    def tested(self) -> SocketAddress:
        """The address under test."""
        return self.request.alice


class PeerTestAlice:
    """Tests under way, at most one in each family. ``results``: the owner takes them out."""

    def __init__(
        self,
        here: Surroundings,
        contacts: Contacts,
        awaited: AwaitedRouters,
        actions: list[Action],
    ) -> None:
        self.results: list[PeerTestResult] = []
        self._here = here
        self._contacts = contacts
        self._awaited = awaited
        self._actions = actions
        self._tests: dict[int, _Test] = {}
        self._asked_at: BoundedMap[bytes, float] = BoundedMap(BOBS_MAX)

    def is_running(self, is_ipv6: bool) -> bool:
        """Whether a test of this family is under way."""
        return any(test.tested.is_ipv6 == is_ipv6 for test in self._tests.values())

    def choose_bob(self, sessions: Mapping[PeerSession, object], now: float) -> PeerSession | None:
        """One of these sessions whose router tests peers, and was not asked lately."""
        able = [session for session in sessions if tests_peers(session, session.remote.is_ipv6)]
        if not able:
            return None
        rested = [one for one in able if now - self._last_asked(one) >= BOB_RESTS_S]
        if rested:
            return rested[self._here.entropy.randbelow(len(rested))]
        return min(able, key=self._last_asked)

    def _last_asked(self, session: PeerSession) -> float:
        return self._asked_at.get(session.router_hash or b"", float("-inf"))

    def start(self, bob: PeerSession, tested: SocketAddress, now: float) -> None:
        """Have ``tested``, an address of ours, tried through Bob."""
        here = self._here
        bob_hash = bob.router_hash
        if bob_hash is None or self.is_running(tested.is_ipv6):
            return
        nonce = here.random_u32()
        unsigned = PeerTest(1, 0, b"", SSU2_VERSION, nonce, int(here.wall.now()), tested)
        signature = here.sign(peer_test_prologue(bob_hash) + unsigned.signed_data)
        request = replace(unsigned, signature=signature)
        self._asked_at.put(bob_hash, now)
        self._tests[nonce] = _Test(nonce, bob_hash, request, now + ANSWER_WAIT_S)
        self._actions.append(SendBlock(bob, request.write()))

    # Input

    def on_answer(self, session: PeerSession, block: PeerTest, now: float) -> None:
        """Message 4, from Bob."""
        test = self._tests.get(block.nonce)
        if test is None or session.router_hash != test.bob or test.charlie is not None:
            return
        if block.code:
            reason = _REFUSALS.get(block.code, f"refused with code {block.code}")
            self._finish(test, PeerTestOutcome.UNKNOWN, reason)
            return

        def resume(info: RouterInfo | None, at: float) -> None:
            if self._tests.get(block.nonce) is test and test.charlie is None:
                self._on_charlie(test, block, info, at)

        self._awaited.find(block.router_hash, block.nonce, resume, now)

    def on_packet(
        self, block: PeerTest, seen: SocketAddress | None, source: SocketAddress, now: float
    ) -> None:
        """Message 5 or 7, from Charlie at ``source``; ``seen``: its Address block."""
        test = self._tests.get(block.nonce)
        if test is None:
            return
        is_from_charlie = test.charlie_at is not None and is_same_host(source, test.charlie_at)
        if block.message == 7:
            if is_from_charlie and test.asks:
                test.seen = seen
                self._conclude(test)
        elif block.message == 5 and not test.asks:
            if is_from_charlie:
                test.is_reached = True
                test.ask_at = now
            elif test.charlie_at is None and len(test.reached_from) < SOURCES_MAX:
                test.reached_from.append(source)

    # Time

    def next_timer(self) -> float:
        """The earliest deadline of all tests."""
        return min((min(t.ask_at, t.ends_at) for t in self._tests.values()), default=_NEVER)

    def handle_timer(self, now: float) -> None:
        """Send what is due, and give up what took too long."""
        for test in list(self._tests.values()):
            if now >= test.ask_at:
                self._ask(test, now)
            if now >= test.ends_at:
                self._conclude(test)

    # Steps

    def _on_charlie(
        self, test: _Test, block: PeerTest, info: RouterInfo | None, now: float
    ) -> None:
        if info is None:
            self._finish(test, PeerTestOutcome.UNKNOWN, "Charlie's RouterInfo did not come")
            return
        address = published_address(info, test.tested.is_ipv6, "B")
        fault = self._fault(test, block, info)
        if address is None or fault:
            reason = fault or "Charlie does not say that he tests peers"
            self._finish(test, PeerTestOutcome.UNKNOWN, reason)
            return
        test.charlie = info.hash
        test.charlie_at = SocketAddress(address.host, address.port)
        test.charlie_key = address.intro_key
        test.is_reached = any(is_same_host(one, test.charlie_at) for one in test.reached_from)
        test.ask_at = now if test.is_reached else now + REACHED_WAIT_S
        test.ends_at = test.ask_at + ASKS_MAX * ASK_AGAIN_S

    def _fault(self, test: _Test, block: PeerTest, info: RouterInfo) -> str:
        here = self._here
        signed = peer_test_prologue(test.bob, here.router_hash) + block.signed_data
        if info.hash in (test.bob, here.router_hash):
            return "Charlie is no third router"
        if info.version < VERSION_MIN or block.version != SSU2_VERSION:
            return "Charlie's version is too old"
        if not here.is_timely(block.time_s):
            return "Charlie's answer is out of date"
        if block.alice != test.tested:
            return "Charlie was told another address"
        if not info.identity.verify(signed, block.signature):
            return "Charlie's signature is wrong"
        address = published_address(info, test.tested.is_ipv6)
        if address is None or not here.may_send_to(SocketAddress(address.host, address.port)):
            return "Charlie has no address that can be reached"
        return ""

    def _ask(self, test: _Test, now: float) -> None:
        """Message 6."""
        at = test.charlie_at
        if at is None:
            return
        if not test.asks:  # before: a link with Charlie may begin while his message 5 is awaited
            test.is_stranger = not self._contacts.is_recent(at.host, now)
        test.asks += 1
        test.ask_at = now + ASK_AGAIN_S if test.asks < ASKS_MAX else _NEVER
        destination, source = reversed(connection_ids(test.nonce))
        payload = DateTime.at(self._here.wall.now()).write() + AddressBlock(at).write()
        payload += replace(test.request, message=6).write()
        self._contacts.note(at.host, now)
        self._actions.append(
            SendPacket(PacketType.PEER_TEST, destination, source, payload, test.charlie_key, at)
        )

    def _conclude(self, test: _Test) -> None:
        if test.charlie is None:
            outcome, reason = PeerTestOutcome.UNKNOWN, "Bob did not answer"
        elif not test.is_stranger:
            outcome, reason = PeerTestOutcome.UNKNOWN, "we had called Charlie lately"
        elif test.is_reached:
            outcome, reason = PeerTestOutcome.OK, ""
        elif test.seen is not None:
            outcome, reason = PeerTestOutcome.FIREWALLED, ""
        else:
            outcome, reason = PeerTestOutcome.UNKNOWN, "Charlie was not heard at all"
        self._finish(test, outcome, reason)

    def _finish(self, test: _Test, outcome: PeerTestOutcome, reason: str) -> None:
        if self._tests.pop(test.nonce, None) is None:
            return
        self._here.stats.peer_tests[outcome.value] += 1
        result = PeerTestResult(
            outcome,
            test.tested.is_ipv6,
            test.tested,
            test.seen,
            test.bob,
            test.charlie,
            None if test.charlie_at is None else test.charlie_at.host,
            reason,
        )
        self.results.append(result)


def tests_peers(session: PeerSession, is_ipv6: bool) -> bool:
    """Whether the router says that it takes part in peer tests of this family."""
    info = session.router_info
    return info is not None and session.router_hash is not None and can_test(info, is_ipv6)


def can_test(router_info: RouterInfo, is_ipv6: bool) -> bool:
    """The same of a router with which there need be no session."""
    if router_info.version < VERSION_MIN:
        return False
    return published_address(router_info, is_ipv6, "B") is not None
