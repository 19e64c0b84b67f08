"""Bans, back-off, handshake rates and addresses."""

from __future__ import annotations

import pytest

from core.transport import bans
from core.transport.addresses import source_key, subnet_key
from core.transport.bans import Backoff, Ban, BanList
from core.transport.inbound import ADDRESSES_MAX, HandshakeRates

A, B, C = bytes(32), bytes([1]) * 32, bytes([2]) * 32


def test_bans_expire_are_prolonged_and_bounded() -> None:
    table = BanList(2)
    assert table.ban(A, 10, "one")
    assert not table.ban(A, 5, "shorter")
    assert table.reason(A, 9.9) == "one"
    assert not table.ban(A, 20, "longer")
    assert table.reason(A, 15) == "longer" and table.reason(A, 20) is None
    table.ban(A, 30, "x")
    table.ban(B, 40, "y")
    table.ban(C, 50, "z")
    assert len(table) == 2 and table.reason(A, 0) is None
    assert table.current(45) == [Ban(C, 5, "z")]
    table.expire(45)
    assert len(table) == 1


def test_backoff_doubles_up_to_ten_minutes_and_forgets() -> None:
    table = Backoff()
    now = 0.0
    pauses = []
    for _ in range(9):
        pauses.append(table.failed(A, 10, now))
        until = table.until(A, now)
        assert until is not None
        now = until
        assert table.until(A, now) is None
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    table.succeeded(A)
    assert table.failed(A, 10, now) == 10
    table.hold(A, now + 7200)
    assert table.until(A, now + 7199) == now + 7200
    table.expire(now + 7200 + 601)
    assert len(table) == 0


def test_a_pause_of_our_own_making_does_not_double() -> None:
    table = Backoff()
    for start in (0.0, 1.0, 2.0):
        table.pause(A, start + 1)
        assert table.until(A, start) == start + 1
    assert table.failed(A, 10, 3) == 10
    table.pause(A, 4)
    assert table.until(A, 12) == 13
    table.clear()
    assert table.until(A, 4) is None


def test_an_address_has_an_allowance_of_handshakes() -> None:
    rates = HandshakeRates()
    for number in range(128):
        assert rates.left("x", 0) == 128 - number
        rates.spend("x", 1, 0)
    assert rates.left("x", 0) < 1 <= rates.left("x", 0.25) and rates.left("y", 0) == 128
    rates.spend("x", 1000, 1)
    assert rates.left("x", 16) < 1 <= rates.left("x", 17.5)
    assert rates.left("x", 1000) == 128
    for number in range(ADDRESSES_MAX + 10):
        rates.spend(str(number), 1, 20)
    assert len(rates) == ADDRESSES_MAX


def test_tables_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bans, "BACKOFFS_MAX", 3)
    backoff = Backoff()
    for number in range(10):
        backoff.failed(bytes([number]), 10, 0)
        backoff.hold(bytes([number, 1]), 10)
        backoff.pause(bytes([number, 2]), 10)
    assert len(backoff) == 3


@pytest.mark.parametrize(
    ("host", "key", "subnet"),
    [
        ("10.1.2.3", "10.1.2.3", "10.1.2.0/24"),
        ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/48"),
        ("not an address", "not an address", "not an address"),
    ],
)
def test_source_keys(host: str, key: str, subnet: str) -> None:
    assert (source_key(host), subnet_key(host)) == (key, subnet)
