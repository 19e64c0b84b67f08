"""What holds for each command: values for programs, colours for terminals, lines that change."""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.api import seal_stream
from i2ptunnel.backup import archive
from i2ptunnel.cli.main import build_parser, main
from i2ptunnel.demo import free_port
from i2ptunnel.keyfiles import generate_keys, write_new_keys
from tests.support.appliance import Appliance

_IMPORTED = Path(__file__).parents[1] / "importing" / "data"
#: what has no result but what it prints anyway
WITHOUT_JSON = {"run", "demo", "schema", "completion"}
_MAGNET = "magnet:?xt=urn:btih:" + 40 * "a"
#: a command -> its words, and the exit status. {p}: the program's options, {d}: a directory
TABLE: dict[str, tuple[str, int]] = {
    "check": ("check {p}", 0),
    "plan": ("plan {p}", 0),
    "reload": ("reload {p}", 0),
    "status": ("status {p}", 0),
    "logs": ("logs {p}", 0),
    "tunnels": ("tunnels restart browser {p}", 0),
    "keys generate": ("keys generate {d}/new.dat", 0),
    "keys show": ("keys show {d}/site.dat", 0),
    "keys import": ("keys import {d}/site.dat {d}/imported.dat", 0),
    "keys export": ("keys export {d}/site.dat", 0),
    "keys transient": ("keys transient {d}/site.dat {d}/transient.dat", 0),
    "keys client": ("keys client {d}/client.txt", 0),
    "backup": ("backup {d}/a.backup --passphrase-file {d}/word {p}", 0),
    "restore": (
        "restore {d}/one.backup --passphrase-file {d}/word --data-dir {d}/r -c {d}/r.yaml",
        0,
    ),
    "address lookup": ("address lookup zzz.i2p {p}", 0),
    "address list": ("address list {p}", 0),
    "address add": ("address add new.i2p {b32} {p}", 0),
    "address remove": ("address remove zzz.i2p {p}", 0),
    "address import": ("address import {d}/hosts.txt {p}", 0),
    "address export": ("address export {p}", 0),
    "address sign": ("address sign mine.i2p {d}/site.dat", 0),
    "address subscribe": ("address subscribe http://feed.i2p/hosts.txt {p}", 0),
    "address unsubscribe": ("address unsubscribe http://other.i2p/hosts.txt {p}", 0),
    "address conflicts": ("address conflicts {p}", 0),
    "address fetch": ("address fetch {p}", 1),
    "why": ("why http://zzz.i2p/ -t 1s {p}", 1),
    "ping": ("ping zzz.i2p -n 1 -t 1s {p}", 1),
    "import": ("import {d}/i2pd --out {d}/out", 0),
    "doctor": ("doctor {p}", 1),
    "torrents add": (f"torrents add {_MAGNET} {{p}}", 0),
    "torrents list": ("torrents list {p}", 0),
    "torrents pause": ("torrents pause aaaa {p}", 0),
    "torrents resume": ("torrents resume aaaa {p}", 0),
    "torrents remove": ("torrents remove aaaa {p}", 0),
    "torrents limits": ("torrents limits --upload 20KB/s {p}", 0),
    "netdb list": ("netdb list {p}", 0),
    "netdb export": ("netdb export {d}/routers {p}", 0),
    "netdb import": ("netdb import {d}/routers.zip {p}", 1),
    "netdb reseed": ("netdb reseed {p}", 1),
    "console": ("console --no-browser {p}", 0),
}
#: without a network, and with a file that is not there, there is no result
_FAILS = {"address fetch", "netdb import", "netdb reseed"}
_SOME = generate_keys().destination
#: what a command works on, made by another
_NEEDS = {
    "restore": "backup {d}/one.backup --passphrase-file {d}/word {p}",
    "address lookup": f"address add zzz.i2p {_SOME.b32} --replace {{p}}",
    "address remove": f"address add zzz.i2p {_SOME.b32} --replace {{p}}",
    "address fetch": "address subscribe http://feed.i2p/hosts.txt {p}",
    "address unsubscribe": "address subscribe http://other.i2p/hosts.txt {p}",
    **{f"torrents {one}": f"torrents add {_MAGNET} {{p}}" for one in ("pause", "resume", "remove")},
}
_UNDONE = {"torrents": "torrents remove aaaa {p}"}


