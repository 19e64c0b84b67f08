"""``i2ptunnel import``: what becomes of the files of both routers."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from core.data.encoding import b64encode
from core.data.identity import Destination
from i2ptunnel.cli.main import main
from i2ptunnel.config.loader import Loaded, load, read_source
from i2ptunnel.keyfiles import generate_keys
from i2ptunnel.naming.books import FILE_NAME, AddressBooks
from i2ptunnel.naming.store import Book

_DATA = Path(__file__).parent / "data"


class Imported:
    """An import that was run: its report, its configuration, and where it is."""

    def __init__(self, out: Path, report: dict[str, Any]) -> None:
        self.out, self.report = out, report

    @property
    def loaded(self) -> Loaded:
        return load([read_source(self.out / "i2ptunnel.yaml")], files=True)

    @property
    def tunnels(self) -> dict[str, Any]:
        return dict(self.loaded.configuration.tunnels)

    @property
    def text(self) -> str:
        return (self.out / "i2ptunnel.yaml").read_text()

    def reason(self, option: str) -> str:
        return next(n["reason"] for n in self.report["not_carried"] if option in n["option"])

    def address(self, tunnel: str) -> Any:
        return next(t["address"] for t in self.report["tunnels"] if t["name"] == tunnel)

    def names(self, book: Book) -> set[str]:
        books = AddressBooks(self.out / FILE_NAME, lambda: 0.0)
        try:
            return {entry.name for entry in books.store.entries((book,))}
        finally:
            books.close()


def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, *paths: Path) -> Imported:
    out = tmp_path / "out"
    assert main(["import", *map(str, paths), "--out", str(out), "--json"]) == 0
    return Imported(out, json.loads(capsys.readouterr().out))


@pytest.fixture
def i2pd(tmp_path: Path) -> tuple[Path, Path]:
    """As Debian has it: configuration and state apart, with links from one to the other."""
    etc, state = tmp_path / "etc", tmp_path / "state"
    shutil.copytree(_DATA / "i2pd", etc)
    shutil.copytree(_DATA / "i2pd-state", state)
    for name in ("site.dat", "private.dat", "encrypted.dat", "broken.dat"):
        (state / name).write_bytes(generate_keys(11 if name == "encrypted.dat" else 7).write())
    (state / "router.keys").write_bytes(b"x")
    for name in ("i2pd.conf", "tunnels.conf", "tunnels.conf.d"):
        (state / name).symlink_to(etc / name)
    return etc, state


def test_i2pd_keeps_addresses_and_options(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd)
    tunnels, router = done.tunnels, done.loaded.configuration.router
    assert set(tunnels) == {
        *("httpproxy", "socksproxy", "IRC-ILITA", "IRC-IRC2P", "SMTP", "my-ssh", "private"),
        *("broken-list", "encrypted", "dns"),
    }
    assert str(router.host[0]) == "203.0.113.9" and router.port == 14567  # type: ignore[index]
    assert router.transit.max_tunnels == 1234
    # O is 256 KiB/s of transit, half of it shared: that is so much of our 4 MB/s.
    assert router.bandwidth.share == pytest.approx(256 * 1024 / 2 / 4_000_000, rel=0.01)
    assert router.port_mapping == "auto"
    assert router.reseed.proxy == "socks5://127.0.0.1:9050"
    assert router.reseed.urls[1] == "https://reseed.example.org/"
    proxy = tunnels["httpproxy"]
    assert (proxy.inbound.length, proxy.inbound.quantity) == (1, 5)
    assert str(proxy.outproxies[0]).startswith("http://exit.stormycloud.i2p")
    assert str(tunnels["socksproxy"].listen) == "127.0.0.1:4447"
    assert "everybody" in done.reason("socksproxy.address = 0.0.0.0")
    assert str(tunnels["socksproxy"].outproxies[0]) == "socks5://127.0.0.1:9050"
    assert tunnels["SMTP"].shared and tunnels["SMTP"].connect_timeout == 30
    assert tunnels["dns"].datagram_version == 2
    assert done.loaded.configuration.interfaces.i2pcontrol is not None
    assert (done.out / "i2pcontrol.password").read_text() == "a-longer-password\n"


def test_servers_with_one_key_file_become_one_tunnel(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd)
    site = done.tunnels["my-ssh"]
    assert site.TYPE == "httpserver" and str(site.target) == "127.0.0.1:8080"
    assert [(port, str(target)) for port, target in site.ports] == [(22, "127.0.0.1:22")]
    assert site.hostname == "mysite.i2p" and site.plain_ports == (22,)
    assert site.max_connections == 100
    data = (i2pd[1] / "site.dat").read_bytes()
    assert (done.out / "site.dat").read_bytes() == data
    assert done.address("my-ssh") == Destination.from_bytes(data[:391]).b32


def test_what_keeps_somebody_out_is_never_lost(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd)
    assert len(done.tunnels["private"].access.allow) == 2
    assert done.tunnels["private"].enabled
    assert not done.tunnels["broken-list"].enabled
    encrypted = done.tunnels["encrypted"].encrypted
    assert encrypted.enabled and encrypted.clients[0].name == "alice"
    assert done.tunnels["encrypted"].webirc_password == "secret-word"


def test_an_encrypted_destination_stays_encrypted_whatever_it_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tunnels.conf").write_text(
        "[udp]\ntype = udpserver\nhost = 127.0.0.1\nport = 53\nkeys = udp.dat\n"
        "i2cp.leaseSetType = 5\n"
        f"accesslist = {'a' * 52}\n"
        "[web]\ntype = http\nhost = 127.0.0.1\nport = 80\nkeys = web.dat\n"
        "i2cp.leaseSetType = 5\n"
        "[more]\ntype = server\nhost = 127.0.0.1\nport = 22\nkeys = web.dat\n"
    )
    for name in ("udp.dat", "web.dat"):
        (tmp_path / name).write_bytes(generate_keys(11).write())
    tunnels = run(capsys, tmp_path, tmp_path).tunnels
    assert tunnels["udp"].encrypted.enabled and len(tunnels["udp"].access.allow) == 1
    assert tunnels["web"].encrypted.enabled and tunnels["web"].enabled
    assert [port for port, _ in tunnels["web"].ports] == [22]


def test_what_is_left_out_is_named(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd)
    assert "no such tunnel" in done.reason("websocks")
    for option in ("keepaliveinterval", "gzip", "signaturetype", "latency.max", "daemon"):
        assert done.reason(option)
        assert option == "gzip" or option in done.text
    assert done.reason("http.pass")
    assert "not-told" not in json.dumps(done.report) + done.text
    missing = {one["file"] for one in done.report["missing_keys"]}
    assert missing == {"irc-keys.dat", "http-proxy-keys.dat"}
    assert "identity of its own" in done.reason("keys of the router")
    read = done.report["read"]
    assert len(read) == len({Path(path).resolve() for path in read})


def test_keys_are_private_and_nothing_is_overwritten(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd)
    for path in done.out.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    before = {path.name: path.read_bytes() for path in done.out.iterdir()}
    (done.out / "i2ptunnel.yaml").unlink()
    before.pop("i2ptunnel.yaml")
    assert main(["import", str(i2pd[0]), str(i2pd[1]), "--out", str(done.out)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in done.out.iterdir()} == before


def test_i2pd_names_with_and_without_destination(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    destination = generate_keys().destination
    label = destination.b32.removesuffix(".b32.i2p")
    book = i2pd[1] / "addressbook"
    (book / "addresses.csv").write_text(f"one.i2p,{label}\ntwo.i2p,{'a' * 52}\n")
    (book / f"b{label[0]}").mkdir()
    (book / f"b{label[0]}" / f"{label}.b32").write_bytes(destination.raw)
    done = run(capsys, tmp_path, *i2pd)
    assert done.names(Book.ROUTER) == {"one.i2p", "two.i2p"}
    assert done.names(Book.LOCAL) == {"mine.i2p"}
    books = AddressBooks(done.out / FILE_NAME, lambda: 0.0)
    assert books.lookup("one.i2p")[0].destination == destination.raw
    assert books.lookup("two.i2p")[0].destination is None
    books.close()


@pytest.fixture
def java(tmp_path: Path) -> Path:
    home = tmp_path / "java"
    shutil.copytree(_DATA / "java", home)
    (home / "eepsite").mkdir()
    for name in ("eepsite/eepPriv.dat", "old.dat", "irc-keys.dat"):
        (home / name).write_bytes(generate_keys().write())
    for book in ("privatehosts", "userhosts", "hosts"):
        line = f"{book}.i2p={generate_keys().destination.b64}\n"
        (home / f"{book}.txt").write_text(f"# names\n{line}")
    (home / "addressbook").mkdir()
    (home / "addressbook" / "subscriptions.txt").write_text("http://i2p-projekt.i2p/hosts.txt\n")
    return home


def test_java_tunnels(java: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, tmp_path, java)
    tunnels = done.tunnels
    proxy = tunnels["I2P-HTTP-Proxy"]
    assert (proxy.reduce_after, proxy.reduce_to, proxy.pass_headers) == (900, 1, ("User-Agent",))
    assert proxy.shared and not proxy.https_outproxies
    irc = tunnels["Irc2P"]
    assert len(irc.destination) == 3 and irc.close_after == 1200 and irc.delay_open
    assert irc.keys == "irc-keys.dat" and irc.streaming.max_window == 16
    site = tunnels["I2P-webserver"]
    assert not site.enabled and site.hostname == "mysite.i2p" and site.keys == "eepsite/eepPriv.dat"
    assert [(port, str(target)) for port, target in site.ports] == [(443, "127.0.0.1:7668")]
    assert site.limits.client_minute == 30 and site.posts.per_client == 6 and site.reject_inproxies
    assert site.hostnames == ((8080, "test.i2p"),)
    assert done.address("I2P-webserver").endswith(".b32.i2p")
    socks = tunnels["SOCKS"]
    assert str(socks.outproxies[0]).startswith("socks5://socks.stormycloud.i2p")
    assert str(
        dict(socks.port_outproxies)[25][0]
        if isinstance(dict(socks.port_outproxies)[25], tuple)
        else dict(socks.port_outproxies)[25]
    ).startswith("socks5://mail.stormycloud.i2p")
    assert str(tunnels["cam"].listen) == "127.0.0.1:5005"
    # Passwords of which only hashes are there, and lease sets that were encrypted once.
    assert not tunnels["I2P-HTTPS-Proxy"].enabled
    assert not tunnels["old-private"].enabled
    assert not tunnels["cam"].enabled  # its keys are missing
    assert done.report["missing_keys"] == [{"tunnel": "cam", "file": "cam.dat"}]
    router = done.loaded.configuration.router
    assert (router.bandwidth.inbound, router.bandwidth.share) == (600 * 1024, 0.75)
    assert router.port == 17890 and router.port_mapping == "off"
    assert router.reseed.proxy == "socks5://127.0.0.1:9050"
    assert router.reseed.urls == ("https://reseed.example.org/", "https://other.example.org/")
    assert str(done.loaded.configuration.interfaces.sam.listen) == "127.0.0.1:7656"  # type: ignore[union-attr]
    assert done.loaded.configuration.naming.subscriptions == ("http://i2p-projekt.i2p/hosts.txt",)
    assert {book: done.names(book) for book in Book} == {
        Book.PRIVATE: {"privatehosts.i2p"},
        Book.LOCAL: {"userhosts.i2p"},
        Book.ROUTER: {"hosts.i2p"},
    }


def test_java_tunnels_whose_ports_mean_something_else_and_encrypted_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    word = b64encode(b"a word")
    (tmp_path / "i2ptunnel.config").write_text(
        "tunnel.0.name=tv\ntunnel.0.type=streamrclient\ntunnel.0.targetHost=127.0.0.1\n"
        f"tunnel.0.listenPort=5006\ntunnel.0.targetDestination={'a' * 52}.b32.i2p\n"
        + "".join(
            f"tunnel.{n}.name=s{n}\ntunnel.{n}.type=server\ntunnel.{n}.targetHost=127.0.0.1\n"
            f"tunnel.{n}.targetPort=22\ntunnel.{n}.privKeyFile=s{n}.dat\n"
            f"tunnel.{n}.option.i2cp.leaseSetType=5\n{more}"
            for n, more in (
                (1, f"tunnel.1.option.i2cp.leaseSetSecret={word}\n"),
                (
                    2,
                    "tunnel.2.option.i2cp.leaseSetAuthType=2\n"
                    f"tunnel.2.option.i2cp.leaseSetPrivKey={key}\n",
                ),
                (
                    3,
                    "tunnel.3.option.i2cp.leaseSetAuthType=1\n"
                    f"tunnel.3.option.i2cp.leaseSetClient.dh.0={b64encode(b'bob')}:{key}\n",
                ),
                (4, "tunnel.4.option.i2cp.leaseSetAuthType=1\n"),
            )
        )
    )
    for n in range(1, 5):
        (tmp_path / f"s{n}.dat").write_bytes(generate_keys(11).write())
    tunnels = run(capsys, tmp_path, tmp_path).tunnels
    assert str(tunnels["tv"].target) == "127.0.0.1:5006"
    assert tunnels["s1"].encrypted.secret == "a word"
    assert tunnels["s2"].encrypted.clients[0].shared_key == bytes(range(32))
    (client,) = tunnels["s3"].encrypted.clients
    assert client.name == "bob" and client.public_key == bytes(range(32))
    assert [tunnels[f"s{n}"].enabled for n in range(1, 5)] == [True, True, True, False]


def test_java_access_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Java keeps hashes in base64; users write addresses, too, and names nobody can resolve."""
    one, two = generate_keys().destination, generate_keys().destination
    both = f"{b64encode(one.hash)},{two.b64}"
    lists = {"enableAccessList": (both, f"{both},friend.i2p", ""), "enableBlackList": (both,)}
    text, number = "", 0
    for switch, entries in lists.items():
        for listed in entries:
            start = f"tunnel.{number}."
            text += (
                f"{start}name=s{number}\n{start}type=server\n{start}targetPort=22\n"
                f"{start}privKeyFile=s{number}.dat\n{start}option.i2cp.{switch}=true\n"
                f"{start}option.i2cp.accessList={listed}\n"
            )
            (tmp_path / f"s{number}.dat").write_bytes(generate_keys().write())
            number += 1
    (tmp_path / "i2ptunnel.config").write_text(text)
    tunnels = run(capsys, tmp_path, tmp_path).tunnels
    assert tunnels["s0"].access.allow == (one.hash, two.hash) and tunnels["s0"].enabled
    assert not tunnels["s1"].enabled and not tunnels["s2"].enabled
    assert tunnels["s3"].access.deny == (one.hash, two.hash) and not tunnels["s3"].access.allow


