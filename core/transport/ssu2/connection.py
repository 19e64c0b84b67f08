"""The data phase of an SSU2 session (specs/ssu2); no sockets, no handshake.

``receive`` takes whole datagrams and returns the I2NP messages in them; everything rarer is put
into ``notices``, which the owner empties after every call. Datagrams to send are pulled with
``take_packets``. Peers never cause an exception here, and a forged packet changes nothing.

The peer's address changes only when it has answered at the new one. How a session ends: with a
Termination block, which is repeated while the peer goes on sending, or when nothing is acknowledged
any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.base.congestion import CongestionController
from core.base.errors import DecodeError
from core.base.filters import DuplicateFilter
from core.base.ports import Entropy, WallClock
from core.base.reassembly import ReassemblyMemory
from core.transport.context import CLOCK_SKEW_MAX_S
from core.transport.misconduct import BROKEN_BLOCKS
from core.transport.ports import Blame, Confirmed, Ended, Silent, Skew, Violation
from core.transport.reasons import TerminationReason, reason_word
from core.transport.ssu2.acks import ReceivedPackets
from core.transport.ssu2.blocks import AddressBlock, DateTime, Termination
from core.transport.ssu2.closing import Closing
from core.transport.ssu2.congestion import bbr
from core.transport.ssu2.data_blocks import Ack, Congestion
from core.transport.ssu2.fragments import Reassembler
from core.transport.ssu2.framing import KNOWN_BLOCKS, BlockType, SocketAddress, write_block
from core.transport.ssu2.header import FLAG_IMMEDIATE_ACK, PACKET_BYTES_MIN
from core.transport.ssu2.keys import SessionKeys
from core.transport.ssu2.liveness import Liveness
from core.transport.ssu2.notices import Moved, Notice, ReceivedBlock, SeenAs
from core.transport.ssu2.packets import NUMBER_MAX, PacketOpener, message_key
from core.transport.ssu2.path_mtu import PathMtu
from core.transport.ssu2.path_validation import CHALLENGE_BYTES, REFUSED_S, PathValidation
from core.transport.ssu2.sender import Datagrams, PacketSender
from core.transport.stats import LinkStats

#: i2pd: 165 s, Java: 165 s and more
IDLE_TIMEOUT_S = 165.0
#: for how long a message is known that may come again; i2pd: 10 s
DUPLICATES_S = 10.0
DUPLICATES_MAX = 4096
#: how long after the handshake a packet that makes no sense may be a SessionConfirmed
HANDSHAKE_ECHO_S = 30.0
#: answered PathChallenges may not amplify; larger ones are ignored
CHALLENGE_ANSWERED_MAX = 64
DIRECT_MAX = 16
#: of one packet, which could have hundreds: genuine ones have a few
RARE_BLOCKS_MAX = 32
#: blocks that elicit no ack
_SILENT = frozenset((BlockType.DATE_TIME, BlockType.TERMINATION, BlockType.ACK, BlockType.ADDRESS))


class Connection:
    """The machine. ``remote``: where the peer is; ``keep_alive_s``: the longest silence of ours.

    ``mtu``: the smaller one of what both publish, 1280 to 1500. ``rtt_s``: the round trip of the
    handshake, 0.0 if it is not known; ``memory``: for incomplete messages of all sessions;
    ``controller``: makes one for a round trip. A responder begins with SessionConfirmed to
    acknowledge.
    """

    def __init__(
        self,
        keys: SessionKeys,
        remote: SocketAddress,
        *,
        mtu: int,
        wall: WallClock,
        entropy: Entropy,
        stats: LinkStats,
        now: float,
        rtt_s: float = 0.0,
        memory: ReassemblyMemory | None = None,
        controller: Callable[[float], CongestionController] = bbr,
    ) -> None:
        self.remote = remote
        self.notices: list[Notice] = []
        self.last_received = now
        self.keep_alive_s = 0.0
        self._wall = wall
        self._entropy = entropy
        self._stats = stats
        self._opener = PacketOpener(keys)
        self._received = ReceivedPackets()
        self._mtu = PathMtu(mtu, ":" in remote[0], now)
        self._sender = PacketSender(
            keys, self._mtu, self._received, wall, entropy, stats, now, rtt_s, controller
        )
        self._reassembler = Reassembler(stats, memory=memory)
        self._seen = DuplicateFilter(DUPLICATES_S, DUPLICATES_MAX)
        self._liveness = Liveness()
        self._direct: Datagrams = []
        self._validation: PathValidation | None = None
        self._refused_path: SocketAddress | None = None
        self._refused_until = 0.0
        self._closing: Closing | None = None
        self._began_at = now
        self._is_initiator = keys.is_initiator
        self._is_confirmed = not keys.is_initiator
        if not keys.is_initiator:
            self._received.record(0, True, True, now)

    @property
    def is_closed(self) -> bool:
        """Whether it is over and has nothing more to say."""
        return self._closing is not None and self._closing.is_over

    @property
    def last_sent(self) -> float:
        """When a packet was last sealed."""
        return self._sender.last_sent

    @property
    def last_active(self) -> float:
        """When something was last received or sent."""
        return max(self.last_received, self._sender.last_sent)

    @property
    def rtt_s(self) -> float:
        """The smoothed round trip, 0.0 while it is not known."""
        return self._sender.round_trip.smoothed

    @property
    def packets_received(self) -> int:
        """Genuine packets, without copies."""
        return self._received.count

    @property
    def has_more(self) -> bool:
        """Whether the owner has messages for which there was no room; the owner sets it."""
        return self._sender.has_more

    @has_more.setter
    def has_more(self, has_more: bool) -> None:
        self._sender.has_more = has_more

    # Receiving

    def receive(self, datagram: bytes, source: SocketAddress, now: float) -> list[bytes]:
        """Take a datagram with our connection ID; returns the messages in it, in short form."""
        messages: list[bytes] = []
        if len(datagram) < PACKET_BYTES_MIN:
            self._stats.packets_malformed += 1
            return messages
        opened = self._opener.read(datagram)
        if opened is None:
            self._on_forged(datagram, now)
            return messages
        number, flags, found, keys, others, is_whole = opened
        received = self._received
        if received.is_duplicate(number):
            self._stats.packets_duplicate += 1
            return messages
        self._stats.packets_received += 1
        self.last_received = now
        self._liveness.received(len(found), now)
        is_newest = number > received.highest
        elicits = bool(found)
        for kind, _ in others:
            elicits = elicits or kind not in _SILENT
        for index, message in enumerate(found):
            if self._seen.is_duplicate(keys[index], now):
                self._stats.messages_duplicate += 1
            else:
                messages.append(message)
        if not is_whole:
            self._stats.blocks_malformed += 1
            self.notices.append(Violation(BROKEN_BLOCKS))
        wants_ack = flags & FLAG_IMMEDIATE_ACK != 0
        received.record(number, elicits or wants_ack, wants_ack, now)
        if self._closing is not None:
            self._answer_closing(others)
            return []
        if not self._is_confirmed:
            self._is_confirmed = True
            self.notices.append(Confirmed())
        if source != self.remote:
            self._on_other_source(source, is_newest, now)
        elif self._validation is not None:
            self._end_validation()
        if others:
            self._on_blocks(others, source, messages, now)
        return messages

    def _on_forged(self, datagram: bytes, now: float) -> None:
        """Probably noise; or a SessionConfirmed again, because our first ack was lost."""
        self._stats.packets_forged += 1
        if self._opener.is_data(datagram):
            return
        is_early = now - self._began_at < HANDSHAKE_ECHO_S
        if is_early and not self._is_initiator and self._closing is None:
            self._received.acknowledge(now)

    def _on_blocks(
        self,
        blocks: Sequence[tuple[int, bytes]],
        source: SocketAddress,
        messages: list[bytes],
        now: float,
    ) -> None:
        for kind, data in blocks:
            try:
                if kind == BlockType.ACK:
                    falls = self._mtu.black_holes
                    if not self._sender.on_ack(Ack.parse(data).intervals(), now):
                        self._stats.blocks_malformed += 1
                    self._stats.path_fallbacks += self._mtu.black_holes - falls
                elif kind == BlockType.FIRST_FRAGMENT:
                    self._keep(self._reassembler.add_first(data, now), messages, now)
                elif kind == BlockType.FOLLOW_ON_FRAGMENT:
                    self._keep(self._reassembler.add_follow_on(data, now), messages, now)
                elif self._on_rare_block(kind, data, source, now):
                    return
            except DecodeError:
                self._stats.blocks_malformed += 1

    def _keep(self, message: bytes | None, messages: list[bytes], now: float) -> None:
        if message is None:
            return
        if self._seen.is_duplicate(message_key(message), now):
            self._stats.messages_duplicate += 1
        else:
            messages.append(message)

    def _on_rare_block(self, kind: int, data: bytes, source: SocketAddress, now: float) -> bool:
        """True if the session is over."""
        if kind == BlockType.I2NP:
            # Shorter than the header of a message.
            self._stats.blocks_malformed += 1
        elif kind == BlockType.TERMINATION:
            self._on_termination(Termination.parse(data).reason, now)
            return True
        elif len(self.notices) >= RARE_BLOCKS_MAX:
            self._stats.blocks_malformed += 1
        elif kind == BlockType.DATE_TIME:
            skew_s = DateTime.parse(data).time_s - self._wall.now()
            self.notices.append(Skew(skew_s))
            if abs(skew_s) > CLOCK_SKEW_MAX_S + 1:
                self.close(TerminationReason.CLOCK_SKEW, now, Blame.CLOCK_SKEW)
                return True
        elif kind == BlockType.ADDRESS:
            self.notices.append(SeenAs(AddressBlock.parse(data).address))
        elif kind == BlockType.PATH_CHALLENGE:
            self._answer_challenge(data, source, now)
        elif kind == BlockType.PATH_RESPONSE:
            self._on_path_response(data, now)
        elif kind == BlockType.CONGESTION:
            self._on_congestion(Congestion.parse(data), now)
        elif kind in (BlockType.OPTIONS, BlockType.NEXT_NONCE, BlockType.FIRST_PACKET_NUMBER):
            pass
        elif kind in KNOWN_BLOCKS:
            self.notices.append(ReceivedBlock(kind, data))
        else:
            self._stats.blocks_unknown += 1
        return False

    def _on_congestion(self, block: Congestion, now: float) -> None:
        if block.wants_ack:
            self._received.acknowledge(now)
        if block.is_experienced:
            self._sender.recovery.on_congestion_mark(now)

    # The path

    def _on_other_source(self, source: SocketAddress, is_newest: bool, now: float) -> None:
        """A genuine packet came from another address: ask there, unless it is only late."""
        is_asked = self._validation is not None and self._validation.address == source
        is_refused = source == self._refused_path and now < self._refused_until
        is_possible = source[1] > 0 and (":" in source[0]) == (":" in self.remote[0])
        if is_asked or is_refused or not is_newest or not is_possible:
            return
        if self._validation is not None:
            return  # one at a time
        challenge = self._entropy.random_bytes(CHALLENGE_BYTES)
        self._validation = PathValidation(source, challenge, now)
        self._sender.be_cautious(True)
        self._ask_path(now)

    def _ask_path(self, now: float) -> None:
        validation = self._validation
        assert validation is not None
        if validation.is_over:
            self._refused_path = validation.address
            self._refused_until = now + REFUSED_S
            self._end_validation()
            return
        validation.ask(self._sender.recovery.timeout_s, now)
        self._send_path_block(
            BlockType.PATH_CHALLENGE, validation.challenge, validation.address, now
        )

    def _end_validation(self) -> None:
        self._validation = None
        self._sender.be_cautious(False)

    def _answer_challenge(self, data: bytes, source: SocketAddress, now: float) -> None:
        if len(data) <= CHALLENGE_ANSWERED_MAX:
            self._send_path_block(BlockType.PATH_RESPONSE, data, source, now)

    def _send_path_block(
        self, kind: BlockType, data: bytes, address: SocketAddress, now: float
    ) -> None:
        """To that address, which may not be the peer's; so it is small."""
        if len(self._direct) >= DIRECT_MAX:
            return
        payload = b"".join(
            (
                DateTime.at(self._wall.now()).write(),
                AddressBlock(SocketAddress(*address)).write(),
                write_block(kind, data),
                self._received.block(32),
                self._sender.padding(),
            )
        )
        self._direct.append((self._sender.seal(payload, now), address))

    def _on_path_response(self, data: bytes, now: float) -> None:
        validation = self._validation
        if validation is None or data != validation.challenge:
            return
        is_new_host = validation.address[0] != self.remote[0]
        self.remote = validation.address
        self._validation = None
        self._sender.change_path(is_new_host, now)
        self._stats.paths_changed += 1
        self.notices.append(Moved(self.remote))

    # Sending

    def room(self, now: float) -> int:
        """Bytes of messages that may be sent now; zero or less: none until a timer or an ack."""
        return self._sender.room(now) if self._closing is None else 0

    def send(self, messages: Sequence[bytes], now: float) -> None:
        """Take messages in short form, each at most 64 KiB."""
        if self._closing is None:
            self._sender.outgoing.push(messages)
            self._liveness.sent(now)

    def send_block(self, block: bytes, now: float, *, is_reliable: bool = True) -> None:
        """Take a whole block, at most 1100 bytes; ``is_reliable``: sent again if it is lost."""
        if self._closing is not None:
            return
        if is_reliable:
            self._sender.outgoing.push_block(block)
        elif len(self._direct) < DIRECT_MAX:
            payload = block + self._received.block(32) + self._sender.padding()
            self._direct.append((self._sender.seal(payload, now), self.remote))

    def ask(self, now: float) -> bool:
        """Have the peer acknowledge something when it is quiet; whether that is due at all."""
        return self._liveness.doubt(now)

    def acknowledge(self, now: float) -> None:
        """Have an ack leave with the next packets."""
        self._received.acknowledge(now)

    def take_packets(self, now: float, bytes_max: int) -> Datagrams:
        """Datagrams to send now with their destinations, about ``bytes_max`` bytes."""
        out, self._direct = self._direct, []
        if self._closing is None:
            if self._sender.sealer.next_number >= NUMBER_MAX:
                self.close(TerminationReason.NORMAL, now)
                out += self._direct
                self._direct = []
                return out
            self._sender.fill(out, self.remote, bytes_max, now)
        return out

    # Ending

    def close(self, code: int, now: float, blame: Blame = Blame.NOBODY) -> None:
        """End it with a Termination block; harmless the second time."""
        if self._closing is None:
            self._end(Ended(reason_word(code), code, blame, is_abort=False), code, now)

    def _end(self, end: Ended, code: int, now: float) -> None:
        """``code``: the reason that we tell the peer."""
        payload = self._received.block(64) + Termination(self._received.count, code).write()
        last_words = self._sender.seal(payload + self._sender.padding(), now)
        timeout_s = self._sender.recovery.timeout_s
        self._closing = Closing(last_words, timeout_s, now, awaits_answer=not end.is_remote)
        self._direct.append((last_words, self.remote))
        self._sender.outgoing.clear()
        self._sender.recovery.clear()
        self._reassembler.clear()
        self._validation = None
        self.notices.append(end)

    def _on_termination(self, code: int, now: float) -> None:
        end = Ended(reason_word(code), code, Blame.NOBODY, False, is_remote=True)
        self._end(end, TerminationReason.TERMINATION_RECEIVED, now)

    def _answer_closing(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        closing = self._closing
        assert closing is not None
        is_answer = any(kind == BlockType.TERMINATION for kind, _ in blocks)
        if closing.receive(is_answer):
            self._direct.append((closing.last_words, self.remote))

    # Time

    def next_timer(self) -> float:
        """When :meth:`handle_timer` or :meth:`take_packets` has something to do."""
        closing = self._closing
        if closing is not None:
            return closing.next_at
        at = self.last_active + IDLE_TIMEOUT_S
        if self.keep_alive_s:
            at = min(at, self._sender.last_sent + self.keep_alive_s)
        at = min(at, self._liveness.ask_at(self.last_received))
        if self._validation is not None:
            at = min(at, self._validation.ask_at)
        waiting = self._reassembler.deadline
        if waiting is not None and waiting < at:
            at = waiting
        for due in (self._sender.recovery.deadline, self._sender.next_at()):
            if due and due < at:
                at = due
        return at

    def handle_timer(self, now: float) -> None:
        """Do what is due; calling it early does nothing."""
        closing = self._closing
        if closing is not None:
            if closing.handle_timer(now):
                self._direct.append((closing.last_words, self.remote))
            return
        recovery = self._sender.recovery
        deadline = recovery.deadline
        if deadline and deadline <= now:
            falls = self._mtu.black_holes
            self._sender.on_timer(now)
            self._stats.path_fallbacks += self._mtu.black_holes - falls
            if recovery.is_given_up(now):
                code = TerminationReason.INTRA_FRAME_TIMEOUT
                self._end(Ended("no_acknowledgement", code, Blame.NOBODY, False), code, now)
                return
            if recovery.is_silent(now) and not self._liveness.is_told:
                self._liveness.is_told = True
                self.notices.append(Silent())
        if now - self.last_active >= IDLE_TIMEOUT_S:
            self.close(TerminationReason.IDLE_TIMEOUT, now)
            return
        if self._validation is not None and now >= self._validation.ask_at:
            self._ask_path(now)
        if self._reassembler.deadline is not None:
            self._reassembler.handle_timer(now)
        is_quiet = self.keep_alive_s and now - self._sender.last_sent >= self.keep_alive_s
        if is_quiet or now >= self._liveness.ask_at(self.last_received):
            self._liveness.asked()
            self._sender.ping(self._direct, self.remote, now)
