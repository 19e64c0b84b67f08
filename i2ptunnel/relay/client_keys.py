"""Files that hold a client key for encrypted lease sets: 32 bytes in base64, in the first line."""

from __future__ import annotations

from pathlib import Path

from core.api import FileFault
from core.base.errors import DecodeError
from core.data.encoding import b64decode
from i2ptunnel.config.tunnel_kinds import KEY_BYTES
from i2ptunnel.text_files import first_line

__all__ = ["KEY_BYTES", "read_client_key"]


def read_client_key(path: Path) -> bytes:
    """The key in a file; raises FileFault."""
    try:
        key = b64decode(first_line(path))
    except DecodeError:
        key = b""
    if len(key) != KEY_BYTES:
        raise FileFault(path, "the first line is no client key of 32 bytes in base64")
    return key
