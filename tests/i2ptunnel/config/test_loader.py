"""Good configurations: defaults, units, paths, profiles laid on top of each other, the schema."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from core.api import create_key_file
from core.data.private_keys import PrivateKeys
from i2ptunnel.config import units
from i2ptunnel.config.client_models import ClientTunnelSection, HttpClientSection
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load, load_text, read_source
from i2ptunnel.config.model import Configuration, default_data_dir, json_schema
from i2ptunnel.config.network_kinds import DestinationName, Endpoint
from i2ptunnel.config.reference import option_reference
from i2ptunnel.config.server_models import HttpServerSection
from i2ptunnel.config.tunnel_models import TUNNEL_MODELS
from i2ptunnel.protocols.access_filter import parse_definition
from tests.support.deterministic import SeededEntropy

EXAMPLE = """
router:
  data_dir: state
  network_id: 7
  host: 203.0.113.7
  port: 23456
  bind: 127.77.1.1
  allow_private_addresses: true
  ntcp2: {enabled: true, proxy: null}
  ipv6: auto
  bandwidth: {inbound: 4MB/s, outbound: 512KiB/s, share: 80%}
  transit: {enabled: true, max_tunnels: 2500}
  floodfill: true
  exploratory: {inbound: {length: 2, quantity: 2}}
  reseed: {enabled: false, files: [seeds]}
