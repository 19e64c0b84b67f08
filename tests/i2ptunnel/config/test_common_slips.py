"""What people write first, and what they are told: addresses, variables, anchors, no effect."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i2ptunnel.cli.main import main
from i2ptunnel.config import file_checks
from i2ptunnel.config.client_models import HttpClientSection, SocksSection
from i2ptunnel.config.faults import ConfigError, Source
from i2ptunnel.config.loader import load, load_text
from i2ptunnel.config.network_kinds import Endpoint
from i2ptunnel.config.nodes import ALIASED_NODES_MAX

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user reaches; pytest closes its own ones when a run begins."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


def nobody() -> dict[str, Any]:
    """For ``subprocess``: who has no rights; {} if we are that."""
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def check_as(who: dict[str, Any], config: Path) -> subprocess.CompletedProcess[str]:
    """``i2ptunnel check`` as another user."""
    return subprocess.run(
        [sys.executable, "-m", "i2ptunnel", "check", "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
        **who,
    )


def told(text: str) -> str:
    try:
        load_text(text, "t.yaml")
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("target", "right"),
    [
        ("http://127.0.0.1:8080/", "write 127.0.0.1:8080"),
        ("http://127.0.0.1:8080", "write 127.0.0.1:8080"),
        ("http://localhost/", "write localhost:80"),
        ("HTTP://user:pw@localhost:81/x?y", "write localhost:81"),
        ("https://127.0.0.1:8443/", "write 127.0.0.1:8443 and target_tls: {}"),
        ("https://[::1]/", "write [::1]:443 and target_tls: {}"),
        ("tcp://127.0.0.1:22", "write 127.0.0.1:22"),
        ("tcp://127.0.0.1", "write 127.0.0.1:PORT"),
        ("127.0.0.1:8080/", "write 127.0.0.1:8080"),
        ("127.0.0.1:8080/index.html", "write 127.0.0.1:8080"),
        ("127.0.0.1 8080", "write 127.0.0.1:8080"),
        ("user:pw@127.0.0.1:8080", "write 127.0.0.1:8080"),
        ("user@localhost:8080", "write localhost:8080"),
        ("unix:///run/app.sock", "write unix:/run/app.sock"),
        ("unix://run/app.sock", "write unix:/run/app.sock"),
        ("/run/app.sock", "write unix:/run/app.sock"),
        ("unix:/run/$USER/app.sock", "variables are not expanded"),
        ("127.0.0.1:http", "a port is a number"),
        ("127.0.0.1", "the port is missing"),
        ("127.0.0.1:80:90", "write one port, like 127.0.0.1:80"),
        ("::1", "the port is missing, write [::1]:PORT"),
        ("[::1]", "the port is missing, write [::1]:PORT"),
        ("2001:db8::1", "the port is missing, write [2001:db8::1]:PORT"),
    ],
)
def test_a_target_in_another_form_is_answered_with_the_right_one(target: str, right: str) -> None:
    found = told(f"tunnels: {{a: {{type: httpserver, target: '{target}'}}}}\n")
    assert found.startswith("t.yaml:1:") and right in found
    assert "brackets" not in found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
    ("destination", "right"),
    [
        ("http://forum.i2p/", "write forum.i2p:80"),
        ("https://forum.i2p:8443/x", "write forum.i2p:8443"),
        ("irc://irc.postman.i2p", "write irc.postman.i2p:6667"),
        ("x://forum.i2p", "write forum.i2p"),
    ],
)
def test_a_url_is_no_destination(destination: str, right: str) -> None:
    text = f"{{type: client, listen: 127.0.0.1:1, destination: '{destination}'}}"
    assert told(f"tunnels: {{a: {text}}}\n").endswith(right)


@pytest.mark.parametrize(
    ("listen", "right"),
    [
        ("http://127.0.0.1:4444/", "write 127.0.0.1:4444"),
        ("'*:4444'", "write 0.0.0.0:4444"),
        ("/run/x.sock", "write unix:/run/x.sock"),
        ("[::1]:4444", 'quote it: "[::1]:4444"'),
        ("[::1]", 'quote it, with the port: "[::1]:4444"'),
        ("[2001:db8::1]:4444", 'quote it: "[2001:db8::1]:4444"'),
    ],
)
def test_a_listener_in_another_form(listen: str, right: str) -> None:
    assert right in told(f"tunnels:\n  a:\n    type: httpclient\n    listen: {listen}\n")
    flow = told(f"tunnels: {{a: {{type: httpclient, listen: {listen}}}}}\n")
    assert right in flow or listen == "/run/x.sock"


@pytest.mark.parametrize(
    "path", ["$HOME/x", "${HOME}/x", "/var/$USER", "$(pwd)/x", "%h/x", "a/$b/c"]
)
def test_variables_are_refused_wherever_a_path_stands(path: str, tmp_path: Path) -> None:
    for text in (
        f"router: {{data_dir: '{path}'}}\n",
        f"router: {{reseed: {{files: ['{path}']}}}}\n",
        f"tunnels: {{a: {{type: httpserver, docroot: '{path}'}}}}\n",
        f"tunnels: {{a: {{type: server, target: 127.0.0.1:1, keys: '{path}'}}}}\n",
    ):
        assert "variables are not expanded, ~ is your home" in told(text)
    with pytest.raises(SystemExit):
        main(["status", "--data-dir", path])


def test_the_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = load_text("router: {data_dir: ~/x}\n")
    assert loaded.data_dir == tmp_path / "x"
    assert "without ~" in told("tunnels: {a: {type: server, target: 127.0.0.1:1, keys: ~/k.dat}}")


# Anchors

COMMON = """
x-common: &common
  auth: {username: u, password: p}
  inbound: &shape {length: 2, quantity: 3}
  outbound: *shape
