"""Linux's routing tables: who the default gateway is."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from core.io.gateways import Gateway, parse_routes, parse_routes_6

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((), None),
        (("eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0",), ("192.168.1.1", "eth0")),
        (
            (
                "wlan0 00000000 0102A8C0 0003 0 0 600 00000000 0 0 0",
                "eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0",
                "eth0 0001A8C0 00000000 0001 0 0 100 00FFFFFF 0 0 0",
            ),
            ("192.168.1.1", "eth0"),
        ),
        # without a gateway (ppp0), down, half of a VPN's default, junk
        (("ppp0 00000000 00000000 0001 0 0 0 00000000 0 0 0",), None),
        (("eth0 00000000 0101A8C0 0002 0 0 0 00000000 0 0 0",), None),
        (("tun0 00000000 0100080A 0003 0 0 0 00000080 0 0 0",), None),
        (("eth0 zz 0101A8C0 0003", "", "eth0"), None),
    ],
)
def test_the_gateway_of_ipv4(rows: tuple[str, ...], found: tuple[str, str] | None) -> None:
    table = HEAD + "".join("\t".join(row.split(" ")) + "\n" for row in rows)
    expected = None if found is None else (ip_address(found[0]), found[1])
    assert parse_routes(table) == expected


ANY = "00000000000000000000000000000000"
ROUTER = "fe800000000000000000000000000001"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((), None),
        ((f"{ANY} 00 {ANY} 00 {ROUTER} 00000400 1 0 00000003     eth0",), ("fe80::1", "eth0")),
        (
            (
                f"{ANY} 00 {ANY} 00 {ROUTER} 00000400 1 0 00000003 wlan0",
                f"{ANY} 00 {ANY} 00 {ROUTER} 00000100 1 0 00450003 eth0",
                f"{ANY} 00 {ANY} 00 {ANY} ffffffff 1 0 00200200 lo",
            ),
            ("fe80::1", "eth0"),
        ),
        (("junk", f"{ANY} 00"), None),
    ],
)
def test_the_gateway_of_ipv6(rows: tuple[str, ...], found: tuple[str, str] | None) -> None:
    expected = None if found is None else (ip_address(found[0]), found[1])
    assert parse_routes_6("\n".join(rows)) == expected


def test_a_link_local_gateway_needs_the_interface() -> None:
    client = ip_address("2001:db8::7")
    gateway = Gateway(ip_address("fe80::1"), "eth0", client, 3)
    assert gateway.endpoint(5351) == ("fe80::1", 5351, 0, 3)
    gateway = Gateway(ip_address("10.0.0.1"), "eth0", ip_address("10.0.0.2"))
    assert gateway.endpoint(5351) == ("10.0.0.1", 5351)