tunnels:
  browser:
    type: httpclient
    listen: 127.0.0.1:4444
    outproxies: [http://exit.stormycloud.i2p]
    inbound: {length: 3, quantity: 2, length_variance: 0, backup_quantity: 0}
  socks:   {type: sockstunnel, listen: '[::1]:4447', auth: {username: no, password: "1"}}
  ssh-box: {type: client, listen: unix:/run/x.sock, destination: [Box.i2p:22, "B32.b32.i2p"]}
  site:
    type: httpserver
    docroot: ./site
    keys: site.dat
    hostname: mysite.i2p
  dump: {type: server, target: "localhost:80", enabled: false}
""".replace("B32", "a" * 52)


def test_example() -> None:
    loaded = load_text(EXAMPLE, base=Path("/etc/app"))
    router = loaded.configuration.router
    assert loaded.data_dir == router.data_dir == Path("/etc/app/state")
    assert router.bind == (ip_address("127.77.1.1"),)
    assert (router.bandwidth.inbound, router.bandwidth.outbound) == (4_000_000, 512 * 1024)
    assert router.bandwidth.share == pytest.approx(0.8)
    assert (router.floodfill, router.ipv6) == ("true", "auto")
    assert router.exploratory.outbound.length == 2
    assert router.reseed.files == (Path("/etc/app/seeds"),)
    tunnels = loaded.configuration.tunnels
    assert list(tunnels) == ["browser", "socks", "ssh-box", "site", "dump"]
    browser, box, site = tunnels["browser"], tunnels["ssh-box"], tunnels["site"]
    assert isinstance(browser, HttpClientSection) and browser.connect_timeout == 60
    assert browser.inbound == browser.outbound
    assert isinstance(box, ClientTunnelSection) and box.listen == Endpoint(path="/run/x.sock")
    assert box.destination[0] == DestinationName("box.i2p", 22)
    assert isinstance(site, HttpServerSection) and site.docroot == Path("/etc/app/site")
    assert not tunnels["dump"].enabled


def test_a_router_without_tunnels_says_so_and_an_empty_file_is_refused() -> None:
    for text in ("", "# nothing\n", "\ufeff", "---\n", "~", "{}", "x-a: {b: 1}\n"):
        with pytest.raises(ConfigError, match=r"the file is empty, add tunnels:, or router: \{\}"):
            load_text(text)
    for text in ("tunnels:\n", "tunnels: {}\n", "naming:\ncontrol: {}\n"):
        with pytest.raises(ConfigError, match="there are no tunnels"):
            load_text(text)
    for text in ("router:\ntunnels:\n", "\ufeffrouter: {}\n"):
        loaded = load_text(text)
        assert loaded.configuration.tunnels == {}
        assert loaded.configuration.router.network_id == 2


def test_profile_and_file_merge(tmp_path: Path) -> None:
    profile = (b"tunnels: {b: {type: httpclient, listen: 127.0.0.1:1, shared: false}}", "p.yaml")
    file = (b"router: {port: 9}\ntunnels: {b: {listen: 127.0.0.1:2}}", "f.yaml")
    sources = [(data, Source(name, tmp_path)) for data, name in (profile, file)]
    tunnel = load(sources).configuration.tunnels["b"]
    assert isinstance(tunnel, HttpClientSection)
    assert tunnel.listen.port == 2 and not tunnel.shared
    sources[1] = (b"tunnels: {b: {listen: 2}}", Source("f.yaml", tmp_path))
    with pytest.raises(ConfigError, match=r"^f.yaml:1:23: tunnels.b.listen"):
        load(sources)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_source(path)


def test_files_on_disk_are_checked(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(0o700)
    (data_dir / "a.dat").write_bytes(b"x")
    (data_dir / "a.dat").chmod(0o644)
    text = (
        "router: {data_dir: data, reseed: {files: [gone]}}\n"
        "tunnels:\n  a: {type: server, target: 127.0.0.1:2}\n"
        "  b: {type: httpserver, docroot: gone}\n"
        "  c: {type: sockstunnel, listen: 127.0.0.1:1, auth: {username: x, password_file: gone}}\n"
    )
    source = (text.encode(), Source("t.yaml", tmp_path))
    load([source])
    with pytest.raises(ConfigError) as caught:
        load([source], files=True)
    assert [f.path for f in caught.value.faults] == [
        "router.reseed.files[0]",
        "tunnels.a.keys",
        "tunnels.b.docroot",
        "tunnels.c.auth",
    ]


def test_an_offline_key_of_an_encrypted_lease_set_needs_daily_keys(tmp_path: Path) -> None:
    master = PrivateKeys.generate_destination(SeededEntropy("check"), 11)
    online = master.authorise_transient(SeededEntropy("online"), 2_000_000_000)
    create_key_file(tmp_path / "a.dat", online.write())
    text = (
        "router: {data_dir: .}\ntunnels:\n"
        "  a:\n    type: server\n    target: 127.0.0.1:2\n    encrypted: {enabled: true}\n"
    )
    source = (text.encode(), Source("t.yaml", tmp_path))
    with pytest.raises(ConfigError, match=r"a\.days .* is not there.*--encrypted") as caught:
        load([source], files=True)
    assert [f.path for f in caught.value.faults] == ["tunnels.a.keys"]
    (tmp_path / "a.days").touch(0o644)
    with pytest.raises(ConfigError, match=r"others can read a\.days"):
        load([source], files=True)
    (tmp_path / "a.days").chmod(0o600)
    load([source], files=True)
    (tmp_path / "a.days").unlink()
    load([(text.replace("true", "false").encode(), Source("t.yaml", tmp_path))], files=True)


def test_allow_and_auth_open_a_listener() -> None:
    load_text("tunnels: {a: {type: sockstunnel, listen: 0.0.0.0:1, allow: 192.168.0.0/16}}")
    loaded = load_text(
        "tunnels: {a: {type: sockstunnel, listen: 0.0.0.0:1, auth: {username: a, password: b}}}"
    )
    assert "b" not in repr(loaded.configuration.tunnels["a"]).split("AuthSection")[1][:6]
    loaded = load_text("tunnels: {a: {type: httpclient, listen: 127.0.0.1:1, allow: [10.0.0.0/8]}}")
    tunnel = loaded.configuration.tunnels["a"]
    assert isinstance(tunnel, HttpClientSection) and tunnel.allow == (ip_network("10.0.0.0/8"),)


def test_default_data_dir() -> None:
    assert default_data_dir({"STATE_DIRECTORY": "/var/lib/i2ptunnel:/x"}) == Path(
        "/var/lib/i2ptunnel"
    )
    assert default_data_dir({"XDG_DATA_HOME": "/d"}) == Path("/d/i2ptunnel")
    assert default_data_dir({}).parts[-3:] == (".local", "share", "i2ptunnel")


@pytest.mark.parametrize(
    ("text", "value"),
    [("512KiB", 524288), ("4MB", 4_000_000), ("1.5 GB", 1_500_000_000), ("10b", 10), ("0", 0)],
)
def test_sizes(text: str, value: int) -> None:
    assert units.read_size(text) == value
    assert units.read_size(units.show_size(value)) == value


@pytest.mark.parametrize(
    ("text", "value"), [("30s", 30), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172800), ("0", 0)]
)
def test_durations(text: str, value: float) -> None:
    assert units.read_duration(text) == pytest.approx(value)
    assert units.read_duration(units.show_duration(value)) == pytest.approx(value)


def test_bit_rates() -> None:
    assert units.read_rate("8Mbit/s") == 1_000_000


def test_schema_names_every_type_and_option() -> None:
    schema = json_schema()
    variants = schema["properties"]["tunnels"]["additionalProperties"]["oneOf"]
    assert [v["properties"]["type"]["const"] for v in variants] == list(TUNNEL_MODELS)
    assert all(v["additionalProperties"] is False for v in variants)
    assert "destination" in variants[0]["required"]
    assert len(TUNNEL_MODELS) == 16


def test_option_reference_has_every_option_once_and_no_dead_links() -> None:
    text = option_reference()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", one.lower()).replace(" ", "-") for one in headings}
    assert len(anchors) == len(headings)
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors
    assert text.count("`max_window`") == text.count("`isolate`") == 1
    rows = sum(line.startswith("| `") for line in text.splitlines())
    assert rows < 245


def test_option_reference_is_up_to_date() -> None:
    written = Path(__file__).parents[3] / "docs" / "OPTIONS.md"
    assert written.read_text() == option_reference(), (
        "run: python -m i2ptunnel.config.reference > docs/OPTIONS.md"
    )


_GUIDES = ("CONFIGURE", "NAMES", "OPERATIONS", "FROM_I2PD", "FROM_JAVA_I2P", "FROM_TOR")


def test_the_examples_of_the_guides_are_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[3]
    loaded: dict[str, list[Configuration]] = {}
    for page in (root / "README.md", *(root / "docs" / f"{name}.md" for name in _GUIDES)):
        text = page.read_text().replace("….b32", "a" * 52 + ".b32")
        blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
        loaded[page.stem] = [load_text(block).configuration for block in blocks]
    assert list(loaded["README"][0].tunnels) == ["browser", "socks", "site"]
    assert len(loaded["CONFIGURE"][0].tunnels) == 5
    reseed = loaded["CONFIGURE"][-1].router.reseed
    assert reseed.proxy is not None and len(reseed.files) == 1
    assert len(loaded["OPERATIONS"]) == len(loaded["NAMES"]) == 1


def test_the_examples_for_servers_are_valid() -> None:
    text = (Path(__file__).parents[3] / "docs" / "SERVERS.md").read_text()
    examples = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    assert len(examples) == 5
    for example in examples:
        loaded = load_text(example.replace("LONG", "b" * 56))
        assert len(loaded.configuration.tunnels) == 1
    rules = text.split("```text\n")[1].split("```")[0]
    assert len(parse_definition(rules, Path("/")).rules) == 2


def test_addresses_to_publish_are_one_several_or_none() -> None:
    def hosts(text: str) -> list[str] | None:
        found = load_text(f"router: {text}\n").configuration.router.host
        return None if found is None else list(map(str, found))

    assert hosts("{}") is None and hosts("{host: null}") is None
    assert hosts("{host: 8.8.8.8}") == ["8.8.8.8"]
    several = ["8.8.8.8", "2600::1", "201::1"]
    assert hosts("{host: [8.8.8.8, '2600::1', '201::1']}") == several
