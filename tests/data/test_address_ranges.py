"""Ranges of addresses: how they are written, and what is in them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from core.base.errors import DecodeError
from core.data.address_ranges import AddressRange, AddressRanges


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("192.0.2.1 - 192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
    ],
)
def test_how_they_are_written(text: str, first: str, last: str) -> None:
    found = AddressRange.parse(text)
    assert (str(found.first), str(found.last)) == (first, last)
    assert AddressRange.parse(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "x", "192.0.2.1/24", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "1.2.3.4-"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(DecodeError):
        AddressRange.parse(text)


def test_what_is_in_them() -> None:
    texts = ("10.0.0.0/8", "9.0.0.5-9.0.0.7", "9.0.0.6-9.0.0.9", "8.8.8.8", "2001:db8::/32")
    ranges = AddressRanges(map(AddressRange.parse, texts))
    inside = ("10.0.0.0", "10.255.255.255", "9.0.0.5", "9.0.0.9", "8.8.8.8", "2001:db8::1")
    outside = ("9.255.255.255", "11.0.0.0", "9.0.0.4", "9.0.0.10", "8.8.8.7", "::1", "0.0.0.0")
    assert all(ip_address(one) in ranges for one in inside)
    assert not any(ip_address(one) in ranges for one in outside)
    assert ip_address("::ffff:8.8.8.8") in ranges
    assert ranges and not AddressRanges()


def test_many_cost_next_to_nothing() -> None:
    ranges = AddressRanges(
        AddressRange(ip_address(n << 12), ip_address((n << 12) + 9)) for n in range(100_000)
    )
    assert sum(ip_address(n << 11) in ranges for n in range(2000)) == 1000
