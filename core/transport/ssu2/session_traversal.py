"""Carries what peer tests and introductions ask for into the sessions of an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from core.base.errors import DecodeError
from core.data.router_info import RouterInfo
from core.data.transport_address import Ssu2Address
from core.i2np.database import DatabaseStore
from core.i2np.message import MessageType, expiration_from, make_short
from core.transport.events import TraversalStep
from core.transport.own_addresses import OwnAddresses
from core.transport.reachability import Reachability
from core.transport.ssu2 import outside
from core.transport.ssu2.blocks import Block, RelayTagRequest, RouterInfoBlock
from core.transport.ssu2.context import Context
from core.transport.ssu2.framing import SocketAddress, write_padding
from core.transport.ssu2.header import LongHeader
from core.transport.ssu2.introducers import introducer_options
from core.transport.ssu2.introduction_queue import IntroductionQueue
from core.transport.ssu2.nat_traversal import FAMILIES, NatTraversal
from core.transport.ssu2.outside import IntroKey
from core.transport.ssu2.session import Ssu2Session
from core.transport.ssu2.steps import session_requested, steps_of, steps_sent
from core.transport.ssu2.traversal import (
    Action,
    HostChanged,
    Introduced,
    IntroductionFailed,
    KeepAlive,
    PeerSession,
    SendBlock,
    SendPacket,
    Surroundings,
)

#: What a RouterInfo may take of a packet that also has the block that needs it.
ROUTER_INFO_ROOM = 1000
PADDING_MAX = 29


class TraversalOwner(Protocol):
    """What the endpoint does itself."""

    def established(self) -> Iterable[Ssu2Session]:
        """All sessions in the data phase."""
        ...

    def session_with(self, router_hash: bytes) -> Ssu2Session | None:
        """The session in the data phase with a router."""
        ...

    def request_session(self, router_hash: bytes, now: float) -> None:
        """Make a session with a router, even if there is a link over another transport."""
        ...

    def introduced(self, introduction: Introduced, now: float) -> None:
        """A router waits for our SessionRequest."""
        ...

    def introduction_failed(self, failure: IntroductionFailed, now: float) -> None:
        """Nobody introduces us."""
        ...

    def traversed(self, steps: Iterable[TraversalStep]) -> None:
        """Blocks of introductions or peer tests came or went."""
        ...

    def addresses_changed(self, now: float) -> None:
        """What we publish is something else now."""
        ...


class SessionTraversal:
    """A :class:`core.transport.ssu2.introducing.Introductions` with peer tests and relays.

    ``sign``: with the key of our RouterIdentity; ``may_introduce``: whether we give relay tags.
    """

    def __init__(
        self,
        owner: TraversalOwner,
        context: Context,
        reachability: Reachability,
        own: OwnAddresses,
        sign: Callable[[bytes], bytes],
        may_introduce: Callable[[], bool],
    ) -> None:
        self._owner = owner
        self._context = context
        self._may_introduce = may_introduce
        self._output: list[tuple[bytes, SocketAddress]] = []
        here = Surroundings(
            context.local.hash,
            sign,
            context.wall,
            context.entropy,
            context.stats,
            self,
            reachability,
        )
        self.nat = NatTraversal(here, own)
        self._queue = IntroductionQueue(self.nat, owner.request_session)

    # core.transport.ssu2.traversal.TraversalHost

    def established(self) -> Iterable[PeerSession]:
        """See :class:`core.transport.ssu2.traversal.TraversalHost`."""
        return self._owner.established()

    def session_with(self, router_hash: bytes) -> PeerSession | None:
        """See :class:`core.transport.ssu2.traversal.TraversalHost`."""
        return self._owner.session_with(router_hash)

    def find_router(self, router_hash: bytes) -> RouterInfo | None:
        """See :class:`core.transport.ssu2.traversal.TraversalHost`."""
        return self._context.find_router(router_hash)

    def new_token(self, address: SocketAddress, now: float) -> int:
        """See :class:`core.transport.ssu2.traversal.TraversalHost`."""
        return self._context.mint.new_token(address)

    @property
    def gives_tags(self) -> bool:
        """See :class:`core.transport.ssu2.traversal.TraversalHost`."""
        return self._may_introduce()

    # core.transport.ssu2.introducing.Introductions

    def block_received(self, session: Ssu2Session, block: Block, now: float) -> None:
        """See :class:`core.transport.ssu2.introducing.Introductions`."""
        self._owner.traversed(steps_of((block,), is_sent=False))
        self.nat.block_received(session, block, now)
        self._carry_out(now)

    def packet_received(self, packet: bytes, source: SocketAddress, now: float) -> None:
        """See :class:`core.transport.ssu2.introducing.Introductions`."""
        header, payload = outside.open_packet(packet, self._context.local.intro)
        if header.network_id != self._context.network_id:
            raise DecodeError("a packet of another network")
        blocks = outside.read_blocks(payload)
        self._owner.traversed(steps_of(blocks, is_sent=False, kind=header.packet_type))
        self.nat.packet_received(header, blocks, source, now)
        self._carry_out(now)

    def seen_as(self, session: Ssu2Session, address: SocketAddress, now: float) -> None:
        """See :class:`core.transport.ssu2.introducing.Introductions`."""
        self.nat.seen_as(session, address, now)
        self._carry_out(now)

    def session_began(self, session: Ssu2Session, now: float) -> None:
        """See :meth:`NatTraversal.session_began`."""
        self.nat.session_began(session, now)
        if session.router_hash is not None:
            self._queue.session_began(session.router_hash, now)
        self._carry_out(now)

    def network_changed(self, is_ipv6: bool, now: float) -> None:
        """See :meth:`NatTraversal.network_changed`."""
        self.nat.network_changed(is_ipv6, now)
        self._carry_out(now)

    # For the endpoint

    @property
    def caps(self) -> str:
        """What we do for others: test peers, and introduce them if we may."""
        return "BC" if self._may_introduce() else "B"

    def lacks_bobs(self, now: float) -> bool:
        """See :meth:`NatTraversal.lacks_bobs`."""
        return self.nat.lacks_bobs(now)

    def wants_as_bob(self, router_info: RouterInfo, is_ipv6: bool, now: float) -> bool:
        """Whether a session with this router in this family helps to find out whether we are
        reached, or to be introduced."""
        is_introducer = self._queue.is_introducer(router_info.hash)
        return is_introducer or self.nat.wants_as_bob(router_info, is_ipv6, now)

    @property
    def introducer_count(self) -> int:
        """How many routers introduce others to us, in all families."""
        return sum(len(self.nat.introducers(is_ipv6)) for is_ipv6 in FAMILIES)

    def introducer_options(self, is_ipv6: bool) -> dict[str, str]:
        """What our address of a family says of introducers; empty if there are none."""
        return introducer_options(self.nat.introducers(is_ipv6))

    def address_behind(self, router_info: RouterInfo) -> Ssu2Address | None:
        """The SSU2 address of a router that others introduce us to; None if nobody does."""
        if not self.nat.introducers_to_dial(router_info):
            return None
        return next((one for one in router_info.ssu2_addresses() if one.introducers), None)

    def introduce(self, router_info: RouterInfo, now: float) -> None:
        """Ask for it; the owner is told what came of it, later."""
        self._queue.begin(router_info, now)
        self._carry_out(now)

    def wishes(self, session: Ssu2Session, now: float) -> Sequence[Block]:
        """What to ask for with the first packet of a dial: i2pd gives a tag only then."""
        self.nat.contacted(session.remote.host, now)
        info = session.router_info
        if info is None or not self.nat.wants_tag(info, session.remote.is_ipv6):
            return ()
        return (RelayTagRequest(),)

    # For its driver

    def take_output(self) -> list[tuple[bytes, SocketAddress]]:
        """Packets outside of sessions, to be sent now."""
        output, self._output = self._output, []
        return output

    def next_timer(self) -> float:
        """When to call :meth:`handle_timer`; 0.0: at once."""
        return min(self._queue.next_timer(), self.nat.next_timer())

    def handle_timer(self, now: float) -> None:
        """Do what is due; early calls do nothing."""
        for failure in self._queue.take_failed(now):
            self._owner.introduction_failed(failure, now)
        self.nat.handle_timer(now)
        self._carry_out(now)

    # Actions

    def _carry_out(self, now: float) -> None:
        for action in self.nat.take_actions():
            self._do(action, now)

    def _do(self, action: Action, now: float) -> None:
        if isinstance(action, SendBlock):
            self._send_block(action, now)
        elif isinstance(action, SendPacket):
            self._owner.traversed(steps_sent(action.payload, action.packet_type))
            self._output.append((self._seal(action), action.address))
        elif isinstance(action, KeepAlive):
            if isinstance(action.session, Ssu2Session) and action.session.connection is not None:
                action.session.connection.keep_alive_s = action.interval_s
                action.session.wake()
        elif isinstance(action, Introduced):
            self._queue.introduced(action.router_hash)
            self._owner.traversed((session_requested(action),))
            self._owner.introduced(action, now)
        elif isinstance(action, IntroductionFailed):
            self._queue.refused(action, now)
        elif isinstance(action, HostChanged):
            self._context.tokens.forget()
        else:
            self._owner.addresses_changed(now)

    def _send_block(self, action: SendBlock, now: float) -> None:
        session = action.session
        if not isinstance(session, Ssu2Session) or session.connection is None:
            return
        info = action.router_info
        if info is not None:
            block = RouterInfoBlock.of(info.raw, ROUTER_INFO_ROOM)
            if len(block.data) <= ROUTER_INFO_ROOM:
                session.connection.send_block(block.write(), now)
            else:
                session.connection.send((self._store(info),), now)
        self._owner.traversed(steps_sent(action.block))
        session.connection.send_block(action.block, now)
        session.wake()

    def _store(self, info: RouterInfo) -> bytes:
        context = self._context
        message_id = int.from_bytes(context.entropy.random_bytes(4), "big")
        expires_ms = expiration_from(context.wall.now())
        body = DatabaseStore.of_router_info(info).write()
        return make_short(MessageType.DATABASE_STORE, message_id, expires_ms, body)

    def _seal(self, action: SendPacket) -> bytes:
        context = self._context
        header = LongHeader(
            action.destination_id,
            outside.random_number(context.entropy),
            action.packet_type,
            action.source_id,
            outside.random_id(context.entropy),
            context.network_id,
        )
        padding = write_padding(context.entropy.randbelow(PADDING_MAX + 1))
        return outside.seal(header, action.payload + padding, IntroKey(action.intro_key))
