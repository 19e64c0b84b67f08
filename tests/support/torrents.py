"""Torrents for tests, made with libtorrent, and a tracker on sessions that are joined in memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import libtorrent as lt

from core.api import SessionConfig
from core.data.encoding import b64encode
from tests.support import waiting
from tests.support.sam_bridge import SamNetwork

PIECE_BYTES = 65536
TRACKER = "http://tracker.i2p/announce"


def make_torrent(
    folder: Path,
    files: dict[str, bytes],
    trackers: list[str],
    *,
    web_seed: str = "",
    name: str = "",
    is_private: bool = False,
) -> bytes:
    """A torrent of one file, or of files below ``name``, which are written into ``folder``."""
    for path, content in files.items():
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    entries = [
        {b"length": len(content), b"path": path.encode().split(b"/")}
        for path, content in files.items()
    ]
    return write_torrent(entries, b"".join(files.values()), trackers, web_seed, name, is_private)


def write_torrent(
    entries: list[dict[bytes, Any]],
    content: bytes,
    trackers: list[str],
    web_seed: str = "",
    name: str = "",
    is_private: bool = False,
) -> bytes:
    """BEP 3, as strange as the entries of its files are; without a name it has one file."""
    pieces = [content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)]
    info: dict[bytes, Any] = {
        b"piece length": PIECE_BYTES,
        b"pieces": b"".join(hashlib.sha1(piece).digest() for piece in pieces),
    }
    if name:
        info |= {b"name": name.encode(), b"files": entries}
    else:
        info |= {b"name": entries[0][b"path"][0], b"length": entries[0][b"length"]}
    if is_private:
        info[b"private"] = 1
    made: dict[bytes, Any] = {b"info": info}
    if trackers:
        made[b"announce-list"] = [[url.encode()] for url in trackers]
    if web_seed:
        made[b"url-list"] = web_seed.encode()
    return bytes(lt.bencode(made))


def magnet_of(torrent: bytes, *more: str) -> str:
    """Its magnet link with all trackers, and what else is to stand in it."""
    return "&".join([lt.make_magnet_uri(lt.load_torrent_buffer(torrent)), *more])


def first_path(torrent: bytes) -> str:
    """Where libtorrent puts the first file."""
    info = lt.load_torrent_buffer(torrent).ti
    assert info is not None
    return str(info.layout().file_path(0))


async def until(what: str, check: Callable[[], Any], timeout_s: float = 60) -> Any:
    """As :func:`waiting.until`, with the patience that peers and trackers need."""
    return await waiting.until(what, check, timeout_s)


@asynccontextmanager
async def tracker(network: SamNetwork) -> AsyncIterator[dict[bytes, dict[bytes, None]]]:
    """One at ``tracker.i2p``: info hash -> hashes of who has announced, and b"" -> requests."""
    session = await network.open_session(SessionConfig("tracker"))
    line = f"tracker.i2p={b64encode(session.destination.raw)}\n"
    (network.root / "hosts.txt").write_text(line)
    swarms: dict[bytes, dict[bytes, None]] = {b"": {}}

    async def serve() -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(_answer(await session.accept(), swarms))

    serving = asyncio.create_task(serve())
    try:
        yield swarms
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await session.close()


async def _answer(stream: Any, swarms: dict[bytes, dict[bytes, None]]) -> None:
    with contextlib.suppress(Exception):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = await stream.read()
            if not piece:
                return
            head += piece
        swarms[b""][head] = None
        query = head.split(b" ")[1].partition(b"?")[2].decode()
        given = {
            key: unquote_to_bytes(value)
            for key, _, value in (pair.partition("=") for pair in query.split("&"))
        }
        swarm = swarms.setdefault(given["info_hash"], {})
        own = stream.remote.hash
        peers = b"".join(one for one in swarm if one != own)
        swarm[own] = None
        body = b"d8:intervali5e12:min intervali2e5:peers%d:%se" % (len(peers), peers)
        await stream.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (len(body), body)
        )
        await stream.close_write()
