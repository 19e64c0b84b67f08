"""``torrents``: the torrent client of a running appliance."""

from __future__ import annotations

import argparse
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any, BinaryIO

from i2ptunnel.answer_texts import torrent_lines
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options, text_argument
from i2ptunnel.config.units import read_rate
from i2ptunnel.control import ask
from i2ptunnel.printable import counted, printable, size_text

_ANSWER_S = 70.0
_FILE_BYTES_MAX = 1_400_000
_RATE_MIN = 1000
_REMOVED = {
    "trackers": "clear-net tracker",
    "web_seeds": "web seed",
    "nodes": "DHT node",
    "peers": "clear-net peer",
}


def add_torrents(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel torrents``: add, list, pause, resume, remove, limits."""
    parser.description = "Torrents in I2P. TORRENT is an ID, its first characters, or a name."
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    adding = actions.add_parser("add", help="a magnet link or a torrent file")
    adding.description = (
        "Other users of the machine see the arguments of programs: with - the magnet link, or the "
        "file, is read from standard input."
    )
    adding.add_argument("torrent", metavar="MAGNET|FILE|-", type=text_argument)
    adding.add_argument(
        "--tracker", action="append", default=[], metavar="URL", help="announce there, too"
    )
    adding.add_argument("--paused", action="store_true", help="start nothing yet")
    actions.add_parser("list", help="all torrents")
    for name, text in (
        ("pause", "stop its transfers"),
        ("resume", "go on, also after an error"),
        ("remove", "forget it"),
    ):
        one = actions.add_parser(name, help=text)
        one.add_argument("torrent", metavar="TORRENT", type=text_argument)
        if name == "remove":
            one.add_argument("--data", action="store_true", help="and delete its files")
    limits = actions.add_parser("limits", help="show or set the limits of all torrents together")
    for way in ("download", "upload"):
        limits.add_argument(f"--{way}", type=_rate, metavar="RATE", help="like 200KB/s; 0: none")
    limits.add_argument("--connections", type=int, metavar="N", help="with peers")
    for one in (parser, *actions.choices.values()):
        add_source_options(one)
    add_json(*actions.choices.values())
    parser.set_defaults(run=_run, json=False)


def _rate(text: str) -> int:
    try:
        rate = read_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if 0 < rate < _RATE_MIN:
        raise argparse.ArgumentTypeError("write at least 1KB/s, or 0 for no limit")
    return rate


def _run(arguments: argparse.Namespace) -> int:
    path = control_socket(arguments)
    match arguments.action:
        case "add":
            _add(path, arguments)
        case "limits":
            _limits(path, arguments)
        case "list" | None:
            torrents = ask(path, "torrents-list")
            tell(arguments, torrents, "\n".join(torrent_lines(torrents)) or "no torrents")
        case action:
            more = {"data": True} if action == "remove" and arguments.data else {}
            name = arguments.torrent
            done = ask(path, f"torrents-{action}", torrent=name, timeout_s=_ANSWER_S, **more)
            tell(arguments, {"id": done, "action": action})
    return Exit.OK


def _add(path: Path, arguments: argparse.Namespace) -> None:
    what: dict[str, Any] = {"trackers": arguments.tracker, "paused": arguments.paused}
    what |= _torrent(arguments.torrent)
    added = ask(path, "torrents-add", timeout_s=_ANSWER_S, **what)
    tell(arguments, added, f"{added['id']}  {printable(added['name'])}")
    removed = [counted(count, _REMOVED[kind]) for kind, count in added["removed"].items()]
    if removed:
        complain(f"removed, because it is not in I2P: {', '.join(removed)}")
    if not added["trackers"]:
        complain("it has no tracker in I2P, so it finds no peers: add one with --tracker")


def _torrent(given: str) -> dict[str, str]:
    """``magnet`` or ``file`` (in base64) of the command, from an argument, a file or ``-``."""
    if _is_magnet(given.encode()):
        return {"magnet": given}
    if given != "-":
        with Path(given).open("rb") as file:
            content = _content(file, given)
    else:
        content = _content(sys.stdin.buffer, "standard input")
        if _is_magnet(content):
            return {"magnet": content.decode(errors="replace").strip()}
    return {"file": b64encode(content).decode()}


def _is_magnet(content: bytes) -> bool:
    return content[:64].lstrip().lower().startswith(b"magnet:")


def _content(file: BinaryIO, name: str) -> bytes:
    content = file.read(_FILE_BYTES_MAX + 1)
    if len(content) > _FILE_BYTES_MAX:
        raise CommandFault(f"{name} is larger than {_FILE_BYTES_MAX} bytes: use a magnet link")
    return content


def _limits(path: Path, arguments: argparse.Namespace) -> None:
    given = {
        "download_rate": arguments.download,
        "upload_rate": arguments.upload,
        "connections": arguments.connections,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    limits = ask(path, "torrents-limits", timeout_s=_ANSWER_S, **wanted)
    rates = {way: limits[f"{way}_rate"] for way in ("download", "upload")}
    lines = [
        f"{way:12} {'no limit' if rate is None else f'{size_text(rate)}/s'}"
        for way, rate in rates.items()
    ]
    tell(arguments, limits, *lines, f"{'connections':12} {limits['connections']}")
