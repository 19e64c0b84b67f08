"""Floods at the SSU2 port of a router that downloads: they cost it little, and no link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.flooded_download import FloodedDownload, flooded_download
from tests.support.packet_flood import KINDS, flooding

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FloodedDownload]:
    root = tmp_path_factory.mktemp("floods")
    with flooded_download(root, 141, ntcp2={"enabled": False}, ssu2={"enabled": True}) as scene:
        yield scene


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_costs_a_download_little(scene: FloodedDownload, kind: str) -> None:
    def shed() -> int:
        return int(scene.counters()["transport"]["datagrams_shed"])

    before = scene.counters()["transport"]["handshakes"]
    scene.endure(kind, lambda: flooding(kind, scene.victim.router_info, scene.flood_core), shed)
    assert scene.counters()["transport"]["handshakes"] == before, "a link was made anew"
