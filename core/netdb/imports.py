"""RouterInfos from files: another router's ``netDb`` directory, or a zip as reseed hosts serve.

Pure: bytes in, RouterInfos out; ``core.io.files`` reads the disk. Nothing here is believed: the
store checks signature, network and age of what it is given.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.base.errors import DecodeError
from core.data.encoding import b64decode, b64encode
from core.data.router_info import ROUTER_INFO_BYTES_MAX, RouterInfo

ZIP_BYTES_MAX = 1 << 22
ZIP_ENTRIES_MAX = 2000
#: others inflate a little input without a bound (zipfile hands on only deflate's)
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_PREFIX = "routerInfo-"
_SUFFIX = ".dat"


@dataclass(slots=True)
class Imported:
    """What was read, and how many files were not RouterInfos."""

    routers: list[RouterInfo] = field(default_factory=list)
    rejected: int = 0


def parse_files(files: Iterable[tuple[str, bytes]]) -> Imported:
    """RouterInfos of (file name, content); a name that contradicts the content is rejected."""
    result = Imported()
    for name, data in files:
        try:
            info = RouterInfo.parse(data)
        except DecodeError:
            result.rejected += 1
            continue
        if _is_named(name, info.hash):
            result.routers.append(info)
        else:
            result.rejected += 1
    return result


def parse_zip(data: bytes) -> Imported:
    """RouterInfos of a zip archive held in memory. Raises DecodeError if it is not a zip.

    Sizes are bounded before anything is inflated; other files in the archive are ignored.
    """
    if len(data) > ZIP_BYTES_MAX:
        raise DecodeError(f"zip of {len(data)} bytes")
    files: list[tuple[str, bytes]] = []
    rejected = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist()[:ZIP_ENTRIES_MAX]:
                name = entry.filename.rsplit("/", 1)[-1]
                if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
                    continue
                is_plain = entry.compress_type in _METHODS and not entry.flag_bits & 1
                if entry.file_size > ROUTER_INFO_BYTES_MAX or not is_plain:
                    rejected += 1
                    continue
                try:
                    with archive.open(entry) as file:
                        files.append((name, file.read(ROUTER_INFO_BYTES_MAX)))
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
                    rejected += 1
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, OSError) as error:
        raise DecodeError(f"zip: {error}") from None
    result = parse_files(files)
    result.rejected += rejected
    return result


def file_name(info: RouterInfo) -> str:
    """``routerInfo-<hash>.dat`` as every router writes it."""
    return f"{_PREFIX}{b64encode(info.hash)}{_SUFFIX}"


def _is_named(name: str, router_hash: bytes) -> bool:
    if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
        return True
    try:
        return b64decode(name[len(_PREFIX) : -len(_SUFFIX)]) == router_hash
    except DecodeError:
        return False
