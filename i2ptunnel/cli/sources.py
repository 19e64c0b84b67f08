"""Which configuration a command works with: ``-c FILE``, ``--profile NAME``, or the browser one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from i2ptunnel.cli.exits import CommandFault, Exit
from i2ptunnel.config.faults import nearest
from i2ptunnel.config.kinds import check_no_variable
from i2ptunnel.config.layers import read_source
from i2ptunnel.config.loader import Loaded, load
from i2ptunnel.config.profiles import profiles
from i2ptunnel.printable import printable

DEFAULT_PROFILE = "browser"


def add_source_options(parser: argparse.ArgumentParser, *, profile: bool = True) -> None:
    """``-c``, ``--profile`` and ``--data-dir``."""
    parser.add_argument("-c", "--config", type=path_argument, metavar="FILE", help="the YAML file")
    if profile:
        parser.add_argument(
            "--profile",
            action="append",
            default=[],
            metavar="NAME",
            help="a ready configuration; several are merged, and FILE is laid on top of them",
        )
    parser.add_argument(
        "--data-dir", type=_directory, metavar="DIR", help="instead of router.data_dir"
    )


def text_argument(word: str) -> str:
    """A word that is no path: UTF-8, whatever the locale says."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{printable(word)}: not UTF-8 text") from None


def place_argument(word: str) -> str:
    """A name or an address, which is never empty."""
    if not word.strip():
        raise argparse.ArgumentTypeError("a name or an address is needed, not nothing")
    return text_argument(word)


def path_argument(text: str) -> Path:
    """A path, which is never empty: that would be the current directory."""
    if not text:
        raise argparse.ArgumentTypeError("a path is needed, not nothing")
    return Path(text)


def _directory(text: str) -> Path:
    """As in the file: ``~`` is expanded, variables are the shell's business."""
    path_argument(text)
    try:
        check_no_variable(text)
        return Path(text).expanduser()
    except (ValueError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(f"{printable(text)}: {error}") from None


def load_sources(
    arguments: argparse.Namespace, *, files: bool = False, data_dir: Path | None = None
) -> Loaded:
    """The configuration the options name; raises ConfigError and CommandFault.

    ``data_dir``: for a file and a command that do not say it.
    """
    names = list(getattr(arguments, "profile", []))
    if not names and arguments.config is None:
        names = [DEFAULT_PROFILE]
    known = profiles()
    beside = []
    for name in names:
        path = known.get(name)
        if path is None:
            guess = nearest(name, known)
            hint = f'did you mean "{guess}"? ' if guess else ""
            listing = ", ".join(sorted(known)) or "none"
            raise CommandFault(f"no profile {name!r}; {hint}known: {listing}", Exit.USAGE)
        beside.append(read_source(path, base=Path.cwd()))
    own = [] if arguments.config is None else [read_source(arguments.config)]
    if arguments.data_dir is not None:
        data_dir = arguments.data_dir.absolute()
    return load(own, data_dir, files, beside)
