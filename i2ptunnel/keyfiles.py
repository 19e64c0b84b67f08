"""Destination key files (``*.dat``): made when missing, never replaced, never readable by others.

The format is the one of Java I2P and i2pd. A file that is there but cannot be used is a fault of
the tunnel that wants it: a new identity is never made in its place.
"""

from __future__ import annotations

import stat
from pathlib import Path

from core.api import FileFault, SystemEntropy, create_key_file, make_directory, read_key_file
from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys

KEY_FILE_BYTES_MIN = 400
KEY_FILE_BYTES_MAX = 16384


def read_keys(path: Path) -> PrivateKeys | None:
    """The keys in a file, None if there is no such file; raises FileFault."""
    data = read_key_file(path, KEY_FILE_BYTES_MIN, KEY_FILE_BYTES_MAX)
    if data is None:
        return None
    try:
        return PrivateKeys.parse(data)
    except DecodeError as error:
        raise FileFault(path, f"no usable key file ({error}); restore it from a backup") from None


def write_new_keys(path: Path, keys: PrivateKeys) -> None:
    """Write keys to a file that must not exist yet; raises FileFault."""
    make_directory(path.parent)
    create_key_file(path, keys.write())


def generate_keys(signing_type: int | None = None) -> PrivateKeys:
    """A new destination."""
    entropy = SystemEntropy()
    if signing_type is None:
        return PrivateKeys.generate_destination(entropy)
    return PrivateKeys.generate_destination(entropy, signing_type)


def load_or_create_keys(path: Path, signing_type: int | None = None) -> PrivateKeys:
    """The keys of a tunnel; raises FileFault, also when others can read the file.

    ``signing_type`` is that of keys which are made because there are none.
    """
    keys = read_keys(path)
    if keys is None:
        keys = generate_keys(signing_type)
        write_new_keys(path, keys)
        return keys
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileFault(path, f"others can read this key file; make it private: chmod 600 {path}")
    return keys