def test_java_split_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = tmp_path / ".i2p" / "i2ptunnel.config.d"
    split.mkdir(parents=True)
    (split / "00-proxy-i2ptunnel.config").write_text(
        "name=proxy\ntype=httpclient\ninterface=127.0.0.1\nlistenPort=4444\n"
    )
    (split / "03-site-i2ptunnel.config").write_text(
        "name=site\ntype=server\ntargetHost=127.0.0.1\ntargetPort=80\nstartOnLoad=true\n"
    )
    keys = generate_keys()
    (split.parent / "i2ptunnel3-privKeys.dat").write_bytes(keys.write())
    done = run(capsys, tmp_path, split.parent)
    assert set(done.tunnels) == {"proxy", "site"}
    assert done.address("site") == keys.destination.b32


def test_both_routers_at_once(
    i2pd: tuple[Path, Path], java: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, tmp_path, *i2pd, java)
    # Both listen at 4444: the second one that says so gives way, and it is told.
    assert "taken by" in " ".join(one["reason"] for one in done.report["not_carried"])
    assert "httpproxy" in done.tunnels


def test_dry_run_writes_nothing(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["import", str(i2pd[0]), "--out", str(out), "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "type: httpserver" in shown.out and "missing: site.dat" in shown.err
    assert not out.exists()


def test_what_is_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "none")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["import", str(tmp_path)]) == 1
    assert "nothing of i2pd or Java I2P" in capsys.readouterr().err
    junk = tmp_path / "i2pd.conf"
    junk.write_bytes(bytes(range(256)) * 100)
    assert main(["import", str(junk), "--out", str(tmp_path / "out")]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong:
        main(["import"])
    assert wrong.value.code == 2


@pytest.mark.parametrize("text", [b"", b"A letter.\nx = y\nYours", b"\xff\n=b\n\x01\n\xfe"])
def test_a_named_file_that_is_something_else(
    text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "letter", tmp_path / "out"
    path.write_bytes(text)
    assert main(["import", str(path), "--out", str(out)]) == 1
    assert "no configuration of i2pd or Java I2P" in capsys.readouterr().err
    assert not out.exists()


def test_damaged_keys_start_nothing(
    i2pd: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = i2pd[1] / "private.dat"
    path.write_bytes(path.read_bytes()[:100])
    done = run(capsys, tmp_path, *i2pd)
    assert not done.tunnels["private"].enabled
    assert "no usable key file" in done.reason("keys")
    assert not (done.out / "private.dat").exists()


_JUNK = (
    *("", "0", "-1", "9" * 20, "true", "maybe", "[::1]", "a b c", "x" * 300, "é", "://", "*"),
    *(",,,", "null", "{}", "'", '"', "\\", "a:b:c", "${HOME}", "../../etc/passwd", "router.keys"),
)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_stands_in_the_files_the_result_is_valid(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values are replaced, lines left out, repeated and moved between sections."""
    chance = random.Random(seed)
    sources = (*_DATA.glob("i2pd/*.conf"), *_DATA.glob("java/*.config"))
    for source in (*sources, _DATA / "i2pd/tunnels.conf.d/private.conf"):
        lines = source.read_text().splitlines()
        for at, line in enumerate(lines):
            kind = chance.random()
            if kind < 0.1 and "=" in line:
                lines[at] = f"{line.split('=')[0]}={chance.choice(_JUNK)}"
            elif kind < 0.16:
                lines[at] = chance.choice(("", f"{line}\n{line}", chance.choice(lines)))
        (tmp_path / source.name).write_text("\n".join(lines))
    done = run(capsys, tmp_path, tmp_path)
    assert done.loaded.configuration is not None
    text = done.text
    for tunnel in done.report["tunnels"]:
        assert f"  {tunnel['name']}:\n" in text


def test_many_tunnels_take_a_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "tunnels.conf"
    source.write_text(
        "".join(
            f"[t{n}]\ntype = server\nhost = 127.0.0.1\nport = 80\nkeys = t{n}.dat\n"
            "inbound.length = 2\noutbound.length = 2\n"
            for n in range(500)
        )
    )
    began = time.process_time()
    done = run(capsys, tmp_path, source)
    assert len(done.report["tunnels"]) == 500
    assert time.process_time() - began < 20


@pytest.mark.parametrize("name", [b"a\xffb", b"a\x1bb", b"a\ntunnels: {}\nb", "a\u2028b".encode()])
def test_names_of_directories_cannot_break_the_yaml(
    name: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / os.fsdecode(name)
    place.mkdir()
    (place / "tunnels.conf").write_text(
        "[web]\ntype = client\nport = 6668\ndestination = irc.postman.i2p\n"
    )
    made = run(capsys, tmp_path, place)
    assert list(made.tunnels) == ["web"]
