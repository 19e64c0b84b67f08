"""What requests bring: torrents to add, judged before they reach the session."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import libtorrent as lt

from i2ptunnel.tracker_urls import LOOK, is_i2p_tracker

_TEXT_MAX = 300


class Refused(Exception):
    """A request that cannot be carried out; the message goes to the user."""


def parameters_of(request: dict[str, Any]) -> Any:
    """Of a magnet link or the content of a file; raises Refused."""
    try:
        if request.get("magnet"):
            return lt.parse_magnet_uri(request["magnet"])
        return lt.load_torrent_buffer(base64.b64decode(request["file"], validate=True))
    except (RuntimeError, binascii.Error, ValueError) as error:
        what = "magnet link" if request.get("magnet") else "torrent file"
        raise Refused(f"this is no {what}: {short(str(error))}") from None


def trackers_of(request: dict[str, Any], info: Any) -> Iterator[str]:
    """The trackers that are to be added to a torrent, of which ``info`` is known or None.

    Raises Refused.
    """
    for url in request.get("trackers") or ():
        if info is not None and info.priv():
            raise Refused("the torrent is private: it has no trackers but its own")
        if not is_i2p_tracker(url):
            raise Refused(f"{short(url)} is no tracker in I2P; they look like {LOOK}")
        yield url


def id_of(parameters: Any) -> str:
    """The hash that a torrent is known by."""
    return hash_of(parameters.info_hashes if parameters.ti is None else parameters.ti.info_hashes())


def hash_of(hashes: Any) -> str:
    """The one that more programs know: of version 1, if there is one."""
    return str(hashes.v1 if hashes.has_v1() else hashes.get_best())


def check_files(info: Any, others: Iterable[Any]) -> None:
    """Raise Refused for files that do not belong into the directory, or that are another's.

    ``info``, ``others``: libtorrent's ``torrent_info``.
    """
    files = info.layout()
    for index in range(files.num_files()):
        parts = Path(files.file_path(index)).parts
        if not parts or ".." in parts or parts[0].startswith("/"):
            raise Refused("the torrent has files outside of its directory")
        if files.file_flags(index) & lt.file_flags_t.flag_symlink:
            raise Refused("the torrent has symbolic links")
    top = Path(files.file_path(0)).parts[:1]
    if any(Path(other.layout().file_path(0)).parts[:1] == top for other in others):
        raise Refused(f"another torrent has files at {short(top[0])}")


def short(text: str) -> str:
    """Words from elsewhere, cut off."""
    return text[:_TEXT_MAX]
