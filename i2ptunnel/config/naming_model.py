"""The ``naming:`` section: where names come from, and what is published of them."""

# option() is dataclasses.field() by another name, which the rule cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from i2ptunnel.config.compound_kinds import ListOf, Maybe
from i2ptunnel.config.kinds import Duration, FilePath, Flag
from i2ptunnel.config.network_kinds import UrlKind
from i2ptunnel.config.options import Section, option


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSection:
    """A hosts.txt of our own for others to subscribe to; offer it with an httpserver."""

    file: Path = option(FilePath(), "the file to write, for instance in a docroot")
    router_book: bool = option(
        Flag(), "include the router book, not only the local book", default=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingSection:
    """Where names come from. `i2ptunnel address subscribe` adds further subscriptions."""

    subscriptions: tuple[str, ...] = option(
        ListOf(UrlKind("http", i2p_host=True)),
        "URLs of hosts.txt files, fetched through I2P; they add names that are not known yet",
        default=(),
    )
    interval: float = option(
        Duration(600, 90 * 86400.0),
        "time between two fetches of a subscription",
        default=12 * 3600.0,
    )
    first_book: bool = option(
        Flag(),
        "start with the well-known names of the public network that come with this program",
        default=True,
    )
    publish: PublishSection | None = option(
        Maybe(Section(PublishSection)),
        "publish your address book as a hosts.txt; null: off",
        default=None,
    )
