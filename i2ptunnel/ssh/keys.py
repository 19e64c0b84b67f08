"""Keys of the SSH console: its own for each way in, and those that may log in."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import asyncssh

from core.api import FileFault, check_private, create_key_file, read_key_file, read_limited
from core.base.errors import Unavailable, system_reason
from i2ptunnel.config.authorized_keys import fault_of
from i2ptunnel.config.network_kinds import Endpoint

_HOST_KEY_BYTES_MAX = 16384
_AUTHORIZED_BYTES_MAX = 1 << 20
_KIND = "ssh-ed25519"


def host_key_file(data_dir: Path, endpoint: Endpoint) -> Path:
    """Where the host key of one listener is.

    Each has its own: who sees one key at two addresses knows that they are one machine.
    """
    name = "".join(one if one.isalnum() or one == "." else "-" for one in str(endpoint))
    return data_dir / f"ssh-{name}.key"


def load_host_key(path: Path) -> asyncssh.SSHKey:
    """The host key in a file, made if it is missing; never replaced. Raises FileFault."""
    data = read_key_file(path, 64, _HOST_KEY_BYTES_MAX)
    if data is None:
        made = asyncssh.generate_private_key(_KIND)
        create_key_file(path, made.export_private_key())
        return made
    check_private(path)
    try:
        return asyncssh.import_private_key(data)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        why = f"no usable host key ({error}); restore it, or remove it to get a new one"
        raise FileFault(path, why) from None


def load_authorized(path: Path) -> asyncssh.SSHAuthorizedKeys:
    """The keys in an ``authorized_keys`` file. Raises FileFault, or Unavailable without a key."""
    text = read_limited(path, _AUTHORIZED_BYTES_MAX).decode("utf-8", "replace")
    _check_owner(path)
    if (wrong := fault_of(text)) is not None:
        raise Unavailable(f"{path}: {wrong}; write a public key on each line", "no_keys")
    try:
        return asyncssh.import_authorized_keys(text)
    except ValueError as error:
        raise FileFault(path, f"a line of it is no public key ({error})") from None


def _check_owner(path: Path) -> None:
    """Who may write the file may log in: that is root and this user."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise FileFault(path, f"cannot be read: {system_reason(error)}") from None
    if info.st_uid not in (0, os.geteuid()) or stat.S_IMODE(info.st_mode) & 0o022:
        raise FileFault(path, "others can write it, and so log in; chmod 600 it, and own it")
