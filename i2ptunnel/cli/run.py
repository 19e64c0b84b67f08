"""``run``, ``check`` and ``schema``: a configuration brought to life, tested, described."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
from pathlib import Path

from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.cli.places import data_dir_of, refuse_beside_service
from i2ptunnel.cli.sources import add_source_options, load_sources, path_argument
from i2ptunnel.config.faults import ConfigError
from i2ptunnel.config.log_levels import LogLevel, read_log_level
from i2ptunnel.config.model import json_schema
from i2ptunnel.logs import LogLevels, configure_logging
from i2ptunnel.printable import printable


def add_run(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel run``."""
    parser.description = _run.__doc__
    add_source_options(parser)
    parser.add_argument(
        "--log-level",
        action="append",
        default=[],
        type=_log_level,
        metavar="L",
        help="debug, info, warning or error; ROOM=L for one part, like core.tunnel=debug; several "
        "times if need be",
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--trace",
        type=path_argument,
        metavar="FILE",
        help="write what links, tunnels and streams do (JSON lines)",
    )
    parser.add_argument(
        "--trace-tunnel",
        action="append",
        default=[],
        metavar="NAME",
        help="with --trace, only what belongs to this tunnel; several times if need be",
    )
    parser.set_defaults(run=_run)


def _log_level(text: str) -> LogLevel:
    try:
        return read_log_level(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{printable(text)}: {error}") from None


def _run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Without a file, the browser profile is run."""
    if arguments.trace_tunnel and arguments.trace is None:
        raise CommandFault("--trace-tunnel needs --trace FILE", Exit.USAGE)
    loaded = load_sources(arguments)
    refuse_beside_service(loaded)
    line = configure_logging(arguments.log_format, dict(os.environ))
    levels = LogLevels(arguments.log_level)
    levels.apply(loaded.configuration.control.log)
    # Imported late: check, schema and --help need neither the router nor its libraries.
    from core.api import TraceFile, new_event_loop
    from i2ptunnel.app import App
    from i2ptunnel.sessions import session_name

    trace = None
    if arguments.trace is not None:
        sections = loaded.configuration.tunnels
        for name in arguments.trace_tunnel:
            if name not in sections:
                raise CommandFault(f"there is no tunnel {name!r} to trace", Exit.USAGE)
        sessions = [session_name(name, sections[name]) for name in arguments.trace_tunnel]
        trace = TraceFile(arguments.trace, sessions)

    async def main() -> None:
        show = line.show if line.is_terminal else None
        await App(
            loaded, lambda: load_sources(arguments), levels=levels, trace=trace, show=show
        ).run()

    # An image of the process would hold its keys.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
    return Exit.OK


def add_check(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel check``, which starts nothing and opens no socket."""
    parser.description = _check.__doc__
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_check)


def _service_directory(arguments: argparse.Namespace) -> Path | None:
    """The data directory of the service that uses the file, if that is not in the file."""
    if arguments.config is not None and not arguments.config.is_file():
        return None  # a pipe can be read once
    try:
        return data_dir_of(arguments)
    except (ConfigError, CommandFault):
        return None  # said below, or not this user's business


def _check(arguments: argparse.Namespace) -> int:
    """Say everything that is wrong, each on a line FILE:LINE:COL: option: what, what instead."""
    try:
        loaded = load_sources(arguments, files=True, data_dir=_service_directory(arguments))
    except ConfigError as error:
        if arguments.json:
            faults = [fault.as_dict() for fault in error.faults]
            print(json.dumps({"valid": False, "faults": faults}, indent=2))
        else:
            for fault in error.faults:
                complain(str(fault))
        return Exit.INVALID
    tunnels = loaded.configuration.tunnels
    if arguments.json:
        known = {"valid": True, "faults": [], "tunnels": list(tunnels)}
        known["warnings"] = [warning.as_dict() for warning in loaded.warnings]
        print(json.dumps(known, indent=2))
    else:
        for warning in loaded.warnings:
            complain(warning.as_warning())
        print(f"valid: {len(tunnels)} tunnel{'' if len(tunnels) == 1 else 's'}")
    return Exit.OK


def add_schema(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel schema``: none; the JSON Schema goes to standard output."""
    parser.description = _schema.__doc__
    parser.set_defaults(run=_schema)


def _schema(_: argparse.Namespace) -> int:
    """Print the JSON Schema of the YAML file."""
    json.dump(json_schema(), sys.stdout, indent=2)
    print()
    return Exit.OK
