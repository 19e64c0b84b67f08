"""The torrent client of the running program, as commands and the console see it.

:class:`TorrentClient` lasts as long as the program; a :class:`TorrentService` is one life of the
``torrents:`` section. The service keeps a worker running: one that ends is started again, later
each time, and finds its torrents in the state directory. Each worker has a SAM bridge of its own,
at a socket in the worker's network namespace, where nothing else is.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.api import SystemEntropy, make_directory
from core.base.errors import Unavailable
from i2ptunnel.config.interfaces_model import SamSection
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.own_doors import OwnDoors
from i2ptunnel.config.torrents_model import TorrentsSection, TorrentTunnelsSection
from i2ptunnel.relay.budget import ConnectionBudget
from i2ptunnel.sam.bridge import SamBridge
from i2ptunnel.sam.context import Naming, SamContext, SessionOpener
from i2ptunnel.services import Wanted
from i2ptunnel.supervisor import RETRY_FIRST_S, Entry, State, Supervisor
from i2ptunnel.torrents.process import TorrentRefused, Worker
from i2ptunnel.torrents.settings import SAM_HOST, SAM_PORT

#: in the data directory: what is known of each torrent
STATE_DIR = "torrents"
FILE_BYTES_MAX = 1_400_000
_MAGNET_CHARACTERS_MAX = 16_384
#: a worker that has lived so long has earned a quick restart
_SOUND_LIFE_S = 60.0
_DIRECTORY_MODE = 0o700
#: besides the connections with peers: trackers, lookups, the session and its ACCEPT
_MORE_CONNECTIONS = 64
_SESSIONS_MAX = 2

_log = logging.getLogger("i2ptunnel.torrents")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of all torrents together; rates in bytes a second, None: no limit."""

    download_rate: int | None
    upload_rate: int | None
    connections: int

    @classmethod
    def of(cls, section: TorrentsSection) -> Limits:
        """What the configuration says."""
        return cls(section.download_rate, section.upload_rate, section.max_connections)

    def plain(self) -> dict[str, int | None]:
        """For JSON."""
        return {
            "download_rate": self.download_rate,
            "upload_rate": self.upload_rate,
            "connections": self.connections,
        }


class TorrentClient:
    """Add, list, pause, resume, remove: whatever runs at present. Torrents are told by ID, the
    beginning of one (4 characters or more), or name."""

    def __init__(
        self,
        data_dir: Path,
        router: SessionOpener,
        naming: Naming,
        budget: ConnectionBudget,
        retry_first_s: float = RETRY_FIRST_S,
    ) -> None:
        self._data_dir = data_dir
        self._context = SamContext(
            data_dir / STATE_DIR, SystemEntropy(), router, naming, OwnDoors, budget, is_shut_in=True
        )
        self._retry_first_s = retry_first_s
        self._configured: Limits | None = None
        self._limits: Limits | None = None
        self._service: TorrentService | None = None

    def wanted(self, section: TorrentsSection) -> Wanted:
        """The service of a configuration. Other limits do not start it anew."""
        configured = Limits.of(section)
        if configured != self._configured:
            self._configured = self._limits = configured
        limits = TorrentsSection()
        settings = replace(
            section,
            download_rate=limits.download_rate,
            upload_rate=limits.upload_rate,
            max_connections=limits.max_connections,
        )
        return Wanted(lambda: self._make(section), settings)

    def _make(self, section: TorrentsSection) -> TorrentService:
        self._service = TorrentService(
            section, self._data_dir, self._context, lambda: self.limits, self._retry_first_s
        )
        return self._service

    @property
    def is_running(self) -> bool:
        """Whether requests can be carried out."""
        return self._service is not None and self._service.worker is not None

    @property
    def limits(self) -> Limits:
        """Those that hold now."""
        return self._limits or Limits.of(TorrentsSection())

    def list(self) -> list[dict[str, Any]]:
        """Each torrent's state, at most some seconds old; the oldest first. Raises Unavailable."""
        return self._worker().torrents

    def snapshot(self) -> dict[str, Any] | None:
        """All of it for ``status``; None if there is no torrent client."""
        service = self._service
        if service is None or service.is_stopped:
            return None
        worker = service.worker
        torrents = [] if worker is None else worker.torrents
        return {
            **service.status(),
            "limits": self.limits.plain(),
            "download_rate": sum(one["download_rate"] for one in torrents),
            "upload_rate": sum(one["upload_rate"] for one in torrents),
            "torrents": torrents,
        }

    async def add(
        self,
        *,
        magnet: str | None = None,
        file: bytes | None = None,
        trackers: tuple[str, ...] = (),
        paused: bool = False,
    ) -> dict[str, Any]:
        """Add a torrent; its ID, name, trackers in I2P, and what was removed from it.

        Raises TorrentRefused and Unavailable.
        """
        if (magnet is None) == (file is None):
            raise TorrentRefused("give a magnet link or a torrent file")
        arguments: dict[str, Any] = {"trackers": list(trackers), "paused": paused}
        if magnet is not None:
            if len(magnet) > _MAGNET_CHARACTERS_MAX:
                raise TorrentRefused("the magnet link is too long")
            arguments["magnet"] = magnet
        if file is not None:
            if len(file) > FILE_BYTES_MAX:
                raise TorrentRefused(f"torrent files have at most {FILE_BYTES_MAX} bytes here")
            arguments["file"] = base64.b64encode(file).decode()
        added = await self._worker().ask("add", **arguments)
        return dict(added)

    async def pause(self, torrent: str) -> str:
        """No more transfers, until it is resumed; its ID."""
        return str(await self._worker().ask("pause", torrent=torrent))

    async def resume(self, torrent: str) -> str:
        """Go on, also after an error; its ID."""
        return str(await self._worker().ask("resume", torrent=torrent))

    async def remove(self, torrent: str, *, data: bool = False) -> str:
        """Forget a torrent, ``data``: and delete its files; its ID."""
        return str(await self._worker().ask("remove", torrent=torrent, data=data))

    async def limit(self, limits: Limits) -> None:
        """Other limits, until the program or its configuration is started or changed."""
        worker = self._worker()
        await worker.ask("limits", limits=limits.plain())
        self._limits = limits

    async def stop(self) -> None:
        """Have everything saved that is to be, for the program ends."""
        if self._service is not None:
            await self._service.stop()

    async def apply_limits(self) -> None:
        """After a reload: what the worker has may be older."""
        if self.is_running:
            with contextlib.suppress(Unavailable, TorrentRefused):
                await self.limit(self.limits)

    def _worker(self) -> Worker:
        service = self._service
        if service is None or service.is_stopped:
            raise Unavailable(
                "there is no torrent client: it needs `torrents: {}` in the configuration", "off"
            )
        if service.worker is None:
            why = service.last_error
            text = "the torrent client is starting" if why is None else f"it is not running: {why}"
            raise Unavailable(text, "worker")
        return service.worker


