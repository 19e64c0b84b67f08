"""The limits that all transports share."""

from __future__ import annotations

from core.transport.bandwidth import Bandwidth


def test_writers_share_one_rate() -> None:
    bandwidth = Bandwidth(outbound_bytes_s=1000, inbound_bytes_s=None)
    assert bandwidth.writable(5000, 0) == 1000 and bandwidth.writable(10, 0) == 10
    bandwidth.sent(600, 0)
    bandwidth.sent(600, 0)
    assert bandwidth.writable(5000, 0) <= 0
    write_at = bandwidth.write_at(0)
    assert 0.2 < write_at < 0.21
    assert bandwidth.writable(5000, write_at) > 0
    bandwidth.received(10_000_000, 0)
    assert bandwidth.read_pause(0) == 0


def test_any_positive_balance_lets_something_out() -> None:
    bandwidth = Bandwidth(outbound_bytes_s=1000)
    bandwidth.sent(1000, 0)
    at = 0.0004  # less than one byte was earned
    assert bandwidth.write_at(at) == at and bandwidth.writable(5000, at) == 1


def test_readers_rest_until_the_debt_is_paid() -> None:
    bandwidth = Bandwidth(inbound_bytes_s=1000)
    bandwidth.received(900, 0)
    assert bandwidth.read_pause(0) == 0
    bandwidth.received(1100, 0)
    assert 1.0 < bandwidth.read_pause(0) < 1.01
    assert Bandwidth().writable(7, 0) == 7 and Bandwidth().write_at(3) == 3
