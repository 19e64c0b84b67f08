"""Packets that come too early: before the SYN of their stream."""

from __future__ import annotations

from core.streaming.packet import Packet

#: i2pd: keeps data that overtook its SYN 10 s
EARLY_SECONDS = 10.0
EARLY_PEERS_MAX = 64
EARLY_PACKETS_MAX = 16
#: of one stream: sixteen of the largest packets in use
EARLY_BYTES_MAX = 32 * 1024


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
        """Forget those whose SYN is not going to come."""
        self._waiting = {k: entry for k, entry in self._waiting.items() if entry[0] > now}
