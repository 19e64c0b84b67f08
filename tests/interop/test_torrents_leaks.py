"""No packet of the torrent client is for anybody but our SAM bridge, whatever its torrents say.

In a closed and watched network (:mod:`tests.support.torrent_leak_run`): once as it is, watched in
its own network namespace and outside of it, and once not shut in, so that settings alone must do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(150)]

SAM = ["('127.0.0.1', 6, 7656)"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.torrent_leak_run", str(tmp_path_factory.mktemp("l"))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = dict(json.loads(done.stdout))
    assert found["lost"] == 0
    return found


def test_shut_in_it_reaches_our_sam_alone(run: dict[str, Any]) -> None:
    found = run["shut in"]
    assert found["is_apart"] is True
    assert found["devices"] == ["lo"]
    assert found["remotes"] == ["0100007F"]
    assert found["torrents"] == 4
    assert found["sent"] == SAM
    assert run["outside"] == []


def test_left_open_it_is_told_to_reach_nothing_else(run: dict[str, Any]) -> None:
    found = run["open"]
    assert found["announced"] == 4
    assert found["sent"] == SAM
    assert found["names"] == []
