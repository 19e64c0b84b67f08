"""A router in this process: the router itself, its address book, and how it finds the network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from core.api import Router
from i2ptunnel.api.core_router import CoreRouter
from i2ptunnel.api.errors import UsageError
from i2ptunnel.config.faults import Source
from i2ptunnel.config.loader import Loaded, load, read_source
from i2ptunnel.hiding import HiddenMode
from i2ptunnel.naming_service import NamingService
from i2ptunnel.reseeding import Reseeding
from i2ptunnel.router_setup import start_config
from i2ptunnel.sessions import SessionPool

#: sections of the configuration that belong to the program, not to the library
_FOREIGN = ("tunnels", "interfaces", "control")
_CHECK_S = 5.0


def read_configuration(
    config: Mapping[str, Any] | Path | str | None, data_dir: Path | None
) -> Loaded:
    """The sections ``router`` and ``naming``. Raises ConfigError or UsageError."""
    if isinstance(config, Path | str):
        source = read_source(Path(config))
    else:
        text = yaml.safe_dump(_plain({"router": {}, **(config or {})}))
        source = text.encode(), Source("config", Path.cwd())
    loaded = load([source], data_dir)
    found = [name for name in _FOREIGN if name in loaded.root.entries]
    if found:
        raise UsageError(
            f"{found[0]}: is for the program i2ptunnel; a router in a Python program has only "
            "router: and naming:",
            "bad_configuration",
        )
    if loaded.configuration.router.i2cp is not None:
        raise UsageError("router.i2cp: use attach_i2cp", "bad_configuration")
    if loaded.is_default_dir:
        raise UsageError("say where the router keeps its data: data_dir=…", "bad_configuration")
    return loaded


def _plain(value: Any) -> Any:
    """What YAML can write: paths as text, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


class Embedded:
    """Starts and stops everything; :attr:`router` is the face of it."""

    def __init__(self, loaded: Loaded) -> None:
        section = loaded.configuration.router
        self._hidden_mode = HiddenMode(section)
        self._core = Router(start_config(section, self._hidden_mode))
        pool = SessionPool(self._core.open_session, loaded.data_dir)
        self._reseeding = Reseeding(section, loaded.data_dir, self._core, status=self._core.status)
        self._naming = NamingService(loaded.configuration, loaded.data_dir, pool.open, pool.release)
        self._hiding: asyncio.Task[None] | None = None
        self.router = CoreRouter(self._core.open_session, self._naming.resolver, self._stop)

    async def start(self) -> None:
        """Raises FileFault, OSError or Unavailable; nothing is left open then."""
        try:
            await self._core.start()
            await self._reseeding.import_files()
            self._naming.start()
            self._reseeding.start()
            self._hiding = asyncio.create_task(self._keep_hidden())
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        """Everything, in turn, whatever one of them says."""
        async with AsyncExitStack() as stack:
            stack.callback(self._naming.close)
            stack.push_async_callback(self._core.stop)
            stack.push_async_callback(self._naming.stop)
            stack.push_async_callback(self._reseeding.stop)
            if self._hiding is not None:
                self._hiding.cancel()

    async def _keep_hidden(self) -> None:
        """Our address may be known one day, and with it the country."""
        while True:
            hiding = self._hidden_mode.decide(self._core.own_hosts())
            config = self._core.config
            if hiding.hidden != config.hidden:
                self._core.reconfigure(replace(config, hidden=hiding.hidden))
            await asyncio.sleep(_CHECK_S)