def leaves(parser: argparse.ArgumentParser, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command without further ones below it, and its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from leaves(one, *path, name)
            return
    yield " ".join(path), parser


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    root = tmp_path_factory.mktemp("program")
    address = "127.78.9.7"
    made = Appliance(root, address, free_port(address, 0))
    made.config["control"] = {"console": {"listen": f"{address}:{free_port(address, 0)}"}}
    made.config["naming"] = {"first_book": False, "subscriptions": []}
    made.config["torrents"] = {}
    made.config["tunnels"] = {
        "browser": {"type": "httpclient", "listen": f"{address}:{free_port(address, 0)}"}
    }
    made.start()
    made.wait_up()
    yield made
    made.stop(kill=True)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files for the commands. Passphrases cost little."""
    monkeypatch.setattr(archive, "seal_stream", partial(seal_stream, cost_bits=8))
    write_new_keys(tmp_path / "site.dat", generate_keys())
    (tmp_path / "word").write_text("a passphrase\n")
    (tmp_path / "hosts.txt").write_text(f"two.i2p={_SOME.b64}\n")
    shutil.copytree(_IMPORTED / "i2pd", tmp_path / "i2pd")
    return tmp_path


def words_of(command: str, program: Appliance, directory: Path) -> list[str]:
    """Its words, after what it needs has been made, and what was left of another is gone."""
    values = {"p": f"-c {program.config_file}", "d": str(directory), "b32": _SOME.b32}
    undone = _UNDONE.get(command.partition(" ")[0])
    if undone is not None:
        main(undone.format(**values).split())
    if command in _NEEDS:
        assert main(_NEEDS[command].format(**values).split()) == 0
    return TABLE[command][0].format(**values).split()


def test_each_command_is_in_the_table() -> None:
    found = dict(leaves(build_parser()))
    assert set(found) - WITHOUT_JSON == set(TABLE)
    for name, parser in found.items():
        has_json = any("--json" in action.option_strings for action in parser._actions)
        assert has_json == (name not in WITHOUT_JSON), name


@pytest.mark.parametrize("command", TABLE)
def test_json_is_one_value_or_one_on_each_line(
    command: str, program: Appliance, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, status = words_of(command, program, directory), TABLE[command][1]
    capsys.readouterr()
    done = main([*words, "--json"])
    told = capsys.readouterr()
    # What the doctor finds is this machine's affair.
    assert done == status or command == "doctor", told.err
    assert "\x1b" not in told.out + told.err
    if command in _FAILS:
        assert told.out == "" and told.err
    elif command in ("logs", "ping"):
        assert all(isinstance(json.loads(line), dict) for line in told.out.splitlines())
    else:
        assert isinstance(json.loads(told.out), dict | list)


@pytest.mark.parametrize("command", [*TABLE, "completion", "schema"])
def test_colours_are_for_terminals_whose_users_want_them(
    command: str, program: Appliance, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    words = ["completion", "bash"] if command == "completion" else ["schema"]
    if command in TABLE:
        words = words_of(command, program, directory)
    out, err = Terminal(), Terminal()
    with redirect_stdout(out), redirect_stderr(err):
        main(words)
    # A line that changes is no colour, and is gone when the command ends.
    assert re.findall(r"\x1b\[[\d;]*m", out.getvalue() + err.getvalue()) == []
    assert "\x1b" not in out.getvalue()
    lines = err.getvalue().split("\r\x1b[K")
    assert lines[-1] == "" or lines[-1].endswith("\n")


def test_a_terminal_gets_them(program: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    with redirect_stdout(out):
        main(["doctor", "-c", str(program.config_file)])
    assert "\x1b[3" in out.getvalue()


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("import", "tunnels.conf"),
        ("restore", "router.keys"),
        ("why", "visiting"),
    ],
)
def test_long_work_tells_a_terminal_what_goes_on(
    command: str, step: str, program: Appliance, directory: Path
) -> None:
    """On a real one; where there is none, nothing is told and nothing left."""
    words = words_of(command, program, directory)
    assert step in on_terminal(words, "xterm")
    if command == "why":
        assert "\x1b" not in on_terminal(words, "dumb")


def on_terminal(words: list[str], term: str) -> str:
    """What a terminal shows of a command, its own codes included."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "i2ptunnel", *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": term, "NO_COLOR": "1"},
    ):
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # the other side is closed
            pass
    os.close(ours)
    return shown.decode()
