"""Changes to a configuration's text: what is not changed stays to the letter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from core.base.errors import LocalError
from i2ptunnel.config.document import Document, block_entry
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.model import CONFIGURATION, Configuration

ROOT = Path(__file__).parents[3]
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
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


def changed(text: str, *path: str, to: Any) -> str:
    """The text with a value set, which is read back."""
    document = Document(text)
    document.set(path, to)
    result = str(document)
    value = yaml.safe_load(result)
    for key in path:
        value = value[key]
    assert value == to
    return result


def removed(text: str, *path: str) -> str:
    document = Document(text)
    document.remove(path)
    return str(document)


def comments(text: str) -> list[str]:
    """Every comment, however far in it stands."""
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def diff(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines that are gone, and lines that came."""
    before, after = old.splitlines(), new.splitlines()
    gone = [line for line in before if before.count(line) > after.count(line)]
    return gone, [line for line in after if after.count(line) > before.count(line)]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_profile(profile: Path) -> None:
    text = profile.read_text()
    for name in Document(text).keys("tunnels"):
        result = changed(text, "tunnels", name, "idle_timeout", to="9m")
        assert diff(text, result) == ([], ["    idle_timeout: 9m"])
        assert removed(result, "tunnels", name, "idle_timeout") == text
        left = removed(text, "tunnels", name)
        assert all(line.startswith("tunnels: {}") for line in diff(text, left)[1])
    added = {"type": "sockstunnel", "listen": "127.0.0.1:9999"}
    result = changed(text, "tunnels", "added", to=added)
    assert [line for line in text.splitlines() if line not in result.splitlines()] == []
    assert result.count("\n") - text.count("\n") <= 5


@pytest.mark.parametrize(
    "text",
    [
        "router:\n  port:       1\n  network_id: 2\n",
        "a: { b: 1, c: 2 }\nl: [ 1, 2 ]\n",
        "router:\n    port: 1\ntunnels:\n  web:\n    type: client\nlast:\n- x\n-   y\n",
        "f: {b: 1}      # g\na: &x {b: 1}   # c\nd: *x     # e\n",
        "a: null\nb: ~\nc:\nd: Null\n",
        "l: [\n  1,   # one\n  2,\n]\nm:\n  k: {a: 1,\n      b: 2}\n",
        'a: some words\n  that go on\nb: "quoted \\\n  too"\n',
        "a: |\n  x\n  y\nb: >-\n  fold\n  ed\n\nc: 1   \n",
        "\"a\" : 1\n'b': 2\n? c\n: 3\n",
        "---\na: 1\n...\n# after\n",
        'mode: 0600\nx: 0o17\nyes: on\nd: 2026-12-01\nt: 1:30\nn: 1_000\na: "\\u00e9"\n',
        "a:\n    # deep\n  b: 1\n  # under b\n# at zero\nc: 2\n",
        "a: 1\nb: 2",
    ],
)
def test_what_is_not_changed_stays_to_the_letter(text: str) -> None:
    """ruamel.yaml's round trip rewrites all but the last two, with quotes preserved, lines of any
    width and the indentation of the text; comments in a list and behind the document are lost."""
    assert str(Document(text)) == text
    result = changed(text, "new", to="value")
    assert diff(text, result) in (([], ["new: value"]), ([], ["", "new: value"]))
    before, after = yaml.safe_load(text), yaml.safe_load(result)
    assert after == {**before, "new": "value"}
    assert removed(result, "new").strip() == text.strip()
    first = next(iter(before))
    assert list(yaml.safe_load(changed(text, first if isinstance(first, str) else "x", to=7)))


def test_one_option_is_one_line() -> None:
    cases: list[tuple[tuple[str, ...], Any, str, str]] = [
        (
            ("tunnels", "browser", "listen"),
            "127.0.0.1:5555",
            "    listen: 127.0.0.1:4444     # the usual port",
            "    listen: 127.0.0.1:5555     # the usual port",
        ),
        (("router", "network_id"), 7, "  network_id: 5", "  network_id: 7"),
        (
            ("router", "bandwidth", "inbound"),
            "2500KB/s",
            "  bandwidth: {inbound: 1MB/s, outbound: 512KiB/s}  # both",
            "  bandwidth: {inbound: 2500KB/s, outbound: 512KiB/s}  # both",
        ),
        (
            ("tunnels", "cam", "enabled"),
            False,
            "  cam: {type: streamrserver, listen: 127.0.0.1:5005}",
            "  cam: {type: streamrserver, listen: 127.0.0.1:5005, enabled: false}",
        ),
        (("tunnels", "site", "hostname"), "site.i2p", "", "    hostname: site.i2p"),
        (("tunnels", "ssh", "keys"), None, "    keys: ssh.dat", "    keys: null"),
    ]
    for path, value, old, new in cases:
        result = changed(LARGE, *path, to=value)
        assert diff(LARGE, result) == ([old] if old else [], [new])
        loaded(result)


