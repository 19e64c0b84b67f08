"""Which configuration a command works with: ``-c FILE``, ``--profile NAME``, or the browser one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from i2ptunnel.cli.exits import CommandFault, Exit
from i2ptunnel.config.faults import nearest
from i2ptunnel.config.kinds import check_no_variable
from i2ptunnel.config.loader import Loaded, load, read_source
from i2ptunnel.printable import printable

DEFAULT_PROFILE = "browser"


def profile_directories() -> list[Path]:
    """Where profiles are: beside the source tree, or where the package was installed."""
    tree = Path(__file__).resolve().parents[2] / "profiles"
    return [tree, Path(sys.prefix) / "share" / "i2ptunnel" / "profiles"]


def profiles() -> dict[str, Path]:
    """Name -> file of every profile."""
    found: dict[str, Path] = {}
    for directory in profile_directories():
        for path in sorted(directory.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def add_source_options(parser: argparse.ArgumentParser, *, profile: bool = True) -> None:
    """``-c``, ``--profile`` and ``--data-dir``."""
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the YAML file")
    if profile:
        parser.add_argument(
            "--profile",
            action="append",
            default=[],
            metavar="NAME",
            help="a ready configuration; several are laid on top of each other, then FILE",
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


def _directory(text: str) -> Path:
    """As in the file: ``~`` is expanded, variables are the shell's business."""
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
    sources = []
    for name in names:
        path = known.get(name)
        if path is None:
            guess = nearest(name, known)
            hint = f'did you mean "{guess}"? ' if guess else ""
            listing = ", ".join(sorted(known)) or "none"
            raise CommandFault(f"no profile {name!r}; {hint}known: {listing}", Exit.USAGE)
        sources.append(read_source(path, base=Path.cwd()))
    if arguments.config is not None:
        sources.append(read_source(arguments.config))
    if arguments.data_dir is not None:
        data_dir = arguments.data_dir.absolute()
    return load(sources, data_dir, files=files)
