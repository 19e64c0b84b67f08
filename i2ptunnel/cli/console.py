"""``console``: opens the web console of the running appliance in the browser."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.output import add_json, tell
from i2ptunnel.cli.places import control_socket
from i2ptunnel.cli.sources import add_source_options
from i2ptunnel.control import ask


def add_console(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel console``."""
    parser.description = _console.__doc__
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the file that opens it"
    )
    add_source_options(parser)
    add_json(parser)
    parser.set_defaults(run=_console)


def _console(arguments: argparse.Namespace) -> int:
    """Open the web console in the browser, by a file that lets in once, within a minute."""
    way = ask(control_socket(arguments), "console-open")
    file = Path(way["file"])
    said = f"the console is at {way['url']}"
    way["is_open"] = not arguments.no_browser and _open(file)
    if not way["is_open"]:
        said = f"open this file in a browser, within {way['wait_s']:.0f} seconds: {file}"
    tell(arguments, way, said)
    return Exit.OK


def _open(file: Path) -> bool:
    try:
        return webbrowser.open(file.as_uri())
    except webbrowser.Error:
        return False
