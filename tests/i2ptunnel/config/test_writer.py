"""Configurations written back: what is not changed stays to the letter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.base.errors import LocalError
from i2ptunnel.config.client_models import HttpClientSection, SocksSection
from i2ptunnel.config.document import Document
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.model import Configuration
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.router_model import BandwidthSection, MetricsSection
from i2ptunnel.config.torrents_model import TorrentsSection
from i2ptunnel.config.writer import rename_tunnel, write_new, write_over

ROOT = Path(__file__).parents[3]
#: those with tunnels of their own
PROFILES = [
    path for path in sorted((ROOT / "profiles").glob("*.yaml")) if "\ntunnels:" in path.read_text()
]
B32 = "a" * 52 + ".b32.i2p"
KEY = "A" * 43 + "="

#: every way to write things, and most kinds of values
LARGE = f"""\
# The first line of all.

x-common:            # shared
  shape: &shape {{length: 2, quantity: 3}}   # two hops
  quiet: &quiet
    idle_timeout: 10m
    max_connections_per_client: 12

router:              # the router
  # which network
  network_id: 5
  bandwidth: {{inbound: 1MB/s, outbound: 512KiB/s}}  # both
  port: 12345

  exploratory:
    inbound:
      length: 1      # short

# Monitoring
control:
  metrics: {{listen: 127.0.0.1:9464}}

