"""Every mistake is found, at its line and column, with a word on what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2ptunnel.config.faults import ConfigError, Fault
from i2ptunnel.config.loader import load_text
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS


def faults_of(text: str) -> list[Fault]:
    try:
        load_text(text, "t.yaml")
    except ConfigError as error:
        return list(error.faults)
    return []


def tunnel(options: str, type_name: str = "client") -> str:
    return f"tunnels:\n  a:\n    type: {type_name}\n" + "".join(
        f"    {line}\n" for line in options.split("\n")
    )


CLIENT = "listen: 127.0.0.1:1000\ndestination: x.i2p"
B32 = "a" * 52

# text, line, column, path, a part of the message
CASES = [
    # the file as a whole
    ("a: [", 1, 5, "", "not valid YAML"),
    ("router:\n\tport: 1\n", 2, 1, "", "indent with spaces"),
    ("router: {port: 1\n", 2, 1, "", "not valid YAML"),
    ("- router\n", 1, 1, "", "not a mapping"),
    ("just text\n", 1, 1, "", "not a mapping"),
    ("router: {}\n---\nrouter: {}\n", 2, 1, "", "second YAML document"),
    ("router:\n  port: 4000\n  port: 4001\n", 3, 3, "router.port", "already set in line 2"),
    ("tunnels: {a: &x {type: client}}\n", 1, 14, "tunnels.a", "anchors and aliases"),
    ("router: !!python/object:os.system {}\n", 1, 9, "router", "tag"),
    ("router: {? [a] : 1}\n", 1, 12, "router", "as a key"),
    ("a: " + "[" * 40 + "]" * 40, 1, 19, "a" + "[0]" * 15, "nested too deeply"),
    ('router: {data_dir: "a\\0b"}\n', 1, 20, "router.data_dir", "write a path"),
    ("router: \x01\n", 1, 9, "", "control character"),
    ('router: {host: "\\UFFFFFFFF"}\n', 1, 19, "", "not valid YAML: a number that is too large"),
    ('router:\n  host: "\\U00110000"\n', 2, 12, "", "not valid YAML: a number that is too large"),
    (f"%YAML {'9' * 5000}.1\n---\nrouter: {{}}\n", 1, 7, "", "a number that is too large"),
    # unknown keys
    ("roter: {}\n", 1, 1, "roter", 'did you mean "router"'),
    ("tunnel: {}\n", 1, 1, "tunnel", 'did you mean "tunnels"'),
    ("router:\n  floodfil: auto\n", 2, 3, "router.floodfil", 'did you mean "floodfill"'),
    ("router: {dataDir: x}\n", 1, 10, "router.dataDir", 'did you mean "data_dir"'),
    (tunnel(CLIENT + "\ninbound: {lenght: 1}"), 6, 15, "tunnels.a.inbound.lenght", '"length"'),
    (tunnel(CLIENT + "\ntarget: 127.0.0.1:1"), 6, 5, "tunnels.a.target", "unknown key"),
    # YAML 1.1 traps and wrong types
    ("router: {port: 0777}\n", 1, 16, "router.port", "write 777 without leading zeros"),
    ("router: {port: 1:30}\n", 1, 16, "router.port", "whole number"),
    ("router: {port: 1_000}\n", 1, 16, "router.port", "whole number"),
    ("router: {port: 0x50}\n", 1, 16, "router.port", "whole number"),
    ('router: {port: "4000"}\n', 1, 16, "router.port", "without quotes"),
    ("router: {port: 70000}\n", 1, 16, "router.port", "from 1 to 65535"),
    ("router: {port: -1}\n", 1, 16, "router.port", "from 1 to 65535"),
    ("router: {port: [1]}\n", 1, 16, "router.port", "a list"),
    ("router: {ntcp2: {enabled: yes}}\n", 1, 27, "router.ntcp2.enabled", "write true"),
    ("router: {ntcp2: {enabled: Off}}\n", 1, 27, "router.ntcp2.enabled", "write false"),
    ("router: {ntcp2: {enabled: 1}}\n", 1, 27, "router.ntcp2.enabled", "true or false"),
    ("router: {ntcp2: {enabled: null}}\n", 1, 27, "router.ntcp2.enabled", "nothing"),
    ("router: {ntcp2: true}\n", 1, 17, "router.ntcp2", "where options belong"),
    ("router: {floodfill: maybe}\n", 1, 21, "router.floodfill", "auto, true, false"),
    ("tunnels: [a, b]\n", 1, 10, "tunnels", "where names belong"),
    ("tunnels: {a: client}\n", 1, 14, "tunnels.a", "where a tunnel belongs"),
    # units
    ("router: {bandwidth: {inbound: 4MB}}\n", 1, 31, "router.bandwidth.inbound", "4MB/s"),
    ("router: {bandwidth: {inbound: 4000}}\n", 1, 31, "router.bandwidth.inbound", "4MB/s"),
    ("router: {bandwidth: {inbound: 0}}\n", 1, 31, "router.bandwidth.inbound", "at least"),
    ("router: {bandwidth: {inbound: 4XB/s}}\n", 1, 31, "router.bandwidth.inbound", "4MB/s"),
    ("router: {bandwidth: {share: 80}}\n", 1, 29, "router.bandwidth.share", "0% to 100%"),
    ("router: {bandwidth: {share: 180%}}\n", 1, 29, "router.bandwidth.share", "0% to 100%"),
    (tunnel(CLIENT + "\nconnect_timeout: 60"), 6, 22, "tunnels.a.connect_timeout", "like 30s"),
    (tunnel(CLIENT + "\nconnect_timeout: 2d"), 6, 22, "tunnels.a.connect_timeout", "1s to 10m"),
    # addresses
    ("router: {bind: 300.0.0.1}\n", 1, 16, "router.bind", "IPv4 or IPv6 address"),
    (
        "router: {ntcp2: {enabled: false, proxy: 'socks5://127.0.0.1:9'}}\n",
        1,
        27,
        "router.ntcp2.enabled",
        "SSU2 cannot use a proxy",
    ),
    ("router: {ntcp2: {proxy: 127.0.0.1:1}}\n", 1, 25, "router.ntcp2.proxy", "socks5://127.0.0.1"),
    ("router: {ntcp2: {proxy: socks5://a:1}}\n", 1, 25, "router.ntcp2.proxy", "proxy's address"),
    (
        "router: {host: 198.51.100.7, ntcp2: {proxy: socks5://127.0.0.1:9050}}\n",
        1,
        16,
        "router.host",
        "refuse one that calls from another address",
    ),
    (tunnel("listen: 4444\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "127.0.0.1:4444"),
    (tunnel("listen: 127.0.0.1\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "port is missing"),
    (tunnel("listen: 127.0.0.1:0\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "1 to 65535"),
    (tunnel("listen: ::1:80\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "[::1]:80"),
    (tunnel("listen: host.net:80\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "not a name"),
    (tunnel("listen: unix:sock\ndestination: x.i2p"), 4, 13, "tunnels.a.listen", "absolute path"),
    (tunnel("target: 999.1.1.1:80", "server"), 4, 13, "tunnels.a.target", "four numbers"),
    (tunnel("target: x.i2p:80", "server"), 4, 13, "tunnels.a.target", "belongs in destination"),
    (tunnel(CLIENT + "\nallow: 10.0.0.1/8"), 6, 12, "tunnels.a.allow", "write 10.0.0.0/8"),
    (tunnel(CLIENT + "\nallow: [nowhere]"), 6, 13, "tunnels.a.allow[0]", "192.168.1.0/24"),
    (
        tunnel("listen: 127.0.0.1:1\ndestination: example.com"),
        5,
        18,
        "tunnels.a.destination",
        "i2p",
    ),
    (
        tunnel("listen: 127.0.0.1:1\ndestination: abc.b32.i2p"),
        5,
        18,
        "tunnels.a.destination",
        "52 letters",
    ),
    (
        tunnel(f"listen: 127.0.0.1:1\ndestination: {B32}.b32.i2p:99999"),
        5,
        18,
        "tunnels.a.destination",
        "1 to 65535",
    ),
    ("router: {host: myhost}\n", 1, 16, "router.host", "IPv4 or IPv6 address"),
    ("router: {host: 10.0.0.1}\n", 1, 16, "router.host", "cannot reach 10.0.0.1"),
    ("router: {host: [8.8.8.8, 10.0.0.1]}\n", 1, 26, "router.host[1]", "second IPv4 address"),
    ("router: {host: [8.8.8.8, fd00::1]}\n", 1, 26, "router.host[1]", "cannot reach fd00::1"),
    ("router: {bind: [127.0.0.1, 127.0.0.2]}\n", 1, 28, "router.bind[1]", "second IPv4 address"),
    ("router: {bind: 0.0.0.0, host: '2600::1'}\n", 1, 31, "router.host", "no IPv6 address"),
    ("router: {ipv6: false, host: '2600::1'}\n", 1, 16, "router.ipv6", "has an IPv6 address"),
    ("router: {ipv6: false, bind: '::'}\n", 1, 16, "router.ipv6", "has an IPv6 address"),
    (
        "router: {host: '201::1', ntcp2: {enabled: false}}\n",
        1,
        16,
        "router.host",
        "NTCP2 alone",
    ),
    (
        "router: {ntcp2: {enabled: false}, ssu2: {enabled: false}}\n",
        1,
        17,
        "router.ntcp2",
        "no transport is enabled",
    ),
    (
        "router: {reseed: {proxy: socks5://a:1}}\n",
        1,
        26,
        "router.reseed.proxy",
        "with the proxy's address",
    ),
    (
        "router: {reseed: {urls: [http://a.net/]}}\n",
        1,
        26,
        "router.reseed.urls[0]",
        "https://host",
    ),
    ("router: {reseed: {threshold: 0}}\n", 1, 30, "router.reseed.threshold", "from 1 to 5000"),
    # tunnel types
    ("tunnels: {a: {listen: 127.0.0.1:1}}\n", 1, 14, "tunnels.a", "type is missing"),
    ("tunnels: {a: {type: htpclient}}\n", 1, 21, "tunnels.a.type", 'did you mean "httpclient"'),
    ("tunnels: {a: {type: socks}}\n", 1, 21, "tunnels.a.type", 'did you mean "sockstunnel"'),
    ("tunnels: {a: {type: [client]}}\n", 1, 21, "tunnels.a.type", "is no type"),
    ("tunnels: {a: {type: 1}}\n", 1, 21, "tunnels.a.type", "unknown tunnel type"),
    ("control: {metrics: {listen: 0.0.0.0:1}}\n", 1, 29, "control.metrics.listen", "add allow:"),
    (
        "control: {metrics: {listen: 127.0.0.1:1}}\n"
        "tunnels: {a: {type: sockstunnel, listen: 127.0.0.1:1}}\n",
        1,
        29,
        "control.metrics.listen",
        "taken by tunnel a (line 2)",
    ),
    (tunnel("listen: 127.0.0.1:1"), 3, 5, "tunnels.a", "destination is missing"),
    (tunnel("keys: a.dat", "httpserver"), 3, 5, "tunnels.a", "target is missing"),
    ('tunnels: {"a b": {type: client}}\n', 1, 11, "tunnels.a b", "is no name"),
    (
        "tunnels:\n  a: {type: server, target: 127.0.0.1:1}\n"
        "  A: {type: server, target: 127.0.0.1:1}\n",
        3,
        3,
        "tunnels.A",
        "only in upper and lower case",
    ),
    # options against each other
    (
        "tunnels:\n  a: {type: sockstunnel, listen: 127.0.0.1:1}\n"
        "  b: {type: httpclient, listen: localhost:1}\n",
        3,
        33,
        "tunnels.b.listen",
        "taken by tunnel a (line 2)",
    ),
    (
        "tunnels:\n  a: {type: sockstunnel, listen: 127.0.0.1:1}\n"
        "  b: {type: httpclient, listen: 0.0.0.0:1, allow: 10.0.0.0/8}\n",
        3,
        33,
        "tunnels.b.listen",
        "taken by tunnel a",
    ),
    (
        "tunnels:\n  a: {type: sockstunnel, listen: 'unix:/s'}\n"
        "  b: {type: httpclient, listen: 'unix:/s'}\n",
        3,
        33,
        "tunnels.b.listen",
        "taken",
    ),
    (
        "router: {port: 5000}\ntunnels: {a: {type: sockstunnel, listen: 127.0.0.1:5000}}\n",
        2,
        42,
        "tunnels.a.listen",
        "the router's own",
    ),
    (tunnel("listen: 0.0.0.0:1", "sockstunnel"), 4, 13, "tunnels.a.listen", "other machines"),
    (tunnel("listen: '[::]:1'", "httpclient"), 4, 13, "tunnels.a.listen", "auth: or allow:"),
    (
        tunnel("listen: 127.0.0.1:1\nauth: {username: x}", "sockstunnel"),
        5,
        11,
        "tunnels.a.auth",
        "password",
    ),
    (
        tunnel(
            "listen: 127.0.0.1:1\nauth: [{username: x, password: y}, {username: x, password: z}]",
            "sockstunnel",
        ),
        5,
        40,
        "tunnels.a.auth[1]",
        "twice",
    ),
    (
        tunnel("target: 127.0.0.1:1\ndocroot: ./x", "httpserver"),
        5,
        14,
        "tunnels.a.docroot",
        "either",
    ),
    (
        tunnel("target: 127.0.0.1:1\nkeys: ../x", "server"),
        5,
        11,
        "tunnels.a.keys",
        "leaves data_dir",
    ),
    (
        tunnel("target: 127.0.0.1:1\nkeys: router.keys", "server"),
        5,
        11,
        "tunnels.a.keys",
        "belongs to the router",
    ),
    *(
        (
            tunnel(f"target: 127.0.0.1:1\nkeys: {name}", "server"),
            *(5, 11, "tunnels.a.keys", "belongs to the router"),
        )
        for name in (
            *("peers.dat", "./peers.dat", "console.pem", "ssh-127.0.0.1-7622.key", "console.html"),
            *("state.sqlite-wal", "addresses.sqlite.damaged-1", "sam/a.dat", "torrents/a.resume"),
        )
    ),
    (
        tunnel("target: 127.0.0.1:1\nkeys: a.dat.session", "server"),
        5,
        11,
        "tunnels.a.keys",
        "what is kept beside a key file",
    ),
    (
        "tunnels:\n  a: {type: server, target: 127.0.0.1:1, keys: k.dat}\n"
        "  b: {type: server, target: 127.0.0.1:1, keys: k.dat}\n",
        3,
        48,
        "tunnels.b.keys",
        "used by tunnel a too",
    ),
    (
        "tunnels:\n  a: {type: server, target: 127.0.0.1:4444}\n"
        "  b: {type: httpclient, listen: 127.0.0.1:4444}\n",
        2,
        29,
        "tunnels.a.target",
        "everybody in I2P",
    ),
    (
        "router: {ntcp2: {enabled: false}, ssu2: {enabled: false}}\n",
        1,
        17,
        "router.ntcp2",
        "no transport",
    ),
    (
        tunnel("listen: 'unix:/s'\nallow: 10.0.0.0/8\ndestination: x.i2p"),
        5,
        12,
        "tunnels.a.allow",
        "no networks",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "column", "path", "part"), CASES, ids=[f"{c[3]}-{c[4][:24]}" for c in CASES]
)
def test_mistake_is_found(text: str, line: int, column: int, path: str, part: str) -> None:
    found = faults_of(text)
    assert any(
        (f.mark.line, f.mark.column, f.path) == (line, column, path) and part in str(f)
        for f in found
    ), "\n".join(map(str, found)) or "no fault"


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    found = faults_of(
        "router: {port: 0, host: '', floodfill: x}\ntunnels:\n"
        "  a: {type: nope}\n  b: {type: client}\n  c: {type: httpserver}\n"
    )
    assert [f.mark.line for f in found] == [1, 1, 1, 3, 4, 4, 5]


@pytest.mark.parametrize("name", TUNNEL_MODELS)
def test_a_type_that_does_not_exist_yet_says_so(name: str) -> None:
    found = [str(fault) for fault in faults_of(f"tunnels: {{a: {{type: {name}}}}}")]
    is_refused = any("not yet available" in fault for fault in found)
    assert is_refused is not TUNNEL_MODELS[name].IS_AVAILABLE


def test_faults_look_as_documented() -> None:
    (fault,) = faults_of("router: {port: 0}\n")
    assert str(fault) == (
        't.yaml:1:16: router.port: "0" is not right, write a whole number from 1 to 65535'
    )


def test_bytes_that_are_not_text_and_huge_files() -> None:
    from pathlib import Path

    from i2ptunnel.config.faults import Source
    from i2ptunnel.config.loader import load
    from i2ptunnel.config.nodes import FILE_BYTES_MAX

    source = Source("t.yaml", Path("/"))
    for data, part in (
        (b"a: b\nc: \xff\n", "t.yaml:2:4"),
        (b"#" * (FILE_BYTES_MAX + 1), "at most"),
    ):
        with pytest.raises(ConfigError, match=part):
            load([(data, source)])


def test_control_characters_never_reach_the_message() -> None:
    text = (
        'tunnels: {a: {type: "\\e[31m\\n"}, "\\e[1m": {type: x}, '
        'b: {type: sockstunnel, listen: "[::1]\\t:1"}}\n'
    )
    assert len(faults_of(text)) >= 3
    for fault in faults_of(text):
        assert str(fault).isprintable()


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="router:tunels \n-[]{}&*!|>'\"#%@,?0123\t", max_size=200))
def test_junk_gives_faults_only(text: str) -> None:
    faults_of(text)
