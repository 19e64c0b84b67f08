"""RouterInfos from files for the network database, also while no router runs.

``i2ptunnel netdb import`` puts them into ``imported/`` in the data directory; the next start takes
them from there. What is taken is still checked by the router: signature, network and age.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.api import FileFault, make_directory, read_limited, read_router_files, write_atomic
from core.base.errors import DecodeError
from core.data.encoding import b64encode
from core.data.router_info import RouterInfo

PENDING_DIRECTORY = "imported"
_FILE_BYTES_MAX = 16384


def file_name(info: RouterInfo) -> str:
    """``routerInfo-<hash>.dat``, as every router names it."""
    return f"routerInfo-{b64encode(info.hash)}.dat"


def read_infos(path: Path) -> tuple[list[RouterInfo], int]:
    """(RouterInfos in a file or directory, files that were none); raises FileFault."""
    if path.is_dir():
        contents: Iterable[bytes] = (data for _, data in read_router_files(path))
    elif path.suffix in (".zip", ".su3"):
        raise FileFault(path, "archives are not yet read; unpack it into a directory")
    else:
        contents = [read_limited(path, _FILE_BYTES_MAX)]
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


def export_infos(directory: Path, infos: Iterable[RouterInfo]) -> int:
    """Write RouterInfos as files; returns how many. Raises FileFault."""
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    for info in infos:
        write_atomic(directory / file_name(info), info.raw, 0o644)
        count += 1
    return count
