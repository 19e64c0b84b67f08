"""Files that hold a client key for encrypted lease sets: 32 bytes in base64, in the first line."""

from __future__ import annotations

from pathlib import Path

from core.api import FileFault
from core.base.errors import DecodeError
from core.data.encoding import b64decode
from i2ptunnel.config.tunnel_kinds import KEY_BYTES
from i2ptunnel.text_files import decode_text

__all__ = ["KEY_BYTES", "read_client_key"]

_LINE_BYTES_MAX = 1024


def read_client_key(path: Path) -> bytes:
    """The key in a file; raises FileFault."""
    try:
        with path.open("rb") as file:
            line = decode_text(file.read(_LINE_BYTES_MAX).split(b"\n")[0]).strip()
        key = b64decode(line)
    except OSError as error:
        raise FileFault(path, (error.strerror or "cannot be read").lower()) from None
    except DecodeError:
        key = b""
    if len(key) != KEY_BYTES:
        raise FileFault(path, "the first line is no client key of 32 bytes in base64")
    return key
