"""``i2ptunnel address`` as a user types it, on the files of a data directory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from core.data.private_keys import PrivateKeys
from i2ptunnel.cli.main import main
from i2ptunnel.keyfiles import write_new_keys
from i2ptunnel.naming.books import AddressBooks
from i2ptunnel.naming.hosts_line import parse_line
from i2ptunnel.naming.store import Book
from tests.support.deterministic import SeededEntropy

A, B = (PrivateKeys.generate_destination(SeededEntropy(name)) for name in ("a", "b"))


class Shell:
    """Runs commands in one data directory."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capsys = capsys

    def __call__(self, *words: str, status: int = 0, data_dir: bool = True) -> str:
        where = ["--data-dir", str(self.directory / "data")] if data_dir else []
        assert main(["address", *words, *where]) == status
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.out if status == 0 else captured.err + captured.out


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_names(shell: Shell) -> None:
    assert shell("list") == "0 names\n"
    assert "(local book)" in shell("add", "A.i2p", A.destination.b64, "--notes", "my \x1b[2J")
    assert "another address" in shell("add", "a.i2p", B.destination.b64, status=1)
    shell("add", "a.i2p", B.destination.b32, "--book", "private")
    shown = shell("lookup", "www.a.i2p.alt")
    assert B.destination.b32 in shown and "private" in shown
    assert shell("remove", "a.i2p", "--book", "private") == "removed from the private book\n"
    shown = shell("lookup", "a.i2p")
    assert A.destination.b64 in shown and "\x1b" not in shown
    assert "name         a.i2p" in shell("lookup", A.destination.b32)
    (entry,) = json.loads(shell("lookup", A.destination.b64, "--json"))
    assert (entry["name"], entry["book"], entry["is_signed"]) == ("a.i2p", "local", False)
    shell("add", "a.i2p", B.destination.b64, "--further")
    assert len(json.loads(shell("list", "--json", "A"))) == 2
    assert shell("list", "nothing") == "0 names\n"
    assert "no address book" in shell("lookup", "b.i2p", status=1)
    assert shell("lookup", "b.i2p", "--json", status=1) == "[]\n"
    assert "not a b32 address" in shell("lookup", "x.b32.i2p", status=1)
    assert "not a name" in shell("add", "proxy.i2p", A.destination.b64, status=1)
    assert "not a destination" in shell("add", "b.i2p", "c.i2p", status=1)
    address = A.destination.b32
    for text in (address[:52], f"http://{address}/", f"{address}:80", f"{address[:52]}.i2p"):
        told = shell("add", "b.i2p", text, status=1)
        assert told.endswith(f"did you mean {address}?\n")
    assert f"did you mean {address}?" in shell("lookup", address[:52], status=1)
    assert "no address book" in shell("remove", "b.i2p", status=1)


def test_hosts_txt_in_the_data_directory(shell: Shell) -> None:
    (shell.directory / "data").mkdir()
    (shell.directory / "data" / "hosts.txt").write_text(f"f.i2p={A.destination.b64}\n")
    shown = shell("lookup", "f.i2p")
    assert "from         hosts.txt" in shown and "since" not in shown
    assert shell("list", "f.").split() == ["f.i2p", "local", A.destination.b32, "1", "name"]
    assert shell("list", "--book", "router") == shell("list", "g.") == "0 names\n"
    assert "f.i2p" in shell("lookup", A.destination.b32)
    (shell.directory / "data" / "hosts.txt").write_text(f"\ufefff={A.destination.b64}\n")
    told = shell("lookup", "other.i2p", status=1)
    assert "hosts.txt: 1 line left out; line 1: " in told and "did you mean f.i2p?" in told


def test_import_and_export(shell: Shell) -> None:
    source, target = shell.directory / "in.txt", shell.directory / "out.txt"
    source.write_text(f"a.i2p={A.destination.b64}\nb.i2p={B.destination.b64}\n")
    assert shell("import", str(source)).startswith("2 names added")
    assert shell("export") == source.read_text()
    assert shell("export", str(target), "--book", "local") == "2 lines written\n"
    assert target.read_text() == source.read_text()
    assert shell("export", "--book", "private") == ""
    source.write_text("junk\n")
    told = shell("import", str(source), status=1)
    assert f"{source}: line 1: there is no name=destination" in told and "1 line wrong" in told
    assert "none.txt" in shell("import", str(shell.directory / "none.txt"), status=1)


