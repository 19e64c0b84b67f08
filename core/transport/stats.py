"""Counters of the links; whatever is dropped is counted in exactly one of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class LinkStats:
    """Totals since start. ``dropped_*`` count I2NP messages that were never written, or, if they
    were cut for a path that takes smaller packets now (``dropped_path``), not wholly.

    ``refused``: inbound connections that were closed at once, by reason: ``address`` and ``subnet``
    (too many links), ``handshakes`` (too many at once), ``rate`` (too many in a short time),
    ``full`` (no link may be given up for it), ``blocked`` (by the user),
    ``shutdown``, ``descriptors`` (the system has none).
    ``links_evicted``: links that were closed to make room for others. ``fallbacks``: failed dials
    that another transport took over. ``hybrid_*``: hybrid handshakes with ML-KEM, which are also
    among ``handshakes_*``; ``hybrid_fallbacks``: those of ours that failed, so that the next one
    with the same router is plain.

    ``packets_*`` are of the datagram transports' sessions. ``packets_late`` were taken for lost and
    arrived. What was received and not used is a copy, forged (or of another session), or malformed.
    ``messages_incomplete``: fragments of them came, and not all in time. ``path_fallbacks``: paths
    that stopped taking large packets. ``paths_changed``: peers that have a new address.
    ``datagrams_overrun`` came and were not read in time; ``datagrams_shed`` came in a flood of
    strangers, who get no more time than they have; ``datagrams_failed`` were refused by the
    system, by the name of its error, or ``full``: no socket took them.
    ``peer_tests``: of our own address, by outcome. ``introductions``: in which we took part, as
    ``alice``, ``bob`` or ``charlie``. ``traversal_refused``: peer tests and introductions of others
    that we refused, by our part in them. ``banned``: routers refused for a while, by what they did.
    """

    bytes_received: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    handshakes_in: int = 0
    handshakes_out: int = 0
    handshakes_in_failed: int = 0
    handshakes_out_failed: int = 0
    hybrid_in: int = 0
    hybrid_out: int = 0
    hybrid_fallbacks: int = 0
    dials_failed: int = 0
    fallbacks: int = 0
    replays: int = 0
    links_evicted: int = 0
    links_replaced: int = 0
    blocks_malformed: int = 0
    blocks_unknown: int = 0
    router_infos_refused: int = 0
    dropped_shed: int = 0
    dropped_queue_full: int = 0
    dropped_expired: int = 0
    dropped_malformed: int = 0
    dropped_unreachable: int = 0
    dropped_path: int = 0
    packets_sent: int = 0
    packets_received: int = 0
    packets_resent: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_forged: int = 0
    packets_malformed: int = 0
    messages_duplicate: int = 0
    messages_incomplete: int = 0
    path_fallbacks: int = 0
    paths_changed: int = 0
    datagrams_overrun: int = 0
    datagrams_shed: int = 0
    datagrams_failed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    peer_tests: Counter[str] = field(default_factory=Counter)
    introductions: Counter[str] = field(default_factory=Counter)
    traversal_refused: Counter[str] = field(default_factory=Counter)
    banned: Counter[str] = field(default_factory=Counter)

    @property
    def accepts_refused(self) -> int:
        """Inbound connections that were closed at once, for whatever reason."""
        return self.refused.total()
