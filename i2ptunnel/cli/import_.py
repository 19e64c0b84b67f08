"""``import``: configuration, keys and names of i2pd or Java I2P."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from i2ptunnel.cli.exits import Exit, complain
from i2ptunnel.cli.progress import Progress
from i2ptunnel.cli.sources import path_argument
from i2ptunnel.printable import counted, printable

DEFAULT_OUT = Path("i2ptunnel-import")


def add_import(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel import``, which starts nothing and changes no file that is there."""
    parser.description = _import.__doc__
    parser.add_argument(
        "paths",
        nargs="+",
        type=path_argument,
        metavar="FILE|DIR",
        help="directories of i2pd (/etc/i2pd /var/lib/i2pd) or Java I2P (~/.i2p), or files of them",
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        default=DEFAULT_OUT,
        metavar="DIR",
        help=f"where to write; nothing there is overwritten; default: {DEFAULT_OUT}",
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing, print the YAML")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_import)


def _import(arguments: argparse.Namespace) -> int:
    """Make a configuration of this program from i2pd's or Java I2P's, with its keys and names.

    Every option that is not carried over is named, with the reason. Addresses stay the same.
    """
    from i2ptunnel.importing.conversion import Conversion, convert

    out: Path = arguments.out
    with Progress() as progress:
        made: Conversion = convert(arguments.paths, out, progress.show)
        counts = {} if arguments.dry_run else made.write(out, progress.show)
    if arguments.json:
        print(json.dumps(_report(made, arguments, counts), indent=2))
        return Exit.OK
    if arguments.dry_run:
        print(made.text, end="")
    for note in made.notes:
        complain(f"not carried over: {note}")
    for tunnel, file in made.missing:
        complain(f"missing: {file}, the keys of tunnel {tunnel}")
    for one in made.tunnels:
        state = f"not enabled: {one.off}" if one.off else (one.address or "")
        if not arguments.dry_run:
            print(printable(f"{one.name:20}  {one.type:15}  {state}".rstrip()))
    if not arguments.dry_run:
        names = sum(counts.values())
        print(
            f"{counted(len(made.tunnels), 'tunnel')}, {counted(len(made.keys), 'key file')} and "
            f"{counted(names, 'name')} written to {printable(str(out))}"
        )
        print(f"next: i2ptunnel check -c {printable(str(out / made.names[0]))}")
    return Exit.OK


def _report(made: Any, arguments: argparse.Namespace, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "out": str(arguments.out),
        "dry_run": arguments.dry_run,
        "read": [str(path) for path in made.read],
        "files": made.names,
        "tunnels": [
            {
                "name": one.name,
                "type": one.type,
                "from": one.source,
                "section": one.section,
                "enabled": not one.off and one.values.get("enabled", True),
                "not_enabled_because": one.off or None,
                "keys": one.values.get("keys"),
                "address": one.address,
            }
            for one in made.tunnels
        ],
        "names": counts,
        "missing_keys": [{"tunnel": tunnel, "file": file} for tunnel, file in made.missing],
        "not_carried": [
            {
                "source": note.source,
                "section": note.section,
                "option": note.option,
                "reason": note.reason,
            }
            for note in made.notes
        ],
        "yaml": made.text if arguments.dry_run else None,
    }
