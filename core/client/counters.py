"""What client sessions count, each for itself, with their ratchet sessions and streams."""

from __future__ import annotations

from typing import Protocol

from core.base.counters import Counter
from core.client.i2cp_network import I2cpNetwork
from core.client.local_destination import LocalDestination
from core.datagram.manager import DatagramManager
from core.streaming.manager import StreamManager
from core.streaming.measured import StreamTotals


class WithStreams(Protocol):
    """A destination, whichever router carries it."""

    streams: StreamManager
    datagrams: DatagramManager


def _streams(client: WithStreams) -> StreamTotals:
    streams = client.streams
    return streams.ended.with_streams(stream.stats for stream in streams.streams)


COUNTERS: tuple[Counter[LocalDestination], ...] = (
    Counter("client", "messages_received", "Garlic messages for our destinations",
            lambda c: c.stats.messages_in),
    Counter("client", "messages_sent", "Garlic messages of our destinations",
            lambda c: c.stats.messages_out),
    Counter("client", "messages_dropped", "Messages of client sessions that were dropped",
            lambda c: {
                "malformed": c.stats.malformed,
                "no_path": c.stats.no_path,
                "no_lease_set": c.stats.no_lease_set,
                "foreign_lease_set": c.stats.foreign_lease_set,
                "inbox_full": c.stats.inbox_full,
            }, "reason"),
    Counter("garlic", "messages_opened", "End-to-end encrypted messages that were opened",
            lambda c: c.ratchet_counters.opened),
    Counter("garlic", "messages_dropped", "End-to-end encrypted messages that were dropped",
            lambda c: {
                "not_ours": c.ratchet_counters.not_ours,
                "forged": c.ratchet_counters.forged,
                "broken": c.ratchet_counters.broken,
                "stale": c.ratchet_counters.stale,
                "replayed": c.ratchet_counters.replayed,
                "over_rate": c.ratchet_counters.over_rate,
            }, "reason"),
    Counter("garlic", "sessions_new", "Ratchet sessions that others began",
            lambda c: c.ratchet_counters.new_sessions),
    Counter("garlic", "sessions_evicted", "Ratchet sessions dropped for want of room",
            lambda c: c.ratchet_counters.evicted),
)  # fmt: skip

STREAM_COUNTERS: tuple[Counter[WithStreams], ...] = (
    Counter("streaming", "packets_sent", "Packets of streams that were sent",
            lambda c: _streams(c).sent),
    Counter("streaming", "packets_received", "Packets of streams that were received",
            lambda c: _streams(c).received),
    Counter("streaming", "packets_retransmitted", "Packets that were sent again",
            lambda c: _streams(c).resent),
    Counter("streaming", "packets_lost", "Packets that were declared lost",
            lambda c: _streams(c).lost),
    Counter("streaming", "packets_lost_spuriously", "Packets declared lost that had arrived",
            lambda c: _streams(c).spurious),
    Counter("streaming", "packets_duplicated", "Packets that were received more than once",
            lambda c: _streams(c).duplicates),
    Counter("streaming", "packets_refused", "Packets for which there was no room",
            lambda c: _streams(c).refused),
    Counter("streaming", "timeouts", "Retransmission timeouts",
            lambda c: _streams(c).timeouts),
    Counter("streaming", "sent_bytes", "Bytes of data sent in streams",
            lambda c: _streams(c).bytes_sent),
    Counter("streaming", "received_bytes", "Bytes of data received in streams",
            lambda c: _streams(c).bytes_received),
    Counter("streaming", "packets_dropped", "Packets that belong to no stream or break a rule",
            lambda c: dict(c.streams.counters), "reason"),
    Counter("datagram", "datagrams_dropped", "Datagrams that were dropped",
            lambda c: dict(c.datagrams.counters), "reason"),
)  # fmt: skip

I2CP_COUNTERS: tuple[Counter[I2cpNetwork], ...] = (
    Counter("i2cp", "payloads_sent", "Payloads handed to a foreign router", lambda n: n.sent),
    Counter("i2cp", "payloads_dropped", "Payloads that no foreign router took",
            lambda n: n.dropped),
)  # fmt: skip
