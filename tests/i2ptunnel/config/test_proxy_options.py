"""The options of proxies as users write them, and the page that explains them."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.client_models import HttpClientSection, SocksSection
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.proxy_parts import read_outproxy

_PAGE = Path(__file__).parents[3] / "docs" / "PROXIES.md"


def proxy(options: str, kind: str = "httpclient") -> str:
    return f"tunnels:\n  web:\n    type: {kind}\n    listen: 127.0.0.1:4444\n    {options}\n"


def test_the_examples_for_proxies_are_valid() -> None:
    examples = [part.split("```")[0] for part in _PAGE.read_text().split("```yaml\n")[1:]]
    assert len(examples) == 8
    for example in examples:
        configuration = load_text(example).configuration
        assert configuration.tunnels or configuration.router.ntcp2.proxy


def test_outproxies_of_all_kinds() -> None:
    text = proxy('outproxies: [http://a.i2p, "socks5+unix:/run/tor", "socks4://[::1]:1080"]')
    section = load_text(text).configuration.tunnels["web"]
    assert isinstance(section, HttpClientSection)
    assert [str(url) for url in section.outproxies] == [
        "http://a.i2p:80",
        "socks5+unix:/run/tor",
        "socks4://[::1]:1080",
    ]
    one = load_text(proxy("outproxies: socks5://127.0.0.1:9050", "sockstunnel"))
    section = one.configuration.tunnels["web"]
    assert isinstance(section, SocksSection)
    assert [url.is_i2p for url in section.outproxies] == [False]
    options = "port_outproxies: {25: http://mail.i2p}\n    address_names: {'FD00::01': a.i2p}"
    section = load_text(proxy(options, "sockstunnel")).configuration.tunnels["web"]
    assert isinstance(section, SocksSection)
    assert section.port_outproxies == ((25, (read_outproxy("http://mail.i2p"),)),)
    assert section.address_names == (("fd00::1", "a.i2p"),)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("port_outproxies: {smtp: http://a.i2p}", 'port_outproxies.smtp: "smtp" is no port'),
        ("port_outproxies: {25: http://a.example}", "tunnels.web.port_outproxies.25: "),
        ("address_names: {mail: a.i2p}", 'address_names.mail: "mail" is no address'),
        ("address_names: {10.1.2.3: a.example}", "tunnels.web.address_names.10.1.2.3: "),
        ("address_names: [10.1.2.3]", "where addresses belong"),
    ],
)
def test_faults_in_maps_are_named_with_their_place(options: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(proxy(options, "sockstunnel"))
    assert any(place in str(fault) and ":5:" in str(fault) for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("outproxies: [http://exit.example]", "tunnels.web.outproxies"),
        ("outproxies: [socks4://exit.i2p]", "tunnels.web.outproxies"),
        ("isolate: sites", "tunnels.web.isolate"),
        ("auth_methods: [ntlm]", "tunnels.web.auth_methods"),
        ("jump_servers: [http://jump.example/]", "tunnels.web.jump_servers"),
        ("max_identities: 0", "tunnels.web.max_identities"),
        ("max_upload: lots", "tunnels.web.max_upload"),
    ],
)
def test_faults_are_named_with_their_place(options: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(proxy(options))
    assert any(place in str(fault) for fault in caught.value.faults)
    assert any(":5:" in str(fault) for fault in caught.value.faults)


def test_passwords_of_outproxies_are_not_shown() -> None:
    loaded = load_text(proxy('outproxies: ["http://me:secret@exit.i2p"]'))
    assert "secret" not in repr(loaded.configuration)
