"""What of a torrent leads out of I2P, and taking it out: trackers, web seeds, peers, DHT nodes.

Works on libtorrent's ``add_torrent_params``, whatever brought them: a file, a magnet link or what
was saved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import libtorrent as lt

from i2ptunnel.tracker_urls import is_i2p_tracker

#: not in libtorrent's Python binding: torrent_flags.hpp, ``i2p_torrent``
I2P_TORRENT = 1 << 24
TRACKERS_MAX = 100
_NO_DISCOVERY = (
    lt.torrent_flags.disable_dht | lt.torrent_flags.disable_lsd | lt.torrent_flags.disable_pex
)


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

    ``more_trackers`` are added to torrents that are known not to be private (BEP 27). Those that
    are, and those that do not tell, ask nobody but their own trackers for peers.
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
    if is_public(parameters.ti):
        last = max((tier for _, tier in kept), default=-1)
        known = {url for url, _ in kept}
        kept += [(url, last + 1) for url in more_trackers if url not in known]
    parameters.trackers = [url for url, _ in kept]
    parameters.tracker_tiers = [tier for _, tier in kept]
    parameters.url_seeds, parameters.http_seeds = [], []
    parameters.dht_nodes, parameters.peers, parameters.banned_peers = [], [], []
    flags = int(parameters.flags) | I2P_TORRENT | int(_NO_DISCOVERY)
    if is_public(parameters.ti):
        flags &= ~int(lt.torrent_flags.disable_pex)
    parameters.flags = flags
    return removed


def is_public(info: Any) -> bool:
    """Whether a torrent says (``torrent_info``, None while it is unknown) that others may know."""
    return info is not None and not info.priv()


def open_to_others(handle: Any, more_trackers: tuple[str, ...]) -> None:
    """What :func:`keep_i2p_alone` held back, once a magnet link turns out not to be private."""
    trackers = handle.trackers()
    known = {one["url"] for one in trackers}
    last = max((one["tier"] for one in trackers), default=-1)
    for url in more_trackers:
        if url not in known:
            handle.add_tracker({"url": url, "tier": last + 1})
    handle.unset_flags(lt.torrent_flags.disable_pex)


def keep_handle_clean(handle: Any) -> None:
    """The same of a torrent that is in a session: what came with its metadata goes, too."""
    trackers = handle.trackers()
    kept = [one for one in trackers if is_i2p_tracker(one["url"])]
    if len(kept) != len(trackers):
        handle.replace_trackers([{"url": one["url"], "tier": one["tier"]} for one in kept])
    for url in handle.url_seeds():
        handle.remove_url_seed(url)
