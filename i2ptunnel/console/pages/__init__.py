"""The pages, each a function from a visit to its answer."""

from __future__ import annotations

from i2ptunnel.console.pages import overview, settings, tunnels
from i2ptunnel.console.view import Answer

#: path below that of the session -> page
PAGES: dict[str, Answer] = {**overview.PAGES, **tunnels.PAGES, **settings.PAGES}
