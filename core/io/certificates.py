"""The certificate file of a local TLS listener, made when it is missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.io.files import create_key_file, make_directory, read_key_file
from core.io.system import SystemEntropy, SystemWallClock

_PEM_BYTES = (100, 65536)


def ensure_certificate(path: Path, names: Iterable[str]) -> None:
    """Make a PEM file with key and certificate for ``names`` unless there is one.

    Raises FileFault, also if the file that is there belongs to others or is no such file.
    """
    if read_key_file(path, *_PEM_BYTES) is not None:
        return
    # Takes a while to load, and few listeners need it.
    from core.crypto.self_signed import make_self_signed

    make_directory(path.parent)
    create_key_file(path, make_self_signed(names, SystemWallClock().now(), SystemEntropy()))
