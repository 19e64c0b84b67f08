"""The congestion that our RouterInfo tells: by how much of a limit is used, and slowly."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.router_info import RouterInfo
from core.router.config import RouterConfig
from core.router.congestion import CHANGE_MIN_S, Congestion
from core.router.engine import RouterEngine
from core.router.identity import RouterKeys
from core.tunnel.transit import TransitLimits
from tests.support.deterministic import FakeWallClock, SeededEntropy

KEYS = RouterKeys.generate(SeededEntropy("router"))


@pytest.mark.parametrize(
    ("load", "letter"), [(0.0, ""), (0.69, ""), (0.7, "D"), (0.89, "D"), (0.9, "E"), (2.0, "E")]
)
def test_the_level_of_a_load(load: float, letter: str) -> None:
    congestion = Congestion()
    assert congestion.update(load, 0.0) is bool(letter)
    assert congestion.letter == letter


def test_a_level_stays_for_a_while_and_until_the_load_is_clearly_less() -> None:
    congestion = Congestion()
    assert congestion.update(0.75, 0.0)
    assert not congestion.update(0.95, CHANGE_MIN_S - 1)
    assert congestion.update(0.95, CHANGE_MIN_S) and congestion.letter == "E"
    assert not congestion.update(0.85, 2 * CHANGE_MIN_S)
    assert congestion.update(0.79, 2 * CHANGE_MIN_S) and congestion.letter == "D"
    assert not congestion.update(0.61, 3 * CHANGE_MIN_S)
    assert congestion.update(0.59, 3 * CHANGE_MIN_S) and not congestion.letter


def test_g_is_told_when_all_was_refused_for_a_minute() -> None:
    congestion = Congestion()
    assert congestion.update(1.0, 0.0, refuses=True) and congestion.letter == "E"
    for second in range(1, int(CHANGE_MIN_S)):
        assert not congestion.update(1.0, second, refuses=second != CHANGE_MIN_S - 30)
    assert not congestion.update(1.0, CHANGE_MIN_S, refuses=True), "not for a minute"
    assert congestion.update(1.0, CHANGE_MIN_S + 31, refuses=True) and congestion.letter == "G"
    assert congestion.update(0.95, 3 * CHANGE_MIN_S) and congestion.letter == "E"


def _published(used: int, *, transit: bool = True) -> RouterInfo:
    """What a router publishes that carries as much transit as this part of a hundred."""
    config = RouterConfig(data_dir=Path(), host="127.0.0.1", transit=transit)
    wall = FakeWallClock()
    engine = RouterEngine(config, KEYS, 4567, wall, SeededEntropy(1), 1.0)
    engine.transit.configure(TransitLimits(accepts=transit, bytes_s=1_028_000.0))
    engine.start(1.0)
    now = 1.0
    for _ in range(4000):
        now += 0.1
        wall.time += 0.1
        engine._dispatcher.meter.take(used, now)
        engine.run(now)
    return engine.router_info


def test_the_router_info_follows_the_transit() -> None:
    assert _published(40).caps == "XR"
    assert _published(80).caps == "XRD"
    assert _published(95).caps == "XRE"
    assert _published(95, transit=False).caps == "XRG"
