"""The command ``i2ptunnel``: its arguments, its exit status, and never a traceback.

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 configuration invalid, 4 not running, 5 not ready.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from core.base.errors import I2PError
from i2ptunnel.cli.exits import CommandFault, Exit, complain
from i2ptunnel.config.faults import ConfigError


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from i2ptunnel.cli.demo import add_demo
    from i2ptunnel.cli.keys import add_keys
    from i2ptunnel.cli.netdb import add_netdb
    from i2ptunnel.cli.run import add_check, add_run, add_schema
    from i2ptunnel.cli.status import add_reload, add_status, add_tunnels

    parser = argparse.ArgumentParser(
        prog="i2ptunnel",
        description="An I2P router with its proxies and servers, declared in one YAML file.",
        epilog=__doc__.splitlines()[-1] if __doc__ else None,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_run(commands)
    add_check(commands)
    add_status(commands)
    add_tunnels(commands)
    add_reload(commands)
    add_keys(commands)
    add_netdb(commands)
    add_schema(commands)
    add_demo(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        complain(str(error))
        return Exit.INVALID
    except CommandFault as fault:
        complain(str(fault))
        return fault.status
    except KeyboardInterrupt:
        return Exit.OK if arguments.command in ("run", "demo", "status") else Exit.FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; do not fail again when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except I2PError as error:
        complain(str(error))
        return Exit.NOT_RUNNING if getattr(error, "code", "") == "not_running" else Exit.FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}")
        return Exit.FAILED
    except Exception as error:
        if os.environ.get("I2PTUNNEL_TRACE"):
            raise
        complain(
            f"internal error: {type(error).__name__}: {error}; "
            "set I2PTUNNEL_TRACE=1 to see where, and please report it"
        )
        return Exit.FAILED
