"""Destination key files (``*.dat``): made when missing, never replaced, never readable by others.

The format is the one of Java I2P and i2pd. A file that is there but cannot be used is a fault of
the tunnel that wants it: a new identity is never made in its place.

Beside the key file of an encrypted destination whose signing key is offline is a file of daily
keys, ``site.days`` for ``site.dat`` (``core.data.daily_keys``).
"""

from __future__ import annotations

import stat
from pathlib import Path

from core.api import FileFault, SystemEntropy, create_key_file, make_directory, read_key_file
from core.base.errors import DecodeError
from core.data.daily_keys import check_daily_keys, parse_daily_keys
from core.data.lease_set_layers import DailyKey
from core.data.private_keys import PrivateKeys

KEY_FILE_BYTES_MIN = 400
KEY_FILE_BYTES_MAX = 16384
DAILY_FILE_BYTES_MAX = 2 * 1024 * 1024


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
    _check_private(path)
    return keys


def daily_path(path: Path) -> Path:
    """Where the daily keys of the destination in the key file ``path`` are."""
    return path.with_suffix(".days")


def read_daily_keys(path: Path) -> tuple[DailyKey, ...]:
    """The daily keys in a file, () if there is no such file; raises FileFault."""
    data = read_key_file(path, 1, DAILY_FILE_BYTES_MAX)
    if data is None:
        return ()
    try:
        return parse_daily_keys(data)
    except DecodeError as error:
        raise FileFault(path, f"{error}; make new ones with the offline key") from None


def load_daily_keys(path: Path, keys: PrivateKeys, secret: str) -> tuple[DailyKey, ...]:
    """Those of a tunnel with the key file ``path`` and the word ``secret``; raises FileFault.

    FileFault as well if there are none, or if they are another destination's.
    """
    daily = daily_path(path)
    found = read_daily_keys(daily)
    if not found:
        raise FileFault(
            daily,
            "is needed to encrypt the lease set, for the signing key is offline; make it there: "
            "i2ptunnel keys transient --encrypted",
        )
    _check_private(daily)
    try:
        check_daily_keys(found, keys.destination, secret)
    except DecodeError as error:
        raise FileFault(daily, f"{error}; make new ones with the offline key") from None
    return found


def _check_private(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileFault(path, f"others can read this key file; make it private: chmod 600 {path}")
