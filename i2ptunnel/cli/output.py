"""The result of a command: words for people, or with ``--json`` one value for programs."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_json(*parsers: argparse.ArgumentParser) -> None:
    """``--json``."""
    for parser in parsers:
        parser.add_argument("--json", action="store_true", help="for programs")


def tell(arguments: argparse.Namespace, report: Any, *lines: str) -> None:
    """Print ``report`` as JSON if that is asked for, else the lines."""
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    for line in lines:
        print(line)
