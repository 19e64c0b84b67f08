"""The options of proxies as users write them, and the page that explains them."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.tunnel_models import HttpClientSection, SocksSection

_PAGE = Path(__file__).parents[3] / "docs" / "PROXIES.md"


def proxy(options: str, kind: str = "httpclient") -> str:
    return f"tunnels:\n  web:\n    type: {kind}\n    listen: 127.0.0.1:4444\n    {options}\n"


def test_the_examples_for_proxies_are_valid() -> None:
    examples = [part.split("```")[0] for part in _PAGE.read_text().split("```yaml\n")[1:]]
    assert len(examples) == 4
    for example in examples:
        assert load_text(example).configuration.tunnels


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
