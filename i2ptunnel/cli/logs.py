"""``logs``: the last lines of the running appliance's log, and those that follow."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from i2ptunnel.cli.colours import FAINT, RED, YELLOW, paint
from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options, text_argument
from i2ptunnel.config.log_levels import LEVELS
from i2ptunnel.control import ask
from i2ptunnel.printable import printable

_POLL_S = 0.5
_COLOURS = {"debug": FAINT, "warning": YELLOW, "error": RED, "critical": RED}


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel logs``."""
    parser.description = _logs.__doc__
    parser.add_argument(
        "room",
        nargs="?",
        default="",
        type=text_argument,
        metavar="ROOM",
        help="only one part of the program, like core.tunnel or i2ptunnel.tunnel.NAME",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="and what follows, until ^C")
    parser.add_argument(
        "-n", "--lines", type=_count, default=100, metavar="N", help="how many; default: 100"
    )
    parser.add_argument("--level", choices=LEVELS, default="debug", help="the least; default: all")
    parser.add_argument("--json", action="store_true", help="for programs; one object a line")
    add_source_options(parser)
    parser.set_defaults(run=_logs)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise argparse.ArgumentTypeError("write a number")
    return int(text)


def _logs(arguments: argparse.Namespace) -> int:
    """Show the log of the running program: its last thousand lines are kept in memory.

    What is logged at all is said by control.log, or --log-level of run. The log never names the
    sites that you visit, and holds no keys.
    """
    path = control_socket(arguments)
    wanted: dict[str, Any] = {"room": arguments.room, "level": arguments.level}
    lines = ask(path, "logs", lines=arguments.lines, **wanted)
    after = 0
    while True:
        for line in lines:
            print(_text(line, is_json=arguments.json), flush=True)
            after = line["number"]
        if not arguments.follow:
            return Exit.OK
        time.sleep(_POLL_S)
        lines = ask(path, "logs", lines=1000, after=after, **wanted)


def _text(line: dict[str, Any], *, is_json: bool) -> str:
    if is_json:
        return json.dumps(line)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line["time"]))
    level = f"{line['level']:7}"
    level = paint(level, _COLOURS.get(line["level"], ""), sys.stdout)
    return f"{stamp} {level} {printable(line['room'])}: {printable(line['message'])}"
