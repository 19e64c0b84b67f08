"""Packets that come too late: for streams that ended, or that nobody knows.

A stream that ended is remembered for a while: the last ack, or the RESET, is sent again for a peer
that missed it. i2pd: obeys RESET only with the next sequence it expects, so a retransmitted RESET
takes that from the peer's own packet.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.rates import TokenBucket
from core.data.private_keys import PrivateKeys
from core.streaming.connection import Stream
from core.streaming.outgoing import OutgoingPacket, answer
from core.streaming.packet import NO_ACK, RESET, Packet, build_packet

MEMORY_SECONDS = 30.0
STREAMS_MAX = 4096
REPLIES_MAX = 8


def build_reset(stream: Stream, keys: PrivateKeys) -> bytes:
    """A signed RESET. i2pd: obeys it only as the next packet in order."""
    return build_packet(
        stream.remote_id,
        stream.local_id,
        stream.recovery.next_sequence,
        max(0, stream.received_through),
        flags=RESET,
        signer=keys,
    )


@dataclass(slots=True)
class _ClosedStream:
    expires: float
    remote_hash: bytes
    remote_id: int
    local_port: int
    remote_port: int
    is_reset: bool
    received_through: int
    replies: int = REPLIES_MAX


class ClosedStreams:
    """Ended streams by their local id; ``answers`` limits RESETs for streams nobody knows.

    Without ``is_answering`` there are none: they would tell that somebody is here.
    """

    __slots__ = ("_answers", "_is_answering", "_keys", "_streams")

    def __init__(self, keys: PrivateKeys, answers: TokenBucket, is_answering: bool) -> None:
        self._keys = keys
        self._answers = answers
        self._is_answering = is_answering
        self._streams: dict[int, _ClosedStream] = {}

    def __contains__(self, local_id: int) -> bool:
        return local_id in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: Stream, is_reset: bool, now: float) -> None:
        """``stream`` has ended; the oldest is forgotten if there are too many."""
        if len(self._streams) >= STREAMS_MAX:
            del self._streams[next(iter(self._streams))]
        self._streams[stream.local_id] = _ClosedStream(
            now + MEMORY_SECONDS,
            stream.remote_hash,
            stream.remote_id,
            stream.local_port,
            stream.remote_port,
            is_reset,
            max(0, stream.received_through),
        )

    def receive(
        self, source: object, from_port: int, to_port: int, packet: Packet, now: float
    ) -> tuple[OutgoingPacket | None, str]:
        """The answer to a packet that belongs to no live stream, and what to count it as."""
        closed = self._streams.get(packet.send_id)
        if packet.flags & RESET:
            return None, "late" if closed is not None else "unknown"
        if closed is None:
            is_answerable = self._is_answering and isinstance(source, bytes) and packet.sequence
            if not is_answerable or not self._answers.take(now):
                return None, "unknown"
            assert isinstance(source, bytes)
            reset = self._reset(packet.receive_id, packet, packet.sequence)
            return answer(source, to_port, from_port, reset), "unknown"
        if source is not None and source != closed.remote_hash:
            return None, "foreign"
        if closed.replies <= 0:
            return None, "late"
        if closed.is_reset:
            raw = self._reset(
                closed.remote_id or packet.receive_id, packet, closed.received_through
            )
        elif packet.sequence:
            raw = build_packet(closed.remote_id, packet.send_id, 0, closed.received_through)
        else:
            return None, "late"
        closed.replies -= 1
        return answer(closed.remote_hash, closed.local_port, closed.remote_port, raw), "late"

    def _reset(self, remote_id: int, packet: Packet, ack_through: int) -> bytes:
        if packet.flags & NO_ACK:
            expected = 0
        else:
            expected = min(packet.nacks, default=packet.ack_through + 1) & 0xFFFFFFFF
        return build_packet(
            remote_id, packet.send_id, expected, ack_through, flags=RESET, signer=self._keys
        )

    def sweep(self, now: float) -> None:
        """Forget those that ended long ago."""
        self._streams = {k: closed for k, closed in self._streams.items() if closed.expires > now}
