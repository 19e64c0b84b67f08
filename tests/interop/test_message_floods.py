"""Floods over genuine links to a router that downloads, at ten times what it takes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.flooded_download import FloodedDownload, flooded_download
from tests.support.message_flood import RATES, flooding_messages

pytestmark = [pytest.mark.interop, pytest.mark.alone, pytest.mark.timeout(280)]

#: what each flood turns
NOTICED: dict[str, Callable[[dict[str, Any]], int]] = {
    "builds": lambda c: c["tunnel"]["requests_dropped"]["throttled"],
    "stores": lambda c: c["netdb"]["requests"]["throttled"] + c["netdb"]["router_infos"]["newer"],
    "lookups": lambda c: c["netdb"]["requests"]["throttled"] + c["netdb"]["requests"]["not_found"],
    "handshakes": lambda c: sum(c["transport"]["handshakes_failed"].values()),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FloodedDownload]:
    root = tmp_path_factory.mktemp("floods")
    victim = {"floodfill": True, "transit": {"enabled": True}}
    with flooded_download(root, 161, victim, ssu2={"enabled": False}) as scene:
        yield scene


@pytest.mark.parametrize(
    "kind",
    [one if one == "stores" else pytest.param(one, marks=pytest.mark.slow) for one in RATES],
)
def test_a_flood_costs_a_download_little(scene: FloodedDownload, kind: str) -> None:
    core = scene.flood_core
    scene.endure(
        kind,
        lambda: flooding_messages(kind, scene.victim.router_info, core),
        lambda: NOTICED[kind](scene.counters()),
    )
