"""The router's key file: read, or made once."""

from __future__ import annotations

from pathlib import Path

from core.base.errors import DecodeError
from core.base.ports import Entropy
from core.io.files import FileFault, check_private, create_key_file, read_key_file
from core.io.key_sums import check_key_sum, check_not_lost, keep_key_sum
from core.router.identity import RouterKeys

_KEY_FILE_BYTES = (400, 2000)


def load_keys(path: Path, entropy: Entropy) -> RouterKeys:
    """The identity, created when there is none; FileFault if the file is damaged: it is never
    replaced."""
    data = read_key_file(path, *_KEY_FILE_BYTES)
    if data is None:
        check_not_lost(path)
        keys = RouterKeys.generate(entropy)
        create_key_file(path, keys.write())
        keep_key_sum(path, keys.write(), keys.keys)
        return keys
    check_private(path)
    try:
        keys = RouterKeys.parse(data)
        check_key_sum(path, data, keys.keys, is_used=True)
        return keys
    except DecodeError as error:
        raise FileFault(
            path,
            f"the key file is damaged ({error}); restore it from a backup, "
            "or move it away to start with a new identity",
        ) from error
