"""Keys that end: refused, warned about, ended in time, and their successors taken up."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from core.api import FileFault
from core.base.errors import Unavailable
from core.data.daily_keys import make_daily_keys, write_daily_keys
from core.data.private_keys import PrivateKeys
from i2ptunnel.key_watch import KeyWatch
from i2ptunnel.keyfiles import write_new_keys
from i2ptunnel.sessions import SessionPool
from i2ptunnel.tunnels.base import SessionRequest
from tests.i2ptunnel.test_sessions import SHAPE, open_fake
from tests.support.deterministic import SeededEntropy

DAY_S = 86400
END_S = 2_000_000_000
ENTROPY = SeededEntropy("watch")
MASTER = PrivateKeys.generate_destination(ENTROPY)
LOG = logging.getLogger("test.keys")


class Wall:
    now = float(END_S - 40 * DAY_S)

    def __call__(self) -> float:
        return self.now


def put(path: Path, expires_s: int) -> None:
    path.unlink(missing_ok=True)
    write_new_keys(path, MASTER.authorise_transient(ENTROPY, expires_s))


def test_the_watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, wall = tmp_path / "site.dat", Wall()
    put(path, END_S)
    watch = KeyWatch(path, LOG, wall)
    assert watch.expires_s == END_S
    watch.check()
    assert caplog.records == []
    wall.now = END_S - 29.5 * DAY_S
    for _ in range(3):
        watch.check()
    assert [record.getMessage() for record in caplog.records] == [
        "the transient signing key ends in 30 days; make a new one with the offline key"
    ]
    wall.now += DAY_S
    watch.check()
    assert len(caplog.records) == 2, "once a day"
    wall.now = END_S - 12 * 60
    watch.check()
    wall.now = END_S - 11 * 60
    with pytest.raises(Unavailable, match="in 11 minutes"):
        watch.check()
    put(path, END_S + 100 * DAY_S)
    with pytest.raises(Unavailable, match="has changed") as caught:
        watch.check()
    assert caught.value.code == "closed"


def test_the_daily_keys_of_an_encrypted_lease_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, days, wall = tmp_path / "site.dat", tmp_path / "site.days", Wall()
    last = END_S // DAY_S - 10
    today = int(wall.now) // DAY_S

    def put_days(count: int) -> None:
        days.write_bytes(write_daily_keys(make_daily_keys(MASTER, "", ENTROPY, today, count)))

    put(path, END_S)
    put_days(last - today)
    watch = KeyWatch(path, LOG, wall, is_encrypted=True)
    assert watch.expires_s == last * DAY_S, "ten days before the transient key"
    watch.check()
    whole = days.read_bytes()
    days.write_bytes(whole[:-30])
    watch.check()  # somebody is just writing it
    days.write_bytes(whole)
    wall.now = last * DAY_S - 12 * 60
    watch.check()
    assert "the transient signing key ends in 12 minutes" in caplog.text
    put_days(last - today + 20)
    with pytest.raises(Unavailable, match="has changed"):
        watch.check()
    days.write_bytes(whole)
    wall.now = last * DAY_S - 11 * 60
    with pytest.raises(Unavailable, match="in 11 minutes"):
        watch.check()


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    path, wall = tmp_path / "site.dat", Wall()
    put(path, END_S)
    watch = KeyWatch(path, LOG, wall)
    whole = path.read_bytes()
    path.write_bytes(whole[:450])
    watch.check()
    path.unlink()
    watch.check()
    path.write_bytes(whole)
    watch.check()


def test_keys_without_end_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "site.dat"
    assert KeyWatch(path, LOG).expires_s is None
    write_new_keys(path, MASTER)
    watch = KeyWatch(path, LOG)
    assert watch.expires_s is None
    watch.check()


def test_keys_that_end_soon_are_refused_and_new_ones_are_taken(tmp_path: Path) -> None:
    async def main() -> None:
        wall = Wall()
        pool = SessionPool(open_fake, tmp_path, linger_s=60, wall=wall)
        request = SessionRequest("site", SHAPE, SHAPE, "site.dat", False, True)
        put(tmp_path / "site.dat", END_S)
        first = await pool.open(request)
        await pool.release(first)
        wall.now = END_S - 599
        with pytest.raises(FileFault, match="ends in 10 minutes"):
            await pool.open(request)
        put(tmp_path / "site.dat", END_S + 100 * DAY_S)
        second = await pool.open(request)
        assert second is not first, "with the old keys it must not go on"
        assert not first.is_ready
        await pool.release(second)
        await pool.close_unused()

    asyncio.run(main())
