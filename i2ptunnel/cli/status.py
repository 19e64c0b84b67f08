"""``status``, ``plan``, ``reload`` and ``tunnels``: questions and orders to a running appliance."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from i2ptunnel.cli.exits import Exit, complain
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options, load_sources, text_argument
from i2ptunnel.cli.status_names import names_lines
from i2ptunnel.config.units import show_duration
from i2ptunnel.control import SocketGone, ask
from i2ptunnel.printable import counted, moment_text, printable, size_text

_WATCH_S = 2.0


def add_status(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel status``."""
    parser.description = _status.__doc__
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--watch", action="store_true", help="again and again, until interrupted")
    parser.add_argument(
        "--check",
        choices=("live", "ready"),
        help="print nothing; status 0 if it runs (live) or can carry traffic (ready)",
    )
    parser.set_defaults(run=_status)


def _status(arguments: argparse.Namespace) -> int:
    """Show the running appliance; exit status 4 if it does not run."""
    path = control_socket(arguments)
    while True:
        try:
            status = ask(path, "status")
        except SocketGone:
            if arguments.check != "live":
                raise
            return Exit.OK
        if arguments.check:
            is_good = arguments.check == "live" or status["ready"]
            return Exit.OK if is_good else Exit.NOT_READY
        if arguments.watch and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        print(json.dumps(status, indent=2) if arguments.json else _as_text(status), flush=True)
        if not arguments.watch:
            return Exit.OK
        time.sleep(_WATCH_S)


def _as_text(status: dict[str, Any]) -> str:
    router = status["router"]
    lines = [
        f"{status['state']}, up {show_duration(max(1, status['uptime_s']))}, "
        f"process {status['pid']}, version {status['version']}",
        *(
            text
            for text in (status["reason"], status["remedy"], router["clock"]["warning"])
            if text
        ),
        *_router_lines(status),
        *_reseed_lines(status["reseed"]),
        *names_lines(status["naming"]),
    ]
    for name, interface in status.get("interfaces", {}).items():
        counts = f"{counted(interface.get('sessions', 0), 'session')}, "
        counts += counted(interface.get("streams", 0), "stream")
        lines.append(f"{name:8} {interface.get('listen', interface['state'])}, {counts}")
    for name, service in (status["services"] | status.get("interfaces", {})).items():
        if service["last_error"]:
            lines.append(f"{name}: {printable(service['last_error'])}; it is tried again")
    if status["tunnels"]:
        width = max(len(tunnel["name"]) for tunnel in status["tunnels"])
        lines.append("")
    for tunnel in status["tunnels"]:
        details = [
            f"{tunnel.get('connections_open', 0)} open, {tunnel.get('connections', 0)} in all",
            f"{size_text(tunnel.get('bytes_from_i2p', 0))} in, "
            f"{size_text(tunnel.get('bytes_to_i2p', 0))} out",
        ]
        if tunnel.get("b32") and tunnel["type"].endswith("server"):
            details.append(tunnel["b32"])
        if tunnel.get("keys_expire"):
            details.append(f"keys end {moment_text(tunnel['keys_expire'])}")
        if tunnel["last_error"]:
            details.append(f"last error: {tunnel['last_error']}")
        head = f"{tunnel['name']:{width}}  {tunnel['type']:12} {tunnel['state']:8}"
        lines.append(f"{head}  {'; '.join(details)}")
    return "\n".join(lines)


def _traffic(router: dict[str, Any]) -> str:
    """What the links have carried, what they carry now, and what they may."""
    bandwidth = router["bandwidth"]
    return ", ".join(
        f"{size_text(router[total])} {word} "
        f"(now {size_text(bandwidth[f'{way}_bytes_s'])}/s of "
        f"{size_text(bandwidth[f'limit_{way}_bytes_s'])}/s)"
        for way, total, word in (
            ("inbound", "bytes_received", "in"),
            ("outbound", "bytes_sent", "out"),
        )
    )


def _router_lines(status: dict[str, Any]) -> list[str]:
    """Our router, or the foreign one that the tunnels run over."""
    router = status["router"]
    i2cp = router.get("i2cp")
    if i2cp is not None:
        version = f", API {printable(i2cp['version'])}" if i2cp["version"] else ""
        return [
            f"router   at {printable(i2cp['address'])} by I2CP{version}, "
            f"{i2cp['ready']} of {counted(i2cp['sessions'], 'session')} ready",
            f"data     {printable(status['data_dir'])}",
        ]
    builds = "no builds yet"
    if router["builds_started"]:
        share = 100 * router["builds_succeeded"] // router["builds_started"]
        builds = f"{share} % of {counted(router['builds_started'], 'build')} succeeded"
    return [
        f"router   {router['routers']} known, {router['floodfills']} floodfill, "
        + _links(router["links"]),
        f"tunnels  {builds}, {counted(router['transit_tunnels'], 'transit tunnel')}",
        f"data     {printable(status['data_dir'])}",
        f"address  {', '.join(map(printable, router['published'])) or 'not published'}",
        f"reach    {_reach_text(router['reachability'], router['introducers'])}",
        f"hidden   {'yes' if router['hidden']['hidden'] else 'no'}: {router['hidden']['why']}",
        f"mapping  {_mapping_text(router['port_mapping'])}",
        f"traffic  {_traffic(router)}",
    ]


