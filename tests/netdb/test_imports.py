"""RouterInfos from directories and zip archives."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.errors import DecodeError
from core.data.private_keys import PrivateKeys
from core.netdb.imports import file_name, parse_files, parse_zip
from tests.support.deterministic import SeededEntropy
from tests.support.netdb_network import build_router_info

ENTROPY = SeededEntropy("imports")
INFOS = [build_router_info(PrivateKeys.generate_router(ENTROPY), 1000 + n) for n in range(3)]


def make_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_files() -> None:
    files = [(file_name(info), info.raw) for info in INFOS]
    files += [("any name", INFOS[0].raw), (file_name(INFOS[0]), INFOS[1].raw)]
    files += [(file_name(INFOS[0]), b"junk"), ("routerInfo-!!.dat", INFOS[0].raw)]
    result = parse_files(files)
    assert result.routers == [*INFOS, INFOS[0]]
    assert result.rejected == 3


def test_zip() -> None:
    files = {file_name(info): info.raw for info in INFOS}
    data = make_zip(
        {
            "netDb/rX/" + file_name(INFOS[0]): INFOS[0].raw,
            file_name(INFOS[1]): INFOS[1].raw,
            file_name(INFOS[2]): bytes(10_000_000),
            "readme.txt": b"hello",
        }
    )
    result = parse_zip(data)
    assert result.routers == INFOS[:2]
    assert result.rejected == 1
    assert len(parse_zip(make_zip(files)).routers) == 3


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_junk_is_not_a_zip(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_zip(data)


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_damaged_zips_do_no_harm(changes: list[tuple[int, int]]) -> None:
    data = bytearray(make_zip({file_name(info): info.raw for info in INFOS}))
    for position, value in changes:
        data[position % len(data)] = value
    try:
        result = parse_zip(bytes(data))
    except DecodeError:
        return
    assert len(result.routers) <= 3
