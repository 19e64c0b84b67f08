"""``netdb``: what the router knows of other routers, listed, exported and imported."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from base64 import b64decode, b64encode
from typing import Any

from core.api import make_directory
from core.data.router_info import RouterInfo
from i2ptunnel.answer_texts import router_line
from i2ptunnel.cli.exits import CommandFault, Exit
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import CONTROL_SOCKET, control_socket, data_dir_of
from i2ptunnel.cli.sources import add_source_options, load_sources, path_argument
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.control import NotRunning, ask
from i2ptunnel.netdb_files import (
    RouterKeeper,
    export_infos,
    keep_for_next_start,
    read_infos,
)
from i2ptunnel.printable import counted
from i2ptunnel.reseed.trust import Trust, built_in_trust, load_trust
from i2ptunnel.terminal_line import TerminalLine

_BATCH = 500
#: every server in turn, each as slow as it may be
_RESEED_TIMEOUT_S = 600


def add_netdb(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel netdb``: list, export and import router infos."""
    parser.description = __doc__
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the routers that are known")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    export = actions.add_parser("export", help="write routerInfo-*.dat files")
    export.add_argument("directory", type=path_argument)
    export.set_defaults(run=_export)
    imported = actions.add_parser(
        "import", help="read a directory of routerInfo-*.dat, one of these, a .zip or signed .su3"
    )
    imported.add_argument("path", type=path_argument)
    imported.set_defaults(run=_import)
    reseed = actions.add_parser("reseed", help="ask reseed servers for routers now")
    reseed.set_defaults(run=_reseed)
    for action in (listing, export, imported, reseed):
        add_source_options(action)
    add_json(export, imported, reseed)


def _list(arguments: argparse.Namespace) -> int:
    routers = ask(control_socket(arguments), "netdb-list")
    if arguments.json:
        print(json.dumps(routers, indent=2))
        return Exit.OK
    now = time.time()
    for router in routers:
        print(router_line(router, now))
    print(counted(len(routers), "router"))
    return Exit.OK


def _export(arguments: argparse.Namespace) -> int:
    texts = ask(control_socket(arguments), "netdb-export", timeout_s=60)
    try:
        count = export_infos(
            arguments.directory, (RouterInfo.parse(b64decode(text)) for text in texts)
        )
    except OSError as error:
        raise CommandFault(f"{arguments.directory}: {error.strerror}") from None
    tell(arguments, {"exported": count}, f"{counted(count, 'router')} exported")
    return Exit.OK


def _import(arguments: argparse.Namespace) -> int:
    infos, rejected = read_infos(arguments.path, _trust_of(arguments))
    path = data_dir_of(arguments, writes=True) / CONTROL_SOCKET
    note = f", no RouterInfo in {counted(rejected, 'file')}" if rejected else ""
    if not infos:
        raise CommandFault(f"{arguments.path}: no RouterInfo found{note}")
    taken = 0
    try:
        for start in range(0, len(infos), _BATCH):
            batch = [b64encode(info.raw).decode() for info in infos[start : start + _BATCH]]
            taken += ask(path, "netdb-import", routers=batch, timeout_s=60)
    except NotRunning:
        keep_for_next_start(path.parent, infos)
        report = {"found": len(infos), "kept_for_next_start": len(infos), "rejected": rejected}
        tell(arguments, report, f"{counted(len(infos), 'router')} kept for the next start{note}")
        return Exit.OK
    report = {"found": len(infos), "taken": taken, "rejected": rejected}
    tell(arguments, report, f"{taken} of {counted(len(infos), 'router')} taken{note}")
    return Exit.OK


def _trust_of(arguments: argparse.Namespace) -> Trust:
    """Who may sign bundles, as the configuration says; raises FileFault."""
    try:
        section = load_sources(arguments).configuration.router.reseed
    except (ConfigError, CommandFault):
        return built_in_trust()  # a data directory is enough for an import
    return load_trust(section.certificates)


def _reseed(arguments: argparse.Namespace) -> int:
    """Ask reseed servers for routers now, also while no router runs; exit status 1 if none did."""
    try:
        result = ask(control_socket(arguments), "netdb-reseed", timeout_s=_RESEED_TIMEOUT_S)
    except NotRunning:
        result = asyncio.run(_reseed_alone(arguments))
    if result["last_error"] is not None:
        raise CommandFault(" ".join(filter(None, (f"{result['last_error']}.", result["remedy"]))))
    servers = counted(result["bundles"], "server")
    tell(arguments, result, f"{counted(result['routers'], 'router')} from {servers}")
    return Exit.OK


async def _reseed_alone(arguments: argparse.Namespace) -> dict[str, Any]:
    """A round without a running program: what it brings is kept for the next start."""
    # Imported late: what other commands do not need.
    from i2ptunnel.reseeding import Reseeding

    section = load_sources(arguments).configuration.router
    data_dir = data_dir_of(arguments, writes=True)
    make_directory(data_dir)
    line = TerminalLine(sys.stderr)
    keeper = RouterKeeper(data_dir)
    reseeding = Reseeding(section, data_dir, keeper, show=line.show)
    result = await reseeding.now()
    keeper.save()
    return result
