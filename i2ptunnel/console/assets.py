"""The style, the script and the icon, which browsers may keep: their address changes with them."""

from __future__ import annotations

import hashlib
from importlib import resources

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _read() -> dict[str, tuple[bytes, str]]:
    folder = resources.files("i2ptunnel.console") / "static"
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    return {
        name: (data, f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")
        for name, data in found.items()
    }


#: name -> content and type
ASSETS = _read()
_DIGEST = hashlib.sha256(b"".join(data for data, _ in ASSETS.values())).hexdigest()[:12]


def asset_path(name: str) -> str:
    """The address of an asset; KeyError if there is none."""
    assert name in ASSETS, name
    return f"/static/{_DIGEST}/{name}"
