"""Reseed servers: those of the public network, and URLs that users write."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from urllib.parse import urlsplit

_FILE = "servers.txt"
BUNDLE_NAME = "i2pseeds.su3"
_PORT = 443


@dataclass(frozen=True, slots=True)
class Server:
    """Where a bundle is: ``host`` without brackets, and the path of the bundle."""

    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """``host`` or ``host:port``, as in a Host header; also the name for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORT else f"{host}:{self.port}"

    @classmethod
    def of(cls, url: str) -> Server:
        """From an ``https`` URL that the configuration has checked; the bundle's name is added."""
        parts = urlsplit(url)
        target = parts.path or "/"
        if not target.endswith(".su3"):
            target = f"{target.rstrip('/')}/{BUNDLE_NAME}"
        return cls((parts.hostname or "").lower(), parts.port or _PORT, target)


def public_servers() -> tuple[Server, ...]:
    """The servers of the public network."""
    text = resources.files("i2ptunnel.reseed").joinpath(_FILE).read_text("ascii")
    lines = (line.strip() for line in text.splitlines())
    return tuple(Server.of(line) for line in lines if line and not line.startswith("#"))
