"""``completion``: scripts that let a shell complete commands, options and their values.

shtab makes them from the command line itself, so they know what it knows.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

import shtab

from i2ptunnel.cli.exits import Exit
from i2ptunnel.cli.sources import path_argument

_HOW = {
    "bash": "i2ptunnel completion bash > ~/.local/share/bash-completion/completions/i2ptunnel",
    "zsh": "i2ptunnel completion zsh > DIRECTORY/_i2ptunnel, a directory of $fpath",
    "fish": "i2ptunnel completion fish > ~/.config/fish/completions/i2ptunnel.fish",
}
_LIST = "i2ptunnel tunnels list 2>/dev/null | cut -f1"
_NAMES: dict[str, Any] = shtab.cmd(_LIST)
# zsh would run such a command once, when it loads the script.
_NAMES["zsh"] = "_i2ptunnel_names"
_NAMES["preamble"]["zsh"] = f'_i2ptunnel_names() {{ compadd -- ${{(f)"$({_LIST})"}} }}'


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Options of ``i2ptunnel completion``."""
    parser.description = _completion.__doc__
    parser.add_argument("shell", choices=tuple(_HOW), help="; ".join(_HOW.values()))
    parser.set_defaults(run=_completion)


def _completion(arguments: argparse.Namespace) -> int:
    """Print a script that completes commands and options in a shell."""
    parser = importlib.import_module("i2ptunnel.cli.main").build_parser()
    _mark(parser)
    print(shtab.complete(parser, shell=arguments.shell), end="")
    return Exit.OK


def _mark(parser: argparse.ArgumentParser) -> None:
    """Say which arguments are paths, and which are names of tunnels."""
    for action in parser._actions:
        complete = None
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                _mark(child)
        elif action.metavar == "DIR":
            complete = shtab.DIRECTORY
        elif action.type is path_argument or action.metavar == "FILE":
            complete = shtab.FILE
        elif action.dest == "name" and parser.prog.endswith(" tunnels"):
            complete = _NAMES
        if complete is not None:
            vars(action)["complete"] = complete
