"""``ping``: whether a destination answers, asked by a running appliance."""

from __future__ import annotations

import argparse
import json

from i2ptunnel.answer_texts import ping_line
from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options, place_argument
from i2ptunnel.config.units import read_duration
from i2ptunnel.control import ask

#: besides the time for an answer: tunnels that are still being built, and the lookup
GRACE_S = 70.0


def add_ping(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel ping``, which asks the running program to send."""
    parser.description = _ping.__doc__
    add_source_options(parser)
    parser.add_argument(
        "destination",
        type=place_argument,
        help="name.i2p, ….b32.i2p or base64, perhaps with :port",
    )
    parser.add_argument("-n", "--count", type=_count, default=3, help="how often; default: 3")
    parser.add_argument(
        "-t", "--timeout", type=timeout_argument, default=30.0, help="for each answer; default: 30s"
    )
    parser.add_argument("--json", action="store_true", help="for programs; one object a line")
    parser.set_defaults(run=_ping)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("write a number from 1 to 1000")
    return int(text)


def timeout_argument(text: str) -> float:
    """How long to wait for an answer."""
    try:
        seconds = read_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1 <= seconds <= 120:
        raise argparse.ArgumentTypeError("write a time from 1s to 2m")
    return seconds


def _ping(arguments: argparse.Namespace) -> int:
    """Send echo requests to a destination. Exit status 0 if one of them was answered.

    Sites answer as a rule; the destinations of client tunnels never do.
    """
    path, name = control_socket(arguments), arguments.destination
    answers = 0
    for _ in range(arguments.count):
        seconds = ask(
            path,
            "ping",
            timeout_s=arguments.timeout + GRACE_S,
            destination=name,
            wait_s=arguments.timeout,
        )
        answers += seconds is not None
        text = json.dumps({"seconds": seconds}) if arguments.json else ping_line(name, seconds)
        print(text, flush=True)
    return Exit.OK if answers else Exit.FAILED
