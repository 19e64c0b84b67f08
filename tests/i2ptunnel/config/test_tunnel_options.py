"""The options that tunnels have in common, from YAML; what clashes is named with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.api import StreamingOptions, TunnelShape
from core.data.encoding import b64encode
from core.data.identity import hash_to_b32
from core.data.private_keys import PrivateKeys
from i2ptunnel.config.client_models import ClientTunnelSection, HttpClientSection
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.model import json_schema
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.config.tunnel_kinds import targets_of
from i2ptunnel.config.tunnel_parts import MetaSection, StreamingSection
from i2ptunnel.sessions import streaming_options, tunnel_shape
from tests.support.deterministic import SeededEntropy

ONE = PrivateKeys.generate_destination(SeededEntropy("one")).destination
KEY = b64encode(bytes(range(32)))
B33 = "b" * 56 + ".b32.i2p"


def tunnel(text: str, kind: str = "httpserver") -> Any:
    loaded = load_text(f"tunnels:\n  a:\n    type: {kind}\n    {text}")
    return loaded.configuration.tunnels["a"]


def lines(*options: str) -> str:
    return "\n    ".join(options)


def test_everything_at_once() -> None:
    site = tunnel(
        lines(
            "target: [127.0.0.1:8080, unix:/run/app.sock]",
            "target_tls: {ca: ca.pem, server_name: app.local}",
            "ports: {22: 127.0.0.1:22, 443: 127.0.0.1:8443}",
            "hostnames: {8080: test.i2p}",
            "unique_local: false",
            "health_check: {interval: 5s, timeout: 1s, path: /health}",
            "bandwidth: {inbound: 100KB/s, outbound: 1MB/s}",
            "reduce_after: 20m",
            "reduce_to: 1",
            f"access: {{allow: [{ONE.b32}], deny: {ONE.b64}, filter: filter.txt}}",
            "limits: {client_minute: 30, total_hour: 500}",
            "posts: {per_client: 6, total: 20, period: 5m, client_ban: 20m, total_ban: 10m}",
            "reject_inproxies: true",
            "reject_referers: true",
            "reject_user_agents: [none, Scraper]",
            f"encrypted: {{enabled: true, secret: word, clients: {{name: me, public_key: {KEY}}}}}",
        )
    )
    assert isinstance(site, HttpServerSection)
    assert targets_of(site.target) == (Endpoint("127.0.0.1", 8080), Endpoint(path="/run/app.sock"))
    assert site.ports == ((22, Endpoint("127.0.0.1", 22)), (443, Endpoint("127.0.0.1", 8443)))
    assert site.hostnames == ((8080, "test.i2p"),)
    assert site.target_tls is not None
    assert site.target_tls.ca == Path.cwd() / "ca.pem"
    assert (site.bandwidth.inbound, site.bandwidth.outbound) == (100_000, 1_000_000)
    assert site.access.allow == site.access.deny == (ONE.hash,)
    assert site.limits.client_minute == 30
    assert site.posts.client_ban == 1200
    assert site.encrypted.clients[0].public_key == bytes(range(32))
    for secret in ("word", repr(bytes(range(32)))):
        assert secret not in repr(site)


def test_clients() -> None:
    client = tunnel(
        lines(
            "listen: 127.0.0.1:4000",
            "tls: {}",
            "delay_open: true",
            "close_after: 30m",
            "new_keys: true",
            "destination:",
            f"- {{address: '{B33}:22', secret: word, client_key: {KEY}}}",
            f"- {{address: {B33}, client_key_file: k.txt}}",
            "- other.i2p:22",
        ),
        "client",
    )
    assert isinstance(client, ClientTunnelSection)
    assert client.tls is not None
    assert client.tls.certificate is None
    assert client.destination == (
        DestinationName(B33, 22, "word", bytes(range(32))),
        DestinationName(B33, client_key_file=Path.cwd() / "k.txt"),
        DestinationName("other.i2p", 22),
    )
    assert "word" not in repr(client)


def test_how_slow_clients_may_be() -> None:
    site = tunnel("target: 127.0.0.1:80", "httpserver")
    assert isinstance(site, HttpServerSection)
    assert (site.min_rate, site.response_timeout) == (100, 300.0)
    site = tunnel(lines("target: 127.0.0.1:80", "min_rate: 2KB/s", "response_timeout: 0"))
    assert isinstance(site, HttpServerSection)
    assert (site.min_rate, site.response_timeout) == (2000, 0.0)
    proxy = tunnel(lines("listen: 127.0.0.1:4444", "min_rate: null"), "httpclient")
    assert isinstance(proxy, HttpClientSection) and proxy.min_rate is None


SITE = "target: 127.0.0.1:80\n    "
FAULTS = {
    "no target": ("target: []", "tunnels.a.target", "empty list"),
    "bad target": ("target: [127.0.0.1:80, x]", "tunnels.a.target[1]", "port is missing"),
    "no rate": (SITE + "min_rate: 0", "tunnels.a.min_rate", "at least 1B/s"),
    "slow as a word": (SITE + "min_rate: slow", "tunnels.a.min_rate", "4MB/s"),
    "no source": (SITE + "source: eth0", "tunnels.a.source", "address"),
    "source of another kind": (SITE + "source: '::1'", "tunnels.a.source", "IPv4"),
    "plain port": (SITE + "plain_ports: [6667]", "tunnels.a.plain_ports[0]", "no service"),
    "bad port": (SITE + "ports: {0: 127.0.0.1:1}", "tunnels.a.ports.0", "is no port"),
    "bad service": (SITE + "ports: {22: x}", "tunnels.a.ports.22", "port is missing"),
    "ports as a list": (SITE + "ports: [22]", "tunnels.a.ports", "where ports belong"),
    "name in a list": (SITE + "access: {allow: [a.i2p]}", "tunnels.a.access.allow[0]", "52"),
    "short key": (
        SITE + "encrypted: {enabled: true, clients: {name: a, public_key: AAAA}}",
        "public_key",
        "32 bytes",
    ),
    "no key": (
        SITE + "encrypted: {enabled: true, clients: {name: a}}",
        "tunnels.a.encrypted.clients",
        "one of public_key",
    ),
    "both keys": (
        SITE + "encrypted: {enabled: true, clients: "
        f"{{name: a, public_key: {KEY}, shared_key: {KEY}}}}}",
        "tunnels.a.encrypted.clients",
        "one of public_key",
    ),
    "mixed keys": (
        SITE + "encrypted: {enabled: true, clients: "
        f"[{{name: a, public_key: {KEY}}}, {{name: b, shared_key: {KEY}}}]}}",
        "tunnels.a.encrypted.clients",
        "same kind",
    ),
    "twice": (
        SITE + "encrypted: {enabled: true, clients: "
        f"[{{name: a, public_key: {KEY}}}, {{name: a, public_key: {KEY}}}]}}",
        "tunnels.a.encrypted.clients",
        "twice",
    ),
    "not enabled": (SITE + "encrypted: {secret: x}", "tunnels.a.encrypted", "not enabled"),
    "slow bandwidth": (SITE + "bandwidth: {inbound: 1B/s}", "bandwidth.inbound", "at least"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_servers(name: str) -> None:
    text, path, words = FAULTS[name]
    with pytest.raises(ConfigError) as caught:
        tunnel(text)
    assert path in str(caught.value)
    assert words in str(caught.value)


CLIENT = "listen: 127.0.0.1:4000\n    destination: a.i2p\n    "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CLIENT + "new_keys: true", "close_after"),
        (CLIENT + "new_keys: true\n    close_after: 1h\n    keys: a.dat", "keys that stay"),
        (CLIENT + "tls: {key: k.pem}", "no certificate"),
        ("listen: 127.0.0.1:4000\n    destination: {secret: x}", "address is missing"),
        (
            "listen: 127.0.0.1:4000\n    destination: "
            f"{{address: a.i2p, client_key: {KEY}, client_key_file: x}}",
            "there twice",
        ),
    ],
)
def test_faults_of_clients(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tunnel(text, "client")
    assert words in str(caught.value)


STREAMING = {
    "max_window": "128",
    "congestion": "cubic",
    "ack_delay": "200ms",
    "max_resends": "8",
    "inactivity_timeout": "2m",
    "inactivity_action": "disconnect",
}
STREAM_TYPES = {
    **dict.fromkeys(("httpclient", "connectclient", "sockstunnel"), "listen: 127.0.0.1:4000"),
    **dict.fromkeys(("socksirctunnel",), "listen: 127.0.0.1:4000"),
    **dict.fromkeys(("client", "ircclient", "smtpclient", "pop3client"), CLIENT.rstrip()),
    **dict.fromkeys(("server", "httpserver", "ircserver"), "target: 127.0.0.1:9"),
    "httpbidirserver": "target: 127.0.0.1:9\n    listen: 127.0.0.1:4000",
}


@pytest.mark.parametrize("kind", STREAM_TYPES)
def test_streaming(kind: str) -> None:
    """Every type with streams has these options, and they have no effect unless written."""
    options = ", ".join(f"{key}: {value}" for key, value in STREAMING.items())
    given = tunnel(STREAM_TYPES[kind] + f"\n    streaming: {{{options}}}", kind).streaming
    assert given == StreamingSection(
        max_window=128,
        congestion="cubic",
        ack_delay=0.2,
        max_resends=8,
        inactivity_timeout=120.0,
        inactivity_action="disconnect",
    )
    usual = tunnel(STREAM_TYPES[kind], kind).streaming
    core, engine = streaming_options(usual, is_server=True, answer_pings=True), StreamingOptions()
    assert replace(core, connect_timeout_s=engine.connect_timeout_s) == engine


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("max_window: 3", "from 4 to 4096"),
        ("max_window: 4097", "from 4 to 4096"),
        ("max_window: many", "whole number"),
        ("max_windows: 64", "max_window"),
        ("congestion: reno", "bbr, cubic"),
        ("ack_delay: 2ms", "from 10ms to 500ms"),
        ("ack_delay: 1s", "from 10ms to 500ms"),
        ("ack_delay: 100", "unit"),
        ("max_resends: 0", "from 1 to 64"),
        ("inactivity_timeout: 2d", "from 0 to 1d"),
        ("inactivity_action: dosconnect", "disconnect"),
    ],
)
def test_faults_of_streaming(option: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tunnel(f"target: 127.0.0.1:9\n    streaming:\n      {option}")
    (line,) = str(caught.value).splitlines()
    key = option.partition(":")[0]
    assert f":6:{7 + len(key) + 2 if key != 'max_windows' else 7}: " in line
    assert f"tunnels.a.streaming.{key}: " in line
    assert words in line


@pytest.mark.parametrize("kind", ["udpclient", "streamrserver"])
def test_streaming_of_types_without_streams(kind: str) -> None:
    with pytest.raises(ConfigError, match="streaming"):
        tunnel("listen: 127.0.0.1:9\n    destination: a.i2p\n    streaming: {}", kind)


@pytest.mark.parametrize("kind", ["httpserver", "streamrserver"])
def test_multihomed(kind: str) -> None:
    base = {"httpserver": "target: 127.0.0.1:9", "streamrserver": "listen: 127.0.0.1:9"}[kind]
    assert not tunnel(base, kind).multihomed
    assert tunnel(lines(base, "multihomed: true"), kind).multihomed
    with pytest.raises(ConfigError, match=r":5:17: tunnels\.a\.multihomed: .*write true"):
        tunnel(lines(base, "multihomed: yes"), kind)


MACHINES = [hash_to_b32(bytes((number,)) * 32) for number in range(17)]


def meta(keys: str, *machines: str, more: str = "") -> str:
    listed = ", ".join(f"{one}: {cost}" for cost, one in enumerate(machines))
    return f"target: 127.0.0.1:9\n    meta: {{keys: {keys}, machines: {{{listed}}}}}{more}"


def test_one_address_on_several_machines() -> None:
    assert tunnel("target: 127.0.0.1:9", "server").meta is None
    given = tunnel(meta("site.dat", MACHINES[0].upper(), MACHINES[1][:52]), "httpserver").meta
    assert given == MetaSection(keys="site.dat", machines=((MACHINES[0], 0), (MACHINES[1], 1)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (meta("a.dat", MACHINES[0]), r"meta\.keys: is the key file of this machine"),
        (meta("site.dat", *MACHINES), r"meta\.machines: 17 machines"),
        (meta("site.dat"), r"meta\.machines: is empty"),
        (meta("site.dat", "mysite.i2p"), r"\"mysite.i2p\" is no b32 address"),
        ("target: 127.0.0.1:9\n    meta: {keys: b.dat}", r"meta: .*machines"),
        (
            meta("site.dat", MACHINES[0], more="\n    encrypted: {enabled: true}"),
            r"meta: encrypted is enabled, too",
        ),
    ],
)
def test_faulty_addresses_of_several_machines(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        tunnel(text, "server")


PEERS = tuple(bytes((number,)) * 32 for number in (1, 2, 3))


def test_explicit_peers() -> None:
    hashes = ", ".join(b64encode(peer) for peer in PEERS)
    given = tunnel(f"target: 127.0.0.1:9\n    inbound: {{explicit_peers: [{hashes}]}}", "server")
    assert given.inbound.explicit_peers == PEERS
    assert given.outbound.explicit_peers == ()
    assert tunnel_shape(given.inbound) == TunnelShape(3, 2, explicit_peers=PEERS)


@pytest.mark.parametrize(
    ("shape", "place", "words"),
    [
        ("{explicit_peers: ^[$1, $2]}", "", "2 routers are too few for tunnels of 3 hops"),
        ("{length: 2, length_variance: 1, explicit_peers: ^[$1, $2]}", "", "tunnels of 3 hops"),
        ("{length: 2, length_variance: -1, explicit_peers: ^[$1, $2]}", "", "tunnels of 3 hops"),
        ("{length: 1, explicit_peers: [$1, $2, ^$1]}", "[2]", "twice"),
        ("{length: 0, explicit_peers: ^[$1]}", "", "have no hops"),
        ("{explicit_peers: [^short]}", "[0]", "hash of a router"),
        ("{explicit_peers: ^$1}", "", "list"),
    ],
)
def test_faults_of_explicit_peers(shape: str, place: str, words: str) -> None:
    for number in (0, 1):
        shape = shape.replace(f"${number + 1}", b64encode(PEERS[number]))
    column = len("    outbound: ") + shape.index("^") + 1
    with pytest.raises(ConfigError) as caught:
        tunnel(f"target: 127.0.0.1:9\n    outbound: {shape.replace('^', '')}", "server")
    (line,) = str(caught.value).splitlines()
    assert f":5:{column}: tunnels.a.outbound.explicit_peers{place}: " in line
    assert words in line


def test_no_service_is_the_listener_of_another_tunnel() -> None:
    for service in ("target: [127.0.0.1:9, 127.0.0.1:4444]", "ports: {1: 127.0.0.1:4444}"):
        target = "" if service.startswith("target") else "target: 127.0.0.1:9, "
        with pytest.raises(ConfigError, match="offers the listener of tunnel web"):
            load_text(
                "tunnels:\n  web: {type: httpclient, listen: 127.0.0.1:4444}\n"
                f"  site: {{type: server, {target}{service}}}\n"
            )


def test_the_schema_knows_them() -> None:
    variants = json_schema()["properties"]["tunnels"]["additionalProperties"]["oneOf"]
    site = next(one for one in variants if one["properties"]["type"]["const"] == "httpserver")
    for key in ("target", "ports", "access", "encrypted", "posts", "bandwidth", "health_check"):
        assert key in site["properties"]
