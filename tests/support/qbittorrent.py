"""qBittorrent without a window, set up as docs/TORRENTS.md says, and asked over its web API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import fetch_qbittorrent
from tests.support.fetch_qbittorrent import BUNDLE

_GUIDE = Path(__file__).parents[2] / "docs/TORRENTS.md"
_MORE = """
WebUI\\Enabled=true
WebUI\\Address=127.0.0.1
WebUI\\Port={port}
WebUI\\LocalHostAuth=false
WebUI\\CSRFProtection=false
WebUI\\HostHeaderValidation=false

[LegalNotice]
Accepted=true
"""


def guide_settings() -> str:
    """The settings of the guide, to the letter."""
    (block,) = re.findall(r"```\n(\[BitTorrent\]\n.*?)```", _GUIDE.read_text(), re.S)
    return str(block)


@dataclass
class QBittorrent:
    """One process with ``root`` as its home."""

    root: Path
    sam: tuple[str, int]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    def start(self, *torrents: Path) -> None:
        """With our SAM instead of the guide's address, and tunnels of two hops."""
        config = self.root / "qBittorrent/config/qBittorrent.conf"
        config.parent.mkdir(parents=True)
        self.downloads.mkdir()
        text = guide_settings().replace("127.0.0.1", self.sam[0]).replace("7656", str(self.sam[1]))
        more = "".join(
            f"Session\\I2P\\{way}{what}=2\n"
            for way in ("Inbound", "Outbound")
            for what in ("Length", "Quantity")
        )
        config.write_text(
            text.replace("[BitTorrent]\n", f"[BitTorrent]\n{more}") + _MORE.format(port=self.port)
        )
        with (self.root / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *fetch_qbittorrent.program(),
                    f"--profile={self.root}",
                    f"--save-path={self.downloads}",
                    "--skip-dialog=true",
                    *map(str, torrents),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "HOME": str(self.root),
                    "QT_PLUGIN_PATH": str(BUNDLE.libraries / "qt6/plugins"),
                    "LC_ALL": "C.UTF-8",
                },
            )

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def torrents(self) -> list[dict[str, Any]]:
        """What it says of its torrents; none while it does not answer."""
        url = f"http://127.0.0.1:{self.port}/api/v2/torrents/info"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return list(json.load(response))
        except (OSError, ValueError):
            return []

    @property
    def log(self) -> str:
        logs = [self.root / "log", *self.root.glob("qBittorrent/data/logs/*.log")]
        return "".join(path.read_text()[-4000:] for path in logs if path.exists())
