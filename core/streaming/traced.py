"""What a stream tells a trace of each burst that it sends."""

from __future__ import annotations

from collections.abc import Sequence

from core.base.trace import Trace
from core.streaming.measured import StreamStats
from core.streaming.outgoing import OutgoingPacket


def trace_sent(
    trace: Trace, now: float, packets: Sequence[OutgoingPacket], stats: StreamStats
) -> None:
    """Some packets were handed over; ``stats``: those of the stream, with them."""
    trace.event(
        "packets_sent",
        now,
        count=len(packets),
        size=sum(len(one.packet) for one in packets),
        in_flight=stats.in_flight,
        window=round(stats.window, 1),
        rtt=round(stats.rtt, 4),
        retransmitted=stats.resent,
        lost=stats.lost,
    )