tunnels:
  # for the browser
  browser:
    type: httpclient
    listen: 127.0.0.1:4444     # the usual port
    inbound: *shape
    outproxies:
      - http://exit.i2p        # the first
      - socks5://user:p%40ss@127.0.0.1:9050
    auth: {{username: "me, no", password: 'it''s'}}
  # end of the browser

  chat: {{type: ircclient, listen: 127.0.0.1:6668, destination: irc.i2p, <<: *quiet}}

  # a plain one
  ssh:
    <<: *quiet
    type: client
    listen: 127.0.0.1:2222
    destination: [{B32}, "{B32}:22"]
    keys: ssh.dat

  socks:
    type: sockstunnel
    listen: "unix:/tmp/socks"
    address_names: {{10.1.2.3: mail.i2p}}
    port_outproxies:
      25: [socks5://mail.i2p]

  site:
    type: httpserver
    target: [127.0.0.1:8080, "[::1]:8081"]
    encrypted: {{enabled: true, secret: "words: more", clients: {{name: a, shared_key: "{KEY}"}}}}
    # commented: out
  cam: {{type: streamrserver, listen: 127.0.0.1:5005}}

naming:
  subscriptions: []  # none
# The last line of all.
"""


def loaded(text: str) -> Configuration:
    return load_text(text).configuration


def with_tunnel(configuration: Configuration, name: str, **options: Any) -> Configuration:
    tunnel = replace(configuration.tunnels[name], **options)
    return replace(configuration, tunnels={**configuration.tunnels, name: tunnel})


def comments(text: str) -> list[str]:
    """Every comment, however far in it stands."""
    found = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert found
    return found


def check(text: str, wanted: Configuration) -> str:
    """The text after a change; it says what is wanted."""
    result = write_over(text, wanted)
    assert without_directory(loaded(result)) == without_directory(wanted)
    return result


def without_directory(configuration: Configuration) -> Configuration:
    return replace(configuration, router=replace(configuration.router, data_dir=None))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_profile(profile: Path) -> None:
    text = profile.read_text()
    configuration = load_text(text, base=profile.parent).configuration
    assert write_over(text, configuration, profile.parent) == text
    fresh = write_new(configuration)
    assert without_directory(loaded(fresh)) == without_directory(configuration)
    # an option, a tunnel more, one less, another name
    name, *_ = configuration.tunnels
    changed = with_tunnel(configuration, name, enabled=False)
    changed.tunnels["added"] = SocksSection(listen=Endpoint("127.0.0.1", 9999))
    result = write_over(text, changed, profile.parent)
    assert [c for c in comments(text) if c not in comments(result)] == []
    assert result.count("\n") - text.count("\n") <= 5
    for line in text.splitlines():
        assert line in result.splitlines(), line
    assert write_over(result, configuration, profile.parent) == text
    renamed = rename_tunnel(text, name, "other")
    expected = {"other" if key == name else key: t for key, t in configuration.tunnels.items()}
    assert load_text(renamed, base=profile.parent).configuration.tunnels == expected
    assert renamed == text.replace(f"  {name}:\n", "  other:\n")


def test_what_a_file_extends_is_overridden_and_never_removed() -> None:
    text = (
        "extends: browser  # and more\n\ntunnels:\n  own:\n    type: sockstunnel\n    listen: 9\n"
    )
    text = text.replace("listen: 9", "listen: 127.0.0.1:9")
    configuration = loaded(text)
    changed = with_tunnel(configuration, "browser", enabled=False)
    result = write_over(text, changed)
    assert "extends: browser  # and more\n" in result and loaded(result) == changed
    # Back to the default, which the text says as long as it builds on something else.
    assert loaded(write_over(result, configuration)) == configuration
    del changed.tunnels["browser"]
    for change in (lambda: write_over(text, changed), lambda: rename_tunnel(text, "browser", "b")):
        with pytest.raises(ConfigError, match=r"tunnels\.browser: comes from .* enabled: false"):
            change()
    del configuration.tunnels["own"]
    assert "own" not in write_over(text, configuration)


def test_what_is_the_same_is_not_touched() -> None:
    assert write_over(LARGE, loaded(LARGE)) == LARGE


def test_a_new_text_says_what_differs_from_the_defaults() -> None:
    text = write_new(loaded(LARGE))
    assert without_directory(loaded(text)) == without_directory(loaded(LARGE))
    assert "data_dir" not in text and "ssu2" not in text
    assert write_new(loaded("router: {}\n")) == "router: {}\n"


def diff(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines that are gone, and lines that came."""
    before, after = old.splitlines(), new.splitlines()
    gone = [line for line in before if before.count(line) > after.count(line)]
    return gone, [line for line in after if after.count(line) > before.count(line)]


def test_one_option_is_one_line() -> None:
    configuration = loaded(LARGE)
    router = configuration.router
    cases: list[tuple[Configuration, str, str]] = [
        (
            with_tunnel(configuration, "browser", listen=Endpoint("127.0.0.1", 5555)),
            "    listen: 127.0.0.1:4444     # the usual port",
            "    listen: 127.0.0.1:5555     # the usual port",
        ),
        (
            replace(configuration, router=replace(router, network_id=7)),
            "  network_id: 5",
            "  network_id: 7",
        ),
        (
            replace(
                configuration,
                router=replace(router, bandwidth=replace(router.bandwidth, inbound=2_500_000)),
            ),
            "  bandwidth: {inbound: 1MB/s, outbound: 512KiB/s}  # both",
            "  bandwidth: {inbound: 2500KB/s, outbound: 512KiB/s}  # both",
        ),
        (
            with_tunnel(configuration, "cam", enabled=False),
            "  cam: {type: streamrserver, listen: 127.0.0.1:5005}",
            "  cam: {type: streamrserver, listen: 127.0.0.1:5005, enabled: false}",
        ),
        (
            with_tunnel(configuration, "site", hostname="site.i2p"),
            "",
            "    hostname: site.i2p",
        ),
        (
            with_tunnel(configuration, "ssh", keys=None),
            "    keys: ssh.dat",
            "    keys: null",
        ),
    ]
    for wanted, old, new in cases:
        gone, came = diff(LARGE, check(LARGE, wanted))
        assert (gone, came) == ([old] if old else [], [new])


def test_options_go_back_to_their_defaults() -> None:
    configuration = loaded(LARGE)
    router = replace(configuration.router, port=None, bandwidth=BandwidthSection())
    result = check(LARGE, replace(configuration, router=router))
    gone, came = diff(LARGE, result)
    assert came == []
    assert gone == [
        "  bandwidth: {inbound: 1MB/s, outbound: 512KiB/s}  # both",
        "  port: 12345",
    ]
    control = replace(configuration.control, metrics=None)
    result = check(LARGE, replace(configuration, control=control))
    assert "metrics" not in result and "# Monitoring" in result


def test_what_aliases_bring_in_is_not_changed_elsewhere() -> None:
    configuration = loaded(LARGE)
    shape = replace(configuration.tunnels["browser"].inbound, length=1)
    result = check(LARGE, with_tunnel(configuration, "browser", inbound=shape))
    assert "&shape {length: 2, quantity: 3}   # two hops" in result
    result = check(LARGE, with_tunnel(configuration, "ssh", idle_timeout=0.0))
    assert loaded(result).tunnels["chat"] == configuration.tunnels["chat"]


def test_tunnels_come_and_go() -> None:
    configuration = loaded(LARGE)
    added = HttpClientSection(listen=Endpoint("127.0.0.1", 7777), pass_headers=("X-Y",))
    tunnels = {**configuration.tunnels, "second": added}
    result = check(LARGE, replace(configuration, tunnels=tunnels))
    assert comments(result) == comments(LARGE)
    assert write_over(result, configuration) == LARGE
    for name in configuration.tunnels:
        left = {key: value for key, value in configuration.tunnels.items() if key != name}
        result = check(LARGE, replace(configuration, tunnels=left))
        assert "# The first line of all." in result and "# The last line of all." in result
        for other in ("# for the browser", "# a plain one", "# end of the browser"):
            assert (other in result) == (
                {"# for the browser": "browser", "# a plain one": "ssh"}.get(other) != name
            ), (name, other)
    nothing = check(LARGE, replace(configuration, tunnels={}))
    assert "# The last line of all." in nothing and "tunnels" not in loaded_keys(nothing)


def loaded_keys(text: str) -> list[str]:
    return Document(text).keys()


def test_another_type_is_another_tunnel() -> None:
    configuration = loaded(LARGE)
    tunnels = dict(configuration.tunnels)
    tunnels["ssh"] = SocksSection(listen=Endpoint("127.0.0.1", 2222))
    result = check(LARGE, replace(configuration, tunnels=tunnels))
    assert list(loaded(result).tunnels) == list(configuration.tunnels)


def test_names() -> None:
    configuration = loaded(LARGE)
    result = rename_tunnel(LARGE, "cam", "true")
    line = "  true: {type: streamrserver, listen: 127.0.0.1:5005, keys: cam.dat}"
    assert diff(LARGE, result)[1] == [line]
    site = loaded(rename_tunnel(LARGE, "site", "new")).tunnels["new"]
    assert site == replace(configuration.tunnels["site"], keys="site.dat"), "the address stays"
    for old, new in (("nobody", "x"), ("cam", "site")):
        with pytest.raises(LocalError):
            rename_tunnel(LARGE, old, new)


@pytest.mark.parametrize(
    "text",
    [
        "tunnels:\n  a: {type: client, listen: 127.0.0.1:1, destination: x.i2p}",  # no line break
        "tunnels: {a: {type: client, listen: 127.0.0.1:1, destination: x.i2p}}\n",
        "tunnels: {}\nrouter: {}\n",
        "tunnels:\nrouter:\n",
        "router: {}\ncontrol:\n  # nothing yet\n",
        '"tunnels" : {"a": {"type": "client", "listen": "127.0.0.1:1", "destination": "x.i2p"}}\n',
        "{tunnels: {a: {type: client, listen: 127.0.0.1:1, destination: x.i2p,},},}\n",
        "",
        "---\nrouter:\n    network_id: 9\n...\n",
    ],
)
def test_forms_of_yaml(text: str) -> None:
    configuration = loaded(text or "router: {}\n")
    metrics = MetricsSection(listen=Endpoint("::1", 9464))
    wanted = replace(
        configuration,
        router=replace(configuration.router, network_id=77),
        control=replace(configuration.control, metrics=metrics),
        tunnels={**configuration.tunnels, "b": SocksSection(listen=Endpoint("127.0.0.1", 2))},
    )
    result = check(text, wanted)
    assert [c for c in text.splitlines() if "#" in c and c not in result] == []
    check(result, replace(wanted, tunnels={}))


def test_line_breaks_of_windows() -> None:
    text = LARGE.replace("\n", "\r\n")
    configuration = loaded(text)
    assert write_over(text, configuration) == text
    changed = with_tunnel(configuration, "browser", enabled=False)
    result = check(text, changed)
    assert result.count("\r\n") == result.count("\n") == text.count("\n") + 1


def test_random_changes_and_back() -> None:
    """Whatever of two configurations is mixed: the text follows, and no comment outside is lost."""
    changes: list[Callable[[Configuration, Random], Configuration]] = [
        lambda c, r: with_tunnel(c, r.choice(list(c.tunnels)), enabled=r.random() < 0.5),
        lambda c, r: with_tunnel(
            c, r.choice(list(c.tunnels)),
            outbound=replace(c.tunnels["browser"].outbound, length=r.randrange(4)),
        ),
        lambda c, r: replace(c, router=replace(c.router, port=r.choice((None, 1, 65535)))),
        lambda c, r: with_tunnel(
            c, "browser", pass_headers=tuple(f"X-{i}" for i in range(r.randrange(30)))
        ),
        lambda c, r: with_tunnel(c, "ssh", connect_timeout=r.choice((1.0, 1.5, 60.0, 599.999))),
        lambda c, r: with_tunnel(c, "ssh", keys=r.choice((None, "a b.dat", "#k", "a: b", "'"))),
        lambda c, r: replace(
            c, naming=replace(c.naming, subscriptions=r.choice(((), ("http://a.i2p/",) * 1)))
        ),
        lambda c, r: replace(
            c,
            tunnels={
                name: tunnel
                for name, tunnel in c.tunnels.items()
                if name in ("browser", "ssh") or r.random() < 0.9
            },
        ),
    ]  # fmt: skip
    for seed in range(3):
        random, text, configuration = Random(seed), LARGE, loaded(LARGE)
        for _ in range(12):
            configuration = random.choice(changes)(configuration, random)
            text = check(text, configuration)
        for comment in ("# The first line of all.", "# two hops", "# The last line of all."):
            assert comment in text, seed


def test_a_text_that_is_wrong_is_refused() -> None:
    with pytest.raises(ConfigError):
        write_over("tunnels: {a: {type: nothing}}\n", loaded("router: {}\n"))
    wrong = replace(loaded("router: {}\n").router, network_id=999)
    with pytest.raises(ConfigError):
        write_over("router: {}\n", replace(loaded("router: {}\n"), router=wrong))


def test_a_section_that_may_be_missing() -> None:
    text = "# mine\ntorrents: {upload_rate: 20KB/s}  # slow\nrouter: {}\n"
    loaded = load_text(text).configuration
    assert loaded.torrents is not None
    changed = replace(loaded, torrents=replace(loaded.torrents, upload_rate=None))
    assert load_text(write_over(text, changed)).configuration.torrents == TorrentsSection()
    assert "torrents" not in write_over(text, replace(loaded, torrents=None))
    assert "# mine" in write_over(text, changed)
