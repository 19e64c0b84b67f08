"""``status``, ``plan``, ``reload`` and ``tunnels``: questions and orders to a running appliance."""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial

from i2ptunnel.answer_texts import plan_lines, tunnel_line
from i2ptunnel.cli.exits import Exit, complain
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options, load_sources, text_argument
from i2ptunnel.control import SocketGone, ask
from i2ptunnel.status_text import status_text
from i2ptunnel.terminal_line import TerminalLine

INTERVAL_S = 2.0
"""Between two looks of ``status --watch``."""


def add_status(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel status``."""
    parser.description = _status.__doc__
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="again and again, until interrupted; with --json one line each time",
    )
    parser.add_argument(
        "--check",
        choices=("live", "ready"),
        help="print nothing; status 0 if it runs (live) or can carry traffic (ready)",
    )
    parser.set_defaults(run=_status)


def _status(arguments: argparse.Namespace) -> int:
    """Show the running appliance; exit status 4 if it does not run."""
    path = control_socket(arguments)
    is_for_people = not arguments.json and not arguments.check
    if arguments.watch and is_for_people and TerminalLine(sys.stdout).is_terminal:
        # Imported late: what other commands do not need.
        from i2ptunnel.cli.watch import watch

        watch(partial(ask, path, "status"), INTERVAL_S)
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
        indent = None if arguments.watch else 2  # a stream of them has one on each line
        text = json.dumps(status, indent=indent) if arguments.json else status_text(status)
        print(text, flush=True)
        if not arguments.watch:
            return Exit.OK
        time.sleep(INTERVAL_S)


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
    for line in plan_lines(plan):
        print(line)
    for name, why in failed.items():
        complain(f"tunnel {name} failed: {why}; it is tried again")
    return Exit.FAILED if failed else Exit.OK


def add_tunnels(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel tunnels``: list them all, or start, stop or restart one by name."""
    parser.description = _tunnels.__doc__
    add_json(parser)
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
        tell(arguments, {"name": arguments.name, "action": arguments.action})
        return Exit.OK
    tunnels = ask(path, "tunnels")
    tell(arguments, tunnels, *map(tunnel_line, tunnels))
    return Exit.OK
