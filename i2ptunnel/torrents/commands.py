"""The commands of the torrent client: part of the table of all (:mod:`i2ptunnel.commands`)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from i2ptunnel.torrents.client import Limits, TorrentClient
from i2ptunnel.torrents.process import TorrentRefused


class HasTorrents(Protocol):
    """The running program, as far as these commands need it."""

    torrents: TorrentClient


async def torrents_add(
    program: HasTorrents,
    *,
    magnet: str | None = None,
    file: str | None = None,
    trackers: list[str] | None = None,
    paused: bool = False,
) -> dict[str, Any]:
    """Add a magnet link or a torrent file (in base64); what has become of it."""
    try:
        content = None if file is None else b64decode(file, validate=True)
    except ValueError:
        raise TorrentRefused("the file is not in base64") from None
    return await program.torrents.add(
        magnet=magnet, file=content, trackers=tuple(trackers or ()), paused=paused
    )


async def torrents_list(program: HasTorrents) -> list[dict[str, Any]]:
    """Each torrent's state, the oldest first."""
    return program.torrents.list()


async def torrents_pause(program: HasTorrents, *, torrent: str) -> str:
    """Stop a torrent's transfers; its ID."""
    return await program.torrents.pause(torrent)


async def torrents_resume(program: HasTorrents, *, torrent: str) -> str:
    """Go on with a torrent; its ID."""
    return await program.torrents.resume(torrent)


async def torrents_remove(program: HasTorrents, *, torrent: str, data: bool = False) -> str:
    """Forget a torrent, with its files if ``data``; its ID."""
    return await program.torrents.remove(torrent, data=data)


async def torrents_limits(
    program: HasTorrents,
    *,
    download_rate: int | None = None,
    upload_rate: int | None = None,
    connections: int | None = None,
) -> dict[str, Any]:
    """The limits of all torrents together, after some were set or not; a rate of 0: no limit."""
    old = program.torrents.limits
    if (download_rate, upload_rate, connections) != (None, None, None):
        if min(download_rate or 0, upload_rate or 0) < 0 or not 2 <= (connections or 2) <= 2000:
            raise TorrentRefused("rates are not negative, and connections are from 2 to 2000")
        await program.torrents.limit(
            Limits(
                old.download_rate if download_rate is None else download_rate or None,
                old.upload_rate if upload_rate is None else upload_rate or None,
                connections or old.connections,
            )
        )
    return program.torrents.limits.plain()


#: name -> function
TORRENT_COMMANDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "torrents-add": torrents_add,
    "torrents-list": torrents_list,
    "torrents-pause": torrents_pause,
    "torrents-resume": torrents_resume,
    "torrents-remove": torrents_remove,
    "torrents-limits": torrents_limits,
}
