"""The ``torrents:`` section: a torrent client in I2P alone."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.kinds import FilePath, Number, Rate, ScalarKind, Schema
from i2ptunnel.config.nodes import Scalar
from i2ptunnel.config.options import Section, option
from i2ptunnel.config.router_model import HOPS_MAX
from i2ptunnel.tracker_urls import LOOK, is_i2p_tracker

#: in the data directory
DOWNLOADS = "downloads"


class TrackerKind(ScalarKind[str]):
    """The announce URL of a tracker in I2P."""

    word = "URL in I2P"
    right = f"write the announce URL of a tracker in I2P, like {LOOK}"

    def convert(self, node: Scalar) -> str:
        """As it is written."""
        if not is_i2p_tracker(node.text):
            raise ValueError(self.right)
        return node.text

    def schema(self) -> Schema:
        """HTTP, and a name in I2P."""
        return {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp]://[^/]+\.[Ii]2[Pp](:[0-9]+)?/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentTunnelsSection:
    """Length and number of the router tunnels of one direction."""

    length: int = option(
        Number(0, HOPS_MAX), "hops in each tunnel; 0 gives no anonymity", default=3
    )
    quantity: int = option(Number(1, 16), "tunnels in use at the same time", default=3)
    length_variance: int = option(
        Number(-2, 2),
        "the length of each tunnel varies at random by up to this many hops",
        default=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentsSection:
    """A torrent client that can reach nothing but I2P. It needs the extra `torrents`."""

    download_dir: Path | None = option(
        Maybe(FilePath()),
        f"where files go, and nowhere else; null: `{DOWNLOADS}` in data_dir",
        default=None,
    )
    download_rate: int | None = option(
        Maybe(Rate()), "what all torrents may receive; null: no limit", default=None
    )
    upload_rate: int | None = option(
        Maybe(Rate()), "what all torrents may send; null: no limit", default=None
    )
    max_connections: int = option(
        Number(2, 2000), "connections with peers at the same time", default=200
    )
    max_torrents: int = option(Number(1, 1000), "torrents, paused ones included", default=200)
    trackers: tuple[str, ...] = option(
        ListOf(TrackerKind()),
        "announce URLs in I2P that each torrent gets besides its own, once it is known "
        "not to be private",
        default=(),
    )
    inbound: TorrentTunnelsSection = option(
        Section(TorrentTunnelsSection), "tunnels towards us", default=TorrentTunnelsSection()
    )
    outbound: TorrentTunnelsSection = option(
        Section(TorrentTunnelsSection), "tunnels away from us", default=TorrentTunnelsSection()
    )

    def place(self, data_dir: Path) -> Path:
        """Where files go."""
        return data_dir / DOWNLOADS if self.download_dir is None else self.download_dir
