"""``router.time``: which time servers are asked."""

from __future__ import annotations

import pytest

from core.api import PUBLIC_TIME_SERVERS
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.router_model import RouterSection
from i2ptunnel.router_setup import PORT_MAPPING_METHODS, router_config, time_servers


def router(text: str) -> RouterSection:
    return load_text(f"router: {{data_dir: /d, {text}}}\n").configuration.router


PROXY = "ntcp2: {proxy: 'socks5://127.0.0.1:9050'}"
OWN = (("ntp.example", 123), ("192.0.2.1", 123), ("2001:db8::1", 123), ("192.0.2.2", 1123))


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", PUBLIC_TIME_SERVERS),
        ("time: {ntp: false}", ()),
        ("network_id: 77", ()),
        (PROXY, ()),
        ("time: {servers: [ntp.example, 192.0.2.1, '2001:db8::1', '192.0.2.2:1123']}", OWN),
        ("network_id: 77, time: {servers: [ntp.example]}", OWN[:1]),
        ("time: {ntp: false, servers: [ntp.example]}", ()),
    ],
)
def test_who_is_asked(text: str, servers: tuple[tuple[str, int], ...]) -> None:
    assert time_servers(router(text)) == servers
    assert router_config(router(text)).time_servers == servers


def test_time_servers_beside_a_proxy_are_refused() -> None:
    """Requests over UDP would go past it."""
    with pytest.raises(ConfigError, match="asked directly"):
        router(f"{PROXY}, time: {{servers: [ntp.example]}}")


@pytest.mark.parametrize("server", ["123", "http://ntp.example", "a/b", "'1.2.3'", "ntp.i2p"])
def test_what_is_no_time_server_is_refused(server: str) -> None:
    with pytest.raises(ConfigError):
        router(f"time: {{servers: [{server}]}}")


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("", PORT_MAPPING_METHODS["auto"]),
        ("port_mapping: off", ()),
        ("port_mapping: pcp", ("pcp", "nat-pmp")),
        ("port_mapping: upnp", ("upnp",)),
        (PROXY, ()),
    ],
)
def test_how_the_port_is_mapped(text: str, methods: tuple[str, ...]) -> None:
    assert router_config(router(text)).port_mapping == methods