class TorrentService(Supervisor[Entry]):
    """One life of the section: :meth:`start` once, :meth:`stop` once."""

    FAILURE = "%s: %s; it is started again"

    def __init__(
        self,
        section: TorrentsSection,
        data_dir: Path,
        context: SamContext,
        limits: Callable[[], Limits],
        retry_first_s: float = RETRY_FIRST_S,
    ) -> None:
        super().__init__(_log, retry_first_s)
        self._section = section
        self._download_dir = section.place(data_dir)
        self._state_dir = data_dir / STATE_DIR
        self._context = context
        self._limits = limits
        self._entry = self._entries["torrents"] = Entry(name="torrents")
        self._tried = asyncio.Event()
        self._bridge: SamBridge | None = None
        self._ending: asyncio.Task[None] | None = None
        self.worker: Worker | None = None
        self.is_stopped = False

    @property
    def last_error(self) -> str | None:
        """Why there is no worker."""
        return self._entry.last_error

    async def start(self) -> None:
        """Start the worker; raises Unavailable or OSError if that is not possible here."""
        if importlib.util.find_spec("libtorrent") is None:
            raise Unavailable(
                "libtorrent is not installed, which it needs: pip install libtorrent", "worker"
            )
        await asyncio.to_thread(self._make_directories)
        self._start(self._entry)
        await self._tried.wait()
        if self.worker is None:
            raise Unavailable(self.last_error or "the torrent client did not start", "worker")

    def _make_directories(self) -> None:
        for directory in (self._state_dir, self._download_dir):
            make_directory(directory)
        self._state_dir.chmod(_DIRECTORY_MODE)

    async def stop(self) -> None:
        """End the worker, which saves what it has; may be called in any state."""
        self.is_stopped = True
        await self._stop(self._entry)
        if self._ending is not None:
            await asyncio.wait([self._ending])

    async def check(self) -> None:
        """Nothing to find out: who ends is started again at once."""

    def status(self) -> dict[str, Any]:
        """Where files go, and how the worker is."""
        worker, bridge = self.worker, self._bridge
        return {
            "download_dir": str(self._download_dir),
            "pid": None if worker is None else worker.pid,
            "files_limited": None if worker is None else worker.files_limited,
            "i2p_error": None if worker is None else worker.i2p_error,
            "sam": None if bridge is None else bridge.status(),
            "worker": self._entry.status(),
        }

    def _pause_s(self, entry: Entry, last_s: float, life_s: float) -> float:
        return super()._pause_s(entry, 0.0 if life_s >= _SOUND_LIFE_S else last_s, life_s)

    def _has_failed(self, entry: Entry) -> None:
        self._tried.set()

    async def _run(self, entry: Entry) -> None:
        """One worker, until it ends."""
        worker = await Worker.start(self._task(), self._changed)
        bridge = self._answer(worker)
        try:
            await bridge.start()
            self.worker, self._bridge = worker, bridge
            if entry.last_error is not None:
                _log.warning("torrents: running again")
            entry.last_error = None
            self._set(entry, State.READY)
            self._tried.set()
            raise Unavailable(await worker.ended(), "worker")
        finally:
            self.worker = self._bridge = None
            self._ending = asyncio.create_task(_end(worker, bridge))
            await asyncio.shield(self._ending)  # who stops us meanwhile waits for it

    def _answer(self, worker: Worker) -> SamBridge:
        """SAM for the worker, at the socket that it has sent."""
        sock, worker.sam = worker.sam, None
        section = SamSection(
            listen=Endpoint(SAM_HOST, SAM_PORT),
            udp=None,
            max_sessions=_SESSIONS_MAX,
            max_connections=self._section.max_connections + _MORE_CONNECTIONS,
        )
        return SamBridge(section, self._context, lambda *_: sock)

    def _task(self) -> dict[str, Any]:
        """What the worker is to do; see :mod:`i2ptunnel.torrents.engine`."""
        section = self._section
        return {
            "download_dir": str(self._download_dir.resolve()),
            "state_dir": str(self._state_dir.resolve()),
            "trackers": list(section.trackers),
            "max_torrents": section.max_torrents,
            "limits": self._limits().plain(),
            "inbound": _shape(section.inbound),
            "outbound": _shape(section.outbound),
        }


async def _end(worker: Worker, bridge: SamBridge) -> None:
    try:
        await worker.stop()
    finally:
        await bridge.stop()


def _shape(section: TorrentTunnelsSection) -> dict[str, int]:
    return {
        "length": section.length,
        "quantity": section.quantity,
        "length_variance": section.length_variance,
    }
