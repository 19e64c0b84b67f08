"""Destination key files (``*.dat``): made when missing, never replaced, never readable by others.

The format is the one of Java I2P and i2pd. A file that is there but cannot be used is a fault of
the tunnel that wants it: a new identity is never made in its place. Beside it, ``*.dat.sum`` holds
its checksum (``core.io.key_sums``).

Beside the key file of an encrypted destination whose signing key is offline is a file of daily
keys, ``site.days`` for ``site.dat`` (``core.data.daily_keys``).
Beside it, ``*.dat.session`` holds what the destination keeps over restarts and can do without: the
encryption key of its lease set and what the order of hops is derived from. Its form is our own: a
line that names it, the destination's hash, the two keys, and SHA-256 of all that.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from core.api import (
    FileFault,
    LastingKeys,
    SystemEntropy,
    check_key_sum,
    check_not_lost,
    check_private,
    create_key_file,
    keep_key_sum,
    make_directory,
    read_key_file,
    read_limited,
    write_atomic,
)
from core.base.errors import DecodeError
from core.data.daily_keys import check_daily_keys, parse_daily_keys
from core.data.lease_set_layers import DailyKey
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.tunnel_kinds import LASTING_SUFFIX

_log = logging.getLogger("i2ptunnel.keys")

#: what is said of each new key file, once
KEEP_IT = "keep a copy: without this file its address is lost (i2ptunnel backup makes one)"
KEY_FILE_BYTES_MIN = 400
KEY_FILE_BYTES_MAX = 16384
DAILY_FILE_BYTES_MAX = 2 * 1024 * 1024
_LASTING_TITLE = b"i2ptunnel session keys 1\n"
_LASTING_BYTES = len(_LASTING_TITLE) + 4 * 32


def read_keys(path: Path, *, is_used: bool = False) -> PrivateKeys | None:
    """The keys in a file, None if there is no such file; raises FileFault.

    ``is_used``: for a tunnel; then a missing checksum is made.
    """
    data = read_key_file(path, KEY_FILE_BYTES_MIN, KEY_FILE_BYTES_MAX)
    if data is None:
        return None
    try:
        keys = PrivateKeys.parse(data)
    except DecodeError as error:
        raise FileFault(path, f"no usable key file ({error}); restore it from a backup") from None
    check_key_sum(path, data, keys, is_used=is_used)
    return keys


def write_new_keys(path: Path, keys: PrivateKeys) -> None:
    """Write keys to a file that must not exist yet; raises FileFault."""
    make_directory(path.parent)
    create_key_file(path, keys.write())
    keep_key_sum(path, keys.write(), keys)


def replace_keys(path: Path, keys: PrivateKeys) -> None:
    """Write keys in place of older ones of the same identity; raises FileFault."""
    write_atomic(path, keys.write())
    keep_key_sum(path, keys.write(), keys)


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
    keys = read_keys(path, is_used=True)
    if keys is None:
        check_not_lost(path)
        keys = generate_keys(signing_type)
        write_new_keys(path, keys)
        _log.info("new key file %s: %s", path, KEEP_IT)
        return keys
    check_private(path)
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
    check_private(daily)
    try:
        check_daily_keys(found, keys.destination, secret)
    except DecodeError as error:
        raise FileFault(daily, f"{error}; make new ones with the offline key") from None
    return found


def lasting_file(data_dir: Path, key_file: Path, keys: PrivateKeys) -> Path:
    """Where :func:`load_or_create_lasting` belongs: beside the key file, but in ``data_dir``."""
    if key_file.is_relative_to(data_dir):
        return key_file.with_name(key_file.name + LASTING_SUFFIX)
    return data_dir / f"{keys.destination.b32}{LASTING_SUFFIX}"


def load_or_create_lasting(path: Path, keys: PrivateKeys) -> LastingKeys:
    """What the destination of ``keys`` keeps over restarts; raises FileFault.

    That of another destination, whose key file was in the same place, is replaced: two addresses
    with one encryption key would be known as the same owner's.
    """
    if path.exists():
        data = read_limited(path, KEY_FILE_BYTES_MAX)
        body = data[:-32]
        if (
            len(data) != _LASTING_BYTES
            or not data.startswith(_LASTING_TITLE)
            or hashlib.sha256(body).digest() != data[-32:]
        ):
            raise FileFault(
                path, "is damaged; remove it, a new one will be made (no address is lost)"
            )
        check_private(path)
        owner, encryption, peer_order = (body[at - 32 : at or None] for at in (-64, -32, 0))
        if owner == keys.hash:
            return LastingKeys(encryption, peer_order)
    lasting = LastingKeys.generate(SystemEntropy())
    body = _LASTING_TITLE + keys.hash + lasting.encryption + lasting.peer_order
    write_atomic(path, body + hashlib.sha256(body).digest())
    return lasting
