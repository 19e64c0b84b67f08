"""What comes too late or too early: packets for streams that ended, or whose SYN is on its way.

A stream that ended leaves remains for a while: they repeat the last ack, or the RESET, for a peer
that missed it. i2pd: obeys RESET only with the next sequence it expects, so a repeated RESET takes
that from the peer's own packet.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.base.rates import Bucket
from core.data.private_keys import PrivateKeys
from core.streaming.connection import Stream
from core.streaming.outgoing import OutgoingPacket
from core.streaming.packet import NO_ACK, RESET, Packet, build_packet

REMAINS_SECONDS = 30.0
REMAINS_MAX = 4096
REPLIES_MAX = 8
#: i2pd: keeps data that overtook its SYN 10 s
EARLY_SECONDS = 10.0
EARLY_PEERS_MAX = 64
EARLY_PACKETS_MAX = 16
#: of one stream: sixteen of the largest packets in use
EARLY_BYTES_MAX = 32 * 1024


def answer(remote_hash: bytes, from_port: int, to_port: int, packet: bytes) -> OutgoingPacket:
    """A packet on behalf of no live stream."""
    return OutgoingPacket(remote_hash, from_port, to_port, packet, False, False)


def build_reset(stream: Stream, keys: PrivateKeys) -> bytes:
    """A signed RESET. i2pd: obeys it only as the next packet in order."""
    return build_packet(
        stream.remote_id,
        stream.local_id,
        stream.next_sequence,
        max(0, stream.received_through),
        flags=RESET,
        signer=keys,
    )


@dataclass(slots=True)
class _Rest:
    expires: float
    remote_hash: bytes
    remote_id: int
    local_port: int
    remote_port: int
    is_reset: bool
    received_through: int
    replies: int = REPLIES_MAX


class Remains:
    """Ended streams by their local id; ``answers`` limits RESETs for streams nobody knows.

    Without ``is_answering`` there are none: they would tell that somebody is here.
    """

    __slots__ = ("_answers", "_is_answering", "_keys", "_rests")

    def __init__(self, keys: PrivateKeys, answers: Bucket, is_answering: bool) -> None:
        self._keys = keys
        self._answers = answers
        self._is_answering = is_answering
        self._rests: dict[int, _Rest] = {}

    def __contains__(self, local_id: int) -> bool:
        return local_id in self._rests

    def __len__(self) -> int:
        return len(self._rests)

    def leave(self, stream: Stream, is_reset: bool, now: float) -> None:
        """``stream`` has ended; the oldest remains go if there are too many."""
        if len(self._rests) >= REMAINS_MAX:
            del self._rests[next(iter(self._rests))]
        self._rests[stream.local_id] = _Rest(
            now + REMAINS_SECONDS,
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
        rest = self._rests.get(packet.send_id)
        if packet.flags & RESET:
            return None, "late" if rest is not None else "unknown"
        if rest is None:
            is_answerable = self._is_answering and isinstance(source, bytes) and packet.sequence
            if not is_answerable or not self._answers.take(now):
                return None, "unknown"
            assert isinstance(source, bytes)
            reset = self._reset(packet.receive_id, packet, packet.sequence)
            return answer(source, to_port, from_port, reset), "unknown"
        if source is not None and source != rest.remote_hash:
            return None, "foreign"
        if rest.replies <= 0:
            return None, "late"
        if rest.is_reset:
            raw = self._reset(rest.remote_id or packet.receive_id, packet, rest.received_through)
        elif packet.sequence:
            raw = build_packet(rest.remote_id, packet.send_id, 0, rest.received_through)
        else:
            return None, "late"
        rest.replies -= 1
        return answer(rest.remote_hash, rest.local_port, rest.remote_port, raw), "late"

    def _reset(self, remote_id: int, packet: Packet, ack_through: int) -> bytes:
        if packet.flags & NO_ACK:
            expected = 0
        else:
            expected = min(packet.nacks, default=packet.ack_through + 1) & 0xFFFFFFFF
        return build_packet(
            remote_id, packet.send_id, expected, ack_through, flags=RESET, signer=self._keys
        )

    def sweep(self, now: float) -> None:
        self._rests = {k: rest for k, rest in self._rests.items() if rest.expires > now}


class EarlyPackets:
    """Packets before their SYN, by source (if known) and the peer's stream id."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[tuple[object, int], tuple[float, list[Packet]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, source: object, packet: Packet, now: float) -> bool:
        """False if there are too many of this stream; the oldest stream goes if too many wait."""
        key = (source, packet.receive_id)
        entry = self._waiting.get(key)
        if entry is None:
            if len(self._waiting) >= EARLY_PEERS_MAX:
                del self._waiting[next(iter(self._waiting))]
            entry = self._waiting[key] = (now + EARLY_SECONDS, [])
        packets = entry[1]
        held = sum(len(one.payload) for one in packets)
        if len(packets) >= EARLY_PACKETS_MAX or held + len(packet.payload) > EARLY_BYTES_MAX:
            return False
        packets.append(packet)
        return True

    def take(self, source: object, remote_id: int) -> list[Packet]:
        """What waited for the SYN that has come."""
        entry = self._waiting.pop((source, remote_id), None)
        return entry[1] if entry is not None else []

    def sweep(self, now: float) -> None:
        self._waiting = {k: entry for k, entry in self._waiting.items() if entry[0] > now}
