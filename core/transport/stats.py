"""Counters of the links; whatever is dropped is counted in exactly one of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LinkStats:
    """Totals since start. ``dropped_*`` count I2NP messages that were never written."""

    bytes_received: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    handshakes_in: int = 0
    handshakes_out: int = 0
    handshakes_in_failed: int = 0
    handshakes_out_failed: int = 0
    dials_failed: int = 0
    replays: int = 0
    accepts_refused: int = 0
    links_replaced: int = 0
    blocks_malformed: int = 0
    blocks_unknown: int = 0
    router_infos_refused: int = 0
    dropped_shed: int = 0
    dropped_queue_full: int = 0
    dropped_expired: int = 0
    dropped_malformed: int = 0
    dropped_unreachable: int = 0
