"""``why``: whether a site can be reached, each step timed, asked by a running appliance."""

from __future__ import annotations

import argparse
import json
import sys

from i2ptunnel.answer_texts import why_lines
from i2ptunnel.cli.colours import GREEN, RED, paint
from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.ping import GRACE_S, timeout_argument
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.progress import Progress
from i2ptunnel.cli.sources import add_source_options, place_argument
from i2ptunnel.control import ask


def add_why(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel why``, which asks the running program to visit."""
    parser.description = _why.__doc__
    add_source_options(parser)
    parser.add_argument(
        "url", type=place_argument, metavar="URL", help="http://name.i2p/, or host:PORT"
    )
    parser.add_argument(
        "-t",
        "--timeout",
        type=timeout_argument,
        default=60.0,
        help="for each slow step; default: 60s",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_why)


def _why(arguments: argparse.Namespace) -> int:
    """Visit a site as the proxies do, and tell each step with its time.

    The steps: the name is known, we have tunnels, the network knows the way (lease set), the site
    answers (stream), its server sends something. Exit status 0 if all of them went well.
    """
    path = control_socket(arguments)
    with Progress() as progress:
        progress.show("visiting …")
        found = ask(
            path,
            "why",
            timeout_s=2 * arguments.timeout + GRACE_S,
            url=arguments.url,
            wait_s=arguments.timeout,
        )
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for mark, line in why_lines(found):
            colour = {"✓": GREEN, "✗": RED}.get(mark, "")
            print(f"{paint(mark, colour, sys.stdout)} {line}".rstrip())
    return Exit.OK if found["ok"] else Exit.FAILED
