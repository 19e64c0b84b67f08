"""UTC days by number."""

from __future__ import annotations

from core.base.calendar import DAY_S, day_number, day_text, seconds_to_midnight


def test_days() -> None:
    assert day_text(0) == b"19700101"
    assert day_text(day_number(1_709_164_800.5)) == b"20240229"
    assert day_number(DAY_S - 0.001) == 0
    assert day_number(DAY_S) == 1
    assert seconds_to_midnight(DAY_S * 5) == DAY_S
    assert seconds_to_midnight(DAY_S * 5 - 0.5) == 0.5