x-hosts: [&here 127.0.0.1:4444, &there "127.0.0.1:4447"]
tunnels:
  a: {type: httpclient, listen: *here, <<: *common}
  b:
    <<: [*common]
    type: sockstunnel
    listen: *there
    inbound: {length: 1}
"""


def test_anchors_below_an_x_key_are_read() -> None:
    tunnels = load_text(COMMON).configuration.tunnels
    web, socks = tunnels["a"], tunnels["b"]
    assert isinstance(web, HttpClientSection) and isinstance(socks, SocksSection)
    assert web.listen == Endpoint("127.0.0.1", 4444) and web.auth == socks.auth
    assert (web.inbound.length, web.inbound.quantity) == (2, 3) and web.outbound == web.inbound
    assert (socks.inbound.length, socks.inbound.quantity) == (1, 2), "what is written counts"


def test_anchors_elsewhere_and_bombs_are_refused() -> None:
    assert "below a top-level key like x-common" in told("tunnels: {a: &a {type: client}}\n")
    assert "nothing above has the anchor &b" in told("router: *b\n")
    assert "cannot be merged" in told("x-a: &a 5\nrouter: {<<: *a}\n")
    assert told("x-a: &a {port: 0}\nrouter: {<<: *a}\n").startswith("t.yaml:1:16: router.port")
    bomb = "x-a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert f"more than {ALIASED_NODES_MAX} values" in told(bomb)
    assert told("x-a: &a [*a]\nrouter: {}\n").startswith("t.yaml:1:10: x-a[0]: nothing above")


# What is allowed, and unwise

UNWISE = "router:\n  ntcp2: {enabled: false}\n  floodfill: true\n"


def test_a_floodfill_with_ssu2_alone_brings_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "i.yaml"
    config.write_text(UNWISE)
    assert main(["check", "-c", str(config)]) == 0
    out, err = capsys.readouterr()
    assert out == "valid: 0 tunnels\n"
    assert err == (
        f"{config}:3:14: router.floodfill: warning: "
        "Java I2P bans a floodfill that has SSU2 alone, enable ntcp2, or floodfill: false\n"
    )
    assert main(["check", "--json", "-c", str(config)]) == 0
    assert '"path": "router.floodfill"' in capsys.readouterr().out
    for fine in ("router: {}\n", UNWISE.replace("true", "auto"), UNWISE.replace("false", "true")):
        config.write_text(fine)
        assert main(["check", "-c", str(config)]) == 0
        assert capsys.readouterr().err == ""


# The disk and the system

PORTS = (
    "router: {data_dir: data, port: 443}\ncontrol: {metrics: {listen: 127.0.0.1:99}}\n"
    "tunnels: {a: {type: sockstunnel, listen: 127.0.0.1:80}}\n"
)


def check(text: str, base: Path) -> str:
    try:
        load([(text.encode(), Source("t.yaml", base))], files=True)
    except ConfigError as error:
        return str(error)
    return ""


def test_ports_that_only_root_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, first = tmp_path / "status", tmp_path / "first"
    monkeypatch.setattr(file_checks, "_STATUS", status)
    monkeypatch.setattr(file_checks, "_UNPRIVILEGED_PORTS", first)
    status.write_text("Name:\tx\nCapEff:\t0000000000000000\n")
    first.write_text("1024\n")
    found = check(PORTS, tmp_path)
    for where, port in (("router.port", 443), ("metrics.listen", 99), ("tunnels.a.listen", 80)):
        assert f"{where}: only root may listen on port {port}, use a port from 1024 on" in found
    first.write_text("81\n")
    assert "port 80," in check(PORTS, tmp_path) and "port 99," not in check(PORTS, tmp_path)
    status.write_text("Name:\tx\nCapEff:\t0000000000000400\n")
    assert check(PORTS, tmp_path) == ""


def test_files_that_this_user_cannot_read(place: Path) -> None:
    data, site = place / "data", place / "site"
    for directory in (data, site):
        directory.mkdir(0o700)
    for name in ("a.dat", "router.keys"):
        (data / name).write_bytes(b"x")
        (data / name).chmod(0)
    (place / "w").write_text("x")
    (place / "w").chmod(0)
    site.chmod(0)
    config = place / "i.yaml"
    config.write_text(
        "router: {data_dir: data}\ntunnels:\n  a: {type: server, target: 127.0.0.1:2}\n"
        "  b: {type: httpserver, docroot: site}\n"
        "  c: {type: sockstunnel, listen: 127.0.0.1:5001, "
        "auth: {username: x, password_file: w}}\n"
    )
    as_nobody = nobody()
    if as_nobody:
        data.chmod(0o777)
    done = check_as(as_nobody, config)
    site.chmod(0o700)
    assert done.returncode == 3, done.stderr
    for part in (
        f"tunnels.a.keys: {data}/a.dat cannot be read: permission denied",
        f"router.data_dir: {data}/router.keys cannot be read: permission denied",
        f"tunnels.b.docroot: {site} cannot be read",
        f"tunnels.c.auth: {place}/w cannot be read",
    ):
        assert part in done.stderr, done.stderr
    if as_nobody:
        assert "others can write to" in done.stderr


def test_a_data_directory_that_cannot_be_written_is_found(place: Path) -> None:
    """Also one that the start would make, and the reason is the true one."""
    closed = place / "closed"
    closed.mkdir()
    as_nobody = nobody()
    if as_nobody:
        os.chown(closed, 65534, 65534)
    closed.chmod(0o500)
    told = {
        "closed": f"you may not write to {closed}, let its owner: chmod u+rwx {closed}",
        "closed/a/b": f"{closed}/a/b cannot be made: you may not write to {closed}",
    }
    if as_nobody:
        told["new"] = f"{place}/new cannot be made: {place} belongs to another user"
    for name, words in told.items():
        config = place / f"{len(name)}.yaml"
        config.write_text(f"router: {{data_dir: {name}}}\n")
        done = check_as(as_nobody, config)
        assert done.returncode == 3
        assert f"router.data_dir: {words}" in done.stderr


def test_what_lies_behind_a_closed_directory_is_named(place: Path) -> None:
    """Each fault has its place; none of them ends the check."""
    closed = place / "closed"
    closed.mkdir()
    as_nobody = nobody()
    closed.chmod(0)
    config = place / "i.yaml"
    config.write_text(
        "router: {data_dir: data, reseed: {files: [closed/r]}}\ntunnels:\n"
        "  a: {type: httpserver, docroot: closed/site}\n"
        "  b: {type: server, target: 127.0.0.1:2, access: {filter: closed/f}}\n"
    )
    done = check_as(as_nobody, config)
    closed.chmod(0o700)
    assert done.returncode == 3, done.stderr
    for option, name in (
        ("router.reseed.files[0]", "r"),
        ("tunnels.a.docroot", "site"),
        ("tunnels.b.access.filter", "f"),
    ):
        assert f"{option}: {closed}/{name} cannot be read: permission denied" in done.stderr
