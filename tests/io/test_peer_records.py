"""Experience with other routers over a restart: its file there, missing, damaged, in the way."""

from __future__ import annotations

import asyncio
import logging
import stat
from pathlib import Path

import pytest

from core.io.peer_records import FILE_NAME, SAVE_INTERVAL_S, PeerRecords
from core.io.router import Router
from core.peers.book import PeerBook
from core.peers.dump import DUMP_BYTES_MAX
from core.router.config import RouterConfig
from tests.support.deterministic import FakeWallClock

A = b"a" * 32
WALL = FakeWallClock(1_700_000_000.0)


def experienced() -> PeerBook:
    book = PeerBook()
    for _ in range(4):
        book.note_build([A], [0], 1.0)
    return book


async def _write(directory: Path) -> None:
    await PeerRecords(directory, experienced(), WALL, 1.0).save(2.0)


def _loaded(directory: Path) -> PeerBook:
    book = PeerBook()
    PeerRecords(directory, book, WALL, 5.0).load(5.0)
    return book


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert len(_loaded(tmp_path)) == 0
    asyncio.run(_write(tmp_path))
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert _loaded(tmp_path).weight(A, 5.0) > 1


@pytest.mark.parametrize("kind", ["damaged", "cut off", "empty", "too large", "a directory"])
def test_a_bad_file_is_told_and_nothing_stops(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / FILE_NAME
    asyncio.run(_write(tmp_path))
    data = path.read_bytes()
    path.unlink()
    if kind == "a directory":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "damaged": data[:-40] + bytes((data[-40] ^ 4,)) + data[-39:],
                "cut off": data[:-1],
                "empty": b"",
                "too large": data + bytes(DUMP_BYTES_MAX),
            }[kind]
        )
    with caplog.at_level(logging.WARNING):
        assert len(_loaded(tmp_path)) == 0
    (record,) = caplog.records
    assert "going on without" in record.message
    assert str(path) in record.message


def test_it_is_written_now_and_then(tmp_path: Path) -> None:
    async def main() -> None:
        records = PeerRecords(tmp_path, experienced(), WALL, 1.0)
        records.save_if_due(SAVE_INTERVAL_S)
        assert records._writing is None
        records.save_if_due(1.0 + SAVE_INTERVAL_S)
        assert records._writing is not None
        await records._writing
        assert len(_loaded(tmp_path)) == 1
        before = records._writing
        records.save_if_due(SAVE_INTERVAL_S * 1.5)
        assert records._writing is before

    asyncio.run(main())


def test_a_disk_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with caplog.at_level(logging.WARNING):
        asyncio.run(_write(tmp_path))
    assert "cannot write" in caplog.text


def test_a_router_keeps_what_it_experienced(tmp_path: Path) -> None:
    config = RouterConfig(tmp_path, bind="127.0.0.1", ntcp2_proxy="socks5://127.0.0.1:9")

    async def run(weight_before: float) -> float:
        router = Router(config)
        await router.start()
        try:
            book, floodfills = router._engine.peers, router._engine.netdb._floodfills
            is_known = weight_before > 1
            assert (book.weight(A, router.now()) > 1) is is_known
            assert book.has_served(A) is floodfills.is_reliable(A) is is_known
            book.note_build([A] * 4, [0] * 4, router.now())
            book.note_test([A], 0.5, router.now())
            floodfills.found(A, [])
            return book.weight(A, router.now())
        finally:
            await router.stop()

    async def main() -> None:
        weight = await run(1.0)
        assert weight > 1
        assert await run(weight) >= weight * 0.99

    asyncio.run(main())
