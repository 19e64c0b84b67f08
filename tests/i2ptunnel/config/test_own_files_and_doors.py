"""Nothing of the program itself is offered to I2P: refused when the configuration is read."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load
from i2ptunnel.config.own_files import OwnFiles


def faults(text: str, base: Path, path: Path | None = None) -> str:
    try:
        load([(text.encode(), Source("t.yaml", base, path))])
    except ConfigError as error:
        return str(error)
    return ""


def site(docroot: str, rest: str = "") -> str:
    return (
        "router: {data_dir: state}\n"
        f"tunnels:\n  s: {{type: httpserver, docroot: '{docroot}'}}\n{rest}"
    )


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("state/sub", "www/deep", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "to-state").symlink_to("state")
    (tmp_path / "to-here").symlink_to(".")
    (tmp_path / "www" / "up").symlink_to("../state/sub")
    return tmp_path


@pytest.mark.parametrize(
    ("docroot", "wrong"),
    [
        ("state", "is in the data directory"),
        ("./state/", "is in the data directory"),
        ("state/sub", "is in the data directory"),
        ("www/../state", "is in the data directory"),
        ("to-state", "is in the data directory"),
        ("to-here/to-state/sub", "is in the data directory"),
        ("www/up", "is in the data directory"),
        ("/proc/self/cwd/state", "is in the data directory"),
        (".", "contains the data directory"),
        ("/", "contains the data directory"),
        ("to-here", "contains the data directory"),
        ("/proc/self/root", "contains the data directory"),
        ("/proc/self/cwd", "contains the data directory"),
        ("/proc", "environment"),
        ("/sys/kernel", "environment"),
        ("/dev/shm/..", "environment"),
    ],
)
def test_a_docroot_that_shows_the_keys_is_refused(base: Path, docroot: str, wrong: str) -> None:
    found = faults(site(docroot), base)
    assert "tunnels.s.docroot" in found and wrong in found


def test_a_docroot_beside_the_data_directory_is_fine(base: Path) -> None:
    for docroot in ("www", "other", "www/deep", "not-there-yet"):
        assert faults(site(docroot), base) == ""


def test_a_data_directory_that_is_a_link_is_followed(base: Path) -> None:
    text = "router: {data_dir: to-state}\ntunnels: {s: {type: httpserver, docroot: state}}\n"
    assert "is in the data directory" in faults(text, base)


@pytest.mark.parametrize(
    "rest",
    [
        "  p: {type: sockstunnel, listen: 127.0.0.1:1, auth: {username: x, password_file: www/w}}",
        "  p: {type: client, listen: 127.0.0.1:1, tls: {certificate: c, key: www/k}, "
        "destination: x.i2p}",
        "  p: {type: client, listen: 127.0.0.1:1, tls: {certificate: www/c}, destination: x.i2p}",
        "  p: {type: client, listen: 127.0.0.1:1, destination: {address: x.i2p, "
        "client_key_file: www/deep/k}}",
        "  p: {type: server, target: 127.0.0.1:1, access: {filter: www/f}}",
        "  p: {type: server, target: 127.0.0.1:1, keys: {base}/www/k.dat}",
    ],
)
def test_a_docroot_with_secrets_of_other_tunnels_is_refused(base: Path, rest: str) -> None:
    found = faults(site("www", rest.replace("{base}", str(base)) + "\n"), base)
    assert "tunnels.s.docroot: it contains" in found


def test_the_configuration_is_not_offered_either(base: Path) -> None:
    text = "router: {data_dir: /nonexistent}\ntunnels: {s: {type: httpserver, docroot: .}}\n"
    assert "may hold passwords" in faults(text, base, base / "i.yaml")
    assert faults(text.replace("docroot: .", "docroot: www"), base, base / "i.yaml") == ""


def test_a_bind_mount_of_the_data_directory_is_seen(base: Path) -> None:
    script = (
        "mount --bind state other && mkdir -p www/m && mount --bind state www/m && "
        "exec .venv/bin/python -c 'import os, sys; from pathlib import Path; "
        "from i2ptunnel.config.own_files import OwnFiles; own = OwnFiles(Path(sys.argv[1])); "
        "print(own.clash(Path(sys.argv[2]))); h = os.open(sys.argv[3], 0); print(own.holds(h))' "
    )
    tree = Path(__file__).parents[3]
    (base / "state" / "k").write_text("secret")
    words = " ".join(str(base / part) for part in ("state", "other", "www/m/k"))
    whole = f"cd {base}; {script}{words}".replace(".venv", f"{tree}/.venv")
    done = subprocess.run(
        [
            "unshare",
            "-rm",
            "sh",
            "-ec",
            whole,
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tree)},
    )
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        return  # no mount namespaces here
    assert "is in the data directory" in done.stdout and "True" in done.stdout, done.stderr


def test_open_files_are_judged_by_what_they_are(base: Path) -> None:
    key, page = base / "state" / "router.keys", base / "www" / "index.html"
    key.write_text("secret")
    page.write_text("page")
    (base / "www" / "hard").hardlink_to(key)
    (base / "www" / "soft").symlink_to(key)
    own = OwnFiles(base / "to-state")
    for name, is_ours in (("hard", True), ("soft", True), ("index.html", False)):
        handle = os.open(base / "www" / name, os.O_RDONLY)
        try:
            assert own.holds(handle) is is_ours
        finally:
            os.close(handle)


def test_a_published_file_never_replaces_one_of_ours(base: Path) -> None:
    for name in ("state/router.keys", "state/a.dat", "to-state/addresses.sqlite"):
        text = f"router: {{data_dir: state}}\nnaming: {{publish: {{file: {name}}}}}\n"
        assert "naming.publish.file" in faults(text, base)


# Listeners

DOORS = (
    "router: {data_dir: state, port: 4600}\n"
    "control: {metrics: {listen: 127.0.0.1:4500}}\n"
    "tunnels:\n"
    "  web: {type: httpclient, listen: 127.0.0.1:4444}\n"
    "  all: {type: sockstunnel, listen: 0.0.0.0:4447, allow: 127.0.0.0/8}\n"
    "  six: {type: sockstunnel, listen: '[::1]:4448'}\n"
    "  path: {type: httpclient, listen: 'unix:BASE/proxy.sock'}\n"
    "  cam: {type: streamrserver, listen: 127.0.0.1:5005}\n"
    "  out: {type: udpclient, listen: 127.0.0.1:5006, destination: x.i2p}\n"
)


@pytest.mark.parametrize(
    "target",
    [
        *("127.0.0.1:4444", "localhost:4444", "0.0.0.0:4444", "'[::ffff:127.0.0.1]:4444'"),
        *("0x7f.1:4444", "0x7f000001:4444", "'[::ffff:7f00:1]:4444'", "x.localhost:4444"),
        *("127.0.0.1:4447", "127.9.9.9:4447", "localhost:4447", "0.0.0.0:4447"),
        *("'[::1]:4448'", "'[0:0:0:0:0:0:0:1]:4448'", "localhost:4448", "'[::]:4448'"),
        *("127.0.0.1:4500", "localhost:4500", "127.0.0.1:4600", "127.5.5.5:4600"),
        *("'unix:BASE/proxy.sock'", "'unix:BASE/to-here/proxy.sock'"),
        *("'unix:BASE/state/control.sock'", "'unix:BASE/www/../to-state/control.sock'"),
    ],
)
def test_a_target_that_is_our_own_listener_is_refused(base: Path, target: str) -> None:
    for kind in ("server", "httpserver", "ircserver"):
        text = f"{DOORS}  s: {{type: {kind}, target: {target}}}\n".replace("BASE", str(base))
        assert "tunnels.s.target: offers the" in faults(text, base), kind
    for rest in (
        f"target: [127.0.0.1:1, {target}]",
        f"target: 127.0.0.1:1, ports: {{22: {target}}}",
    ):
        text = f"{DOORS}  s: {{type: server, {rest}}}\n".replace("BASE", str(base))
        assert "to everybody in I2P" in faults(text, base)


@pytest.mark.parametrize("target", ["127.0.0.1:5005", "localhost:5006", "0.0.0.0:5006"])
def test_packets_are_not_sent_to_our_own_listeners(base: Path, target: str) -> None:
    for rest in (
        f"{{type: udpserver, target: {target}}}",
        f"{{type: streamrclient, destination: x.i2p, target: {target}}}",
    ):
        text = f"{DOORS}  s: {rest}\n".replace("BASE", str(base))
        assert "tunnels.s.target: offers the listener of tunnel" in faults(text, base)


@pytest.mark.parametrize(
    "target", ["127.0.0.2:4444", "127.0.0.1:4448", "127.0.0.1:5005", "192.0.2.1:4447"]
)
def test_other_services_are_fine(base: Path, target: str) -> None:
    text = f"{DOORS}  s: {{type: server, target: {target}}}\n".replace("BASE", str(base))
    assert faults(text, base) == ""


def test_a_socket_is_known_by_its_inode(base: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(base / "proxy.sock"))
        (base / "www" / "other-name").hardlink_to(base / "proxy.sock")
        text = f"{DOORS}  s: {{type: server, target: 'unix:BASE/www/other-name'}}\n"
        assert "offers the listener of tunnel path" in faults(text.replace("BASE", str(base)), base)


@pytest.mark.parametrize(
    ("listen", "wrong"),
    [
        ("'[::ffff:127.0.0.1]:4444'", "taken by tunnel web"),
        ("127.0.0.1:4600", "the router's own"),
        ("'unix:BASE/to-here/proxy.sock'", "taken by tunnel path"),
        ("'unix:BASE/to-state/control.sock'", "taken by the control socket"),
    ],
)
def test_a_listener_on_anothers_place_is_refused(base: Path, listen: str, wrong: str) -> None:
    text = f"{DOORS}  z: {{type: sockstunnel, listen: {listen}}}\n".replace("BASE", str(base))
    assert wrong in faults(text, base)


def test_a_proxy_is_not_its_own_proxy(base: Path) -> None:
    text = (
        "router: {ntcp2: {proxy: socks5://localhost:4447}}\n"
        "tunnels:\n  socks: {type: sockstunnel, listen: 127.0.0.1:4447, "
        "outproxies: socks5://127.0.0.1:4447}\n"
    )
    found = faults(text, base)
    assert "router.ntcp2.proxy: is the listener of tunnel socks" in found
    assert "tunnels.socks.outproxies: socks5://127.0.0.1:4447 is this tunnel itself" in found