def test_import_of_what_other_programs_and_editors_write(shell: Shell) -> None:
    source = shell.directory / "addresses.csv"
    label = B.destination.b32.removesuffix(".b32.i2p")
    lines = ["a.i2p=" + A.destination.b64, f"bücher.i2p={B.destination.b32}", f"c.i2p,{label}"]
    source.write_text("\n".join((*lines, f"forum={label}", *["junk"] * 30)), "utf-8-sig")
    told = shell("import", str(source))
    assert told.startswith("3 names added, 0 known already, ") and "31 lines wrong" in told
    known = {row["name"]: row for row in json.loads(shell("list", "--json"))}
    assert known.keys() == {"a.i2p", "xn--bcher-kva.i2p", "c.i2p"}
    assert known["a.i2p"]["destination"] == A.destination.b64
    assert known["c.i2p"]["address"] == known["xn--bcher-kva.i2p"]["address"] == B.destination.b32
    assert "(bücher.i2p)" in shell("lookup", "BÜCHER.i2p")
    # The whole destination comes later, for the same address.
    source.write_text(f"c.i2p={B.destination.b64}\n")
    assert "0 names added, 1 known already" in shell("import", str(source))
    assert B.destination.b64 in shell("lookup", "c.i2p")
    source.write_text(f"d.i2p={A.destination.b64}\n", "utf-16")
    assert f"{source}: this is UTF-16, not UTF-8 text" in shell("import", str(source), status=1)


def test_what_somebody_meant(shell: Shell) -> None:
    for words in (("add", "forum", A.destination.b32), ("lookup", "Forum"), ("remove", "forum")):
        assert "did you mean forum.i2p?" in shell(*words, status=1)
    told = shell("add", "http://forum.i2p/", A.destination.b32, status=1)
    assert "did you mean forum.i2p?" in told
    told = shell("add", A.destination.b32, "forum.i2p", status=1)
    assert "this is an address, not a name" in told
    assert shell("list") == "0 names\n"


def test_a_missing_name_says_what_the_subscriptions_do(shell: Shell) -> None:
    assert "not running here" in shell("lookup", "b.i2p", status=1)


def test_sign(shell: Shell) -> None:
    one, two = shell.directory / "one.dat", shell.directory / "two.dat"
    write_new_keys(one, A)
    write_new_keys(two, B)
    line = parse_line(shell("sign", "A.i2p", str(one), data_dir=False))
    assert line is not None and line.is_signed_properly() and line.name == "a.i2p"
    change = ["sign", "a.i2p", str(one), "--command", "changedest"]
    assert "older destination" in shell(*change, status=1, data_dir=False)
    line = parse_line(shell(*change, "--old-keys", str(two), data_dir=False))
    assert line is not None and line.is_signed_properly() and line.old_destination == B.destination
    assert "no such file" in shell("sign", "a.i2p", "none.dat", status=1, data_dir=False)


def test_subscriptions(shell: Shell) -> None:
    config = shell.directory / "i.yaml"
    config.write_text(
        f"router: {{data_dir: {shell.directory}/data}}\n"
        "naming: {subscriptions: [http://one.i2p/hosts.txt], interval: 1d}\n"
    )
    options = ("-c", str(config))
    assert shell("subscribe", "http://Two.i2p/x", *options) == "subscribed to http://two.i2p/x\n"
    assert "already" in shell("subscribe", "http://two.i2p/x", *options)
    listed = json.loads(shell("subscribe", "--json", *options))
    assert [(row["url"], row["by"]) for row in listed] == [
        ("http://one.i2p/hosts.txt", "configuration"),
        ("http://two.i2p/x", "command"),
    ]
    assert "never fetched, due now" in shell("subscribe", *options)
    assert shell("unsubscribe", "http://two.i2p/x", *options) == "unsubscribed\n"
    assert "YAML" in shell("unsubscribe", "http://one.i2p/hosts.txt", *options, status=1)
    assert "http://site.i2p/hosts.txt" in shell("subscribe", "ftp://x", status=2)
    assert "not running" in shell("fetch", *options, status=4)
    assert shell("conflicts", *options) == "0 conflicts\n"
    books = AddressBooks(shell.directory / "data/addresses.sqlite", time.time)
    books.add(Book.LOCAL, "a.i2p", A.destination.b64)
    books.merge(f"a.i2p={B.destination.b64}", "http://one.i2p/hosts.txt")
    books.close()
    told = shell("conflicts", *options)
    assert A.destination.b32 in told and told.endswith("(http://one.i2p/hosts.txt)\n1 conflict\n")
    (found,) = json.loads(shell("conflicts", "--json", *options))
    assert (found["name"], found["other_address"]) == ("a.i2p", B.destination.b32)
