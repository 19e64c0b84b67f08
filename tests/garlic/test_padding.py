"""Lengths of garlic padding: those that i2pd and Java draw."""

from __future__ import annotations

from collections import Counter

import pytest

from core.garlic.padding import TUNNEL_FIT_BYTES, Padder
from tests.support.deterministic import SeededEntropy

HEADER = 3


def lengths(message_bytes: int, draws: int = 3200) -> Counter[int]:
    """Of padding; ``-HEADER`` stands for no block."""
    padder = Padder(SeededEntropy("padding"))
    return Counter(len(padder.block(message_bytes)) - HEADER for _ in range(draws))


@pytest.mark.parametrize("message_bytes", [100, 900, 945, 5000])
def test_one_to_sixteen_bytes_each_as_often(message_bytes: int) -> None:
    drawn = lengths(message_bytes)
    assert set(drawn) == set(range(1, 17))
    assert min(drawn.values()) > 130


@pytest.mark.parametrize("room", range(20))
def test_never_one_tunnel_message_more(room: int) -> None:
    for fit in TUNNEL_FIT_BYTES:
        drawn = lengths(fit - room, 400)
        largest = min(16, room - HEADER)
        assert set(drawn) == (set(range(1, largest + 1)) if largest > 0 else {-HEADER})
