"""A checksum beside each key file: ``site.dat.sum`` for ``site.dat``.

Large parts of a key file prove nothing by themselves: a flipped bit in the padding, the certificate
or an unused key gives another identity that works. The key file keeps the form that other routers
read; beside it stand SHA-256 of the file, SHA-256 of its part that never changes (the identity and
its encryption key), and the hash of the identity. A file that differs is a fault, never a new
identity; only a successor of a transient key, which the identity itself has signed, replaces it.

A file without a checksum (from another program, from a backup) is taken, and gets one.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from core.data.encoding import b32encode
from core.data.private_keys import PrivateKeys
from core.io.files import FileFault, read_limited, write_atomic

SUM_SUFFIX = ".sum"
_TITLE = "i2ptunnel key file checksum 1"
_BYTES_MAX = 1024


def sum_path(path: Path) -> Path:
    """Where the checksum of the key file ``path`` is."""
    return path.with_name(path.name + SUM_SUFFIX)


def check_key_sum(path: Path, data: bytes, keys: PrivateKeys, *, is_used: bool = False) -> None:
    """Raise FileFault unless ``data`` is what the checksum of ``path`` was made of.

    ``keys`` are those in ``data``. ``is_used``: for a tunnel or the router, not only shown; a
    checksum that is missing or of an older transient key is made then.
    """
    wanted = sum_path(path)
    if not wanted.exists() and not wanted.is_symlink():
        _keep(path, data, keys, is_used)
        return
    text = read_limited(wanted, _BYTES_MAX)
    if text == _text(data, keys):
        return
    lines = text.splitlines()
    if keys.offline is not None and lines[0:1] + lines[2:] == _text(data, keys).splitlines()[::2]:
        _keep(path, data, keys, is_used)  # a new transient key of the same identity
        return
    raise FileFault(
        path,
        f"differs from its checksum in {wanted.name}: one of the two is damaged, or another key "
        f"file was put here. Restore it from a backup; if {keys.destination.b32} is the address "
        f"you want here, remove {wanted}",
    )


def check_not_lost(path: Path) -> None:
    """Raise FileFault if the key file ``path``, which is not there, has left its checksum."""
    left = sum_path(path)
    if left.exists():
        raise FileFault(
            path,
            f"the key file is gone, and its checksum {left.name} is still there. Restore it from "
            f"a backup; to start with a new identity, remove {left}",
        )


def keep_key_sum(path: Path, data: bytes, keys: PrivateKeys) -> None:
    """Write the checksum of a key file that was just written. Raises FileFault."""
    write_atomic(sum_path(path), _text(data, keys))


def _keep(path: Path, data: bytes, keys: PrivateKeys, is_used: bool) -> None:
    if is_used:
        # A directory that cannot be written has keys that do not change.
        with contextlib.suppress(FileFault):
            keep_key_sum(path, data, keys)


def _text(data: bytes, keys: PrivateKeys) -> bytes:
    fixed = hashlib.sha256(keys.destination.raw + keys.crypto_private).hexdigest()
    lines = (
        _TITLE,
        f"file sha256 {hashlib.sha256(data).hexdigest()}",
        f"fixed sha256 {fixed} identity {b32encode(keys.hash)}",
    )
    return "".join(f"{line}\n" for line in lines).encode()
