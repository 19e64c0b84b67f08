"""What of a torrent leads out of I2P, and taking it out: trackers, web seeds, peers, DHT nodes.

Works on libtorrent's ``add_torrent_params``, whatever brought them: a file, a magnet link or what
was saved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from i2ptunnel.tracker_urls import is_i2p_tracker

#: not in libtorrent's Python binding: torrent_flags.hpp, ``i2p_torrent``
I2P_TORRENT = 1 << 24
TRACKERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Removed:
    """How many of each a torrent had."""

    trackers: int = 0
    web_seeds: int = 0
    nodes: int = 0
    peers: int = 0

    def plain(self) -> dict[str, int]:
        """For JSON: those that are not 0."""
        return {name: count for name, count in asdict(self).items() if count}


def keep_i2p_alone(parameters: Any, more_trackers: tuple[str, ...] = ()) -> Removed:
    """Take out of ``add_torrent_params`` what is not in I2P, and mark the torrent as one of I2P.

    ``more_trackers`` are added to torrents that are not private.
    """
    tiers = list(parameters.tracker_tiers)
    tiers += [0] * (len(parameters.trackers) - len(tiers))
    kept = [
        (url, tier)
        for url, tier in zip(parameters.trackers, tiers, strict=False)
        if is_i2p_tracker(url)
    ][:TRACKERS_MAX]
    removed = Removed(
        trackers=len(parameters.trackers) - len(kept),
        web_seeds=len(parameters.url_seeds) + len(parameters.http_seeds),
        nodes=len(parameters.dht_nodes),
        peers=len(parameters.peers),
    )
    if parameters.ti is None or not parameters.ti.priv():
        last = max((tier for _, tier in kept), default=-1)
        known = {url for url, _ in kept}
        kept += [(url, last + 1) for url in more_trackers if url not in known]
    parameters.trackers = [url for url, _ in kept]
    parameters.tracker_tiers = [tier for _, tier in kept]
    parameters.url_seeds, parameters.http_seeds = [], []
    parameters.dht_nodes, parameters.peers, parameters.banned_peers = [], [], []
    return removed


def keep_handle_clean(handle: Any) -> None:
    """The same of a torrent that is in a session: what came with its metadata goes, too."""
    trackers = handle.trackers()
    kept = [one for one in trackers if is_i2p_tracker(one["url"])]
    if len(kept) != len(trackers):
        handle.replace_trackers([{"url": one["url"], "tier": one["tier"]} for one in kept])
    for url in handle.url_seeds():
        handle.remove_url_seed(url)
