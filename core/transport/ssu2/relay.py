"""Introductions of others: Bob and Charlie (specs/ssu2, "Relay Process").

Bob gives tags to those who dialled him, and carries what Alice and Charlie sign. He vouches for
Alice's host only, which her session with him has proven. Charlie, who cannot be dialled, sends her
one packet: it opens his translator for her, and brings her the token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.base.bounded import BoundedMap
from core.base.filters import DuplicateFilter
from core.data.router_info import RouterInfo
from core.transport.ssu2.blocks import (
    AddressBlock,
    DateTime,
    RelayIntro,
    RelayRequest,
    RelayResponse,
    RelayTag,
)
from core.transport.ssu2.framing import SocketAddress
from core.transport.ssu2.header import PacketType
from core.transport.ssu2.introductions import (
    RelayOffer,
    relay_request_prologue,
    relay_response_prologue,
)
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
    PORT_MIN,
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

#: Java: tags for 100 routers; each is used for 80 minutes at most.
TAGS_MAX = 100
TAG_LIFE_S = 4800.0
#: i2pd: 10 s
RELAY_S = 15.0
RELAYS_MAX = 128
PER_ALICE_MAX = 60
PER_BOB_MAX = 240

CODE_NO_TAG = 5


@dataclass(slots=True)
class _Tag:
    session: PeerSession
    at: float


@dataclass(slots=True)
class _Relay:
    at: float
    alice: bytes
    charlie: bytes


class RelayBob:
    """Introduces Alices to those who have a tag of ours."""

    def __init__(self, here: Surroundings, actions: list[Action]) -> None:
        self._here = here
        self._actions = actions
        self._limits = IntroductionLimits()
        self._tags: dict[int, _Tag] = {}
        self._relays: BoundedMap[int, _Relay] = BoundedMap(RELAYS_MAX)
        self._seen = DuplicateFilter(2.0 * VALID_S, NONCES_MAX)

    @property
    def tag_count(self) -> int:
        """How many routers we introduce."""
        return len(self._tags)

    def on_tag_request(self, session: PeerSession, now: float) -> None:
        """A peer wants us as introducer; who asks again gets its tag again."""
        tag = self.give_tag(session, now)
        if tag:
            self._actions.append(SendBlock(session, RelayTag(tag).write()))

    def give_tag(self, session: PeerSession, now: float) -> int:
        """A tag for who dialled us and can itself not be dialled, or 0."""
        self._expire(now)
        info = session.router_info
        if not self._here.host.gives_tags or info is None or session.is_outbound:
            return 0
        # Java: those that say they are reachable get one rarely, and unusual ports get none.
        if "R" in info.caps or session.remote.port < PORT_MIN:
            return 0
        for tag, entry in self._tags.items():
            if entry.session is session:
                return tag
        if len(self._tags) >= TAGS_MAX:
            return 0
        while (tag := self._here.random_u32()) in self._tags:
            pass
        self._tags[tag] = _Tag(session, now)
        return tag

    def on_request(self, session: PeerSession, block: RelayRequest, now: float) -> None:
        """From Alice."""
        alice = session.router_info
        offer = block.offer
        if alice is None or self._seen.is_duplicate(replay_key(alice.hash, offer.nonce), now):
            return
        self._expire(now)
        tag = self._tags.get(offer.relay_tag)
        charlie = None if tag is None else tag.session.router_hash
        code = self._code(session, alice, block, charlie, now)
        if code or tag is None or charlie is None:
            self._here.stats.traversal_refused["relay_bob"] += 1
            self._actions.append(SendBlock(session, self._refusal(offer.nonce, code).write()))
            return
        self._relays.put(offer.nonce, _Relay(now, alice.hash, charlie))
        self._here.stats.introductions["bob"] += 1
        intro = RelayIntro(alice.hash, offer, block.signature)
        self._actions.append(SendBlock(tag.session, intro.write(), alice))

    def on_response(self, session: PeerSession, block: RelayResponse, now: float) -> None:
        """From Charlie; what he signed goes to Alice as it is."""
        relay = self._relays.get(block.nonce)
        if relay is None or session.router_hash != relay.charlie:
            return
        self._relays.pop(block.nonce)
        alice = self._here.host.session_with(relay.alice)
        if alice is not None and now - relay.at <= RELAY_S:
            self._actions.append(SendBlock(alice, block.write()))

    def _code(
        self,
        session: PeerSession,
        alice: RouterInfo,
        block: RelayRequest,
        charlie: bytes | None,
        now: float,
    ) -> int:
        here = self._here
        offer = block.offer
        if charlie is None:
            return CODE_NO_TAG
        if offer.version != SSU2_VERSION or not here.is_timely(offer.time_s):
            return CODE_UNSPECIFIED
        if not here.may_send_to(offer.alice) or not is_same_host(offer.alice, session.remote):
            return CODE_UNSPECIFIED
        if not self._limits.take(alice.hash, PER_ALICE_MAX, offer.alice.host, now):
            return CODE_LIMIT
        signed = relay_request_prologue(here.router_hash, charlie) + block.signed_data
        return 0 if alice.identity.verify(signed, block.signature) else CODE_SIGNATURE

    def _refusal(self, nonce: int, code: int) -> RelayResponse:
        here = self._here
        time_s = int(here.wall.now())
        unsigned = RelayResponse(code, nonce, time_s, SSU2_VERSION, None, b"")
        signed = relay_response_prologue(here.router_hash) + unsigned.signed_data
        return RelayResponse(code, nonce, time_s, SSU2_VERSION, None, here.sign(signed))

    def _expire(self, now: float) -> None:
        self._relays.expire(lambda relay: now - relay.at > RELAY_S)
        session_with = self._here.host.session_with
        for tag, entry in list(self._tags.items()):
            router_hash = entry.session.router_hash or b""
            if now - entry.at > TAG_LIFE_S or session_with(router_hash) is not entry.session:
                del self._tags[tag]


class RelayCharlie:
    """Answers the introductions of our introducers.

    ``owns``: whether this peer gave us this tag; ``address_for``: our address as the router at the
    other end of a session, or others of a family, see it.
    """

    def __init__(
        self,
        here: Surroundings,
        contacts: Contacts,
        awaited: AwaitedRouters,
        actions: list[Action],
        owns: Callable[[PeerSession, int], bool],
        address_for: Callable[[PeerSession, bool, float], SocketAddress | None],
    ) -> None:
        self._here = here
        self._contacts = contacts
        self._awaited = awaited
        self._actions = actions
        self._owns = owns
        self._address_for = address_for
        self._limits = IntroductionLimits()
        self._seen = DuplicateFilter(2.0 * VALID_S, NONCES_MAX)

    def on_intro(self, session: PeerSession, block: RelayIntro, now: float) -> None:
        """From Bob."""
        offer = block.offer
        bob = session.router_hash
        if bob is None or self._seen.is_duplicate(replay_key(block.alice_hash, offer.nonce), now):
            return
        if not self._owns(session, offer.relay_tag):
            self._answer(session, offer, CODE_CHARLIE_UNSPECIFIED, now)
            return
        if not self._limits.take(bob, PER_BOB_MAX, offer.alice.host, now):
            self._answer(session, offer, CODE_CHARLIE_LIMIT, now)
            return

        def resume(info: RouterInfo | None, at: float) -> None:
            code = self._code(bob, block, info)
            key = None if info is None else intro_key_of(info, offer.alice.is_ipv6)
            response = self._answer(session, offer, code, at)
            if not response.code and key is not None:
                self._punch(offer, response, key, at)

        self._awaited.find(block.alice_hash, offer.nonce, resume, now)

    def _code(self, bob: bytes, block: RelayIntro, info: RouterInfo | None) -> int:
        here = self._here
        offer = block.offer
        if info is None:
            return CODE_CHARLIE_UNKNOWN
        if offer.version != SSU2_VERSION or not here.is_timely(offer.time_s):
            return CODE_CHARLIE_UNSPECIFIED
        if not here.may_send_to(offer.alice) or intro_key_of(info, offer.alice.is_ipv6) is None:
            return CODE_CHARLIE_ADDRESS
        if here.host.session_with(info.hash) is not None:
            return CODE_CHARLIE_CONNECTED
        signed = relay_request_prologue(bob, here.router_hash) + block.signed_data
        return 0 if info.identity.verify(signed, block.signature) else CODE_CHARLIE_SIGNATURE

    def _answer(
        self, session: PeerSession, offer: RelayOffer, code: int, now: float
    ) -> RelayResponse:
        """The response, which goes to Bob at once."""
        here = self._here
        own = None
        if not code:
            own = self._address_for(session, offer.alice.is_ipv6, now)
            code = CODE_CHARLIE_ADDRESS if own is None else 0
        here.stats.traversal_refused["relay_charlie"] += code != 0
        token = None if code else here.host.new_token(offer.alice, now)
        time_s = int(here.wall.now())
        unsigned = RelayResponse(code, offer.nonce, time_s, SSU2_VERSION, own, b"")
        signed = relay_response_prologue(session.router_hash or b"") + unsigned.signed_data
        signature = here.sign(signed)
        response = RelayResponse(code, offer.nonce, time_s, SSU2_VERSION, own, signature, token)
        self._actions.append(SendBlock(session, response.write()))
        return response

    def _punch(self, offer: RelayOffer, response: RelayResponse, key: bytes, now: float) -> None:
        """HolePunch: one packet for one introduction, which Alice's own packets make good."""
        self._here.stats.introductions["charlie"] += 1
        destination, source = connection_ids(offer.nonce)
        payload = DateTime.at(self._here.wall.now()).write() + AddressBlock(offer.alice).write()
        payload += response.write()
        self._contacts.note(offer.alice.host, now)
        self._actions.append(
            SendPacket(PacketType.HOLE_PUNCH, destination, source, payload, key, offer.alice)
        )
