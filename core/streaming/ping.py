"""Pings and pongs (streaming: "Ping / Pong"): signed echo requests outside of any stream."""

from __future__ import annotations

from collections.abc import Callable

from core.base.bounded import BoundedMap
from core.base.rates import TokenBucket
from core.data.private_keys import PrivateKeys
from core.streaming.events import Pong
from core.streaming.outgoing import OutgoingPacket, answer
from core.streaming.packet import ECHO, PING_PAYLOAD_BYTES_MAX, Packet, build_packet

PINGS_MAX = 64
PING_SECONDS = 60.0


class Pings:
    """Our own outstanding pings, and answers to those of peers."""

    __slots__ = ("_answers", "_is_answering", "_keys", "_sent")

    def __init__(self, keys: PrivateKeys, answers: TokenBucket, is_answering: bool) -> None:
        self._keys = keys
        self._answers = answers
        self._is_answering = is_answering
        self._sent: BoundedMap[int, tuple[bytes, float]] = BoundedMap(PINGS_MAX)

    def __len__(self) -> int:
        return len(self._sent)

    def send(
        self,
        ping_id: int,
        remote_hash: bytes,
        from_port: int,
        to_port: int,
        payload: bytes,
        now: float,
    ) -> OutgoingPacket:
        """A ping under a fresh id; the oldest outstanding one goes if there are too many."""
        self._sent.put(ping_id, (remote_hash, now))
        packet = build_packet(
            ping_id,
            0,
            0,
            0,
            flags=ECHO,
            sender=self._keys.destination,
            signer=self._keys,
            payload=payload,
        )
        return OutgoingPacket(remote_hash, from_port, to_port, packet, False, False, compress=True)

    def receive_pong(self, source: object, packet: Packet, now: float) -> Pong | None:
        """None if we never sent that ping, or to somebody else."""
        ping = self._sent.get(packet.receive_id)
        if ping is None or (source is not None and source != ping[0]):
            return None
        self._sent.pop(packet.receive_id)
        return Pong(ping[0], packet.payload, now - ping[1])

    def receive_ping(
        self,
        from_port: int,
        to_port: int,
        packet: Packet,
        now: float,
        is_authentic: Callable[[Packet], bool],
    ) -> tuple[OutgoingPacket | None, str]:
        """The pong, or None and what to count the ping as; at most 32 bytes are echoed."""
        if packet.sender is None:
            return None, "malformed"
        if not self._is_answering or not self._answers.take(now):
            return None, "pings_ignored"
        if not is_authentic(packet):
            return None, "unauthentic"
        payload = packet.payload[:PING_PAYLOAD_BYTES_MAX]
        pong = build_packet(0, packet.send_id, 0, 0, flags=ECHO, payload=payload)
        return answer(packet.sender.hash, to_port, from_port, pong), "pings"

    def sweep(self, now: float) -> None:
        """Give up pings that nobody answered."""
        self._sent.expire(lambda ping: ping[1] + PING_SECONDS <= now)
