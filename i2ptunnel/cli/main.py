"""The command ``i2ptunnel``: its arguments, its exit status, and never a traceback.

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 configuration invalid, 4 not running, 5 not ready.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence

from core.base.errors import I2PError
from i2ptunnel import __version__
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.config.faults import ConfigError

# command: (module, function that declares it, help). Only the module of the command that is wanted
# is imported: starting a router's worth of code for `check` takes longer than the check.
# fmt: off
_COMMANDS = {
    "run":     ("run",    "add_run",     "run router and tunnels in the foreground"),
    "check":   ("run",    "add_check",   "validate a configuration without starting"),
    "plan":    ("status", "add_plan",    "what a reload would change"),
    "reload":  ("status", "add_reload",  "read the configuration again: all or nothing"),
    "status":  ("status", "add_status",  "state of the running appliance"),
    "logs":    ("logs",   "add_logs",    "the log of the running appliance"),
    "tunnels": ("status", "add_tunnels", "list, start, stop, restart tunnels"),
    "keys":    ("keys",   "add_keys",    "destination key files"),
    "backup":  ("backup", "add_backup", "keys, names and configuration in one encrypted file"),
    "restore": ("backup", "add_restore", "what a backup holds, back to where it was"),
    "address": ("address", "add_address", "the address books"),
    "why":     ("why", "add_why", "whether a site can be reached, each step timed"),
    "ping":    ("ping",   "add_ping",    "whether a destination answers, and how fast"),
    "import":  ("import_", "add_import", "configuration, keys and names of i2pd or Java I2P"),
    "doctor":  ("doctor", "add_doctor", "what does not work, and what helps"),
    "torrents": ("torrents", "add_torrents", "the torrent client"),
    "netdb":   ("netdb",  "add_netdb",   "the network database"),
    "schema":  ("run",    "add_schema",  "the JSON Schema of the YAML, for editors"),
    "completion": ("completion", "add_completion", "a script that completes commands in a shell"),
    "demo":    ("demo",   "add_demo",    "a private I2P network on this machine"),
    "console": ("console", "add_console", "the web console, in a browser"),
}
# fmt: on


def build_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The command line; with ``wanted``, only that command has its arguments declared."""
    parser = argparse.ArgumentParser(
        prog="i2ptunnel",
        description="An I2P router with its proxies and servers, declared in one YAML file.",
        epilog=__doc__.splitlines()[-1] if __doc__ else None,
    )
    parser.add_argument("--version", action="version", version=f"i2ptunnel {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, function, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if wanted in (None, name):
            declare = getattr(importlib.import_module(f"i2ptunnel.cli.{module}"), function)
            declare(command)
    return parser


def _have_standard_streams() -> None:
    """Open those that are closed: a socket or a file would get their numbers, and our output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _show_everything() -> None:
    """What the terminal's encoding lacks is written as an escape, in every locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _remedy(error: OSError) -> str:
    if error.errno == errno.ENOENT and error.filename is None:
        try:
            os.getcwd()
        except FileNotFoundError:
            return ": the current directory is gone; change to another one"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    _have_standard_streams()
    _show_everything()
    # What is written can be read again, whatever umask a strange environment sets.
    os.umask(os.umask(0o077) & 0o077)
    wanted = words[0] if words else ""
    if wanted == "run":  # a reload that comes before the program listens waits, and ends nothing
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    try:
        arguments = build_parser(wanted).parse_args(words)
        return int(arguments.run(arguments))
    except ConfigError as error:
        complain(str(error))
        return Exit.INVALID
    except CommandFault as fault:
        complain(str(fault))
        return fault.status
    except KeyboardInterrupt:
        return Exit.OK if wanted in ("run", "demo", "status", "logs") else Exit.FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; do not fail again when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except I2PError as error:
        complain(str(error))
        return Exit.NOT_RUNNING if getattr(error, "code", "") == "not_running" else Exit.FAILED
    except UnicodeEncodeError as error:
        # A path whose characters this locale does not have.
        complain(f"{error.object!r} cannot be used in this locale; set LC_ALL=C.UTF-8")
        return Exit.FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}{_remedy(error)}")
        return Exit.FAILED
    except Exception as error:
        if os.environ.get("I2PTUNNEL_TRACE"):
            raise
        complain(
            f"internal error: {type(error).__name__}: {error}; "
            "set I2PTUNNEL_TRACE=1 to see where, and please report it"
        )
        return Exit.FAILED
