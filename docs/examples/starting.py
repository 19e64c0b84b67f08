"""What all examples begin with: which router to use, from the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from i2ptunnel import api


def add_router(parser: argparse.ArgumentParser) -> None:
    """Options that say which router; the SAM bridge at 127.0.0.1:7656 without any."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--sam", metavar="HOST:PORT", default="127.0.0.1:7656")
    ways.add_argument("--i2cp", metavar="HOST:PORT")
    ways.add_argument("--data-dir", type=Path, help="a router in this process, with its data there")
    parser.add_argument("--config", type=Path, help="YAML for a router in this process")


def open_router(found: argparse.Namespace) -> api.Opening[api.Router]:
    """The router that the arguments name, for ``async with``."""
    if found.data_dir is not None:
        return api.open_router(found.config, data_dir=found.data_dir)
    host, _, port = (found.i2cp or found.sam).rpartition(":")
    attach = api.attach_i2cp if found.i2cp else api.attach_sam
    return attach(host, int(port))
