"""Files that hold a client key for encrypted lease sets: 32 bytes in base64, in the first line."""

from __future__ import annotations

from pathlib import Path

from core.api import FileFault, read_limited
from core.base.errors import DecodeError
from core.data.encoding import b64decode
from i2ptunnel.config.tunnel_kinds import KEY_BYTES
from i2ptunnel.text_files import decode_text

__all__ = ["KEY_BYTES", "read_client_key"]

_FILE_BYTES_MAX = 65536


def read_client_key(path: Path) -> bytes:
    """The key in a file; raises FileFault."""
    try:
        line = decode_text(read_limited(path, _FILE_BYTES_MAX).split(b"\n")[0]).strip()
        key = b64decode(line)
    except DecodeError:
        key = b""
    if len(key) != KEY_BYTES:
        raise FileFault(path, "the first line is no client key of 32 bytes in base64")
    return key
