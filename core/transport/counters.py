"""What the links count, besides what the router's status shows."""

from __future__ import annotations

from core.base.counters import Counter
from core.transport.stats import LinkStats

COUNTERS: tuple[Counter[LinkStats], ...] = (
    Counter("transport", "messages_received", "Messages received from other routers",
            lambda s: s.messages_received),
    Counter("transport", "messages_sent", "Messages sent to other routers",
            lambda s: s.messages_sent),
    Counter("transport", "messages_dropped", "Messages that were never sent, by reason",
            lambda s: {
                "shed": s.dropped_shed,
                "queue_full": s.dropped_queue_full,
                "expired": s.dropped_expired,
                "malformed": s.dropped_malformed,
                "unreachable": s.dropped_unreachable,
                "path": s.dropped_path,
            }, "reason"),
    Counter("transport", "handshakes", "Handshakes that succeeded",
            lambda s: {"inbound": s.handshakes_in, "outbound": s.handshakes_out}, "direction"),
    Counter("transport", "handshakes_failed", "Handshakes that failed",
            lambda s: {"inbound": s.handshakes_in_failed, "outbound": s.handshakes_out_failed},
            "direction"),
    Counter("transport", "dials_failed", "Connections to other routers that could not be made",
            lambda s: s.dials_failed),
    Counter("transport", "fallbacks", "Dials repeated over another transport",
            lambda s: s.fallbacks),
    Counter("transport", "replays", "Handshakes refused because they were seen before",
            lambda s: s.replays),
    Counter("transport", "links_replaced", "Links replaced by a newer one with the same router",
            lambda s: s.links_replaced),
    Counter("transport", "blocks_ignored", "Blocks in frames that were ignored",
            lambda s: {"malformed": s.blocks_malformed, "unknown": s.blocks_unknown}, "reason"),
    Counter("transport", "router_infos_refused", "Router infos from links that were not taken",
            lambda s: s.router_infos_refused),
    Counter("transport", "datagram_packets", "Packets of sessions over datagrams, by what became of"
            " them; late ones had been taken for lost",
            lambda s: {
                "sent": s.packets_sent,
                "resent": s.packets_resent,
                "lost": s.packets_lost,
                "late": s.packets_late,
                "received": s.packets_received,
                "duplicate": s.packets_duplicate,
                "forged": s.packets_forged,
                "malformed": s.packets_malformed,
            }, "event"),
    Counter("transport", "datagram_messages_dropped", "Messages in fragments or copies of them that"
            " were not used",
            lambda s: {"duplicate": s.messages_duplicate, "incomplete": s.messages_incomplete},
            "reason"),
    Counter("transport", "datagrams_overrun", "Datagrams that came and were not read in time",
            lambda s: s.datagrams_overrun),
    Counter("transport", "datagrams_failed", "Datagrams that the system did not send, by its error",
            lambda s: dict(s.datagrams_failed), "error"),
    Counter("transport", "path_fallbacks", "Paths that stopped taking large packets",
            lambda s: s.path_fallbacks),
    Counter("transport", "paths_changed", "Peers that moved to another address in a session",
            lambda s: s.paths_changed),
)  # fmt: skip