def test_an_option_is_taken_away() -> None:
    for path, line in (
        (("router", "bandwidth"), "  bandwidth: {inbound: 1MB/s, outbound: 512KiB/s}  # both"),
        (("router", "port"), "  port: 12345"),
    ):
        assert diff(LARGE, removed(LARGE, *path)) == ([line], [])
    result = removed(LARGE, "control", "metrics")
    assert "metrics" not in result and "# Monitoring" in result
    with pytest.raises(LocalError, match=r"router\.none is not there"):
        removed(LARGE, "router", "none")


def test_what_aliases_bring_in_is_not_changed_elsewhere() -> None:
    document = Document(LARGE)
    assert not document.is_mapping("tunnels", "browser", "inbound")
    document.set(("tunnels", "browser", "inbound"), {"length": 1})
    assert "&shape {length: 2, quantity: 3}   # two hops" in str(document)
    result = changed(LARGE, "tunnels", "ssh", "idle_timeout", to="1m")
    assert loaded(result).tunnels["chat"] == loaded(LARGE).tunnels["chat"]


def test_tunnels_come_and_go() -> None:
    configuration = loaded(LARGE)
    added = {"type": "httpclient", "listen": "127.0.0.1:7777", "pass_headers": ["X-Y"]}
    result = changed(LARGE, "tunnels", "second", to=added)
    assert comments(result) == comments(LARGE)
    assert list(loaded(result).tunnels) == [*configuration.tunnels, "second"]
    assert removed(result, "tunnels", "second") == LARGE
    owners = {"# for the browser": "browser", "# a plain one": "ssh", "# end of the browser": ""}
    for name in configuration.tunnels:
        result = removed(LARGE, "tunnels", name)
        left = {key: value for key, value in configuration.tunnels.items() if key != name}
        assert loaded(result).tunnels == left
        assert "# The first line of all." in result and "# The last line of all." in result
        for comment, owner in owners.items():
            assert (comment in result) == (owner != name), (name, comment)
    nothing = removed(LARGE, "tunnels")
    assert "# The last line of all." in nothing and Document(nothing).keys("tunnels") == []


def test_what_a_configuration_says_is_written_and_read() -> None:
    configuration = loaded(LARGE)
    plain = CONFIGURATION.plain(configuration)
    text = "".join(block_entry(name, value, 0) for name, value in plain.items())
    assert loaded(text) == configuration


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
    result = changed(text, "router", "network_id", to=77)
    result = changed(result, "control", "metrics", to={"listen": "[::1]:9464"})
    result = changed(result, "tunnels", "b", to={"type": "sockstunnel", "listen": "127.0.0.1:2"})
    assert [c for c in text.splitlines() if "#" in c and c not in result] == []
    configuration = loaded(result)
    assert configuration.router.network_id == 77 and "b" in configuration.tunnels
    assert configuration.control.metrics is not None
    assert not loaded(removed(result, "tunnels")).tunnels


def test_line_breaks_of_windows() -> None:
    text = LARGE.replace("\n", "\r\n")
    assert str(Document(text)) == text
    result = changed(text, "tunnels", "browser", "enabled", to=False)
    assert result.count("\r\n") == result.count("\n") == text.count("\n") + 1


def test_random_changes_and_back() -> None:
    """Whatever is set: it is read back, and no comment outside is lost."""
    changes: list[Callable[[Random], tuple[tuple[str, ...], Any]]] = [
        lambda r: (("tunnels", r.choice(("browser", "ssh", "cam")), "enabled"), r.random() < 0.5),
        lambda r: (("tunnels", "cam", "outbound"), {"length": r.randrange(4)}),
        lambda r: (("router", "port"), r.choice((None, 1, 65535))),
        lambda r: (
            ("tunnels", "browser", "pass_headers"),
            [f"X-{i}" for i in range(r.randrange(30))],
        ),
        lambda r: (("tunnels", "ssh", "keys"), r.choice((None, "a b.dat", "#k", "a: b", "'"))),
        lambda r: (("naming", "subscriptions"), ["http://a.i2p/"] * r.randrange(2)),
    ]
    for seed in range(3):
        random, text = Random(seed), LARGE
        for _ in range(20):
            path, value = random.choice(changes)(random)
            text = changed(text, *path, to=value)
        loaded(text)
        for comment in ("# The first line of all.", "# two hops", "# The last line of all."):
            assert comment in text, seed