def _links(counts: dict[str, int]) -> str:
    """How many routers are connected, and over which transports."""
    text = f"{counts['inbound'] + counts['outbound']} connected"
    if counts["ntcp2"] and counts["ssu2"]:
        text += f" ({counts['ntcp2']} over NTCP2, {counts['ssu2']} over SSU2)"
    return text


def _reach_text(reachability: dict[str, Any], introducers: int) -> str:
    """Whether other routers can connect, over what, and why."""
    states = [
        f"{name} {state}"
        for name, state in reachability["transports"].items()
        if state != "disabled"
    ]
    if introducers:
        states.append(counted(introducers, "introducer"))
    return f"{', '.join(states) or 'disabled'} ({printable(reachability['why'])})"


def _reseed_lines(reseed: dict[str, Any]) -> list[str]:
    """How reseeding goes, while it goes on or if it has failed."""
    if reseed["state"] == "fetching":
        return ["reseed   under way"]
    if reseed["last_error"] is None:
        return []
    wait_s = reseed["next_in_s"]
    again = "" if wait_s is None else f"; again in {show_duration(max(1, wait_s))}"
    return [f"reseed   {printable(reseed['last_error'])}{again}"]


def _mapping_text(mapping: dict[str, Any]) -> str:
    """What the home router forwards, by which protocol and until when, or why not."""
    mapped = [
        f"{one['protocol']} {printable(one['address'])} port {one['port']} by {one['by']} "
        f"for {show_duration(max(1, one['expires_s']))}"
        for one in mapping["mapped"]
    ]
    if mapping["reason"]:
        mapped.append(f"not mapped: {printable(mapping['reason'])}")
    return "; ".join(mapped)


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel plan``, which changes nothing."""
    parser.description = _reload.__doc__
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_reload)


def add_reload(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel reload``: those of ``plan``, whose output it has too."""
    add_plan(parser)
    parser.add_argument("--wait", action="store_true", help="for unit files; it always waits")


def _reload(arguments: argparse.Namespace) -> int:
    """Reload the tunnels of the running appliance: all or nothing. plan only says what would be."""
    loaded = load_sources(arguments)
    is_named = arguments.config is not None or arguments.profile
    more = {"origins": loaded.origins} if is_named else {}
    plan = ask(control_socket(arguments), arguments.command, timeout_s=30, **more)
    failed = plan.get("failed", {})
    if arguments.json:
        print(json.dumps(plan, indent=2))
        return Exit.FAILED if failed else Exit.OK
    signs = {"add": "+", "change": "*", "restart": "~", "keep": "=", "remove": "-"}
    for change, sign in signs.items():
        for name in plan[change]:
            before, after = plan["addresses"].get(name, ("", ""))
            note = f"  address changes from {before} to {after}" if after else ""
            print(f"{sign} {change:8} {name}{note}")
    for option in plan["settings"]:
        print(f"* change   {option}")
    for option in plan["router"]:
        print(f"! restart  {option}  takes effect when the program is started anew")
    for name, why in failed.items():
        complain(f"tunnel {name} failed: {why}; it is tried again")
    return Exit.FAILED if failed else Exit.OK


def add_tunnels(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel tunnels``: list them all, or start, stop or restart one by name."""
    parser.description = _tunnels.__doc__
    parser.add_argument(
        "action", nargs="?", default="list", choices=("list", "start", "stop", "restart")
    )
    parser.add_argument("name", nargs="?", metavar="NAME", type=text_argument)
    add_source_options(parser)
    parser.set_defaults(run=_tunnels, usage_error=parser.error)


def _tunnels(arguments: argparse.Namespace) -> int:
    """List the tunnels of the running appliance, or start, stop or restart one of them."""
    if (arguments.action == "list") != (arguments.name is None):
        arguments.usage_error("start, stop and restart need a NAME; list has none")
    path = control_socket(arguments)
    if arguments.action != "list":
        ask(path, f"tunnel-{arguments.action}", name=arguments.name, timeout_s=30)
        return Exit.OK
    for tunnel in ask(path, "tunnels"):
        print(f"{tunnel['name']}\t{tunnel['type']}\t{tunnel['state']}")
    return Exit.OK
