"""Peer tests of others: Bob and Charlie (specs/ssu2, "PeerTest", "Peer Test Process").

Bob checks that the address under test is at the host with which his session is, picks a Charlie and
carries what both sign. Charlie sends message 5 to the address, three times at most, and answers
message 6 only if it comes from the host under test: no address that a stranger names gets more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.base.bounded import BoundedMap
from core.base.filters import DuplicateFilter
from core.data.router_info import RouterInfo
from core.transport.ssu2.blocks import AddressBlock, DateTime, PeerTest
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.introductions import HASH_BYTES, peer_test_prologue
from core.transport.ssu2.peer_test_alice import tests_peers
from core.transport.ssu2.traversal import (
    CODE_CHARLIE_ADDRESS,
    CODE_CHARLIE_CONNECTED,
    CODE_CHARLIE_LIMIT,
    CODE_CHARLIE_SIGNATURE,
    CODE_CHARLIE_UNKNOWN,
    CODE_CHARLIE_UNSPECIFIED,
    CODE_LIMIT,
    CODE_SIGNATURE,
    CODE_UNSPECIFIED,
    NONCES_MAX,
    PER_HOST_MAX,
    SSU2_VERSION,
    VALID_S,
    Action,
    AwaitedRouters,
    Contacts,
    IntroductionLimits,
    PeerSession,
    SendBlock,
    SendPacket,
    Surroundings,
    connection_ids,
    intro_key_of,
    is_same_host,
    replay_key,
)

#: of one Alice in ten minutes; she needs two to five at a start
PER_ALICE_MAX = PER_HOST_MAX
#: one Bob serves many, and there are hundreds of Bobs
PER_BOB_MAX = 60
#: Bob asks so many Charlies, one after the other, until one agrees.
CHARLIES_MAX = 3
#: Java: 20 at once
MEDIATIONS_MAX = 64
#: Java: Bob's part takes 10 s at most
MEDIATION_S = 15.0
PROBES_MAX = 64
PROBE_S = 20.0
PROBE_AGAIN_S = 2.0
PROBES_SENT_MAX = 3
REPLIES_MAX = 3
NO_ROUTER = bytes(HASH_BYTES)
_NEVER = float("inf")

CODE_NO_CHARLIE = 2
CODE_ADDRESS = 5


@dataclass(slots=True)
class _Mediation:
    """``charlies``: who was asked; the last of them is being waited for."""

    at: float
    alice: RouterInfo
    request: PeerTest
    charlies: list[bytes]


class PeerTestBob:
    """Carries tests between Alice and a Charlie of ours."""

    def __init__(self, here: Surroundings, actions: list[Action]) -> None:
        self._here = here
        self._actions = actions
        self._limits = IntroductionLimits()
        self._mediations: BoundedMap[int, _Mediation] = BoundedMap(MEDIATIONS_MAX)
        self._seen = DuplicateFilter(2.0 * VALID_S, NONCES_MAX)

    def on_request(self, session: PeerSession, block: PeerTest, now: float) -> None:
        """Message 1, from Alice."""
        self._mediations.expire(lambda one: now - one.at > MEDIATION_S)
        alice = session.router_info
        if alice is None or self._seen.is_duplicate(replay_key(alice.hash, block.nonce), now):
            return
        code = self._code(session, alice, block, now)
        if not code:
            mediation = _Mediation(now, alice, block, [])
            if self._ask_charlie(mediation, now):
                return
            code = CODE_NO_CHARLIE
        self._here.stats.traversal_refused["peer_test_bob"] += 1
        unsigned = replace(block, message=4, code=code, router_hash=NO_ROUTER, signature=b"")
        prologue = peer_test_prologue(self._here.router_hash, alice.hash)
        signature = self._here.sign(prologue + unsigned.signed_data)
        self._actions.append(SendBlock(session, replace(unsigned, signature=signature).write()))

    def on_answer(self, session: PeerSession, block: PeerTest, now: float) -> None:
        """Message 3, from Charlie."""
        mediation = self._mediations.get(block.nonce)
        charlie = session.router_hash
        if mediation is None or charlie is None or mediation.charlies[-1] != charlie:
            return
        if block.code and self._ask_charlie(mediation, now):
            return
        self._mediations.pop(block.nonce)
        alice = self._here.host.session_with(mediation.alice.hash)
        if alice is None:
            return
        answer = replace(block, message=4, router_hash=charlie)
        info = None if block.code else session.router_info
        self._actions.append(SendBlock(alice, answer.write(), info))

    def _code(self, session: PeerSession, alice: RouterInfo, block: PeerTest, now: float) -> int:
        """Why not, 0 for yes; what costs most is checked last."""
        here = self._here
        address = block.alice
        if block.version != SSU2_VERSION or not here.is_timely(block.time_s):
            return CODE_UNSPECIFIED
        if not here.may_send_to(address) or not is_same_host(address, session.remote):
            return CODE_ADDRESS
        if not self._limits.take(alice.hash, PER_ALICE_MAX, address.host, now):
            return CODE_LIMIT
        signed = peer_test_prologue(here.router_hash) + block.signed_data
        return 0 if alice.identity.verify(signed, block.signature) else CODE_SIGNATURE

    def _ask_charlie(self, mediation: _Mediation, now: float) -> bool:
        """Message 2, to somebody who was not asked yet; False if there is nobody."""
        if len(mediation.charlies) >= CHARLIES_MAX:
            return False
        block = mediation.request
        able = [
            session
            for session in self._here.host.established()
            if session.router_hash not in (mediation.alice.hash, *mediation.charlies)
            and not is_same_host(session.remote, block.alice)
            and tests_peers(session, block.alice.is_ipv6)
        ]
        if not able:
            return False
        charlie = able[self._here.entropy.randbelow(len(able))]
        mediation.charlies.append(charlie.router_hash or b"")
        self._mediations.put(block.nonce, mediation)
        request = replace(block, message=2, code=0, router_hash=mediation.alice.hash)
        self._actions.append(SendBlock(charlie, request.write(), mediation.alice))
        return True


@dataclass(slots=True)
class _Probe:
    """``answer``: message 3 as it was signed; ``again_at``: when message 5 is due again."""

    at: float
    answer: PeerTest
    intro_key: bytes
    again_at: float
    sent: int = 0
    replies: int = 0


class PeerTestCharlie:
    """Tries to reach those whom Bobs tell us of."""

    def __init__(
        self,
        here: Surroundings,
        contacts: Contacts,
        awaited: AwaitedRouters,
        actions: list[Action],
    ) -> None:
        self._here = here
        self._contacts = contacts
        self._awaited = awaited
        self._actions = actions
        self._limits = IntroductionLimits()
        self._probes: BoundedMap[int, _Probe] = BoundedMap(PROBES_MAX)
        self._seen = DuplicateFilter(2.0 * VALID_S, NONCES_MAX)

    def on_request(self, session: PeerSession, block: PeerTest, now: float) -> None:
        """Message 2, from Bob."""
        replay = replay_key(block.router_hash, block.nonce)
        if session.router_hash is None or self._seen.is_duplicate(replay, now):
            return
        if not self._limits.take(session.router_hash, PER_BOB_MAX, block.alice.host, now):
            self._answer(session, block, CODE_CHARLIE_LIMIT)
            return

        def resume(info: RouterInfo | None, at: float) -> None:
            self._on_alice(session, block, info, at)

        self._awaited.find(block.router_hash, block.nonce, resume, now)

    def on_packet(self, block: PeerTest, source: SocketAddress, now: float) -> None:
        """Message 6, from Alice."""
        probe = self._probes.get(block.nonce)
        if probe is None or now - probe.at > PROBE_S or probe.replies >= REPLIES_MAX:
            return
        if not is_same_host(source, probe.answer.alice):
            return
        probe.again_at = _NEVER
        probe.replies += 1
        payload = AddressBlock(source).write() + replace(probe.answer, message=7).write()
        self._send(probe, payload, source, now)

    def next_timer(self) -> float:
        """When message 5 is due again."""
        return min((probe.again_at for probe in self._probes.values()), default=_NEVER)

    def handle_timer(self, now: float) -> None:
        """Repeat message 5 where nothing came back; forget what is old."""
        self._probes.expire(lambda probe: now - probe.at > PROBE_S)
        for probe in self._probes.values():
            if now >= probe.again_at:
                self._try(probe, now)

    def _on_alice(
        self, session: PeerSession, block: PeerTest, info: RouterInfo | None, now: float
    ) -> None:
        code = self._code(session, block, info, now)
        answer = self._answer(session, block, code)
        key = None if info is None else intro_key_of(info, block.alice.is_ipv6)
        if not code and key is not None:
            probe = _Probe(now, answer, key, _NEVER)
            self._probes.put(block.nonce, probe)
            self._try(probe, now)

    def _code(
        self, session: PeerSession, block: PeerTest, info: RouterInfo | None, now: float
    ) -> int:
        here = self._here
        address = block.alice
        if info is None:
            return CODE_CHARLIE_UNKNOWN
        if block.version != SSU2_VERSION or not here.is_timely(block.time_s):
            return CODE_CHARLIE_UNSPECIFIED
        if not here.may_send_to(address) or intro_key_of(info, address.is_ipv6) is None:
            return CODE_CHARLIE_ADDRESS
        # What she gets from us now proves nothing if she may expect it.
        if here.host.session_with(info.hash) or self._contacts.is_recent(address.host, now):
            return CODE_CHARLIE_CONNECTED
        signed = peer_test_prologue(session.router_hash or b"") + block.signed_data
        return 0 if info.identity.verify(signed, block.signature) else CODE_CHARLIE_SIGNATURE

    def _answer(self, session: PeerSession, block: PeerTest, code: int) -> PeerTest:
        """Message 3."""
        here = self._here
        here.stats.traversal_refused["peer_test_charlie"] += code != 0
        unsigned = replace(block, message=3, code=code, router_hash=b"", signature=b"")
        prologue = peer_test_prologue(session.router_hash or b"", block.router_hash)
        answer = replace(unsigned, signature=here.sign(prologue + unsigned.signed_data))
        self._actions.append(SendBlock(session, answer.write()))
        return answer

    def _try(self, probe: _Probe, now: float) -> None:
        """Message 5."""
        probe.sent += 1
        probe.again_at = now + PROBE_AGAIN_S if probe.sent < PROBES_SENT_MAX else _NEVER
        self._send(probe, replace(probe.answer, message=5).write(), probe.answer.alice, now)

    def _send(self, probe: _Probe, payload: bytes, address: SocketAddress, now: float) -> None:
        destination, source = connection_ids(probe.answer.nonce)
        payload = DateTime.at(self._here.wall.now()).write() + payload
        self._contacts.note(address.host, now)
        self._actions.append(
            SendPacket(PacketType.PEER_TEST, destination, source, payload, probe.intro_key, address)
        )
