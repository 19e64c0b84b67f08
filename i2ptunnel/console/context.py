"""What the pages work with: the program, who may come in, and what is remembered of the traffic."""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import time
from typing import Any

from core.api import write_atomic
from core.base.authority import authority
from i2ptunnel.commands import Program, doctor
from i2ptunnel.config.loader import Loaded
from i2ptunnel.config.router_model import ConsoleSection
from i2ptunnel.console.access import TOKEN_LIFE_S, Access
from i2ptunnel.console.history import History
from i2ptunnel.editing import ConfigurationEditor
from i2ptunnel.passwords import Guesses, PasswordGuard

ENTRY_FILE = "console.html"
#: how long findings are shown again: making them reads the whole configuration
FINDINGS_KEPT_S = 5.0
_ENTRY_PAGE = """\
<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>I2P console</title></head>
<body><form method="post" action="{url}enter"><input type="hidden" name="token" value="{token}">
<button>Open the I2P console</button></form><script>document.forms[0].submit()</script>
</body></html>
"""


def url_of(section: ConsoleSection, port: int = 0) -> str:
    """Where a browser on this machine finds a console that listens there."""
    listen = section.listen
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)
    scheme = "https" if section.tls else "http"
    return f"{scheme}://{authority(host, port or listen.port)}/"


class Console:
    """One running console. ``password``: None where there is none."""

    def __init__(
        self, section: ConsoleSection, program: Program, password: PasswordGuard | None = None
    ) -> None:
        self.section = section
        self.program = program
        self.password = password
        self.access = Access(time.monotonic)
        self.guesses = Guesses(time.monotonic)
        self.editor = ConfigurationEditor(program)
        self.history = History()
        self._entry = program.loaded.data_dir / ENTRY_FILE
        self._forgetting: asyncio.TimerHandle | None = None
        self._examining = asyncio.Lock()
        self._findings: list[dict[str, Any]] = []
        self._examined: tuple[float, Loaded] | None = None

    async def findings(self) -> list[dict[str, Any]]:
        """What ``doctor`` finds, made at most every few seconds and after each reload."""
        async with self._examining:  # a second visitor waits for what the first one asked for
            loaded = self.program.loaded
            if self._examined is not None:
                at, examined = self._examined
                if time.monotonic() - at < FINDINGS_KEPT_S and examined is loaded:
                    return self._findings
            self._findings = await doctor(self.program)
            self._examined = time.monotonic(), loaded
            return self._findings

    @property
    def section_now(self) -> ConsoleSection | None:
        """What a reload has made of its section; None: there is no console any more."""
        return self.program.loaded.configuration.control.console

    @property
    def is_over(self) -> bool:
        """Whether a reload has stopped it, and perhaps started another one."""
        return self.section_now != self.section

    async def open(self, url: str) -> dict[str, Any]:
        """A file that brings a browser to ``url``, once and within a minute; raises FileFault.

        Only its owner can read it: so the token stands in no argument, no address and no log.
        """
        page = _ENTRY_PAGE.format(url=html.escape(url), token=self.access.make_token())
        await asyncio.to_thread(write_atomic, self._entry, page.encode(), 0o600)
        self._keep_entry()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(TOKEN_LIFE_S, self.close_entry)
        return {"file": str(self._entry), "url": url, "wait_s": TOKEN_LIFE_S}

    def enter(self, token: str) -> bool:
        """Whether a token lets in. The file it came from goes."""
        is_good = self.access.use_token(token)
        if is_good:
            self.close_entry()
        return is_good

    def close_entry(self) -> None:
        """No file lets in any more."""
        self._keep_entry()
        with contextlib.suppress(OSError):
            os.unlink(self._entry)

    def _keep_entry(self) -> None:
        """The next file is not this one: perhaps another console's."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
