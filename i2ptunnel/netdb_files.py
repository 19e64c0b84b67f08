"""RouterInfos from files for the network database, also while no router runs.

A file is a RouterInfo, a zip of some, or a reseed bundle, whose signature must hold. ``i2ptunnel
netdb import`` puts them into ``imported/`` in the data directory; the next start takes
them from there. What is taken is still checked by the router: signature, network and age.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from core.api import (
    ZIP_BYTES_MAX,
    BundleRefused,
    FileFault,
    make_directory,
    open_signed,
    parse_zip,
    read_limited,
    read_router_files,
    write_atomic,
)
from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo
from i2ptunnel.reseed.trust import Trust, built_in_trust

PENDING_DIRECTORY = "imported"
_FILE_BYTES_MAX = 16384


def file_name(info: RouterInfo) -> str:
    """``routerInfo-<hash>.dat``, as every router names it."""
    return f"routerInfo-{b64encode(info.hash)}.dat"


def read_infos(path: Path, trust: Trust | None = None) -> tuple[list[RouterInfo], int]:
    """(RouterInfos in a file or directory, files that were none); raises FileFault.

    ``trust``: who may sign an su3 file; None: the signers of the public network.
    """
    if path.is_dir():
        return _parse_all(data for _, data in read_router_files(path))
    if path.suffix not in (".zip", ".su3"):
        return _parse_all([read_limited(path, _FILE_BYTES_MAX)])
    data = read_limited(path, ZIP_BYTES_MAX)
    try:
        if path.suffix == ".su3":
            trust = built_in_trust() if trust is None else trust
            data, _ = open_signed(data, trust.signers, time.time())
        imported = parse_zip(data)
    except (BundleRefused, DecodeError) as error:
        raise FileFault(path, f"cannot be used: {error}") from None
    return imported.routers, imported.rejected


def _parse_all(contents: Iterable[bytes]) -> tuple[list[RouterInfo], int]:
    infos: list[RouterInfo] = []
    rejected = 0
    for data in contents:
        try:
            infos.append(RouterInfo.parse(data))
        except DecodeError:
            rejected += 1
    return infos, rejected


def _pending(data_dir: Path) -> Path:
    directory = data_dir / PENDING_DIRECTORY
    if directory.is_symlink():
        raise FileFault(directory, "is a link; remove it")  # files there would be replaced
    return directory


def keep_for_next_start(data_dir: Path, infos: Iterable[RouterInfo]) -> None:
    """Store RouterInfos where the next start finds them; raises FileFault."""
    make_directory(data_dir)
    directory = _pending(data_dir)
    make_directory(directory)
    for info in infos:
        write_atomic(directory / file_name(info), info.raw)


def take_pending(data_dir: Path) -> list[RouterInfo]:
    """The RouterInfos kept for this start; call :func:`forget_pending` once they are taken."""
    directory = _pending(data_dir)
    return read_infos(directory)[0] if directory.is_dir() else []


def forget_pending(data_dir: Path) -> None:
    """Remove what :func:`take_pending` returned."""
    directory = _pending(data_dir)
    if not directory.is_dir():
        return
    for path in directory.glob("routerInfo-*.dat"):
        path.unlink(missing_ok=True)
    try:
        directory.rmdir()
    except OSError:
        pass  # something else is in it


class RouterKeeper:
    """Stands for the router where none runs: keeps RouterInfos for the next start."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._infos: dict[bytes, RouterInfo] = {}

    def import_routers(self, infos: Iterable[RouterInfo]) -> int:
        """Take RouterInfos; returns how many are new."""
        before = len(self._infos)
        self._infos.update((info.hash, info) for info in infos)
        return len(self._infos) - before

    def save(self) -> None:
        """Write them; raises FileFault."""
        keep_for_next_start(self._data_dir, self._infos.values())


def export_infos(directory: Path, infos: Iterable[RouterInfo]) -> int:
    """Write RouterInfos as files; returns how many. Raises FileFault."""
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    for info in infos:
        write_atomic(directory / file_name(info), info.raw, 0o644)
        count += 1
    return count
