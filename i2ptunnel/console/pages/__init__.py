"""The pages, each a function from a visit to its answer."""

from __future__ import annotations

from i2ptunnel.console.pages import (
    addresses,
    backup,
    browser,
    doctor,
    logs,
    network,
    overview,
    settings,
    torrents,
    tunnels,
)
from i2ptunnel.console.view import Answer

_ROOMS = (overview, tunnels, torrents, addresses, network, logs, doctor, browser, settings, backup)
#: path below that of the session -> page
PAGES: dict[str, Answer] = {path: page for room in _ROOMS for path, page in room.PAGES.items()}
