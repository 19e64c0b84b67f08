"""The ``naming:`` section."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text


def test_everything_set(tmp_path: Path) -> None:
    naming = load_text(
        "naming:\n"
        '  subscriptions: [http://a.i2p/hosts.txt, "http://b.i2p:81/x?y=z"]\n'
        "  interval: 1d\n"
        "  publish: {file: site/hosts.txt, router_book: false}\n",
        base=tmp_path,
    ).configuration.naming
    assert naming.subscriptions == ("http://a.i2p/hosts.txt", "http://b.i2p:81/x?y=z")
    assert naming.interval == 86_400
    assert naming.publish is not None
    assert naming.publish.file == tmp_path / "site" / "hosts.txt"
    assert not naming.publish.router_book


def test_defaults() -> None:
    naming = load_text("router: {}\n").configuration.naming
    assert (naming.subscriptions, naming.interval, naming.publish) == ((), 43_200, None)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("naming: {subscriptions: [https://a.i2p/]}", "subscriptions[0]", "http://host.i2p"),
        ("naming: {subscriptions: [http://example.org/]}", "subscriptions[0]", "through I2P"),
        ("naming: {interval: 5s}", "naming.interval", "write a time from 10m"),
        ("naming: {publish: {}}", "naming.publish", "file is missing"),
        ("naming: {subscribtions: []}", "naming.subscribtions", '"subscriptions"'),
        (
            "tunnels: {a: {type: server, target: 127.0.0.1:1, keys: addresses.sqlite}}",
            "tunnels.a.keys",
            "belongs to the router",
        ),
    ],
)
def test_faults(text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    (fault,) = caught.value.faults
    assert where in fault.path and what in str(fault)


def test_alt_names_are_read_everywhere() -> None:
    loaded = load_text(
        "naming: {subscriptions: [http://a.i2p.alt/hosts.txt]}\n"
        "tunnels:\n"
        "  a: {type: client, listen: '127.0.0.1:1', destination: 'Site.i2p.alt:22'}\n"
        "  b: {type: httpserver, target: '127.0.0.1:80', hostname: my.i2p.alt}\n"
    ).configuration
    client, server = loaded.tunnels["a"], loaded.tunnels["b"]
    assert str(client.destination[0]) == "site.i2p:22"  # type: ignore[attr-defined]
    assert server.hostname == "my.i2p"  # type: ignore[attr-defined]


def test_names_in_other_scripts() -> None:
    loaded = load_text(
        "tunnels:\n"
        "  a: {type: client, listen: '127.0.0.1:1', destination: 'BÜCHER.i2p:22'}\n"
        "  b: {type: httpserver, target: '127.0.0.1:80', hostname: bücher.i2p}\n"
    ).configuration
    client, server = loaded.tunnels["a"], loaded.tunnels["b"]
    assert str(client.destination[0]) == "xn--bcher-kva.i2p:22"  # type: ignore[attr-defined]
    assert server.hostname == "xn--bcher-kva.i2p"  # type: ignore[attr-defined]
