"""Our stream manager with hand-made packets in place of a peer."""

from __future__ import annotations

from core.streaming import packet as p
from core.streaming.connection import Stream
from core.streaming.events import StreamOpened
from core.streaming.manager import StreamEvent, StreamManager
from core.streaming.options import StreamingOptions
from core.streaming.packet import Packet, build_packet
from core.streaming.state import StreamState
from tests.support.deterministic import FakeWallClock, SeededEntropy
from tests.support.stream_path import KEYS

OURS, PEER = KEYS[0], KEYS[1]


class Script:
    """Our manager on one side, hand-made packets on the other."""

    def __init__(self, options: StreamingOptions | None = None) -> None:
        self.manager = StreamManager(
            OURS, options or StreamingOptions(), FakeWallClock(), SeededEntropy(3)
        )
        self.now = 50.0
        self.peer_id = 0x1111

    def take(self) -> list[Packet]:
        return [Packet.parse(out.packet) for out in self.manager.packets_to_send(self.now)]

    def give(self, *packets: bytes, source: bytes | None = PEER.hash) -> None:
        self.manager.receive_packets([(source, 0, 0, raw) for raw in packets], self.now)

    def wait(self, seconds: float) -> list[Packet]:
        end = self.now + seconds
        taken = self.take()
        while (at := self.manager.next_timer()) is not None and at <= end:
            self.now = max(self.now, at)
            self.manager.handle_timer(self.now)
            taken += self.take()
        self.now = end
        return taken

    def events(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        while (event := self.manager.next_event()) is not None:
            events.append(event)
        return events

    def syn(self, *, signed: bool = True, payload: bytes = b"") -> bytes:
        return build_packet(
            0,
            self.peer_id,
            0,
            0,
            recipient_hash=OURS.hash if signed else b"",
            flags=p.SYNCHRONIZE | p.NO_ACK,
            sender=PEER.destination,
            payload_max=1812,
            signer=PEER if signed else None,
            payload=payload,
        )

    def accept(self, *, signed: bool = True, round_trip_s: float = 0.0) -> Stream:
        self.give(self.syn(signed=signed))
        opened = self.events()[0]
        assert isinstance(opened, StreamOpened)
        reply = self.take()[0]
        assert reply.flags & p.SYNCHRONIZE
        assert reply.send_id == self.peer_id
        self.now += round_trip_s
        self.give(build_packet(opened.stream.local_id, self.peer_id, 0, 0))
        return opened.stream

    def reply(self, syn: Packet, *, is_java: bool = False) -> bytes:
        """The peer's answer to a SYN of ours, as i2pd or as Java gives it."""
        return build_packet(
            syn.receive_id,
            self.peer_id,
            0,
            0,
            flags=p.SYNCHRONIZE,
            resend_delay_s=1 if is_java else 9,
            delay_ms=0 if is_java else None,
            sender=PEER.destination,
            payload_max=1812,
            signer=PEER,
        )

    def connected(self, *, is_java: bool = False) -> Stream:
        """A stream of ours that the peer has answered, as i2pd or as Java does it."""
        stream = self.manager.connect(PEER.destination, now=self.now)
        syn = self.take()[0]
        assert syn.nack_hash == PEER.hash
        self.give(self.reply(syn, is_java=is_java))
        assert stream.state is StreamState.OPEN
        assert [packet.ack_through for packet in self.wait(0.2)] == [0]
        return stream
