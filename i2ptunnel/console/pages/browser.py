"""How a browser is set to a proxy of ours."""

from __future__ import annotations

from starlette.responses import Response

from i2ptunnel.config.client_models import HttpClientSection
from i2ptunnel.console.view import Answer, View
from i2ptunnel.protocols.own_pages import chromium_options


async def browser(view: View) -> Response:
    """Steps for Firefox, Chromium and everything else."""
    proxies = [
        {
            "name": name,
            "listen": tunnel.listen,
            "host": tunnel.listen.host,
            "port": tunnel.listen.port,
            "options": " ".join(chromium_options(str(tunnel.listen))),
        }
        for name, tunnel in view.program.loaded.configuration.tunnels.items()
        if isinstance(tunnel, HttpClientSection) and tunnel.enabled and not tunnel.listen.is_unix
    ]
    return await view.page("browser.html", proxies=proxies)


PAGES: dict[str, Answer] = {"browser": browser}
